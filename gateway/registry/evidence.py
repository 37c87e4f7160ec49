"""Keep what an organisation can show for itself: impact assessments, training, published policies, each with its end.

Decides nothing: what has ended, or is for another place or purpose, is simply not shown to the rules."""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import JSON
from sqlmodel import Field, SQLModel, col, select

from gateway.registry import fields
from gateway.registry.clients import ClientRow
from gateway.registry.errors import NotOnRecord
from gateway.registry.fields import Words, inside
from gateway.store.columns import Moment
from gateway.store.sessions import Database


class EvidenceRow(SQLModel, table=True):
    """One record; `value` is wrapped in a list, so that true, a number and a word are kept alike."""

    __tablename__ = "evidence"

    id: str = Field(primary_key=True, max_length=63)
    client_id: str = Field(foreign_key="clients.id", index=True)
    kind: str
    value: list[Any] = Field(sa_type=JSON)
    place: str | None
    purpose: str | None
    valid_from: datetime = Field(sa_type=Moment)
    valid_to: datetime = Field(sa_type=Moment)
    recorded_by: str
    withdrawn: bool


@dataclass(frozen=True, slots=True)
class Evidence:
    """One thing shown: `place` and `purpose` narrow what it is good for; absent, it is good for all."""

    client_id: str
    kind: str
    value: bool | int | float | str
    valid_from: datetime
    valid_to: datetime
    place: str | None = None
    purpose: str | None = None
    id: str = ""


class EvidenceRegister:
    """The register of evidence."""

    def __init__(self, database: Database, words: Words) -> None:
        self._database = database
        self._words = words

    def record(self, evidence: Evidence, by: str) -> Evidence:
        """Put a piece of evidence on record, with its end. Raises Malformed or NotOnRecord (client)."""
        begins, ends = fields.term(evidence.valid_from, evidence.valid_to)
        row = EvidenceRow(
            id=f"ev-{secrets.token_hex(8)}",
            client_id=evidence.client_id,
            kind=fields.identifier("kind", evidence.kind),
            value=[fields.scalar("value", evidence.value)],
            place=None if evidence.place is None else fields.place("place", evidence.place),
            purpose=None if evidence.purpose is None else fields.word("purpose", evidence.purpose, self._words.purposes),
            valid_from=begins,
            valid_to=ends,
            recorded_by=by,
            withdrawn=False,
        )
        with self._database.writing() as session:
            if session.get(ClientRow, row.client_id) is None:
                raise NotOnRecord("client")
            session.add(row)
        return evidence_of(row)

    def withdraw(self, client_id: str, evidence_id: str) -> None:
        """Stop showing it, from the next request on; the record stays."""
        with self._database.writing() as session:
            row = session.get(EvidenceRow, evidence_id)
            if row is None or row.client_id != client_id or row.withdrawn:
                raise NotOnRecord("evidence")
            row.withdrawn = True

    def all(self, client_id: str) -> tuple[Evidence, ...]:
        """Return what the client shows and has not withdrawn, ended or not."""
        query = select(EvidenceRow).where(col(EvidenceRow.client_id) == client_id, col(EvidenceRow.withdrawn).is_(False))
        with self._database.reading() as session:
            return tuple(evidence_of(row) for row in session.exec(query.order_by(col(EvidenceRow.valid_from), EvidenceRow.id)))


def shown(records: Iterable[Evidence], place: str | None, purpose: str | None, at: datetime) -> dict[str, bool | int | float | str]:
    """What the rules may see now, for that place and purpose, by kind; the record that began last wins."""
    return {
        record.kind: record.value
        for record in sorted(records, key=lambda record: record.valid_from)
        if record.valid_from <= at < record.valid_to
        and (record.place is None or (place is not None and inside(place, record.place)))
        and record.purpose in (None, purpose)
    }


def evidence_of(row: EvidenceRow) -> Evidence:
    """Turn a row into the value that the rest of the gateway sees."""
    return Evidence(row.client_id, row.kind, row.value[0], row.valid_from, row.valid_to, row.place, row.purpose, row.id)
