"""Read a published log from an export directory or from its address on the web. Believes nothing that it reads.

It never follows a link out of the place it was given, and never reads more than a resource can rightly hold."""

import http.client
import os
import re
import stat
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Final, Protocol

from gateway.audit.note import MAX_NOTE_BYTES
from gateway.audit.report import Broken, CannotVerify
from gateway.audit.tiles import MAX_ENTRY_BYTES, WIDTH, Tile, TileError, levels, tile_of
from gateway.audit.tree import HASH_SIZE

CHECKPOINT: Final = "checkpoint"
LINES: Final = "entries.jsonl"
KEY: Final = "log.vkey"

RULEBOOKS: Final = "rulebooks"

_MAX_TILE: Final = WIDTH * HASH_SIZE
_MAX_BUNDLE: Final = WIDTH * (MAX_ENTRY_BYTES + 2)
_MAX_RULEBOOK: Final = 1 << 24  # every shipped pack together is 180 kB
_TIMEOUT_SECONDS: Final = 30
_DEEPEST: Final = 16  # folders in folders; the tiles of the largest log there could be need half of them
_RULEBOOK: Final = re.compile(rf"{RULEBOOKS}/[0-9a-f]{{64}}\.json")


class Published(Protocol):
    """A place where a log's checkpoint, tiles and entry bundles can be read."""

    name: str

    def checkpoint(self) -> bytes:
        """Return the signed checkpoint. Raises Broken if it is missing."""
        ...

    def tile(self, tile: Tile) -> bytes:
        """Return the bytes of a tile or bundle. Raises Broken, naming the first entry under it, if it is missing."""
        ...

    def rulebook(self, digest: str) -> bytes | None:
        """Return what is published as the text of this rulebook, if anything is."""
        ...


