"""Remember for a few days how a case was used, as sealed observations, so that conduct can be held against purpose. Judges nothing."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlmodel import Field, SQLModel, col, delete, select

from gateway.store.columns import Moment
from gateway.store.sessions import Database

KEPT: Final = timedelta(days=7)
MOST: Final = 200  # observations of one case that are held against a new one


class ObservationRow(SQLModel, table=True):
    """One use of a case. `sealed` is for the case's key alone; `noted` says what kind of thing was seen."""

    __tablename__ = "observations"

    id: int | None = Field(default=None, primary_key=True)
    use: str = Field(index=True)
    noted: str
    at: datetime = Field(sa_type=Moment)
    decision_id: str
    sealed: bytes


class EncounterRow(SQLModel, table=True):
    """Something met once in a scope: a person found in a gallery, a case under a paper. `tag` is a keyed digest."""

    __tablename__ = "encounters"

    scope: str = Field(primary_key=True)
    tag: str = Field(primary_key=True)
    at: datetime = Field(sa_type=Moment)


@dataclass(frozen=True, slots=True)
class Observation:
    """What was noted of one use, still sealed."""

    noted: str
    at: datetime
    decision_id: str
    sealed: bytes


class ConductBook:
    """The observations of one home."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def note(self, use: str, observation: Observation) -> None:
        """Remember one use of a case."""
        with self._database.writing() as session:
            session.add(
                ObservationRow(
                    use=use,
                    noted=observation.noted,
                    at=observation.at,
                    decision_id=observation.decision_id,
                    sealed=observation.sealed,
                )
            )

    def of(self, use: str, since: datetime) -> tuple[Observation, ...]:
        """Return what was noted of a case lately, oldest first."""
        query = select(ObservationRow).where(ObservationRow.use == use, col(ObservationRow.at) >= since)
        with self._database.reading() as session:
            newest = session.exec(query.order_by(col(ObservationRow.id).desc()).limit(MOST)).all()
            return tuple(Observation(row.noted, row.at, row.decision_id, row.sealed) for row in reversed(newest))

    def forget(self, use: str) -> None:
        """Forget how a case was used: it is destroyed, or a person has looked and lets it go on."""
        with self._database.writing() as session:
            session.exec(delete(ObservationRow).where(col(ObservationRow.use) == use))

    def meet(self, scope: str, tags: tuple[str, ...], at: datetime, since: datetime) -> int:
        """Remember these in the scope; return how many different ones were met in it since then."""
        with self._database.writing() as session:
            for tag in set(tags):
                session.merge(EncounterRow(scope=scope, tag=tag, at=at))
            session.flush()
            query = select(EncounterRow).where(EncounterRow.scope == scope, col(EncounterRow.at) >= since)
            return len(session.exec(query).all())

    def forget_scope(self, scope: str) -> None:
        """Forget what was met in a scope."""
        with self._database.writing() as session:
            session.exec(delete(EncounterRow).where(col(EncounterRow.scope) == scope))

    def forget_before(self, at: datetime) -> None:
        """Drop what is older. Writes nothing where nothing is."""
        with self._database.reading() as session:
            old = session.exec(select(ObservationRow.id).where(col(ObservationRow.at) < at)).first()
            if old is None and session.exec(select(EncounterRow.tag).where(col(EncounterRow.at) < at)).first() is None:
                return
        with self._database.writing() as session:
            session.exec(delete(ObservationRow).where(col(ObservationRow.at) < at))
            session.exec(delete(EncounterRow).where(col(EncounterRow.at) < at))
