"""Begin a new log, under a new name, where the old one cannot go on. Deletes nothing: what was there is set aside, whole.

The last checkpoint that is left of the old log stands in the new one's first entry, so that the break is on record for good."""

from dataclasses import dataclass
from pathlib import Path

from gateway.audit.guard import Guard
from gateway.audit.log import AuditLog
from gateway.audit.note import Checkpoint, Note, NoteError, NoteSigner, VerifierKey
from gateway.clock import Clock
from gateway.custody.files import CustodyRefused, alone, put_in_place, sync_directory, write_new
from gateway.custody.opening import guard_of, log_key, next_key, read_signer, recovering_key
from gateway.settings import Home, Settings


@dataclass(frozen=True, slots=True)
class Recovered:
    """The new log's key, the last checkpoint of the old one that it names, and where the old files are now."""

    key: VerifierKey
    last: Checkpoint
    aside: Path


def last_checkpoint(settings: Settings, given: bytes | None) -> tuple[bytes, Checkpoint]:
    """Return the newest checkpoint of the old log: the one that is given, else the guard's. Raises CustodyRefused, NoteError."""
    kept = guard_of(settings)
    if recovering_key(settings.home).exists():  # an interrupted recovery may have put the new guard in the old one's place already
        aside = _aside(settings.home, read_signer(recovering_key(settings.home))) / "log.guard"
        kept = aside if aside.exists() else kept
    try:
        raw = given if given is not None else kept.read_bytes()
    except OSError as wrong:
        raise CustodyRefused(
            "The guard cannot be read: give the newest checkpoint of the old log that anybody kept (a witness, an export, a client)."
        ) from wrong
    return raw, Checkpoint.parse(Note.parse(raw).text)


def recover(settings: Settings, clock: Clock, *, origin: str, last: bytes, reason: str) -> Recovered:
    """Set the old log aside and begin a new one. No service may be running on this home.

    A crash after any step is put right by asking for the same again; until then the log does not open:
    1 the new log's key, whose presence says that a recovery is under way
    2 the new log, complete with its `recovery` entry and its guard, beside the old one
    3 the old log, key and guard are set aside
    4 the new ones take their places, the key last
    Raises NoteError for an origin that is the old one or no name, CustodyRefused, LogUnavailable, OSError."""
    home, guard = settings.home, guard_of(settings)
    old = Checkpoint.parse(Note.parse(last).text)
    if origin == old.origin:
        raise NoteError(f"a recovered log needs a new origin, not {origin} again")
    with alone(home.keys):
        # 1
        if not recovering_key(home).exists():
            write_new(recovering_key(home), NoteSigner.generate(origin).reveal())
        signer = read_signer(recovering_key(home))
        if signer.key.name != origin:
            raise CustodyRefused(f"A recovery under the origin {signer.key.name} was interrupted: finish that one first.")
        aside = _aside(home, signer)
        begun = home.root / f"audit.begun-{signer.key.key_id.hex()}"
        new_guard = guard.with_name(f"{guard.name}.recovering")
        # 2
        if not aside.exists():
            _begin(begun, new_guard, signer, last, clock, reason)
            # 3
            aside.mkdir(mode=0o700)
            sync_directory(home.root)
        _set_aside(home, guard, aside, begun)
        # 4
        if begun.exists():
            put_in_place(begun, home.audit)
        if new_guard.exists():
            put_in_place(new_guard, guard)
        for path in home.root.glob(f"{home.explorer.name}*"):
            path.unlink()  # a copy of the old log; it is made again from the new one
        put_in_place(recovering_key(home), log_key(home))
    return Recovered(signer.key, old, aside)


def _aside(home: Home, signer: NoteSigner) -> Path:
    return home.root / f"audit.lost-{signer.key.key_id.hex()}"


def _begin(begun: Path, guard: Path, signer: NoteSigner, last: bytes, clock: Clock, reason: str) -> None:
    """Begin the new log unless an interrupted recovery did; what it left half begun is begun anew."""
    if begun.exists() and Guard(guard).read(signer.key) is not None:
        log = AuditLog.open(begun, signer, guard=guard)
        complete = log.size == 1
        log.close()
        if complete:
            return
    for path in (*begun.glob("*"), guard):
        path.unlink(missing_ok=True)
    AuditLog.recover(begun, signer, last=last, at=clock.now(), reason=reason, guard=guard).close()


def _set_aside(home: Home, guard: Path, aside: Path, begun: Path) -> None:
    # Once that is done, `audit` is the new log, or an empty directory that was made since and that the new log replaces.
    if begun.exists() and home.audit.exists() and not (aside / "audit").exists():
        put_in_place(home.audit, aside / "audit")
    if not (aside / "log.guard").exists() and guard.exists() and begun.exists():
        # Copied, not moved: the guard may lie on another disk than the home.
        (aside / "log.guard").write_bytes(guard.read_bytes())
    for path in (next_key(home), log_key(home)):
        if path.exists() and begun.exists():
            put_in_place(path, path.with_name(f"{path.name}.retired-{aside.name.removeprefix('audit.lost-')}"))
