"""Tell the time, so that nothing else has to ask the machine for it. Knows no deadline and no time zone but UTC."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Whatever can say what time it is."""

    def now(self) -> datetime:
        """Return the present moment, aware and in UTC."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        """Return the machine's time in UTC."""
        return datetime.now(UTC)


@dataclass(slots=True)
class FixedClock:
    """A clock that moves only when told to; for tests and for replay."""

    at: datetime

    def now(self) -> datetime:
        """Return the moment that was set."""
        return self.at

    def advance(self, seconds: float) -> None:
        """Move the clock forward by that many seconds (back, if negative)."""
        self.at += timedelta(seconds=seconds)


def iso(moment: datetime) -> str:
    """Write a moment as the log and the API write it: UTC, microseconds, `Z`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
