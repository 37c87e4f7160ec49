"""Hand the log from its key to a new one, in the open and without a moment in which a crash could lose it. Starts and stops no service."""

from dataclasses import dataclass

from gateway.audit.guard import Guard
from gateway.audit.log import AuditLog, LogUnavailable, Receipt
from gateway.audit.note import NoteSigner, VerifierKey
from gateway.audit.rotation import key_change_note
from gateway.clock import Clock
from gateway.custody.files import CustodyRefused, alone, put_in_place, write_new
from gateway.custody.opening import guard_of, log_key, next_key, read_signer, settle
from gateway.records import entries
from gateway.settings import Settings


@dataclass(frozen=True, slots=True)
class Rotated:
    """The key that spoke for the log, the one that does now, and the entry that says so."""

    old: VerifierKey
    new: VerifierKey
    receipt: Receipt


def rotate_key(settings: Settings, clock: Clock, *, by: str, reason: str) -> Rotated:
    """Change the log's key. No service may be running on this home, for it would go on signing with the old key.

    A crash after any step leaves a log that opens, verifies, and is signed by the key that its entries lead to:
    1 what an earlier crash left is put right                  (crash: the same again)
    2 the new key is on disk, beside the old one               (crash: the next opening throws it away)
    3 the `key-change` entry, its checkpoint signed by both    (crash: the next opening goes on at 5)
    4 the guard is one that the new key can read               (crash: the same)
    5 the new key takes the old one's place                    (done)
    Raises CustodyRefused if there is no log to rotate, LogUnavailable if the entry might not survive, OSError."""
    home = settings.home
    if not (home.audit / "log.sqlite").exists() or not log_key(home).exists():
        raise CustodyRefused("There is no log in this home whose key could be rotated.")
    with alone(home.keys):
        # 1
        settle(settings)
        # 2
        old = read_signer(log_key(home))
        new = NoteSigner.generate(old.key.name)
        write_new(next_key(home), new.reveal())
        # 3
        log = AuditLog.open(home.audit, old, new, guard=guard_of(settings))
        try:
            more = {"old": old.key.text(), "new": new.key.text(), "note": key_change_note(old, new), "reason": reason}
            record = entries.change("key-change", at=clock.now(), by=by, act="rotated", more=more)
            receipt = log.append_blocking(record.body, record.openings)
        finally:
            log.close()
        # 4
        if Guard(guard_of(settings)).read(new.key) is None:
            raise LogUnavailable("the guard was taken away during the rotation; put it back, and open the log")
        # 5
        put_in_place(next_key(home), log_key(home))
    return Rotated(old.key, new.key, receipt)
