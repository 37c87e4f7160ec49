"""Keep the courts and offices whose own signature on a paper can be checked: their kind, place and public key.

Never holds a paper, and never says that one counts: two people and authorisations.py do."""

from dataclasses import dataclass

from sqlalchemy import JSON
from sqlmodel import Field, SQLModel, select

from gateway.registry import fields
from gateway.registry.errors import AlreadyOnRecord
from gateway.registry.keys import PublicKey
from gateway.store.sessions import Database


class AuthorityRow(SQLModel, table=True):
    """One authority with its one key."""

    __tablename__ = "authorities"

    name: str = Field(primary_key=True, max_length=63)
    kind: str
    place: str
    key: dict[str, str] = Field(sa_type=JSON)
    registered_by: str


@dataclass(frozen=True, slots=True)
class Authority:
    """An authority that can countersign: `kind` is what papers name as their issuer, such as court."""

    name: str
    kind: str
    place: str
    key: PublicKey


class Authorities:
    """The register of authorities with keys."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def register(self, name: str, kind: str, place: str, jwk: object, by: str) -> Authority:
        """Put an authority's key on record. Raises Malformed or AlreadyOnRecord."""
        row = AuthorityRow(
            name=fields.identifier("name", name),
            kind=fields.identifier("kind", kind),
            place=fields.place("place", place),
            key=PublicKey.from_jwk(jwk).jwk,
            registered_by=by,
        )
        with self._database.writing() as session:
            if session.get(AuthorityRow, row.name):
                raise AlreadyOnRecord("authority", row.name)
            session.add(row)
        return authority_of(row)

    def all(self) -> tuple[Authority, ...]:
        """Return every authority, by name."""
        with self._database.reading() as session:
            return tuple(authority_of(row) for row in session.exec(select(AuthorityRow).order_by(AuthorityRow.name)))


def authority_of(row: AuthorityRow) -> Authority:
    """Turn a row into the value that the rest of the gateway sees."""
    return Authority(row.name, row.kind, row.place, PublicKey.from_jwk(row.key))
