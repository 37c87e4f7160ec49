"""Keep what a permit still asks for: each duty with its deadline, until it is discharged. Decides nothing, and never deletes a duty."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

from sqlalchemy import JSON
from sqlmodel import Field, Session, SQLModel, col, select

from gateway.registry.errors import NotOnRecord, StateForbids
from gateway.store.columns import Moment
from gateway.store.sessions import Database

OWED: Final = "owed"
OVERDUE: Final = "overdue"
DISCHARGED: Final = "discharged"
OPEN: Final = (OWED, OVERDUE)


class DutyRow(SQLModel, table=True):
    """One duty; `state` is owed, overdue or discharged. While it is open, `promise` is held once: the same duty is not owed twice."""

    __tablename__ = "duties"

    id: str = Field(primary_key=True, max_length=63)
    kind: str
    slug: str
    promise: str = Field(index=True)
    client: str = Field(index=True)
    case_ref: str | None
    decision_id: str
    about: dict[str, Any] = Field(sa_type=JSON)
    owed_at: datetime = Field(sa_type=Moment)
    due_at: datetime | None = Field(default=None, sa_type=Moment)
    state: str = Field(index=True)
    ended_at: datetime | None = Field(default=None, sa_type=Moment)
    how: str


@dataclass(frozen=True, slots=True)
class Promise:
    """What is about to be owed: `name` tells it from every other open duty; `about` holds what carrying it out will need."""

    kind: str
    slug: str
    name: str
    client: str
    case_ref: str | None
    decision_id: str
    about: Mapping[str, str]
    due_at: datetime | None


@dataclass(frozen=True, slots=True)
class Duty:
    """A duty as it stands. One without `due_at` waits for an event, not for a day."""

    id: str
    kind: str
    slug: str
    client: str
    case_ref: str | None
    decision_id: str
    about: Mapping[str, str]
    owed_at: datetime
    due_at: datetime | None
    state: str
    ended_at: datetime | None = None
    how: str = ""


class Duties:
    """The register of duties."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def is_owed(self, promise: str) -> bool:
        """Say whether a duty of that name is open."""
        with self._database.reading() as session:
            return _open_like(session, promise) is not None

    def was_owed(self, promise: str) -> bool:
        """Say whether a duty of that name was ever owed, open or not."""
        with self._database.reading() as session:
            return session.exec(select(DutyRow).where(DutyRow.promise == promise)).first() is not None

    def owe(self, promise: Promise, at: datetime) -> Duty:
        """Put a duty on record. Raises StateForbids if the same is owed already: the earlier deadline stands."""
        row = DutyRow(
            id=f"duty-{secrets.token_hex(8)}",
            kind=promise.kind,
            slug=promise.slug,
            promise=promise.name,
            client=promise.client,
            case_ref=promise.case_ref,
            decision_id=promise.decision_id,
            about=dict(promise.about),
            owed_at=at,
            due_at=promise.due_at,
            state=OWED,
            how="",
        )
        with self._database.writing() as session:
            if _open_like(session, promise.name) is not None:
                raise StateForbids("That duty is owed already.")
            session.add(row)
        return duty_of(row)

    def fall_due(self, duty_id: str) -> Duty:
        """Note that the deadline has passed. Raises NotOnRecord, or StateForbids if the duty is not owed."""
        with self._database.writing() as session:
            row = _row(session, duty_id, (OWED,))
            row.state = OVERDUE
        return duty_of(row)

    def discharge(self, duty_id: str, how: str, at: datetime) -> Duty:
        """Note that the duty was done, late or not. Raises NotOnRecord, or StateForbids if it is not open."""
        with self._database.writing() as session:
            row = _row(session, duty_id, OPEN)
            row.state, row.how, row.ended_at = DISCHARGED, how, at
        return duty_of(row)

    def get(self, duty_id: str) -> Duty:
        """Return one duty. Raises NotOnRecord."""
        with self._database.reading() as session:
            return duty_of(_row(session, duty_id))

    def all(self, client: str | None = None, states: tuple[str, ...] = OPEN) -> tuple[Duty, ...]:
        """Return the duties in these states, one client's or everybody's: the next deadline first, then those without one."""
        query = select(DutyRow).where(col(DutyRow.state).in_(states))
        if client is not None:
            query = query.where(col(DutyRow.client) == client)
        with self._database.reading() as session:
            found = [duty_of(row) for row in session.exec(query.order_by(col(DutyRow.owed_at), DutyRow.id))]
        return tuple(sorted(found, key=lambda duty: (duty.due_at is None, duty.due_at or duty.owed_at)))


def duty_of(row: DutyRow) -> Duty:
    """Turn a row into the value that the rest of the gateway sees."""
    about = MappingProxyType({str(name): str(value) for name, value in row.about.items()})
    return Duty(
        row.id,
        row.kind,
        row.slug,
        row.client,
        row.case_ref,
        row.decision_id,
        about,
        row.owed_at,
        row.due_at,
        row.state,
        row.ended_at,
        row.how,
    )


def _open_like(session: Session, promise: str) -> DutyRow | None:
    return session.exec(select(DutyRow).where(DutyRow.promise == promise, col(DutyRow.state).in_(OPEN))).first()


def _row(session: Session, duty_id: str, allowed: tuple[str, ...] = ()) -> DutyRow:
    row = session.get(DutyRow, duty_id)
    if row is None:
        raise NotOnRecord("duty")
    if allowed and row.state not in allowed:
        raise StateForbids(f"The duty `{duty_id}` is {row.state}.")
    return row
