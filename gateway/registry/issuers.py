"""Keep the issuers that the operator chose to trust, and where their keys are pinned. Fetches nothing and checks no token."""

from dataclasses import dataclass

from sqlmodel import Field, SQLModel, col, delete, select

from gateway.registry import fields
from gateway.registry.errors import AlreadyOnRecord, Malformed, NotOnRecord
from gateway.registry.identities import BUILT_IN, IdentityRow
from gateway.store.sessions import Database

LONGEST_URL = 512


class IssuerRow(SQLModel, table=True):
    """One trusted issuer; keys come from a pinned URL or from a file, never from what a token says."""

    __tablename__ = "issuers"

    name: str = Field(primary_key=True, max_length=63)
    issuer: str = Field(unique=True)
    audience: str
    jwks_url: str | None
    jwks_file: str | None


@dataclass(frozen=True, slots=True)
class IssuerRecord:
    """A trusted issuer: `issuer` is its exact `iss`, `audience` the exact `aud` that its tokens must carry here."""

    name: str
    issuer: str
    audience: str
    jwks_url: str | None = None
    jwks_file: str | None = None


class Issuers:
    """The register of trusted issuers."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, record: IssuerRecord) -> None:
        """Trust an issuer from the next request on. Raises Malformed or AlreadyOnRecord (also for a second name of one issuer)."""
        if record.name == BUILT_IN:
            raise Malformed("name", f"`{BUILT_IN}` is the gateway's own issuer; choose another name.")
        if (record.jwks_url is None) == (record.jwks_file is None):
            raise Malformed("jwks", "must be exactly one of a URL and a file.")
        row = IssuerRow(
            name=fields.identifier("name", record.name),
            issuer=fields.text("issuer", record.issuer, LONGEST_URL),
            audience=fields.text("audience", record.audience, LONGEST_URL),
            jwks_url=None if record.jwks_url is None else fields.text("jwks_url", record.jwks_url, LONGEST_URL),
            jwks_file=None if record.jwks_file is None else fields.text("jwks_file", record.jwks_file, 4096),
        )
        with self._database.writing() as session:
            known = session.exec(select(IssuerRow).where((col(IssuerRow.name) == row.name) | (col(IssuerRow.issuer) == row.issuer))).first()
            if known is not None:
                raise AlreadyOnRecord("issuer", known.name)
            session.add(row)

    def remove(self, name: str) -> None:
        """Stop trusting an issuer: its tokens are refused from the next request on, and nobody stands behind its subjects any more."""
        with self._database.writing() as session:
            row = session.get(IssuerRow, name)
            if row is None:
                raise NotOnRecord("issuer")
            session.delete(row)
            # Else whoever is trusted under this name next would speak for them.
            session.exec(delete(IdentityRow).where(col(IdentityRow.issuer) == name))

    def get(self, name: str) -> IssuerRecord:
        """Return one trusted issuer or raise NotOnRecord."""
        with self._database.reading() as session:
            row = session.get(IssuerRow, name)
            if row is None:
                raise NotOnRecord("issuer")
            return issuer_of(row)

    def all(self) -> tuple[IssuerRecord, ...]:
        """Return every trusted issuer, by name."""
        with self._database.reading() as session:
            return tuple(issuer_of(row) for row in session.exec(select(IssuerRow).order_by(IssuerRow.name)))


def issuer_of(row: IssuerRow) -> IssuerRecord:
    """Turn a row into the value that the rest of the gateway sees."""
    return IssuerRecord(row.name, row.issuer, row.audience, row.jwks_url, row.jwks_file)
