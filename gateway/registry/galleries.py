"""Keep what is known about each gallery: whose it is, where its faces come from, what it may serve. Never holds a template."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import JSON
from sqlmodel import Field, Session, SQLModel, col, select

from gateway.clock import Clock
from gateway.registry import fields
from gateway.registry.clients import ClientRow
from gateway.registry.errors import AlreadyOnRecord, NotOnRecord, SamePerson, StateForbids
from gateway.registry.fields import Words
from gateway.store.columns import Moment
from gateway.store.sessions import Database

LONGEST_RETENTION_DAYS = 36_500


class GalleryRow(SQLModel, table=True):
    """One gallery's record; `state` is open or closed."""

    __tablename__ = "galleries"

    id: str = Field(primary_key=True, max_length=63)
    owner: str = Field(foreign_key="clients.id", index=True)
    provenance: str
    categories: list[str] = Field(sa_type=JSON)
    purposes: list[str] = Field(sa_type=JSON)
    retention_days: int
    deployment: str | None
    state: str
    created_at: datetime = Field(sa_type=Moment)
    opened_by: str
    confirmed_by: str | None
    pictures: bool


@dataclass(frozen=True, slots=True)
class Gallery:
    """A gallery's record: the facts about it that the rules ask for.

    `provenance` is its owner's word until somebody else has looked into it: `confirmed_by`. `pictures` says whether a small picture of
    each face is kept beside its template, for the people who review what is found."""

    id: str
    owner: str
    provenance: str
    categories: tuple[str, ...]
    purposes: tuple[str, ...]
    retention_days: int
    deployment: str | None = None
    state: str = "open"
    confirmed_by: str | None = None
    pictures: bool = True


class Galleries:
    """The register of galleries."""

    def __init__(self, database: Database, clock: Clock, words: Words) -> None:
        self._database = database
        self._clock = clock
        self._words = words

    def create(self, gallery: Gallery, by: str | None = None) -> Gallery:
        """Put a gallery on record for its owner, on the owner's word unless `by` says whose.

        Raises Malformed, AlreadyOnRecord or NotOnRecord (client).

        Ids are one namespace over all clients; a taken id is refused in the same words whoever holds it."""
        row = GalleryRow(
            id=fields.identifier("id", gallery.id),
            owner=gallery.owner,
            provenance=fields.word("provenance", gallery.provenance, self._words.provenances),
            categories=list(fields.words("categories", gallery.categories)),
            purposes=list(fields.words("purposes", gallery.purposes, self._words.purposes)),
            retention_days=fields.whole("retention_days", gallery.retention_days, 1, LONGEST_RETENTION_DAYS),
            deployment=None if gallery.deployment is None else fields.reference("deployment", gallery.deployment),
            state="open",
            created_at=self._clock.now(),
            opened_by=by or f"client:{gallery.owner}",
            confirmed_by=None,
            pictures=gallery.pictures is True,
        )
        with self._database.writing() as session:
            if session.get(ClientRow, row.owner) is None:
                raise NotOnRecord("client")
            if session.get(GalleryRow, row.id):
                raise AlreadyOnRecord("gallery", row.id)
            session.add(row)
        return gallery_of(row)

    def confirm(self, gallery_id: str, by: str) -> Gallery:
        """Let the provenance count as a fact. Raises SamePerson for whoever opened the gallery, StateForbids when that is done."""
        with self._database.writing() as session:
            row = _row(session, gallery_id, None)
            if row.opened_by == by:
                raise SamePerson("Confirming where a gallery's faces come from")
            if row.state != "open" or row.confirmed_by is not None:
                state = "closed" if row.state != "open" else "confirmed already"
                raise StateForbids(f"The gallery `{gallery_id}` is {state}; its provenance cannot be confirmed.")
            row.confirmed_by = by
        return gallery_of(row)

    def get(self, owner: str | None, gallery_id: str) -> Gallery:
        """Return the owner's gallery (None: anybody's); another's is as absent as none."""
        with self._database.reading() as session:
            return gallery_of(_row(session, gallery_id, owner))

    def all(self, owner: str | None = None) -> tuple[Gallery, ...]:
        """Return every gallery, or one owner's, by id."""
        query = select(GalleryRow).order_by(GalleryRow.id)
        if owner is not None:
            query = query.where(col(GalleryRow.owner) == owner)
        with self._database.reading() as session:
            return tuple(gallery_of(row) for row in session.exec(query))

    def close(self, owner: str | None, gallery_id: str) -> Gallery:
        """Stop every use of the owner's gallery (None: anybody's); its record stays, and its id is never given again."""
        with self._database.writing() as session:
            row = _row(session, gallery_id, owner)
            if row.state == "closed":
                raise StateForbids(f"The gallery `{gallery_id}` is closed already.")
            row.state = "closed"
        return gallery_of(row)


def gallery_of(row: GalleryRow) -> Gallery:
    """Turn a row into the value that the rest of the gateway sees."""
    return Gallery(
        id=row.id,
        owner=row.owner,
        provenance=row.provenance,
        categories=tuple(row.categories),
        purposes=tuple(row.purposes),
        retention_days=row.retention_days,
        deployment=row.deployment,
        state=row.state,
        confirmed_by=row.confirmed_by,
        pictures=row.pictures,
    )


def _row(session: Session, gallery_id: str, owner: str | None) -> GalleryRow:
    row = session.get(GalleryRow, gallery_id)
    if row is None or owner not in (None, row.owner):
        raise NotOnRecord("gallery")
    return row
