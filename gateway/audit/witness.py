"""Cosign the checkpoints of logs that only ever grow (C2SP tlog-witness v1.0.0). Never sees an entry, and knows no HTTP.

The one promise: of two checkpoints of a log that no proof connects, a witness signs one at most, even across a power cut.

  1  the submission's form                            else MALFORMED
  2  the checkpoint's origin is a log that we watch   else UNKNOWN_LOG
  3  one of that log's keys has signed it             else NOT_SIGNED
  4  the old size is not above the new one            else MALFORMED
  5  the old size is the one that we cosigned last    else CONFLICT, with that size
  6  the proof leads from the tree of old to new      else INCONSISTENT
  7  cosigned, on disk, and only then answered            COSIGNED
Steps 5 to 7 are one transaction."""

import sqlite3
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from gateway.audit.errors import AuditError
from gateway.audit.failures import LogUnavailable
from gateway.audit.note import Checkpoint, Cosigner, Note, NoteError, Signature, VerifierKey, open_checkpoint
from gateway.audit.stores.base import StoreMissing
from gateway.audit.stores.durable import DurableFile
from gateway.audit.submission import Submission, SubmissionError
from gateway.audit.tree import EMPTY_ROOT, ProofError, verify_consistency


class Verdict(Enum):
    """How a submission ended, by the word that the specification's status code stands for."""

    COSIGNED = "cosigned"
    MALFORMED = "malformed"
    NOT_SIGNED = "not-signed"
    UNKNOWN_LOG = "unknown-log"
    CONFLICT = "conflict"
    INCONSISTENT = "inconsistent"


@dataclass(frozen=True, slots=True)
class Answer:
    """The verdict and the body that goes with it: cosignature lines, the latest size (CONFLICT), or a sentence."""

    verdict: Verdict
    body: str


class WitnessUnavailable(AuditError):
    """The witness cannot keep its promise now, so it signed nothing; try again later."""

    code = "witness-unavailable"


Watched = Callable[[str], Collection[VerifierKey] | None]
"""Says which keys may sign for the log of this origin; None if it is not watched."""

_FORMAT: Final = 1
_BUSY_SECONDS: Final = 5.0


