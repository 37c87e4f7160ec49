"""Say who on record stands behind a subject of a trusted issuer. The only way from a token's claims to a client or a member of staff.

Never decides by what a token says of its own kind: one (issuer, subject) pair belongs to exactly one holder of one kind."""

from dataclasses import dataclass

from sqlalchemy.exc import IntegrityError
from sqlmodel import Field, SQLModel, col, select

from gateway.registry import fields
from gateway.registry.errors import AlreadyOnRecord, NotOnRecord
from gateway.store.sessions import Database

BUILT_IN = "built-in"  # the name of the gateway's own issuer in this table


class IdentityRow(SQLModel, table=True):
    """`kind` is client or staff; `holder` is that client's or person's id."""

    __tablename__ = "identities"

    issuer: str = Field(primary_key=True, max_length=63)
    subject: str = Field(primary_key=True, max_length=255)
    kind: str
    holder: str = Field(index=True)


@dataclass(frozen=True, slots=True)
class Identity:
    """The holder behind a subject: kind (client or staff) and id."""

    kind: str
    holder: str


class Identities:
    """The bindings between an issuer's subjects and those on record here."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def bind(self, issuer: str, subject: str, identity: Identity) -> None:
        """Let a subject of a trusted issuer act as that holder. Raises AlreadyOnRecord when it is bound."""
        row = IdentityRow(
            issuer=fields.identifier("issuer", issuer),
            subject=fields.text("subject", subject, longest=255),
            kind=fields.word("kind", identity.kind, {"client", "staff"}),
            holder=fields.identifier("holder", identity.holder),
        )
        try:
            with self._database.writing() as session:
                session.add(row)
        except IntegrityError:
            raise AlreadyOnRecord("subject", subject) from None

    def unbind(self, issuer: str, subject: str) -> None:
        """Take the binding away; tokens of that subject are refused from the next request on."""
        with self._database.writing() as session:
            row = session.get(IdentityRow, (issuer, subject))
            if row is None:
                raise NotOnRecord("subject")
            session.delete(row)

    def holder(self, issuer: str, subject: str) -> Identity:
        """Return who stands behind a subject of the issuer of that name, or raise NotOnRecord."""
        with self._database.reading() as session:
            row = session.get(IdentityRow, (issuer, subject))
            if row is None:
                raise NotOnRecord("subject")
            return Identity(row.kind, row.holder)

    def of(self, holder: str) -> tuple[tuple[str, str], ...]:
        """Return the (issuer, subject) pairs of a holder."""
        with self._database.reading() as session:
            rows = session.exec(select(IdentityRow).where(col(IdentityRow.holder) == holder).order_by(IdentityRow.issuer))
            return tuple((row.issuer, row.subject) for row in rows)
