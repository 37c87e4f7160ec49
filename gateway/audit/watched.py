"""Keep the list of the logs that a witness watches: a tlog-policy file, whose `log` lines an operator may also edit by hand.

Never believes a list that it cannot read: then no log is watched, and that is said."""

import os
from pathlib import Path

from gateway.audit.note import NoteError, VerifierKey
from gateway.audit.quorum import MAX_POLICY_BYTES, PolicyError, TrustPolicy
from gateway.audit.witness import WitnessUnavailable

_TAIL = "quorum none\n"


class WatchedLogs:
    """The file. It is read at each question, so that a log that is added counts from the next submission on."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def keys(self, origin: str) -> tuple[VerifierKey, ...] | None:
        """Return the keys of the log of this name, any of which may sign; None if it is not watched. Raises WitnessUnavailable."""
        return tuple(key for key in self.all() if key.name == origin) or None

    def all(self) -> tuple[VerifierKey, ...]:
        """Return every key that is listed. Raises WitnessUnavailable if the list cannot be read."""
        try:
            with self._path.open("rb") as file:
                return TrustPolicy.parse(file.read(MAX_POLICY_BYTES + 1)).logs
        except FileNotFoundError:
            return ()
        except (OSError, PolicyError) as wrong:
            raise WitnessUnavailable(f"the list of watched logs, {self._path.name}, cannot be read: {wrong}") from wrong

    def add(self, key: VerifierKey) -> bool:
        """List a key too; return False if it was listed already. The file is the old one or the new one at every moment, whole.

        Raises NoteError for a key that is no log's, WitnessUnavailable if the list cannot be read or written."""
        listed = self.all()
        if key in listed:
            return False
        text = "".join(f"log {one.text()}\n" for one in (*listed, key)) + _TAIL
        try:
            TrustPolicy.parse(text.encode())
        except PolicyError as wrong:
            raise NoteError(f"this key cannot be watched: {wrong.sentence}") from wrong
        aside = self._path.with_name(f"{self._path.name}.{os.getpid()}.tmp")
        try:
            with aside.open("w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            aside.replace(self._path)
        except OSError as wrong:
            raise WitnessUnavailable(f"the list of watched logs, {self._path.name}, cannot be written: {wrong.strerror}") from wrong
        return True
