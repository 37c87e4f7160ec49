"""`audit rotate-key`, `audit recover` and `audit anchor`: what whoever may read the log's key does for the log. Guesses nothing."""

import asyncio
import getpass
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from gateway.assembly.homes import open_log
from gateway.cli.options import MISUSED, HomeOption, JsonOption, plainly, say, settings_of
from gateway.clock import SystemClock, iso
from gateway.custody.files import CustodyRefused
from gateway.custody.recovering import last_checkpoint, recover
from gateway.custody.rotating import rotate_key
from gateway.enforcement.boots import beginning, is_running
from gateway.settings import Settings
from gateway.witnessing.anchoring import Anchored, Anchoring, read_authority
from gateway.witnessing.posting import Poster

T = TypeVar("T")
ReasonOption = Annotated[str, typer.Option("--reason", help="Why; it is written into the log.")]


def rotate_key_command(*, reason: ReasonOption = "scheduled", home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Change the log's key; no service may run on the home. Exit code 0; 2 if it was not changed.

    The old key and the new one sign the entry that says so: whoever trusts the old key is led to the new one."""
    with plainly():
        settings = settings_of(home, None)
        rotated = _while_nothing_serves(settings, lambda: rotate_key(settings, SystemClock(), by=_who(), reason=reason))
    document = {"old": rotated.old.text(), "new": rotated.new.text(), "log_index": rotated.receipt.index}
    text = (
        f"The log's key was changed in entry {rotated.receipt.index}. The new verifier key:\n{rotated.new.text()}\n"
        "Give it to whoever verifies the log, and to its witnesses (`witness watch`): until they have it they answer key-unknown.\n"
        "Who has the old key needs nothing: `audit verify` follows it. The old secret is gone from keys/; destroy its backups."
    )
    say(document, text, as_json=as_json)


def recover_command(
    *,
    origin: Annotated[str, typer.Option("--origin", help="The new log's name: another than the old one's.")],
    reason: ReasonOption,
    checkpoint: Annotated[Path | None, typer.Option("--checkpoint", help="The newest checkpoint of the old log; else the guard's.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do it. Without this, only say what would be lost.")] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Begin a new log after one that cannot go on; no service may run. Exit code 0; 2 if nothing was done, also without --yes.

    Nothing is deleted: the old log, key and guard are set aside."""
    with plainly():
        settings = settings_of(home, None)
        given = None if checkpoint is None else _read(checkpoint)
        last, old = last_checkpoint(settings, given)
        if not yes:
            say({"old": old.origin, "size": old.size, "done": False}, _warning(old.origin, old.size, origin), as_json=as_json)
            raise typer.Exit(MISUSED)
        done = _while_nothing_serves(settings, lambda: recover(settings, SystemClock(), origin=origin, last=last, reason=reason))
    document = {"old": old.origin, "size": old.size, "key": done.key.text(), "aside": str(done.aside), "done": True}
    text = (
        f"The log {done.key.name} begins where {old.origin} was last seen with {old.size} entries. Its verifier key:\n{done.key.text()}\n"
        f"The old log lies in {done.aside}. Keep it. Tell witnesses and auditors the new key, and why."
    )
    say(document, text, as_json=as_json)


def anchor_command(*, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Have the log's head stamped by the time-stamping authority now (RFC 3161). Exit code 0; 2 if there is no new anchor."""
    with plainly():
        settings = settings_of(home, None)
        anchored = asyncio.run(_anchor(settings))
    document = {"time": iso(anchored.time), "log_index": anchored.receipt.index}
    say(document, f"Stamped at {iso(anchored.time)}; the token is in entry {anchored.receipt.index}.", as_json=as_json)


async def _anchor(settings: Settings) -> Anchored:
    log = await asyncio.to_thread(open_log, settings)
    try:
        anchoring = Anchoring(
            log, lambda record: log.append(record.body, record.openings), Poster(30.0), SystemClock(), read_authority(settings)
        )
        return await anchoring.anchor()
    finally:
        await asyncio.to_thread(log.close)


def _warning(old: str, size: int, new: str) -> str:
    return (
        f"This ends the log {old}, last known with {size} entries, and begins {new}. What follows from it:\n"
        f"- Entries of the old log are no part of the new one; receipts of it verify under its own key alone.\n"
        f"- Whoever holds a checkpoint of more than {size} entries can show that entries were lost.\n"
        "- Intents that the old log left open stay open there, and its openings can be erased there alone.\n"
        "- Witnesses and auditors need the new key. The break stands in the new log's first entry for good.\n"
        "Nothing is deleted. If this is what you want, add --yes. If a good copy of the old log exists, restore that instead."
    )


def _while_nothing_serves(settings: Settings, act: Callable[[], T]) -> T:
    """Do it while no service can begin; refuse if one runs, for it would go on signing as before."""

    async def alone() -> T:
        boots = settings.home.boots
        async with beginning(boots):
            if any(is_running(boots, path.stem) for path in tuple(boots.glob("*.boot"))):
                raise CustodyRefused(
                    "A service is running on this home: stop it first, then give the command again.", code="service-running"
                )
            return await asyncio.to_thread(act)

    if not settings.home.boots.is_dir():
        raise CustodyRefused("There is no home here: name the right one with --home.")
    try:
        return asyncio.run(alone())
    except OSError as wrong:
        raise CustodyRefused(
            f"A file could not be handled: {wrong}. What was begun is put right by the next opening, or the same command."
        ) from wrong


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as wrong:
        raise CustodyRefused(f"{path} cannot be read: {wrong.strerror}.") from wrong


def _who() -> str:
    return f"{getpass.getuser()}, at the command line"