class Witness:
    """A cosigner with a memory. May be used from any thread, and two processes may share one memory."""

    def __init__(
        self, path: Path, cosigners: Collection[Cosigner], logs: Watched, now: Callable[[], datetime], *, create: bool = True
    ) -> None:
        """Watch `logs`, remembering in the database at `path` what was cosigned.

        Raises WitnessUnavailable if the memory cannot be opened, or is missing and may not be begun (`create`): a witness that
        forgot what it signed must not sign again under the same key."""
        self._path = path
        self._cosigners = tuple(cosigners)
        self._logs = logs
        self._now = now
        self._lock = threading.Lock()
        self._closed = self._doubtful = False
        self._open(create=create)

    def add_checkpoint(self, body: bytes) -> Answer:
        """Take one submission. Raises WitnessUnavailable if it could not be remembered; then nothing was signed."""
        try:
            submission = Submission.parse(body)  # 1
            claimed = Checkpoint.parse(Note.parse(submission.checkpoint).text)
        except (SubmissionError, NoteError) as wrong:
            return Answer(Verdict.MALFORMED, wrong.sentence)
        keys = self._logs(claimed.origin)  # 2
        if not keys:
            return Answer(Verdict.UNKNOWN_LOG, "this witness does not watch that log")
        try:
            checkpoint = open_checkpoint(submission.checkpoint, *keys)  # 3
        except NoteError as wrong:
            return Answer(Verdict.NOT_SIGNED, wrong.sentence)
        if submission.old > checkpoint.size:  # 4
            return Answer(Verdict.MALFORMED, "the old size is above the checkpoint's")
        with self._transaction() as memory:
            row = memory.execute("SELECT size, root FROM latest WHERE origin = ?", (checkpoint.origin,)).fetchone()
            size, root = row or (0, EMPTY_ROOT)
            if submission.old != size:  # 5
                return Answer(Verdict.CONFLICT, f"{size}\n")
            try:
                verify_consistency(size, checkpoint.size, submission.proof, root, checkpoint.root)  # 6
            except ProofError as wrong:
                return Answer(Verdict.INCONSISTENT, wrong.sentence)
            time = int(self._now().timestamp())
            text = checkpoint.text()
            lines = tuple(cosigner.cosign(text, time) for cosigner in self._cosigners)
            kept = Note(text, _signatures_of(keys, submission.checkpoint) + lines)
            memory.execute(
                "INSERT INTO latest VALUES (?, ?, ?, ?, ?)"
                " ON CONFLICT (origin) DO UPDATE SET size = excluded.size, root = excluded.root, note = excluded.note",
                (checkpoint.origin, _digest(checkpoint.origin), checkpoint.size, checkpoint.root, kept.encode()),
            )
        # 7: the transaction is on disk; from here on a signature that gets out is one that we remember.
        return Answer(Verdict.COSIGNED, "".join(line.line() for line in lines))

    def latest(self, digest: str) -> bytes | None:
        """Return the newest cosigned checkpoint of the log whose origin has this hex SHA-256, for monitors; None if there is none.

        Raises WitnessUnavailable."""
        with self._transaction() as memory:
            row = memory.execute("SELECT note FROM latest WHERE digest = ?", (digest,)).fetchone()
        return None if row is None else bytes(row[0])

    def close(self) -> None:
        """Let go of the memory."""
        with self._lock:
            self._closed = True
            self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """Hold the memory alone, against other threads and other processes, until what was written is on disk."""
        with self._lock:
            if self._closed:
                raise WitnessUnavailable("the witness is closed, so it did not sign")
            if self._doubtful:
                self._file.close()
                self._open(create=False)
            try:
                self._memory.execute("BEGIN IMMEDIATE")
                yield self._memory
                # A COMMIT that fails has an unknown effect, and after a failed sync the same handle would report success.
                self._doubtful = True
                self._memory.execute("COMMIT")
                self._file.must_be_in_place()
                self._doubtful = False
            except (sqlite3.Error, LogUnavailable) as wrong:
                raise WitnessUnavailable(f"the witness could not remember this, so it did not sign: {wrong}") from wrong
            finally:
                if self._memory.in_transaction:
                    self._memory.execute("ROLLBACK")

    def _open(self, *, create: bool) -> None:
        name = self._path.name
        try:
            self._file = DurableFile(self._path, create=create, busy_seconds=_BUSY_SECONDS)
        except StoreMissing as wrong:
            raise WitnessUnavailable(
                f"the witness's memory {name} is gone, so nothing shows what was signed: restore it as it was last, or begin"
                " another witness with a new key"
            ) from wrong
        except (LogUnavailable, OSError) as wrong:
            raise WitnessUnavailable(f"the witness's memory {name} cannot be opened: {wrong}") from wrong
        try:
            self._memory = self._file.connect()
            self._begin(create=create)
            self._memory.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            self._file.sync_directory()
            self._file.remember()
        except (sqlite3.Error, LogUnavailable, OSError) as wrong:
            self._file.close()
            raise WitnessUnavailable(f"the witness's memory {name} cannot be opened: {wrong}") from wrong
        self._doubtful = False

    def _begin(self, *, create: bool) -> None:
        """Lay out a new memory. One that was laid out before is never laid out again: an emptied memory is no memory."""
        self._memory.execute("BEGIN IMMEDIATE" if create else "BEGIN")
        begun = self._memory.execute("PRAGMA user_version").fetchone()[0]
        if create and begun == 0:
            self._memory.execute(
                "CREATE TABLE latest (origin TEXT PRIMARY KEY, digest TEXT UNIQUE NOT NULL,"
                " size INTEGER NOT NULL, root BLOB NOT NULL, note BLOB NOT NULL) STRICT"
            )
            self._memory.execute(f"PRAGMA user_version = {_FORMAT}")
        elif begun != _FORMAT:
            raise LogUnavailable("it is no witness's memory, or was emptied")
        self._memory.execute("SELECT size FROM latest LIMIT 1")
        self._memory.execute("COMMIT")


def _digest(origin: str) -> str:
    return sha256(origin.encode()).hexdigest()


def _signatures_of(keys: Collection[VerifierKey], checkpoint: bytes) -> tuple[Signature, ...]:
    """Return the lines of these keys; whatever else a submitter put on the note is not worth keeping."""
    known = {(key.name, key.key_id) for key in keys}
    return tuple(line for line in Note.parse(checkpoint).signatures if (line.name, line.key_id) in known)
