"""Keep drafts of rulebooks on their way to be live: written, reported on, approved by somebody else, live. Reads no rule and no report.

A draft is edited by whoever saw its newest edition; a report is about one edition beside one live rulebook, and worthless for any other."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import JSON
from sqlmodel import Field, Session, SQLModel, col, select

from gateway.clock import Clock
from gateway.registry import fields
from gateway.registry.errors import DraftChanged, Malformed, NotOnRecord, SamePerson, StateForbids
from gateway.registry.rulebook import LIVE, LiveRow, RulebookRow, Rulebooks
from gateway.store.columns import Moment
from gateway.store.sessions import Database

OPEN, WENT_LIVE, DISCARDED = "open", "live", "discarded"
REPORTED, APPROVED, SUPERSEDED = "reported", "approved", "superseded"


class DraftRow(SQLModel, table=True):
    """One draft; `document` is what was written, as JSON, and `editors` everybody who ever wrote in it. `state`: open, live, discarded."""

    __tablename__ = "rulebook_drafts"

    id: str = Field(primary_key=True, max_length=63)
    document: str
    edition: int
    editors: list[str] = Field(sa_type=JSON)
    state: str
    begun_at: datetime = Field(sa_type=Moment)
    edited_at: datetime = Field(sa_type=Moment)


class ReportRow(SQLModel, table=True):
    """What was found about one edition of a draft. `state`: reported, approved, live, or superseded by a later edition or report."""

    __tablename__ = "rulebook_reports"

    id: int | None = Field(default=None, primary_key=True)
    draft: str = Field(foreign_key="rulebook_drafts.id", index=True)
    edition: int
    rulebook: str = Field(foreign_key="rulebooks.digest")
    base: str = Field(foreign_key="rulebooks.digest")
    text: str
    digest: str = Field(max_length=64)
    passed: bool
    reported_by: str
    reported_at: datetime = Field(sa_type=Moment)
    state: str
    approved_by: str | None
    approved_at: datetime | None = Field(sa_type=Moment)


@dataclass(frozen=True, slots=True)
class Draft:
    """A draft as it stands."""

    id: str
    document: str
    edition: int
    editors: tuple[str, ...]
    state: str
    begun_at: datetime
    edited_at: datetime


@dataclass(frozen=True, slots=True)
class Report:
    """A report as kept: `text` is exactly what the approver signs for, by its digest; `base` the rulebook that was live then."""

    draft: str
    edition: int
    rulebook: str
    base: str
    text: str
    digest: str
    passed: bool
    reported_by: str
    reported_at: datetime
    state: str
    approved_by: str | None


@dataclass(frozen=True, slots=True)
class Findings:
    """What a report hands in: about which edition, the rulebook made of it, the live one it was held against, and what was found."""

    draft: str
    edition: int
    rulebook: str
    base: str
    text: str
    passed: bool


class Drafts:
    """The register of drafts and their reports. Every change of state is one transaction, or a part of the caller's."""

    def __init__(self, database: Database, clock: Clock, rulebooks: Rulebooks) -> None:
        self._database = database
        self._clock = clock
        self._rulebooks = rulebooks

    def begin(self, document: str, by: str) -> Draft:
        """Keep a new draft, its first edition."""
        now = self._clock.now()
        row = DraftRow(
            id=f"draft-{secrets.token_hex(8)}", document=document, edition=1, editors=[by], state=OPEN, begun_at=now, edited_at=now
        )
        with self._database.writing() as session:
            session.add(row)
            session.flush()
            return draft_of(row)

    def replace(self, draft_id: str, edition: int, document: str, by: str) -> Draft:
        """Write the next edition. A report on the old one is void. Raises DraftChanged if somebody else was first, StateForbids."""
        with self._database.writing() as session:
            row = _open(session, draft_id, edition)
            row.document, row.edition, row.edited_at = document, row.edition + 1, self._clock.now()
            row.editors = sorted({*row.editors, by})
            _supersede(session, draft_id)
            return draft_of(row)

    def discard(self, draft_id: str, edition: int) -> Draft:
        """Give a draft up; what was reported on it stays on record. Raises DraftChanged, StateForbids."""
        with self._database.writing() as session:
            row = _open(session, draft_id, edition)
            row.state = DISCARDED
            _supersede(session, draft_id)
            return draft_of(row)

    def report(self, found: Findings, by: str) -> Report:
        """Keep a report; its rulebook's text is on record already. An earlier report on the draft, approved or not, is void.

        Raises DraftChanged if it is about an old edition, StateForbids (report-stale) if another rulebook went live meanwhile."""
        with self._database.writing() as session:
            _open(session, found.draft, found.edition)
            _must_be_live(session, found.base)
            _supersede(session, found.draft)
            row = ReportRow(
                draft=found.draft,
                edition=found.edition,
                rulebook=found.rulebook,
                base=found.base,
                text=found.text,
                digest=hashlib.sha256(found.text.encode()).hexdigest(),
                passed=found.passed,
                reported_by=by,
                reported_at=self._clock.now(),
                state=REPORTED,
                approved_by=None,
                approved_at=None,
            )
            session.add(row)
            session.flush()
            return report_of(row)

    def approve(self, draft_id: str, report_digest: str, by: str) -> Report:
        """Approve what that very report says.

        Raises SamePerson for whoever wrote in the draft, had it reported on, or first wrote that rulebook; Malformed for another
        report's digest; StateForbids for a report that failed (report-failed), is missing or is out of date (report-stale)."""
        with self._database.writing() as session:
            draft = _draft(session, draft_id)
            row = self._current(session, draft)
            if by in {*draft.editors, row.reported_by, session.get_one(RulebookRow, row.rulebook).author}:
                raise SamePerson("Approving a rulebook")
            if fields.digest("report", report_digest) != row.digest:
                raise Malformed("report", "is not the digest of the latest report; read that one and approve it.")
            if not row.passed:
                raise StateForbids("By that report the draft must not go live; mend it, and have it reported on.", code="report-failed")
            if row.state != REPORTED:
                raise StateForbids(f"That report is {row.state} already.")
            row.state, row.approved_by, row.approved_at = APPROVED, by, self._clock.now()
            return report_of(row)

    def approved(self, draft_id: str) -> Report:
        """Return the approved report that make_live() would go by. Raises StateForbids."""
        with self._database.reading() as session:
            row = self._current(session, _draft(session, draft_id))
            if row.state != APPROVED:
                raise StateForbids("Its report is not approved; a second person approves it first.", code="not-approved")
            return report_of(row)

    def make_live(self, draft_id: str, report_digest: str) -> Report:
        """Point every process to the rulebook that was approved by that report. Raises StateForbids."""
        with self._database.unit() as session:
            if self.approved(draft_id).digest != report_digest:
                raise StateForbids("Another report on this draft was approved meanwhile; look at it first.", code="report-stale")
            draft = _draft(session, draft_id)
            row = self._current(session, draft)
            row.state, draft.state = WENT_LIVE, WENT_LIVE
            self._rulebooks.point(row.rulebook, draft_id)
            return report_of(row)

    def get(self, draft_id: str) -> Draft:
        """Return one draft or raise NotOnRecord."""
        with self._database.reading() as session:
            return draft_of(_draft(session, draft_id))

    def all(self) -> tuple[Draft, ...]:
        """Return every draft, the newest first."""
        query = select(DraftRow).order_by(col(DraftRow.begun_at).desc(), DraftRow.id)
        with self._database.reading() as session:
            return tuple(draft_of(row) for row in session.exec(query))

    def latest(self, draft_id: str) -> Report | None:
        """Return the newest report on a draft, whatever became of it."""
        with self._database.reading() as session:
            row = _latest(session, draft_id)
            return None if row is None else report_of(row)

    def _current(self, session: Session, draft: DraftRow) -> ReportRow:
        if draft.state != OPEN:
            raise StateForbids(f"The draft `{draft.id}` is {draft.state}; begin another.")
        row = _latest(session, draft.id)
        if row is None:
            raise StateForbids("Nothing was reported on this draft yet; have it reported on first.", code="report-missing")
        if row.edition != draft.edition:
            raise StateForbids("The draft was edited since it was reported on; have it reported on again.", code="report-stale")
        _must_be_live(session, row.base)
        return row


