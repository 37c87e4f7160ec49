"""Remember which recorded change was the last to take effect. Knows no log, and nothing of what a change is about."""

from typing import Final

from sqlmodel import Field, SQLModel

from gateway.store.sessions import Database

LAST: Final = "last"


class MarkRow(SQLModel, table=True):
    """One row: the id of the last change, written in the very transaction that makes the change true."""

    __tablename__ = "registry_marks"

    name: str = Field(primary_key=True)
    change: str = Field(max_length=32)


class Marks:
    """The mark of the last change."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def set(self, change: str) -> None:
        """Say that this change takes effect, with whatever else the transaction holds."""
        with self._database.writing() as session:
            session.merge(MarkRow(name=LAST, change=change))

    def last(self) -> str | None:
        """Return the id of the last change that took effect."""
        with self._database.reading() as session:
            row = session.get(MarkRow, LAST)
            return None if row is None else row.change
