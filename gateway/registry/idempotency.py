"""Remember the answer to a request with an Idempotency-Key, so that a repeated request costs no second search and no second intent.

Keeps the answer's bytes as they left; knows nothing of what they say."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Field, SQLModel, col, delete

from gateway.clock import Clock
from gateway.registry import fields
from gateway.registry.errors import KeyReused, Malformed, StillRunning
from gateway.store.columns import Moment
from gateway.store.sessions import Database

LONGEST_KEY = 255
KEPT = timedelta(hours=24)


class IdempotencyRow(SQLModel, table=True):
    """One key of one client: the digest of its first request, the run of the service that answers it, and the answer once there is one."""

    __tablename__ = "idempotency_keys"

    client_id: str = Field(primary_key=True)
    key: str = Field(primary_key=True, max_length=LONGEST_KEY)
    request_digest: str
    begun_at: datetime = Field(sa_type=Moment, index=True)
    run: str
    answer: bytes | None


@dataclass(frozen=True, slots=True)
class Answered:
    """The first request was answered: these bytes, to be sent again as they are."""

    answer: bytes


@dataclass(frozen=True, slots=True)
class Begun:
    """The first request under its key, in this run of the service. Call `finish` with the answer, or `abandon` if none will come."""

    client_id: str
    key: str
    begun_at: datetime
    run: str


class IdempotencyKeys:
    """The keys of the last 24 hours."""

    def __init__(self, database: Database, clock: Clock, run: str, is_running: Callable[[str], bool]) -> None:
        self._database = database
        self._clock = clock
        self._run = run
        self._is_running = is_running

    def begin(self, client_id: str, key: str, request_digest: str) -> Begun | Answered:
        """Claim the key for this request, or return the answer that the same request got before.

        Raises KeyReused (another request came under it), StillRunning (no answer yet) or Malformed."""
        if not 1 <= len(key) <= LONGEST_KEY or not key.isascii() or not key.isprintable():
            raise Malformed("Idempotency-Key", f"must be 1 to {LONGEST_KEY} printable ASCII characters.")
        fields.digest("request_digest", request_digest)
        now = self._clock.now()
        with self._database.writing() as session:
            row = session.get(IdempotencyRow, (client_id, key))
            if row is None or row.begun_at + KEPT <= now:
                session.merge(
                    IdempotencyRow(client_id=client_id, key=key, request_digest=request_digest, begun_at=now, run=self._run, answer=None)
                )
            elif row.request_digest != request_digest:
                raise KeyReused("This Idempotency-Key came before with another request; use a new key for a new request.")
            elif row.answer is not None:
                return Answered(row.answer)
            elif row.run == self._run or self._is_running(row.run):
                raise StillRunning(retry_after=2)
            else:
                # Whoever began it is dead, and answered nobody: the key passes to this request.
                row.begun_at, row.run = now, self._run
        return Begun(client_id, key, now, self._run)

    def finish(self, begun: Begun, answer: bytes) -> None:
        """Keep the answer for those who ask again. Does nothing if the claim has passed to a later request meanwhile."""
        with self._database.writing() as session:
            row = session.get(IdempotencyRow, (begun.client_id, begun.key))
            if row is not None and (row.begun_at, row.run) == (begun.begun_at, begun.run):
                row.answer = answer

    def abandon(self, begun: Begun) -> None:
        """Give the key free: the request had no effect, and may be tried again."""
        with self._database.writing() as session:
            row = session.get(IdempotencyRow, (begun.client_id, begun.key))
            if row is not None and (row.begun_at, row.run, row.answer) == (begun.begun_at, begun.run, None):
                session.delete(row)

    def forget_old(self) -> None:
        """Drop the keys that are no longer kept."""
        with self._database.writing() as session:
            session.exec(delete(IdempotencyRow).where(col(IdempotencyRow.begun_at) <= self._clock.now() - KEPT))
