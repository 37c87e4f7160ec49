"""Keep the cases that requests are made for: whom they seek and what offence they rest on. A case belongs to one client.

Never holds a face or a name: "seek this person" is a flag here, and the reference face lies with the engine."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import JSON
from sqlmodel import Field, Session, SQLModel, col, select

from gateway.clock import Clock
from gateway.registry import fields
from gateway.registry.clients import ClientRow
from gateway.registry.errors import AlreadyOnRecord, Malformed, NotOnRecord, StateForbids
from gateway.registry.fields import Words
from gateway.store.columns import Moment
from gateway.store.sessions import Database


class CaseRow(SQLModel, table=True):
    """One case; the reference is the client's own, so two clients may use the same one without knowing it."""

    __tablename__ = "cases"

    client_id: str = Field(primary_key=True, foreign_key="clients.id")
    reference: str = Field(primary_key=True, max_length=64)
    target: dict[str, Any] = Field(sa_type=JSON)
    offence: dict[str, Any] = Field(sa_type=JSON)
    reference_face: bool
    state: str
    reason: str
    opened_by: str
    opened_at: datetime = Field(sa_type=Moment)


@dataclass(frozen=True, slots=True)
class Target:
    """Who is sought: kind (specific_person, watchlist, anyone …) and, where known, role and age group."""

    kind: str
    role: str | None = None
    minor: bool | None = None
    apprehended: bool | None = None

    def to_json(self) -> dict[str, Any]:
        """The facts that are known; what is unknown is absent, never null."""
        members = {"kind": self.kind, "role": self.role, "minor": self.minor, "apprehended": self.apprehended}
        return {name: value for name, value in members.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Case:
    """A case as it stands: `state` is filed, open, suspended or closed; `reference_face`: the sought person's face is registered."""

    client_id: str
    reference: str
    target: Target
    offence: Mapping[str, Any] = field(default_factory=dict)
    reference_face: bool = False
    state: str = "open"
    reason: str = ""
    opened_by: str = field(default="", compare=False)

    def to_json(self) -> dict[str, Any]:
        """The case as the rules see it: its reference and the facts of the offence."""
        return {"ref": self.reference, **self.offence}

    def must_be_open(self) -> None:
        """Raise StateForbids (case-filed, case-suspended, case-closed) unless requests may be made for this case."""
        if self.state != "open":
            step = "open a new one" if self.state == "closed" else "a person at the registrar must look at it first"
            raise StateForbids(f"The case `{self.reference}` is {self.state}; {step}.", code=f"case-{self.state}")


class Cases:
    """The register of cases. Every method takes the client, and sees that client's cases alone."""

    def __init__(self, database: Database, clock: Clock, words: Words) -> None:
        self._database = database
        self._clock = clock
        self._words = words

    def open(self, case: Case, by: str) -> Case:
        """Put a new case on record. Raises Malformed (with the field), AlreadyOnRecord or NotOnRecord (client)."""
        return self._add(case, "open", by)

    def file(self, case: Case) -> Case:
        """Put a case on record on its client's word: it serves no request until a registrar has opened it. Raises as open() does."""
        return self._add(case, "filed", f"client:{case.client_id}")

    def _add(self, case: Case, state: str, by: str) -> Case:
        row = CaseRow(
            client_id=case.client_id,
            reference=fields.reference("reference", case.reference),
            target=self._checked(case.target).to_json(),
            offence=fields.scalars("offence", case.offence),
            reference_face=False,
            state=state,
            reason="",
            opened_by=by,
            opened_at=self._clock.now(),
        )
        with self._database.writing() as session:
            if session.get(ClientRow, row.client_id) is None:
                raise NotOnRecord("client")
            if session.get(CaseRow, (row.client_id, row.reference)):
                raise AlreadyOnRecord("case", row.reference)
            session.add(row)
        return case_of(row)

    def get(self, client_id: str, reference: str) -> Case:
        """Return the client's case; another's is as absent as none."""
        with self._database.reading() as session:
            return case_of(_row(session, client_id, reference))

    def all(self, client_id: str) -> tuple[Case, ...]:
        """Return the client's cases, by reference."""
        query = select(CaseRow).where(col(CaseRow.client_id) == client_id).order_by(CaseRow.reference)
        with self._database.reading() as session:
            return tuple(case_of(row) for row in session.exec(query))

    def register_face(self, client_id: str, reference: str) -> Case:
        """Note that the sought person's reference face is registered with the engine."""
        with self._database.writing() as session:
            row = _row(session, client_id, reference)
            case_of(row).must_be_open()
            row.reference_face = True
        return case_of(row)

    def withdraw_face(self, client_id: str, reference: str) -> Case:
        """Note that no reference face is registered any more, whatever state the case is in."""
        with self._database.writing() as session:
            row = _row(session, client_id, reference)
            row.reference_face = False
        return case_of(row)

    def closed(self) -> tuple[Case, ...]:
        """Return every client's closed cases."""
        query = select(CaseRow).where(col(CaseRow.state) == "closed")
        with self._database.reading() as session:
            return tuple(case_of(row) for row in session.exec(query))

    def suspend(self, client_id: str, reference: str, reason: str) -> Case:
        """Refuse further requests for the case until a person has looked."""
        return self._move(client_id, reference, {"open"}, "suspended", reason)

    def resume(self, client_id: str, reference: str, reason: str) -> Case:
        """Allow requests for a suspended case again, or for the first time for one that was filed."""
        return self._move(client_id, reference, {"filed", "suspended"}, "open", reason)

    def close(self, client_id: str, reference: str, reason: str) -> Case:
        """End the case for good; its record stays."""
        return self._move(client_id, reference, {"filed", "open", "suspended"}, "closed", reason)

    def _move(self, client_id: str, reference: str, allowed: set[str], state: str, reason: str) -> Case:
        reason = fields.text("reason", reason)
        with self._database.writing() as session:
            row = _row(session, client_id, reference)
            if row.state not in allowed:
                raise StateForbids(f"The case `{reference}` is {row.state}; it cannot become {state} from there.")
            row.state, row.reason = state, reason
        return case_of(row)

    def _checked(self, target: Target) -> Target:
        fields.word("target.kind", target.kind, self._words.target_kinds)
        if target.role is not None:
            fields.identifier("target.role", target.role)
        for name in ("minor", "apprehended"):
            if not isinstance(getattr(target, name), bool | None):
                raise Malformed(f"target.{name}", "must be true, false or absent.")
        return target


def case_of(row: CaseRow) -> Case:
    """Turn a row into the value that the rest of the gateway sees."""
    return Case(
        row.client_id, row.reference, Target(**row.target), dict(row.offence), row.reference_face, row.state, row.reason, row.opened_by
    )


def _row(session: Session, client_id: str, reference: str) -> CaseRow:
    row = session.get(CaseRow, (client_id, reference))
    if row is None:
        raise NotOnRecord("case")
    return row
