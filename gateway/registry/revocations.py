"""Remember which tokens were taken back before their end, and which client assertions were used. Keeps ids, never a token."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.exc import IntegrityError
from sqlmodel import Field, SQLModel, col, delete, select

from gateway.clock import Clock
from gateway.registry import fields
from gateway.registry.errors import Malformed, Replayed
from gateway.store.columns import Moment
from gateway.store.sessions import Database

LONGEST_JTI = 255


class RevokedTokenRow(SQLModel, table=True):
    """One access token that is refused although it has not ended; `issuer` is the name of the trusted issuer."""

    __tablename__ = "revoked_tokens"

    issuer: str = Field(primary_key=True)
    jti: str = Field(primary_key=True, max_length=LONGEST_JTI)
    ends_at: datetime = Field(sa_type=Moment)
    reason: str
    revoked_by: str


class UsedAssertionRow(SQLModel, table=True):
    """One client assertion that has been exchanged for a token; it will not be again."""

    __tablename__ = "used_assertions"

    client_id: str = Field(primary_key=True)
    jti: str = Field(primary_key=True, max_length=LONGEST_JTI)
    ends_at: datetime = Field(sa_type=Moment)


@dataclass(frozen=True, slots=True)
class RevokedToken:
    """One token on the list."""

    issuer: str
    jti: str
    ends_at: datetime
    reason: str
    revoked_by: str


class Revocations:
    """The list of revoked tokens, and the assertions that were used up."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def revoke(self, issuer: str, jti: str, ends_at: datetime, reason: str, by: str) -> None:
        """Refuse that token from the next request on. Revoking it again changes nothing."""
        row = RevokedTokenRow(
            issuer=fields.identifier("issuer", issuer), jti=_jti(jti), ends_at=ends_at, reason=fields.text("reason", reason), revoked_by=by
        )
        with self._database.writing() as session:
            session.merge(row)

    def all(self) -> tuple[RevokedToken, ...]:
        """Return the list, by issuer and jti."""
        with self._database.reading() as session:
            rows = session.exec(select(RevokedTokenRow).order_by(RevokedTokenRow.issuer, RevokedTokenRow.jti))
            return tuple(RevokedToken(row.issuer, row.jti, row.ends_at, row.reason, row.revoked_by) for row in rows)

    def redeem_assertion(self, client_id: str, jti: str, ends_at: datetime) -> None:
        """Use up a client assertion. Raises Replayed if it was used before, in whichever process."""
        try:
            with self._database.writing() as session:
                session.add(UsedAssertionRow(client_id=client_id, jti=_jti(jti), ends_at=ends_at))
        except IntegrityError:
            raise Replayed("This client assertion was used before; sign a new one with a new `jti`.") from None

    def forget_ended(self) -> None:
        """Drop what has ended by itself."""
        now = self._clock.now()
        with self._database.writing() as session:
            session.exec(delete(RevokedTokenRow).where(col(RevokedTokenRow.ends_at) <= now))
            session.exec(delete(UsedAssertionRow).where(col(UsedAssertionRow.ends_at) <= now))


def _jti(value: str) -> str:
    if not 1 <= len(value) <= LONGEST_JTI or not value.isprintable():
        raise Malformed("jti", f"must be 1 to {LONGEST_JTI} printable characters.")
    return value
