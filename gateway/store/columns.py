"""Say how a moment is kept in a table: as the same text that the log and the API write. Knows no table."""

from datetime import UTC, datetime

from sqlalchemy import Dialect, String
from sqlalchemy.types import TypeDecorator

from gateway.clock import iso


class Moment(TypeDecorator[datetime]):
    """An aware moment in UTC, kept as `2026-11-23T10:00:00.000000Z`.

    The text sorts as time does, is the same in SQLite and PostgreSQL, and can be read by a person with a database shell.
    A naive datetime is a mistake of ours and raises ValueError before anything is written."""

    impl = String(27)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> str | None:
        """Write the moment; refuse one without a time zone."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment needs its time zone")
        return iso(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> datetime | None:
        """Read the moment back, aware and in UTC."""
        return None if value is None else datetime.fromisoformat(value).astimezone(UTC)
