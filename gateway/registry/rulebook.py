"""Keep every rulebook for ever, who proposed it, who approved which report of it, and which one is live.

Never reads a rule: a rulebook is its text and the digest of that text."""

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Field, Session, SQLModel, col, select

from gateway.clock import Clock
from gateway.registry import fields
from gateway.registry.errors import Malformed, NotOnRecord, SamePerson, StateForbids
from gateway.store.columns import Moment
from gateway.store.sessions import Database

LIVE = "live"


class RulebookRow(SQLModel, table=True):
    """One rulebook's text, never changed and never deleted."""

    __tablename__ = "rulebooks"

    digest: str = Field(primary_key=True, max_length=64)
    text: str
    author: str
    written_at: datetime = Field(sa_type=Moment)


class ProposalRow(SQLModel, table=True):
    """One attempt to make a rulebook live: draft, reported, approved, live, superseded or withdrawn."""

    __tablename__ = "rulebook_proposals"

    id: str = Field(primary_key=True, max_length=63)
    rulebook: str = Field(foreign_key="rulebooks.digest")
    proposed_by: str
    proposed_at: datetime = Field(sa_type=Moment)
    state: str
    report: str | None
    report_digest: str | None
    approved_by: str | None


class LiveRow(SQLModel, table=True):
    """The one pointer to the live rulebook."""

    __tablename__ = "rulebook_pointer"

    name: str = Field(primary_key=True)
    digest: str = Field(foreign_key="rulebooks.digest")
    proposal: str = Field(foreign_key="rulebook_proposals.id")


@dataclass(frozen=True, slots=True)
class RulebookRecord:
    """A rulebook as kept."""

    digest: str
    text: str
    author: str
    written_at: datetime


@dataclass(frozen=True, slots=True)
class Proposal:
    """A rulebook on its way to be live, with the report that the approver signs for."""

    id: str
    rulebook: str
    proposed_by: str
    state: str
    report: str | None = None
    report_digest: str | None = None
    approved_by: str | None = None


class Rulebooks:
    """The register of rulebooks: draft -> report -> approval by a second person -> live. A roll-back takes the same way."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def propose(self, text: str, by: str) -> Proposal:
        """Keep a rulebook's text and open a proposal for it. The text of an old one opens a proposal to return to it."""
        with self._database.writing() as session:
            proposal = self._propose(session, text, by)
        return proposal_of(proposal)

    def report(self, proposal_id: str, report: str) -> Proposal:
        """Attach the report of rehearsal, proof and replay. A new report makes an approval of the old one void."""
        with self._database.writing() as session:
            row = _in_state(session, proposal_id, {"draft", "reported", "approved"})
            row.report, row.report_digest = report, hashlib.sha256(report.encode()).hexdigest()
            row.state, row.approved_by = "reported", None
        return proposal_of(row)

    def approve(self, proposal_id: str, report_digest: str, by: str) -> Proposal:
        """Approve what that very report says. Raises SamePerson for the proposer or the author, Malformed for another report's digest."""
        with self._database.writing() as session:
            row = _in_state(session, proposal_id, {"reported"})
            rulebook = session.get_one(RulebookRow, row.rulebook)
            if by in (row.proposed_by, rulebook.author):
                raise SamePerson("Approving a rulebook")
            if fields.digest("report_digest", report_digest) != row.report_digest:
                raise Malformed("report_digest", "is not that of the latest report; read that one and approve it.")
            row.state, row.approved_by = "approved", by
        return proposal_of(row)

    def make_live(self, proposal_id: str) -> RulebookRecord:
        """Point every process to the approved rulebook; each swaps at its next request."""
        with self._database.writing() as session:
            row = _in_state(session, proposal_id, {"approved"})
            return rulebook_of(_point(session, row))

    def withdraw(self, proposal_id: str) -> Proposal:
        """Give a proposal up."""
        with self._database.writing() as session:
            row = _in_state(session, proposal_id, {"draft", "reported", "approved"})
            row.state = "withdrawn"
        return proposal_of(row)

    def install(self, text: str) -> RulebookRecord:
        """Make the first rulebook live at first start; if one is live already, return that one unchanged."""
        with self._database.writing() as session:
            pointer = session.get(LiveRow, LIVE)
            if pointer is not None:
                return rulebook_of(session.get_one(RulebookRow, pointer.digest))
            return rulebook_of(_point(session, self._propose(session, text, "installation")))

    def live(self) -> RulebookRecord:
        """Return the live rulebook, or raise NotOnRecord before the first start."""
        with self._database.reading() as session:
            pointer = session.get(LiveRow, LIVE)
            if pointer is None:
                raise NotOnRecord("rulebook")
            return rulebook_of(session.get_one(RulebookRow, pointer.digest))

    def get(self, digest: str) -> RulebookRecord:
        """Return any rulebook there ever was, by its digest."""
        with self._database.reading() as session:
            row = session.get(RulebookRow, digest)
            if row is None:
                raise NotOnRecord("rulebook")
            return rulebook_of(row)

    def proposals(self) -> tuple[Proposal, ...]:
        """Return every proposal, the newest last."""
        query = select(ProposalRow).order_by(col(ProposalRow.proposed_at), ProposalRow.id)
        with self._database.reading() as session:
            return tuple(proposal_of(row) for row in session.exec(query))

    def _propose(self, session: Session, text: str, by: str) -> ProposalRow:
        digest = hashlib.sha256(text.encode()).hexdigest()
        now = self._clock.now()
        if session.get(RulebookRow, digest) is None:
            session.add(RulebookRow(digest=digest, text=text, author=by, written_at=now))
            session.flush()  # the proposal refers to it
        row = ProposalRow(
            id=f"prop-{secrets.token_hex(8)}",
            rulebook=digest,
            proposed_by=by,
            proposed_at=now,
            state="draft",
            report=None,
            report_digest=None,
            approved_by=None,
        )
        session.add(row)
        session.flush()
        return row


def text_of(rulebooks: Rulebooks) -> Callable[[str], bytes | None]:
    """Return a function that gives a rulebook's text by its digest, or None: what an export of the log needs."""

    def text(digest: str) -> bytes | None:
        try:
            return rulebooks.get(digest).text.encode()
        except NotOnRecord:
            return None

    return text


def _point(session: Session, proposal: ProposalRow) -> RulebookRow:
    pointer = session.get(LiveRow, LIVE)
    if pointer is not None:
        session.get_one(ProposalRow, pointer.proposal).state = "superseded"
    session.merge(LiveRow(name=LIVE, digest=proposal.rulebook, proposal=proposal.id))
    proposal.state = "live"
    return session.get_one(RulebookRow, proposal.rulebook)


def proposal_of(row: ProposalRow) -> Proposal:
    """Turn a row into the value that the rest of the gateway sees."""
    return Proposal(row.id, row.rulebook, row.proposed_by, row.state, row.report, row.report_digest, row.approved_by)


def rulebook_of(row: RulebookRow) -> RulebookRecord:
    """Turn a row into the value that the rest of the gateway sees."""
    return RulebookRecord(row.digest, row.text, row.author, row.written_at)


def _in_state(session: Session, proposal_id: str, allowed: set[str]) -> ProposalRow:
    row = session.get(ProposalRow, proposal_id)
    if row is None:
        raise NotOnRecord("proposal")
    if row.state not in allowed:
        raise StateForbids(f"The proposal `{proposal_id}` is {row.state}; that step is not open from there.")
    return row
