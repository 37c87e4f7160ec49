"""Keep who is signed in at the console, so that a sign-in can be ended here and now. Knows no cookie, no page and no role."""

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlmodel import Field, SQLModel, col, select

from gateway.clock import Clock
from gateway.store.columns import Moment
from gateway.store.sessions import Database

IDLE: Final = timedelta(minutes=30)
LONGEST: Final = timedelta(hours=10)
_SEEN_EVERY: Final = timedelta(minutes=1)


class SigninRow(SQLModel, table=True):
    """One sign-in, kept as a hash of its secret: who reads the table cannot use it."""

    __tablename__ = "signins"

    digest: str = Field(primary_key=True, max_length=64)
    staff_id: str = Field(foreign_key="staff.id", index=True)
    began_at: datetime = Field(sa_type=Moment)
    seen_at: datetime = Field(sa_type=Moment)


@dataclass(frozen=True, slots=True)
class Signin:
    """A person's sign-in: the secret is in their browser alone."""

    secret: str
    staff_id: str
    began_at: datetime

    def form_token(self) -> str:
        """Return what each form of this sign-in carries; another site cannot know it, and it gives the secret away to nobody."""
        return hmac.new(self.secret.encode(), b"custodes console form", hashlib.sha256).hexdigest()


class Signins:
    """The register of sign-ins."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def begin(self, staff_id: str) -> Signin:
        """Sign a person in; sign-ins that ran out are swept away meanwhile."""
        now = self._clock.now()
        secret = secrets.token_urlsafe(32)
        with self._database.writing() as session:
            for old in session.exec(select(SigninRow).where(col(SigninRow.seen_at) < now - IDLE)):
                session.delete(old)
            session.add(SigninRow(digest=_digest(secret), staff_id=staff_id, began_at=now, seen_at=now))
        return Signin(secret, staff_id, now)

    def find(self, secret: str) -> Signin | None:
        """Return the sign-in with this secret, unless it rested for half an hour, lasted ten hours, or was ended."""
        now = self._clock.now()
        with self._database.reading() as session:
            row = session.get(SigninRow, _digest(secret))
        if row is None or not now - IDLE <= row.seen_at <= now + _SEEN_EVERY or not now - LONGEST <= row.began_at:
            return None
        if now - row.seen_at >= _SEEN_EVERY:
            with self._database.writing() as session:
                seen = session.get(SigninRow, row.digest)
                if seen is not None:
                    seen.seen_at = now
        return Signin(secret, row.staff_id, row.began_at)

    def end(self, secret: str) -> None:
        """Sign out; ending twice is no fault."""
        with self._database.writing() as session:
            row = session.get(SigninRow, _digest(secret))
            if row is not None:
                session.delete(row)


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
