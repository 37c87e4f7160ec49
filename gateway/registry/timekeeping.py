"""Remember how far the clock was ever set back, so that nobody gains time by it. Knows no log: it is told the times of entries in order."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlmodel import BigInteger, Column, Field, Session, SQLModel

from gateway.clock import Clock
from gateway.store.columns import Moment
from gateway.store.sessions import Database

# Entries of several threads and processes reach the log a little out of order; less than this is no step.
TOLERANCE: Final = timedelta(seconds=5)
_ROW: Final = "log"


class TimekeepingRow(SQLModel, table=True):
    """One row: up to which entry the log was read, the latest time read since the last step, and all steps back together."""

    __tablename__ = "timekeeping"

    name: str = Field(primary_key=True)
    position: int
    highest: datetime = Field(sa_type=Moment)
    behind_us: int = Field(sa_column=Column(BigInteger, nullable=False))


@dataclass(frozen=True, slots=True)
class Step:
    """The clock went back: from a time that stands in the log to one that comes after it in the log."""

    start: datetime
    end: datetime


class Timekeeping:
    """The time that deadlines go by: the clock's, and whatever it was set back. It never runs backwards."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._behind = timedelta()

    def now(self) -> datetime:
        """Return the time that deadlines go by, as of the last look at the register."""
        return self._clock.now() + self._behind

    def refresh(self) -> None:
        """Learn what another process has noticed."""
        with self._database.reading() as session:
            row = session.get(TimekeepingRow, _ROW)
            if row is not None:
                self._behind = timedelta(microseconds=row.behind_us)

    def position(self) -> int:
        """Return the index of the first entry that was not read yet."""
        with self._database.reading() as session:
            row = session.get(TimekeepingRow, _ROW)
            return 0 if row is None else row.position

    def read(self, start: int, times: Iterable[datetime]) -> tuple[Step, ...]:
        """Take in the times of the entries from `start` on, and the clock's own; return each step back among them.

        Each step's length is added to the time that deadlines go by from now on. Raises ValueError if `start` was read already."""
        steps: list[Step] = []
        with self._database.writing() as session:
            row = self._row(session)
            if row.position != start:
                raise ValueError("these entries were read already")
            for at in times:
                row.position += 1
                _take(row, at, steps)
            _take(row, self._clock.now(), steps)
            self._behind = timedelta(microseconds=row.behind_us)
        return tuple(steps)

    def start_over(self) -> int:
        """Read the log from its beginning again, for it is another one; what the clock was set back so far stays. Returns 0."""
        with self._database.writing() as session:
            row = self._row(session)
            row.position, row.highest = 0, datetime(2000, 1, 1, tzinfo=UTC)
        return 0

    def _row(self, session: Session) -> TimekeepingRow:
        row = session.get(TimekeepingRow, _ROW)
        if row is None:
            row = TimekeepingRow(name=_ROW, position=0, highest=datetime(2000, 1, 1, tzinfo=UTC), behind_us=0)
            session.add(row)
        return row


def _take(row: TimekeepingRow, at: datetime, steps: list[Step]) -> None:
    if at < row.highest - TOLERANCE:
        steps.append(Step(row.highest, at))
        row.behind_us += (row.highest - at) // timedelta(microseconds=1)
        row.highest = at
    else:
        row.highest = max(row.highest, at)
