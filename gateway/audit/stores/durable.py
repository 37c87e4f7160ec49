"""Open one SQLite file so that what it acknowledges survives a power cut, and notice when the file is no longer the one that was opened.

Knows nothing of what is kept in it."""

import os
import sqlite3
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from gateway.audit.failures import LogDamaged, LogUnavailable
from gateway.audit.stores.base import StoreBusy, StoreMissing

_PAGE_BYTES: Final = 8192  # measured: a batch of 64 entries of 700 bytes commits fastest at this size
_CHECKPOINT_PAGES: Final = 2048  # 16 MiB of WAL
_ROOM_BYTES: Final = _CHECKPOINT_PAGES * (_PAGE_BYTES + 24) + 32  # as far as the WAL grows before it is used anew from its start
_ROOM_STEP: Final = 1 << 20
_BUSY_BYTES: Final = 256 << 10  # a log that writes less between two cuttings of its WAL need not make room in it
_BUSY_PAUSE_SECONDS: Final = 0.01


class DurableFile:
    """A file with its write-ahead log and that log's index, and the connections that are open to it."""

    def __init__(self, path: Path, *, create: bool, busy_seconds: float) -> None:
        """Make sure that the file is there and may be written. Raises StoreMissing, LogUnavailable or OSError."""
        self._path = path
        self._names = tuple(f"{path}{end}" for end in ("", "-wal", "-shm"))
        self._busy_seconds = busy_seconds
        self._connections: list[sqlite3.Connection] = []
        self._identity: list[tuple[int, int]] = []
        self.written = 0  # bytes, about, since room was last looked for; whoever commits counts them
        self._disk_is_short = False
        if create:
            self._create_private()
        elif not path.exists():
            raise StoreMissing(f"there is no log file {path.name}")
        if not os.access(path, os.W_OK):
            # SQLite would open it for reading and say so only at the first entry.
            raise LogUnavailable(f"the log file {path.name} may not be written")

    def connect(self) -> sqlite3.Connection:
        """Open a connection that any thread may use, one at a time. Raises sqlite3.Error or LogUnavailable."""
        connection = sqlite3.connect(
            f"{self._path.resolve().as_uri()}?mode=rw", uri=True, timeout=self._busy_seconds,
            isolation_level=None, check_same_thread=False,
        )  # fmt: skip
        self._connections.append(connection)
        connection.execute(f"PRAGMA page_size = {_PAGE_BYTES}")
        self._enter_wal(connection)
        # FULL, because NORMAL acknowledges before any sync; fullfsync is the same promise on macOS.
        for setting in ("synchronous = FULL", "fullfsync = ON", "secure_delete = ON", "temp_store = MEMORY"):
            connection.execute(f"PRAGMA {setting}")
        connection.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")
        return connection

    def remember(self) -> None:
        """Take the files that have the names now for the ones that are in use. Raises OSError."""
        self._identity = self._identify()

    def must_be_in_place(self) -> None:
        """Raise LogUnavailable if a file was deleted or replaced: SQLite would go on writing to what has no name."""
        with suppress(OSError):
            if self._identify() == self._identity:
                return
        raise LogUnavailable("the log's file was deleted or replaced while it was in use")

    def make_room(self, connection: sqlite3.Connection) -> None:
        """Have the WAL's blocks allocated before a busy log needs them.

        A sync of a file that grows waits for the file system's own journal too; one that overwrites does not. No promise rests on
        it: a disk without room for it is left as it was. Raises sqlite3.Error or OSError."""
        if self.written < _BUSY_BYTES or self._disk_is_short:
            return
        self.written = 0
        wal = Path(self._names[1])
        if wal.stat().st_size >= _ROOM_BYTES:
            return
        # Under SQLite's write lock: no process adds frames, or cuts the file, while its end moves. Zeros are no frame to any reader.
        connection.execute("BEGIN IMMEDIATE")
        try:
            handle = os.open(wal, os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
            try:
                self._disk_is_short = not _lengthened(handle)
            finally:
                os.close(handle)
        finally:
            connection.execute("ROLLBACK")

    def sync_directory(self) -> None:
        """Make the file's name durable, which SQLite leaves undone for a file that it finds. Raises OSError."""
        handle = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

    def close(self) -> None:
        """Close all connections; the last process to do so folds the WAL into the file. Never raises."""
        for connection in self._connections:
            with suppress(sqlite3.Error):
                connection.close()

    def _create_private(self) -> None:
        """Make an empty file that only its owner may read, unless there is one: it will hold the openings. The WAL inherits its mode."""
        # Never opened if it exists: closing a file drops all of this process's locks on it, another connection's too.
        with suppress(FileExistsError):
            os.close(os.open(self._path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))

    def _identify(self) -> list[tuple[int, int]]:
        return [(seen.st_dev, seen.st_ino) for seen in map(os.stat, self._names)]

    def _enter_wal(self, connection: sqlite3.Connection) -> None:
        # Another process that opens the file at this moment makes the switch fail at once, whatever the busy timeout says.
        deadline = time.monotonic() + self._busy_seconds
        while True:
            try:
                mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
            except sqlite3.OperationalError as error:
                if _primary_code(error) != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                    raise
                time.sleep(_BUSY_PAUSE_SECONDS)
                continue
            if mode != "wal":
                raise LogUnavailable(f"this file system keeps SQLite from using a write-ahead log (it offers {mode!r}): use a local disk")
            return


def _lengthened(handle: int) -> bool:
    """Write zeros up to _ROOM_BYTES, and say whether they fitted; if not, the file has its old end again."""
    end = at = os.fstat(handle).st_size
    try:
        while at < _ROOM_BYTES:
            at += os.pwrite(handle, bytes(min(_ROOM_STEP, _ROOM_BYTES - at)), at)
    except OSError:
        os.ftruncate(handle, end)
        return False
    return True


def failure(error: sqlite3.Error | OSError | UnicodeError) -> LogUnavailable | LogDamaged:
    """Say in the log's words what the storage said."""
    if isinstance(error, UnicodeError):  # sqlite3 raises it when SQLite quotes a damaged schema in its message
        return LogDamaged("the log file is damaged: its layout is not text")
    if isinstance(error, OSError):
        return LogUnavailable(f"the log's directory does not answer: {error.strerror}")
    match _primary_code(error):
        case sqlite3.SQLITE_BUSY:
            return StoreBusy("another process holds the log")
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB | sqlite3.SQLITE_ERROR:  # the last: our own SQL finds no such table
            return LogDamaged(f"the log file is damaged: {error}")
        case _:
            return LogUnavailable(f"the log file does not answer: {error}")


def _primary_code(error: sqlite3.Error) -> int:
    # Extended result codes carry the primary one in their low byte; errors of Python's own layer have none.
    return getattr(error, "sqlite_errorcode", 0) & 0xFF