def draft_of(row: DraftRow) -> Draft:
    """Turn a row into the value that the rest of the gateway sees."""
    return Draft(row.id, row.document, row.edition, tuple(row.editors), row.state, row.begun_at, row.edited_at)


def report_of(row: ReportRow) -> Report:
    """Turn a row into the value that the rest of the gateway sees."""
    return Report(
        row.draft, row.edition, row.rulebook, row.base, row.text, row.digest, row.passed,
        row.reported_by, row.reported_at, row.state, row.approved_by,
    )  # fmt: skip


def _draft(session: Session, draft_id: str) -> DraftRow:
    row = session.get(DraftRow, draft_id)
    if row is None:
        raise NotOnRecord("draft")
    return row


def _open(session: Session, draft_id: str, edition: int) -> DraftRow:
    row = _draft(session, draft_id)
    if row.state != OPEN:
        raise StateForbids(f"The draft `{draft_id}` is {row.state}; begin another.")
    if row.edition != edition:
        raise DraftChanged(row.edition)
    return row


def _latest(session: Session, draft_id: str) -> ReportRow | None:
    return session.exec(select(ReportRow).where(ReportRow.draft == draft_id).order_by(col(ReportRow.id).desc()).limit(1)).first()


def _supersede(session: Session, draft_id: str) -> None:
    for row in session.exec(select(ReportRow).where(ReportRow.draft == draft_id, col(ReportRow.state).in_((REPORTED, APPROVED)))):
        row.state = SUPERSEDED


def _must_be_live(session: Session, base: str) -> None:
    pointer = session.get(LiveRow, LIVE)
    if pointer is None or pointer.digest != base:
        raise StateForbids("Another rulebook went live since that report was made; have the draft reported on again.", code="report-stale")
