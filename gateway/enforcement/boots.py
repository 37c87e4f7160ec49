"""Tell the running service processes of one home apart from those that died. Knows no log and no request."""

import asyncio
import contextlib
import fcntl
import os
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path


@contextmanager
def beginning_alone(directory: Path) -> Iterator[None]:
    """Let one process of the home begin at a time: the first entry of a log is written once. Waits; for a thread of its own."""
    descriptor = _beginning_file(directory)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


@asynccontextmanager
async def beginning(directory: Path) -> AsyncIterator[None]:
    """The same for a service, so that what dead runs left open is closed once, by whoever comes first."""
    descriptor = _beginning_file(directory)
    try:
        await asyncio.to_thread(fcntl.flock, descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _beginning_file(directory: Path) -> int:
    return os.open(directory / "beginning.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


@contextmanager
def boot(directory: Path, address: str = "") -> Iterator[str]:
    """Hold a locked file named for this run of the service, and give its name; the lock ends with the process, however it ends.

    The file says at which address the run serves, for commands that are typed beside it."""
    name = secrets.token_hex(8)
    path = directory / f"{name}.boot"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.write(descriptor, address.encode())
        yield name
    finally:
        path.unlink(missing_ok=True)
        os.close(descriptor)


def is_running(directory: Path, name: str) -> bool:
    """Say whether the run of that name still holds its lock. A file without a holder is removed."""
    path = directory / f"{name}.boot"
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        path.unlink(missing_ok=True)
        return False
    finally:
        os.close(descriptor)


def addresses(directory: Path) -> set[str]:
    """Return the addresses at which the home is being served now; empty where nothing runs."""
    found = set()
    for path in directory.glob("*.boot"):
        with contextlib.suppress(FileNotFoundError):
            said = path.read_text("utf-8")
            if said and is_running(directory, path.stem):
                found.add(said)
    return found


def forget_the_dead(directory: Path) -> None:
    """Remove the files of all runs that died. Only while beginning(): a file that is just being made has no holder yet."""
    for path in directory.glob("*.boot"):
        is_running(directory, path.stem)
