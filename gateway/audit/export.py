"""Write a log into a directory that `audit verify` and any C2SP tool can read. Never alters, repairs or re-hashes what the log holds.

A log that was tampered with is exported as it is, tiles from its stored hashes and entries from its stored bytes, so that it shows."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from gateway.audit.errors import AuditError
from gateway.audit.invariants import rulebook_named
from gateway.audit.note import Checkpoint, Note, VerifierKey
from gateway.audit.published import CHECKPOINT, KEY, LINES, rulebook_path
from gateway.audit.tiles import encode_bundle, levels, tiles_of_level

RulebookText = Callable[[str], bytes | None]
"""Gives a rulebook's text by its digest; None if it is not to be had."""


def no_texts(_digest: str) -> None:
    """For a log whose entries name no rulebook."""


class LogReader(Protocol):
    """What an export needs of a log."""

    def checkpoint(self) -> bytes:
        """Return the newest signed checkpoint."""
        ...

    def entries(self, start: int, stop: int) -> Iterator[bytes]:
        """Return the stored entries [start, stop)."""
        ...

    def hashes(self, level: int, index: int, width: int) -> bytes:
        """Return the first `width` stored hashes of a tile."""
        ...


class ExportRefused(AuditError):
    """Nothing was exported; what stood at the place before still stands there."""

    code = "export-refused"


def write_export(
    log: LogReader, directory: Path, key: VerifierKey, checkpoint: bytes | None = None, rulebook: RulebookText = no_texts
) -> Checkpoint:
    """Write the log as a checkpoint of it covers it (the newest, unless an older or a cosigned one is given); return what that says.

    `key` is the one that speaks for the log now. `rulebook` gives the text of each rulebook that an entry names; one that it
    does not have is left out, and the verifier says so. The directory appears whole or not at all.
    Raises ExportRefused if it exists and is not empty, or cannot be written."""
    signed = log.checkpoint() if checkpoint is None else checkpoint
    head = Checkpoint.parse(Note.parse(signed).text)
    named: dict[str, None] = {}
    with _appears_whole(directory) as folder:
        (folder / CHECKPOINT).write_bytes(signed)
        (folder / KEY).write_text(f"{key.text()}\n", encoding="utf-8")
        for level in levels(head.size):
            for tile in tiles_of_level(head.size, level):
                _put(folder / tile.path, log.hashes(level, tile.index, tile.width))
        with (folder / LINES).open("wb", buffering=1 << 20) as lines:
            for bundle in tiles_of_level(head.size, None):
                entries = list(log.entries(bundle.first, bundle.first + bundle.width))
                _put(folder / bundle.path, encode_bundle(entries))
                lines.writelines(entry + b"\n" for entry in entries)
                for entry in entries:
                    if (digest := rulebook_named(entry, named)) is not None:
                        named[digest] = None
        for digest in named:
            if (text := rulebook(digest)) is not None:
                _put(folder / rulebook_path(digest), text)
    return head


def _put(place: Path, content: bytes) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(content)


@contextmanager
def _appears_whole(directory: Path) -> Iterator[Path]:
    """Give a hidden folder beside the directory, and put it in its place only if all went well."""
    if directory.is_dir() and any(directory.iterdir()):
        raise ExportRefused(f"{directory} is not empty; an export goes into a new directory")
    try:
        directory.parent.mkdir(parents=True, exist_ok=True)
        hidden = Path(tempfile.mkdtemp(prefix=f".{directory.name}.", dir=directory.parent))
    except OSError as wrong:
        raise ExportRefused(f"{directory} cannot be written: {wrong.strerror}") from wrong
    try:
        hidden.chmod(0o755)
        yield hidden
        # rename() replaces an empty directory and refuses a full one, in one step that nobody can come between.
        hidden.replace(directory)
    except OSError as wrong:
        raise ExportRefused(f"{directory} is not empty, or cannot be written: {wrong.strerror}") from wrong
    finally:
        shutil.rmtree(hidden, ignore_errors=True)
