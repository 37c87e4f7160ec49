"""Keep who asked that what is held about them be restricted (GDPR Art. 18): kept, and not used, until another act lifts it.

Decides nothing; what follows from a restriction stands in gateway/enforcement/restrictions.py."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from sqlalchemy import ColumnElement
from sqlmodel import Field, Session, SQLModel, col, delete, select

from engine.names import is_subject_name
from gateway.registry import fields
from gateway.registry.cases import CaseRow
from gateway.registry.errors import Malformed, NotOnRecord, SamePerson, StateForbids
from gateway.registry.galleries import GalleryRow
from gateway.store.columns import Moment
from gateway.store.sessions import Database

STANDING: Final = "standing"
LIFTED: Final = "lifted"
MOST_OF_A_GALLERY: Final = 200  # each is named in every order for that gallery


class Ground(StrEnum):
    """Why: the four grounds of Art. 18(1), and a court's order. A code, so that no entry holds what somebody wrote about somebody."""

    ACCURACY = "accuracy-contested"
    UNLAWFUL = "processing-unlawful"
    CLAIMS = "needed-for-claims"
    OBJECTION = "objection-pending"
    ORDER = "court-order"


class RestrictionRow(SQLModel, table=True):
    """One restriction: of a `subject` of a gallery, or of a client's `case`. `state` is standing or lifted."""

    __tablename__ = "restrictions"

    id: str = Field(primary_key=True, max_length=63)
    about: str
    client: str = Field(index=True)
    gallery: str | None
    subject: str | None
    case_ref: str | None
    why: str
    state: str = Field(index=True)
    placed_by: str
    placed_at: datetime = Field(sa_type=Moment)
    lifted_by: str | None = None
    lifted_at: datetime | None = Field(default=None, sa_type=Moment)


@dataclass(frozen=True, slots=True)
class Scope:
    """What is restricted: a subject of a gallery, or a case of a client."""

    client: str | None = None
    case_ref: str | None = None
    gallery: str | None = None
    subject: str | None = None

    @property
    def about(self) -> str:
        """`subject` or `case`. Raises Malformed for anything between the two."""
        given = tuple(value is not None for value in (self.client, self.case_ref, self.gallery, self.subject))
        if given not in ((True, True, False, False), (False, False, True, True)):
            raise Malformed("case_ref", "goes with `client`, or else `subject` with `gallery`: name one of the two pairs.")
        return "case" if self.case_ref is not None else "subject"


@dataclass(frozen=True, slots=True)
class Restriction:
    """A restriction as it stands. `client` is whose case, or whose gallery, it is."""

    id: str
    about: str
    client: str
    gallery: str | None
    subject: str | None
    case_ref: str | None
    why: str
    state: str
    placed_by: str
    placed_at: datetime
    lifted_by: str | None
    lifted_at: datetime | None


class Restrictions:
    """The register of restrictions."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def place(self, restriction_id: str, scope: Scope, why: str, by: str, at: datetime) -> Restriction:
        """Restrict, from the next request on. Raises Malformed, NotOnRecord (case, gallery) or StateForbids where it stands already."""
        about = scope.about
        ground = fields.word("why", why, frozenset(Ground))
        if scope.subject is not None and not is_subject_name(scope.subject):
            raise Malformed("subject", "is no name that anybody is enrolled under.")
        with self._database.writing() as session:
            known = _found(session, *_same(scope))
            if known:
                raise StateForbids(f"It is restricted already, under `{known[0].id}`.")
            row = RestrictionRow(
                id=restriction_id,
                about=about,
                client=_owner(session, scope),
                gallery=scope.gallery,
                subject=scope.subject,
                case_ref=scope.case_ref,
                why=ground,
                state=STANDING,
                placed_by=by,
                placed_at=at,
            )
            if scope.gallery is not None:
                held = _found(session, col(RestrictionRow.gallery) == scope.gallery)
                if len(held) >= MOST_OF_A_GALLERY:
                    raise StateForbids(f"{len(held)} people of this gallery are restricted; close the gallery instead.")
            session.add(row)
        return restriction_of(row)

    def lift(self, restriction_id: str, by: str, at: datetime) -> Restriction:
        """Let it be used again. Raises NotOnRecord, StateForbids, or SamePerson for whoever placed it."""
        with self._database.writing() as session:
            row = session.get(RestrictionRow, restriction_id)
            if row is None:
                raise NotOnRecord("restriction")
            if row.state != STANDING:
                raise StateForbids(f"The restriction `{restriction_id}` was lifted already.")
            if row.placed_by == by:
                raise SamePerson("Lifting a restriction")
            row.state, row.lifted_by, row.lifted_at = LIFTED, by, at
        return restriction_of(row)

    def get(self, restriction_id: str) -> Restriction:
        """Return one restriction. Raises NotOnRecord."""
        with self._database.reading() as session:
            row = session.get(RestrictionRow, restriction_id)
            if row is None:
                raise NotOnRecord("restriction")
            return restriction_of(row)

    def all(self, client: str | None = None, states: tuple[str, ...] = (STANDING,)) -> tuple[Restriction, ...]:
        """Return the restrictions in these states, one client's or everybody's, the oldest first."""
        query = select(RestrictionRow).where(col(RestrictionRow.state).in_(states))
        if client is not None:
            query = query.where(RestrictionRow.client == client)
        with self._database.reading() as session:
            return tuple(restriction_of(row) for row in session.exec(query.order_by(col(RestrictionRow.placed_at), RestrictionRow.id)))

    def stands(self, scope: Scope) -> bool:
        """Say whether a restriction of exactly this stands."""
        with self._database.reading() as session:
            return bool(_found(session, *_same(scope)))

    def reaches(self, about: str, value: str, client: str | None) -> bool:
        """Say whether one stands on any case, or any subject, of that name: of the client, or of anybody."""
        with self._database.reading() as session:
            return bool(_found(session, *_named(about, value, client)))

    def forget(self, about: str, value: str, client: str | None) -> None:
        """Delete lifted restrictions of that name: they would keep a name that is being forgotten. Can be done twice."""
        with self._database.writing() as session:
            session.exec(delete(RestrictionRow).where(*_named(about, value, client), col(RestrictionRow.state) == LIFTED))


def restriction_of(row: RestrictionRow) -> Restriction:
    """Turn a row into the value that the rest of the gateway sees."""
    return Restriction(**{name: getattr(row, name) for name in Restriction.__slots__})


def _found(session: Session, *where: ColumnElement[bool]) -> list[RestrictionRow]:
    """Return the standing restrictions of which all of this is true."""
    return list(session.exec(select(RestrictionRow).where(col(RestrictionRow.state) == STANDING, *where)))


def _same(scope: Scope) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    if scope.about == "case":
        return col(RestrictionRow.client) == scope.client, col(RestrictionRow.case_ref) == scope.case_ref
    return col(RestrictionRow.gallery) == scope.gallery, col(RestrictionRow.subject) == scope.subject


def _named(about: str, value: str, client: str | None) -> tuple[ColumnElement[bool], ...]:
    column = col(RestrictionRow.case_ref) if about == "case" else col(RestrictionRow.subject)
    return (column == value, *(() if client is None else (col(RestrictionRow.client) == client,)))


def _owner(session: Session, scope: Scope) -> str:
    if scope.about == "case":
        if session.get(CaseRow, (scope.client, scope.case_ref)) is None:
            raise NotOnRecord("case")
        return str(scope.client)
    gallery = session.get(GalleryRow, scope.gallery)
    if gallery is None:
        raise NotOnRecord("gallery")
    return gallery.owner
