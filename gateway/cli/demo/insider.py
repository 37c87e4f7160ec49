"""Do what an insider with the database could do to a copy of the log, and see whether it is noticed. Never touches the log itself."""

import shutil
import sqlite3
from dataclasses import dataclass
from pathlib import Path

from gateway.audit.errors import AuditError
from gateway.audit.export import RulebookText, write_export
from gateway.audit.log import AuditLog
from gateway.audit.report import Report
from gateway.audit.tiles import WIDTH, decode_bundle, encode_bundle, tile_of
from gateway.audit.verify import verify_export
from gateway.custody.opening import log_signer
from gateway.settings import Settings


@dataclass(frozen=True, slots=True)
class Tampering:
    """What came of it: the honest export, the altered one, and what a service says that is to start on the altered database."""

    index: int
    honest: Report
    altered: Report
    at_start: str


def tamper(log: AuditLog, rulebook: RulebookText, settings: Settings, place: Path, index: int, old: bytes, new: bytes) -> Tampering:
    """Write `new` for `old` in one entry of a copied database and of a copied export, and ask both to be verified."""
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    key = log.verifier_keys[0]
    write_export(log, place / "export", key, rulebook=rulebook)
    shutil.copytree(place / "export", place / "altered-export")
    _alter_export(place / "altered-export", log.size, index, old, new)
    return Tampering(
        index,
        verify_export(place / "export", key),
        verify_export(place / "altered-export", key),
        _start_on_altered_database(settings, place / "altered-database", index, old, new),
    )


def _alter_export(directory: Path, size: int, index: int, old: bytes, new: bytes) -> None:
    tile = tile_of(size, None, index // WIDTH)
    path = directory / tile.path
    entries = decode_bundle(path.read_bytes(), tile.width)
    place = index % WIDTH
    entries[place] = entries[place].replace(old, new)
    path.write_bytes(encode_bundle(entries))
    lines = (directory / "entries.jsonl").read_bytes().splitlines(keepends=True)
    lines[index] = lines[index].replace(old, new)
    (directory / "entries.jsonl").write_bytes(b"".join(lines))


def _start_on_altered_database(settings: Settings, place: Path, index: int, old: bytes, new: bytes) -> str:
    place.mkdir()
    with sqlite3.connect(settings.home.audit / "log.sqlite") as real, sqlite3.connect(place / "log.sqlite") as copy:
        real.backup(copy)
        size, bundle = copy.execute("SELECT size, bundle FROM batches WHERE size > ? ORDER BY size LIMIT 1", (index,)).fetchone()
        # The insider writes the row anew, its length included: a forger knows our source.
        copy.execute("UPDATE batches SET bundle = ? WHERE size = ?", (_replaced(bundle, old, new), size))
    real.close()
    copy.close()
    try:
        AuditLog.open(place, log_signer(settings.home, settings.log_origin)).close()
    except AuditError as fault:
        return fault.sentence
    return "nothing"


def _replaced(bundle: bytes, old: bytes, new: bytes) -> bytes:
    rest, entries = bundle, []
    while rest:
        length = int.from_bytes(rest[:2], "big")
        entries.append(rest[2 : 2 + length].replace(old, new))
        rest = rest[2 + length :]
    return encode_bundle(entries)
