"""Let one process among many do what must be done once: a lease with a number that only grows. Knows nothing of the work.

Whoever writes under a lease shows its number in the same transaction; one that was overtaken while it slept then writes nothing."""

from datetime import datetime, timedelta

from sqlmodel import Field, SQLModel

from gateway.errors import CustodesError
from gateway.store.columns import Moment
from gateway.store.sessions import Database


class LeaseLost(CustodesError):
    """Another process does this work now; nothing was written."""

    code = "lease-lost"


class LeaseRow(SQLModel, table=True):
    """Who does a piece of work until when. `epoch` goes up by one with each new holder."""

    __tablename__ = "leases"

    work: str = Field(primary_key=True, max_length=63)
    holder: str
    epoch: int
    ends_at: datetime = Field(sa_type=Moment)


class Lease:
    """One process's claim to one piece of work."""

    def __init__(self, database: Database, work: str, holder: str, lasts: timedelta) -> None:
        self._database = database
        self._work = work
        self._holder = holder
        self._lasts = lasts
        self._epoch: int | None = None

    def take(self, now: datetime) -> bool:
        """Take the lease, or make it last longer; return whether it is ours."""
        with self._database.writing() as session:
            row = session.get(LeaseRow, self._work)
            if row is None:
                row = LeaseRow(work=self._work, holder=self._holder, epoch=1, ends_at=now + self._lasts)
                session.add(row)
            elif row.holder == self._holder:
                row.ends_at = now + self._lasts
            # One that ends later than any that could be given now was given before the clock was set back.
            elif row.ends_at <= now or row.ends_at > now + self._lasts:
                row.holder, row.epoch, row.ends_at = self._holder, row.epoch + 1, now + self._lasts
            else:
                self._epoch = None
                return False
            self._epoch = row.epoch
            return True

    def must_hold(self) -> None:
        """Raise LeaseLost unless nobody has taken the lease since. For inside the transaction that the lease is to protect."""
        with self._database.reading() as session:
            row = session.get(LeaseRow, self._work)
            if row is None or row.holder != self._holder or row.epoch != self._epoch:
                raise LeaseLost("Another process does this work now; nothing was written.")

    def give_up(self) -> None:
        """Let the next process take it at once."""
        with self._database.writing() as session:
            row = session.get(LeaseRow, self._work)
            if row is not None and row.holder == self._holder:
                session.delete(row)
        self._epoch = None
