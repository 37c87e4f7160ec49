"""Keep the last signed checkpoint outside the log's own file, so that an older copy of the log is noticed. Never reads the log."""

import errno
import os
import threading
from pathlib import Path
from typing import Final

from gateway.audit.failures import LogUnavailable
from gateway.audit.note import MAX_NOTE_BYTES, Checkpoint, VerifierKey, open_checkpoint

INTERVAL_SECONDS: Final = 1.0  # how far the guard may lag behind a busy log


class Guard:
    """A file with one checkpoint, verbatim. It may lag behind the log; the log must never lag behind it."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def path(self) -> Path:
        """Where the file lies."""
        return self._path

    def read(self, *keys: VerifierKey) -> Checkpoint | None:
        """Return the checkpoint, signed by one of the keys; None if there is no file.

        Raises NoteError for a file that is no such checkpoint, LogUnavailable if it cannot be read."""
        try:
            with self._path.open("rb") as file:
                return open_checkpoint(file.read(MAX_NOTE_BYTES), *keys)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise LogUnavailable(f"the guard file cannot be read: {error.strerror}") from error

    def write(self, checkpoint: bytes) -> None:
        """Replace the file so that a power cut leaves the old or the new checkpoint, whole. Raises LogUnavailable."""
        # One name a thread: two gateways on one log, in one process or two, may write at the same moment.
        aside = self._path.with_name(f"{self._path.name}.{os.getpid()}.{threading.get_native_id()}.tmp")
        try:
            handle = os.open(aside, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
            try:
                if os.write(handle, checkpoint) != len(checkpoint):  # a disk that fills up takes a part, and says nothing
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                os.fsync(handle)
            finally:
                os.close(handle)
            aside.replace(self._path)
            directory = os.open(self._path.parent, os.O_RDONLY)
            try:
                os.fsync(directory)
            finally:
                os.close(directory)
        except OSError as error:
            raise LogUnavailable(f"the guard file cannot be written: {error.strerror}") from error