class ExportDirectory:
    """A log as `audit export` writes it: these files and no others."""

    def __init__(self, root: Path) -> None:
        """Raises CannotVerify if there is no such directory."""
        if not root.is_dir():
            raise CannotVerify(f"there is no directory {root}; give the one that `audit export` wrote")
        self.name = str(root)
        self._root = root

    def checkpoint(self) -> bytes:
        """Return the signed checkpoint."""
        return self._read(CHECKPOINT, MAX_NOTE_BYTES, None)

    def key(self) -> bytes:
        """Return the key that the export came with: a convenience to compare, never a reason to believe."""
        return self._read(KEY, 4096, None)

    def tile(self, tile: Tile) -> bytes:
        """Return the bytes of a tile or bundle."""
        return self._read(tile.path, _MAX_BUNDLE if tile.level is None else _MAX_TILE, tile.first)

    def rulebook(self, digest: str) -> bytes | None:
        """Return what lies there as the text of this rulebook."""
        path = rulebook_path(digest)
        return self._read(path, _MAX_RULEBOOK, None) if (self._root / path).is_file() else None

    def rulebooks(self) -> Iterator[str]:
        """Name the rulebooks whose texts lie there, by the digests that their file names state."""
        for found in sorted((self._root / RULEBOOKS).glob("*.json")):
            yield found.stem

    def lines(self) -> IO[bytes]:
        """Open the entries as lines."""
        return self._open(LINES, 0)

    def strays(self, size: int) -> Iterator[Broken]:
        """Find what an export of a log of this size does not have: foreign files, links, empty directories."""
        try:
            yield from self._strays_below("", size)
        except OSError as wrong:
            yield Broken("file-missing", f"{wrong.filename!r} cannot be read: {wrong.strerror}")

    def _strays_below(self, folder: str, size: int) -> Iterator[Broken]:
        with os.scandir(self._root / folder) as found:
            items = sorted(found, key=lambda item: item.name)
        if folder and not items:
            yield Broken("file-stray", f"the directory {folder!r} is empty; an export has none such")
        for item in items:
            path = f"{folder}{item.name}"
            if item.is_dir(follow_symlinks=False) and folder.count("/") < _DEEPEST:
                yield from self._strays_below(f"{path}/", size)
            elif not item.is_file(follow_symlinks=False) or not _belongs(path, size):
                yield Broken("file-stray", f"{path!r} does not belong to an export of {size} entries", _first_entry(path))

    def _read(self, path: str, limit: int, index: int | None) -> bytes:
        with self._open(path, index) as file:
            try:
                raw = file.read(limit + 1)
            except OSError as wrong:
                raise Broken("file-missing", f"{path} cannot be read: {wrong.strerror}", index) from wrong
        if len(raw) > limit:
            raise Broken("file-too-large", f"{path} is larger than anything that belongs there", index)
        return raw

    def _open(self, path: str, index: int | None) -> IO[bytes]:
        """Open a plain file. Raises Broken for anything else: a pipe in its place would keep the reader waiting for ever."""
        try:
            handle = os.open(self._root / path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as wrong:
            raise Broken("file-missing", f"{path} cannot be read: {wrong.strerror}", index) from wrong
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            os.close(handle)
            raise Broken("file-missing", f"{path} is no plain file", index)
        return os.fdopen(handle, "rb", buffering=1 << 20)


class PublishedAt:
    """A log that is served over HTTP, at the address below which `checkpoint` and `tile/…` lie."""

    def __init__(self, url: str, headers: Mapping[str, str] | None = None) -> None:
        """Raises CannotVerify for an address that is not http or https. `headers` go with each request."""
        if not url.startswith(("https://", "http://")):
            raise CannotVerify("the address of a log starts with https:// or http://")
        self.name = url
        self._prefix = url.rstrip("/") + "/"
        self._headers = dict(headers or {})
        self._open = urllib.request.build_opener(_NoRedirect).open

    def checkpoint(self) -> bytes:
        """Return the signed checkpoint as it is now."""
        raw = self._get(CHECKPOINT, MAX_NOTE_BYTES)
        if raw is None:
            raise CannotVerify(f"{self.name} serves no checkpoint")
        return raw

    def tile(self, tile: Tile) -> bytes:
        """Return the bytes of a tile or bundle; once a partial one has been filled up, its part of the full one."""
        limit = _MAX_BUNDLE if tile.level is None else _MAX_TILE
        raw = self._get(tile.path, limit)
        if raw is None and tile.width < WIDTH:
            full = self._get(Tile(tile.level, tile.index).path, limit)
            raw = None if full is None else _head(full, tile)
        if raw is None:
            raise Broken("file-missing", f"{tile.path} is not served", tile.first)
        return raw

    def rulebook(self, digest: str) -> bytes | None:
        """Return what is served as the text of this rulebook."""
        return self._get(rulebook_path(digest), _MAX_RULEBOOK)

    def _get(self, path: str, limit: int) -> bytes | None:
        try:
            request = urllib.request.Request(self._prefix + path, headers=self._headers)  # noqa: S310 - http(s) alone, see __init__
            with self._open(request, timeout=_TIMEOUT_SECONDS) as answer:
                raw: bytes = answer.read(limit + 1)
        except urllib.error.HTTPError as wrong:
            wrong.close()
            if wrong.code in (404, 410):
                return None
            private = wrong.code in (401, 403)
            why = "entries are for auditors alone: send an auditor's token along" if private else "the log could not be read"
            raise CannotVerify(f"{self._prefix}{path} answered {wrong.code}; {why}") from wrong
        except (OSError, ValueError, http.client.HTTPException) as wrong:
            raise CannotVerify(f"{self._prefix}{path} could not be read: {wrong}") from wrong
        if len(raw) > limit:
            raise Broken("file-too-large", f"{path} is larger than anything that belongs there")
        return raw


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect is an error: it could carry the reader's token to another host."""

    def redirect_request(self, *_request: object, **_named: object) -> None:
        """Follow nothing."""


def rulebook_path(digest: str) -> str:
    """Name the file, or the path below a log's address, that holds the text of a rulebook."""
    return f"{RULEBOOKS}/{digest}.json"


def _belongs(path: str, size: int) -> bool:
    if path in (CHECKPOINT, LINES, KEY) or _RULEBOOK.fullmatch(path):  # which rulebooks belong shows once the entries are read
        return True
    try:
        tile = Tile.parse(path)
        return (tile.level is None or tile.level in levels(size)) and tile_of(size, tile.level, tile.index) == tile
    except TileError:
        return False


def _first_entry(path: str) -> int | None:
    try:
        return Tile.parse(path).first
    except TileError:
        return None


def _head(full: bytes, tile: Tile) -> bytes:
    """Cut a full tile or bundle to the part that an older tree had."""
    if tile.level is not None:
        return full[: tile.width * HASH_SIZE]
    at = 0
    for _ in range(tile.width):
        at += 2 + int.from_bytes(full[at : at + 2], "big")
    return full[:at]
