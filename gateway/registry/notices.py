"""Remember of which ends the log has spoken, so that it speaks of each once. Knows ids and moments; says nothing itself."""

from collections.abc import Collection
from datetime import datetime

from sqlmodel import Field, SQLModel, col, select

from gateway.registry.errors import StateForbids
from gateway.store.columns import Moment
from gateway.store.sessions import Database


class NoticeRow(SQLModel, table=True):
    """One notice: of what, of which end, and whether it was to come or had come, all in its name."""

    __tablename__ = "notices"

    name: str = Field(primary_key=True)
    given_at: datetime = Field(sa_type=Moment)


class Notices:
    """The register of notices."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def given(self, names: Collection[str]) -> set[str]:
        """Return which of these were given."""
        with self._database.reading() as session:
            return {name for name in names if session.get(NoticeRow, name) is not None}

    def give(self, name: str, at: datetime) -> None:
        """Note that it is given. Raises StateForbids if it was before."""
        with self._database.writing() as session:
            if session.exec(select(NoticeRow).where(col(NoticeRow.name) == name)).first() is not None:
                raise StateForbids("That was said already.")
            session.add(NoticeRow(name=name, given_at=at))
