"""Open the home's log with the home's key, after putting right what an interrupted change of key or log has left. Signs nothing of its own.

While a rotation is under way there are two key files. Whether it took effect is asked of the log alone: if the log holds the
`key-change` entry, the new key takes the old one's place; if not, the new key is thrown away. Either way every checkpoint is signed
by a key that the log's own entries lead to."""

import json
from contextlib import suppress
from pathlib import Path
from typing import Final

from gateway.audit.log import AuditLog
from gateway.audit.note import NoteError, NoteSigner, VerifierKey
from gateway.audit.rotation import KeyChange
from gateway.custody.files import CustodyRefused, alone, put_in_place, sync_directory, write_new
from gateway.settings import Home, Settings

# A rotation is refused while a service runs, so that little can be written behind its entry before the next opening puts it right.
_LOOK_BACK: Final = 256


def open_home_log(settings: Settings) -> AuditLog:
    """Open the home's log; its key is made at the first start. Raises what AuditLog.open raises, and CustodyRefused."""
    home = settings.home
    if recovering_key(home).exists():
        raise CustodyRefused(
            "A recovery of the log was interrupted: give the same `audit recover` once more, which finishes it.",
            code="recovery-interrupted",
        )
    if next_key(home).exists():
        with alone(home.keys):
            settle(settings)
    return AuditLog.open(home.audit, log_signer(home, settings.log_origin), guard=guard_of(settings))


def log_signer(home: Home, origin: str) -> NoteSigner:
    """Return the log's signing key; the key file is readable by its owner alone."""
    path = log_key(home)
    try:
        return read_signer(path)
    except FileNotFoundError:
        with suppress(FileExistsError):  # another process was first; its key is the one
            write_new(path, NoteSigner.generate(origin).reveal())
        return read_signer(path)


def settle(settings: Settings) -> None:
    """Finish or undo an interrupted rotation; the caller is `alone`. Raises what AuditLog.open raises: then nothing is changed."""
    home = settings.home
    if not next_key(home).exists():
        return
    old, new = read_signer(log_key(home)), read_signer(next_key(home))
    took_effect = False
    if (home.audit / "log.sqlite").exists():
        # Both keys: the head may be signed by the old one alone or by both; and opening brings the guard up to the head.
        log = AuditLog.open(home.audit, old, new, guard=guard_of(settings))
        try:
            took_effect = _leads_to(log, new.key)
        finally:
            log.close()
    if took_effect:
        put_in_place(next_key(home), log_key(home))
    else:
        next_key(home).unlink()
        sync_directory(home.keys)


def read_signer(path: Path) -> NoteSigner:
    """Return the key in a file. Raises FileNotFoundError, NoteError."""
    return NoteSigner.parse(path.read_text("ascii").strip())


def log_key(home: Home) -> Path:
    """Where the key that signs now lies."""
    return home.keys / "log.key"


def next_key(home: Home) -> Path:
    """Where the key that is to follow lies, while a rotation is under way."""
    return home.keys / "log.key.next"


def recovering_key(home: Home) -> Path:
    """Where the new log's key lies, while a recovery is under way."""
    return home.keys / "log.key.recovering"


def guard_of(settings: Settings) -> Path:
    """Where the guard lies: beside the keys unless a setting puts it on other storage."""
    return settings.log_guard or settings.home.keys / "log.guard"


def _leads_to(log: AuditLog, key: VerifierKey) -> bool:
    for raw in log.entries(max(0, log.size - _LOOK_BACK), log.size):
        entry = json.loads(raw)
        if entry.get("kind") == "key-change":
            try:
                if KeyChange.parse(entry).new == key:
                    return True
            except NoteError:
                continue
    return False
