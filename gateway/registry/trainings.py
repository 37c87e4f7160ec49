"""Keep which people were trained to compare faces, from when and until when: what makes a reviewer competent is on record, not assumed.

Knows no review and judges nobody's work: what has ended or was withdrawn simply no longer counts."""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlmodel import Field, SQLModel, col, select

from gateway.registry import fields
from gateway.registry.errors import Malformed, NotOnRecord, SamePerson
from gateway.registry.staff import StaffRow
from gateway.store.columns import Moment
from gateway.store.sessions import Database

# Competence fades without practice: a training that never ended would be a claim about the past.
LONGEST: Final = timedelta(days=3 * 366)


class TrainingRow(SQLModel, table=True):
    """One training of one person; `recorded_by` is another person."""

    __tablename__ = "trainings"

    id: str = Field(primary_key=True, max_length=63)
    person: str = Field(foreign_key="staff.id", index=True)
    what: str
    valid_from: datetime = Field(sa_type=Moment)
    valid_to: datetime = Field(sa_type=Moment)
    recorded_by: str
    withdrawn: bool


@dataclass(frozen=True, slots=True)
class Training:
    """What somebody was trained in, and for how long it counts. A withdrawn one counts for nothing, also not for the past."""

    person: str
    what: str
    valid_from: datetime
    valid_to: datetime
    id: str = ""
    recorded_by: str = ""
    withdrawn: bool = False

    def covers(self, at: datetime) -> bool:
        """Say whether it counted at that moment."""
        return not self.withdrawn and self.valid_from <= at < self.valid_to


class Trainings:
    """The register of trainings."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def record(self, training: Training, by: str) -> Training:
        """Put a training on record. Raises Malformed, NotOnRecord (person), or SamePerson: nobody vouches for themselves."""
        if training.person == by:
            raise SamePerson("Recording a training")
        begins, ends = fields.term(training.valid_from, training.valid_to)
        if ends - begins > LONGEST:
            raise Malformed("valid_to", "must be at most three years after `valid_from`: competence has to be shown anew.")
        row = TrainingRow(
            id=f"tr-{secrets.token_hex(8)}",
            person=training.person,
            what=fields.text("what", training.what),
            valid_from=begins,
            valid_to=ends,
            recorded_by=by,
            withdrawn=False,
        )
        with self._database.writing() as session:
            person = session.get(StaffRow, row.person)
            if person is None or person.state == "left":
                raise NotOnRecord("person")
            session.add(row)
        return training_of(row)

    def withdraw(self, person: str, training_id: str) -> Training:
        """Let it count no more, from the next claim or judgement on; the record stays. Raises NotOnRecord (training)."""
        with self._database.writing() as session:
            row = session.get(TrainingRow, training_id)
            if row is None or row.person != person or row.withdrawn:
                raise NotOnRecord("training")
            row.withdrawn = True
        return training_of(row)

    def get(self, person: str, training_id: str) -> Training:
        """Return one training of a person. Raises NotOnRecord (training)."""
        with self._database.reading() as session:
            row = session.get(TrainingRow, training_id)
            if row is None or row.person != person:
                raise NotOnRecord("training")
            return training_of(row)

    def of(self, person: str) -> tuple[Training, ...]:
        """Return a person's trainings, ended and withdrawn ones too, the oldest first."""
        with self._database.reading() as session:
            query = select(TrainingRow).where(TrainingRow.person == person)
            return tuple(training_of(row) for row in session.exec(query.order_by(col(TrainingRow.valid_from), TrainingRow.id)))

    def all(self) -> tuple[Training, ...]:
        """Return everybody's, by person."""
        with self._database.reading() as session:
            query = select(TrainingRow).order_by(TrainingRow.person, col(TrainingRow.valid_from), TrainingRow.id)
            return tuple(training_of(row) for row in session.exec(query))


def trained(trainings: Iterable[Training], at: datetime) -> bool:
    """Say whether any of these counted at that moment."""
    return any(training.covers(at) for training in trainings)


def training_of(row: TrainingRow) -> Training:
    """Turn a row into the value that the rest of the gateway sees."""
    return Training(row.person, row.what, row.valid_from, row.valid_to, row.id, row.recorded_by, row.withdrawn)
