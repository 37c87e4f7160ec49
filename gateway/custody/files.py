"""Write and replace the few files that a log cannot lose, so that a power cut leaves the old or the new one whole. Knows no key."""

import errno
import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gateway.errors import CustodesError


class CustodyRefused(CustodesError):
    """The log's key or guard cannot be handled as asked; nothing was changed unless the sentence says so."""

    code = "custody-refused"


def write_new(path: Path, text: str) -> None:
    """Write a private file that is not there yet, durably and whole. Raises FileExistsError, OSError."""
    aside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    handle = os.open(aside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    raw = f"{text}\n".encode("ascii")
    try:
        if os.write(handle, raw) != len(raw):  # a disk that fills up takes a part, and says nothing
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        os.fsync(handle)
        path.hardlink_to(aside)  # refuses a name that is taken
    finally:
        os.close(handle)
        aside.unlink()
    sync_directory(path.parent)


def put_in_place(new: Path, old: Path) -> None:
    """Let the new file take the old one's place, durably. Raises OSError."""
    new.replace(old)
    sync_directory(old.parent)


def sync_directory(directory: Path) -> None:
    """Make names in a directory durable. Raises OSError."""
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def alone(directory: Path) -> Iterator[None]:
    """Let one process at a time handle the files in this directory; the lock ends with the process, however it ends."""
    handle = os.open(directory / "log.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
