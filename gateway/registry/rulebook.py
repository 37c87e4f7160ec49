"""Keep every rulebook for ever, under its digest, and the one pointer that says which is live, with all that it said before.

Never reads a rule: a rulebook is its text and the digest of that text. How one comes to be live is drafts.py."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Field, Session, SQLModel, col, select

from gateway.clock import Clock
from gateway.registry.errors import NotOnRecord
from gateway.store.columns import Moment
from gateway.store.sessions import Database

LIVE = "live"
INSTALLATION = "installation"


class RulebookRow(SQLModel, table=True):
    """One rulebook's text, never changed and never deleted."""

    __tablename__ = "rulebooks"

    digest: str = Field(primary_key=True, max_length=64)
    text: str
    author: str
    written_at: datetime = Field(sa_type=Moment)


class ReignRow(SQLModel, table=True):
    """One rulebook's time as the live one, from `since` to the next row's."""

    __tablename__ = "rulebook_reigns"

    number: int | None = Field(default=None, primary_key=True)
    digest: str = Field(foreign_key="rulebooks.digest")
    draft: str | None = Field(max_length=63)
    since: datetime = Field(sa_type=Moment)


class LiveRow(SQLModel, table=True):
    """The one pointer to the live rulebook."""

    __tablename__ = "rulebook_pointer"

    name: str = Field(primary_key=True)
    digest: str = Field(foreign_key="rulebooks.digest")


@dataclass(frozen=True, slots=True)
class RulebookRecord:
    """A rulebook as kept."""

    digest: str
    text: str
    author: str
    written_at: datetime


@dataclass(frozen=True, slots=True)
class Reign:
    """Since when a rulebook was live, and through which draft; None for the one that was installed at first start."""

    digest: str
    draft: str | None
    since: datetime


class Rulebooks:
    """The register of rulebooks."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def keep(self, text: str, by: str) -> RulebookRecord:
        """Keep a rulebook's text. If it is on record already, that record stands, its first author included."""
        digest = hashlib.sha256(text.encode()).hexdigest()
        with self._database.writing() as session:
            row = session.get(RulebookRow, digest)
            if row is None:
                row = RulebookRow(digest=digest, text=text, author=by, written_at=self._clock.now())
                session.add(row)
                session.flush()  # a report, or the pointer, refers to it
            return rulebook_of(row)

    def install(self, text: str) -> RulebookRecord:
        """Make the first rulebook live at first start; if one is live already, return that one unchanged."""
        with self._database.unit() as session:
            pointer = session.get(LiveRow, LIVE)
            if pointer is not None:
                return self.get(pointer.digest)
            record = self.keep(text, INSTALLATION)
            self.point(record.digest, None)
            return record

    def point(self, digest: str, draft: str | None) -> None:
        """Point every process to a rulebook; each swaps at its next request. The way there is drafts.py, and no other."""
        with self._database.writing() as session:
            session.merge(LiveRow(name=LIVE, digest=digest))
            session.add(ReignRow(digest=digest, draft=draft, since=self._clock.now()))

    def live(self) -> RulebookRecord:
        """Return the live rulebook, or raise NotOnRecord before the first start."""
        with self._database.reading() as session:
            pointer = session.get(LiveRow, LIVE)
            if pointer is None:
                raise NotOnRecord("rulebook")
            return self._found(session, pointer.digest)

    @contextmanager
    def standing_still(self) -> Iterator[str | None]:
        """Lend the live rulebook's digest while nobody, in no process, can change what is live."""
        with self._database.unit() as session:
            pointer = session.get(LiveRow, LIVE)
            yield None if pointer is None else pointer.digest

    def get(self, digest: str) -> RulebookRecord:
        """Return any rulebook there ever was, by its digest."""
        with self._database.reading() as session:
            return self._found(session, digest)

    def all(self) -> tuple[RulebookRecord, ...]:
        """Return every rulebook there ever was, the newest first."""
        query = select(RulebookRow).order_by(col(RulebookRow.written_at).desc(), RulebookRow.digest)
        with self._database.reading() as session:
            return tuple(rulebook_of(row) for row in session.exec(query))

    def reigns(self) -> tuple[Reign, ...]:
        """Return which rulebook was live since when, the newest last."""
        with self._database.reading() as session:
            return tuple(Reign(row.digest, row.draft, row.since) for row in session.exec(select(ReignRow).order_by(col(ReignRow.number))))

    @staticmethod
    def _found(session: Session, digest: str) -> RulebookRecord:
        row = session.get(RulebookRow, digest)
        if row is None:
            raise NotOnRecord("rulebook")
        return rulebook_of(row)


def text_of(rulebooks: Rulebooks) -> Callable[[str], bytes | None]:
    """Return a function that gives a rulebook's text by its digest, or None: what an export of the log needs."""

    def text(digest: str) -> bytes | None:
        try:
            return rulebooks.get(digest).text.encode()
        except NotOnRecord:
            return None

    return text


def rulebook_of(row: RulebookRow) -> RulebookRecord:
    """Turn a row into the value that the rest of the gateway sees."""
    return RulebookRecord(row.digest, row.text, row.author, row.written_at)
