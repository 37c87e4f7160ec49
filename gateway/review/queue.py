"""Keep results that wait for people: who has claimed which, what they said, and what became of it. Opens no result itself."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import JSON
from sqlalchemy.exc import IntegrityError
from sqlmodel import Field, Session, SQLModel, UniqueConstraint, col, select

from gateway.clock import Clock
from gateway.errors import CustodesError
from gateway.review.judging import Judgement, Noted
from gateway.store.columns import Moment
from gateway.store.sessions import Database

CLAIM_SECONDS: Final = 15 * 60


class ReviewRefused(CustodesError):
    """The reviewer may not do that with this review now; the code says why.

    review-claimed, review-settled, review-not-claimed, review-claim-expired, review-judged-already, review-own-request,
    reviewer-untrained, judgement-malformed, judgement-unfounded, no-bulk-judgement."""

    code = "review-refused"


class ReviewUnknown(CustodesError):
    """No such review for this reader; absent and foreign look alike."""

    code = "unknown-review"


class ReviewRow(SQLModel, table=True):
    """One held result. `state` is waiting, released, withheld or destroyed; of a calibration pair, waiting or calibrated."""

    __tablename__ = "reviews"

    id: str = Field(primary_key=True, max_length=64)
    decision_id: str = Field(unique=True)
    client: str = Field(index=True)
    case_ref: str
    purpose: str
    operation: str
    needed: int
    candidates: int
    intent_index: int
    outcome_index: int
    facts: dict[str, object] = Field(sa_type=JSON)
    state: str = Field(index=True)
    sealed: bytes
    pictures: bytes
    claimed_by: str | None = None
    claim_ends: datetime | None = Field(default=None, sa_type=Moment)
    created_at: datetime = Field(sa_type=Moment)
    settled_at: datetime | None = Field(default=None, sa_type=Moment)
    settled_index: int | None = None
    # A calibration pair, where this is no result at all but looks like one; and what is true of it.
    pair: str | None = None
    truth: str | None = None
    # In which order the candidates are shown: drawn by lot, so that the place of one says nothing of its score.
    shown: list[int] = Field(sa_type=JSON)


class JudgementRow(SQLModel, table=True):
    """What one reviewer said of one result: once, and for good."""

    __tablename__ = "judgements"
    __table_args__ = (UniqueConstraint("review", "reviewer"),)

    id: int | None = Field(default=None, primary_key=True)
    review: str = Field(foreign_key="reviews.id", index=True)
    reviewer: str
    said: list[str] = Field(sa_type=JSON)
    noted: list[dict[str, Any]] = Field(sa_type=JSON)
    features: str
    at: datetime = Field(sa_type=Moment)
    log_index: int


@dataclass(frozen=True, slots=True)
class HeldResult:
    """What the pipeline hands over to wait. `sealed` is the encrypted result, `pictures` the faces that were compared, encrypted too,
    `facts` the case as it was decided. With a `pair` it is no result: a calibration pair, whose `truth` is known."""

    id: str
    decision_id: str
    client: str
    case_ref: str
    purpose: str
    operation: str
    needed: int
    candidates: int
    intent_index: int
    outcome_index: int
    facts: dict[str, object]
    sealed: bytes
    pictures: bytes = b""
    pair: str | None = None
    truth: str | None = None


@dataclass(frozen=True, slots=True)
class Review:
    """A held result as it stands, with the judgements so far in order."""

    held: HeldResult
    state: str
    claimed_by: str | None
    claim_ends: datetime | None
    created_at: datetime
    settled_index: int | None
    reviewers: tuple[str, ...]
    judgements: tuple[tuple[Judgement, ...], ...]
    judged_at: tuple[datetime, ...] = ()
    shown: tuple[int, ...] = ()


class Queue:
    """The results that wait. A claim keeps a result for one reviewer for a quarter of an hour."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def put(self, held: HeldResult, since: datetime | None = None) -> None:
        """Let a result wait; until `since`, where that is still to come, nobody sees it."""
        values = {name: getattr(held, name) for name in HeldResult.__slots__}
        with self._database.writing() as session:
            shown = secrets.SystemRandom().sample(range(held.candidates), held.candidates)
            session.add(ReviewRow(**values, state="waiting", created_at=since or self._clock.now(), shown=shown))

    def waiting(self, limit: int = 50) -> list[Review]:
        """Return what waits, oldest first."""
        due = (ReviewRow.state == "waiting", col(ReviewRow.created_at) <= self._clock.now())
        question = select(ReviewRow).where(*due).order_by(col(ReviewRow.created_at)).limit(limit)
        with self._database.reading() as session:
            return [_review(session, row) for row in session.exec(question)]

    def get(self, review_id: str) -> Review:
        """Return one review. Raises ReviewUnknown."""
        with self._database.reading() as session:
            return _review(session, _row(session, review_id))

    def of_decision(self, decision_id: str, client: str) -> Review:
        """Return the review of a client's own decision. Raises ReviewUnknown."""
        with self._database.reading() as session:
            row = session.exec(select(ReviewRow).where(ReviewRow.decision_id == decision_id, ReviewRow.client == client)).first()
            if row is None:
                raise ReviewUnknown("No result of yours waits under this decision.")
            return _review(session, row)

    def claim(self, review_id: str, reviewer: str) -> Review:
        """Keep a result for this reviewer. Raises ReviewUnknown or ReviewRefused."""
        now = self._clock.now()
        with self._database.writing() as session:
            row = _row(session, review_id)
            _must_wait(row)
            _must_be_new(session, row, reviewer)
            if row.claimed_by not in (None, reviewer) and row.claim_ends is not None and row.claim_ends > now:
                raise ReviewRefused("Another reviewer holds this result; claim the next one.", code="review-claimed")
            row.claimed_by, row.claim_ends = reviewer, now + timedelta(seconds=CLAIM_SECONDS)
            session.flush()
            return _review(session, row)

    def claimed(self, review_id: str, reviewer: str) -> Review:
        """Return the review, if this reviewer holds a claim on it now. Raises ReviewUnknown or ReviewRefused."""
        with self._database.reading() as session:
            row = _row(session, review_id)
            _must_be_new(session, row, reviewer)
            self._must_hold(row, reviewer)
            return _review(session, row)

    def judge(self, review_id: str, reviewer: str, noted: tuple[Noted, ...], log_index: int) -> Review:
        """Keep one reviewer's judgement of each candidate, in the result's own order, as it stands in the log at `log_index`,
        and free the claim.

        Raises ReviewUnknown or ReviewRefused."""
        with self._database.writing() as session:
            row = _row(session, review_id)
            _must_be_new(session, row, reviewer)
            self._must_hold(row, reviewer)
            session.add(
                JudgementRow(
                    review=row.id,
                    reviewer=reviewer,
                    said=[str(each.said) for each in noted],
                    noted=[{"features": list(each.features), "note": each.note} for each in noted],
                    features="",
                    at=self._clock.now(),
                    log_index=log_index,
                )
            )
            row.claimed_by = row.claim_ends = None
            try:
                session.flush()
            except IntegrityError as fault:
                raise _judged_already() from fault
            return _review(session, row)

    def settle(self, review_id: str, state: str, log_index: int) -> None:
        """End the waiting: `released` or `withheld`, as the log says at `log_index`."""
        with self._database.writing() as session:
            row = _row(session, review_id)
            _must_wait(row)
            row.state, row.settled_at, row.settled_index = state, self._clock.now(), log_index
            row.pictures = b""  # they were for judging, and that is over
            if state == "withheld":
                # Nobody may ever see a result that people did not confirm.
                row.sealed = b""
        self._database.scrub()

    def destroy_case(self, case_ref: str) -> tuple[str, ...]:
        """Overwrite every result of a case and what was said of it; return the decisions. The review itself stays, as destroyed."""
        with self._database.writing() as session:
            rows = session.exec(select(ReviewRow).where(ReviewRow.case_ref == case_ref, ReviewRow.state != "destroyed")).all()
            decisions = tuple(self._destroy(session, row) for row in rows)
        self._database.scrub()
        return decisions

    def destroy_decision(self, decision_id: str) -> bool:
        """The same for one decision; return whether there was something to destroy."""
        with self._database.writing() as session:
            row = session.exec(select(ReviewRow).where(ReviewRow.decision_id == decision_id, ReviewRow.state != "destroyed")).first()
            if row is not None:
                self._destroy(session, row)
        self._database.scrub()
        return row is not None

    def _destroy(self, session: Session, row: ReviewRow) -> str:
        row.state, row.sealed, row.pictures, row.facts = "destroyed", b"", b"", {}
        row.claimed_by = row.claim_ends = None
        for judged in session.exec(select(JudgementRow).where(JudgementRow.review == row.id)):
            judged.features, judged.noted = "", []
        return row.decision_id

    def forget_case(self, case_ref: str) -> None:
        """Destroy every result of a case, and let the reviews that stay no longer say whose they were."""
        self.destroy_case(case_ref)
        with self._database.writing() as session:
            for row in session.exec(select(ReviewRow).where(ReviewRow.case_ref == case_ref)):
                row.case_ref = ""

    def _must_hold(self, row: ReviewRow, reviewer: str) -> None:
        _must_wait(row)
        if row.claimed_by != reviewer or row.claim_ends is None:
            raise ReviewRefused("Claim this result first; a claim lasts a quarter of an hour.", code="review-not-claimed")
        if row.claim_ends <= self._clock.now():
            raise ReviewRefused("Your claim has expired; claim the result anew, and look again.", code="review-claim-expired")


def _must_wait(row: ReviewRow) -> None:
    if row.state != "waiting":
        raise ReviewRefused(f"This result is {row.state} already.", code="review-settled")


def _must_be_new(session: Session, row: ReviewRow, reviewer: str) -> None:
    query = select(JudgementRow.id).where(JudgementRow.review == row.id, JudgementRow.reviewer == reviewer)
    if session.exec(query).first() is not None:
        raise _judged_already()


def _judged_already() -> ReviewRefused:
    return ReviewRefused("You have judged this result already; another person is needed.", code="review-judged-already")


def _row(session: Session, review_id: str) -> ReviewRow:
    row = session.get(ReviewRow, review_id)
    if row is None:
        raise ReviewUnknown("No such review is waiting.")
    return row


def _review(session: Session, row: ReviewRow) -> Review:
    rows = session.exec(select(JudgementRow).where(JudgementRow.review == row.id).order_by(col(JudgementRow.id))).all()
    return Review(
        HeldResult(**{name: getattr(row, name) for name in HeldResult.__slots__}),
        row.state,
        row.claimed_by,
        row.claim_ends,
        row.created_at,
        row.settled_index,
        tuple(judged.reviewer for judged in rows),
        tuple(tuple(Judgement(word) for word in judged.said) for judged in rows),
        tuple(judged.at for judged in rows),
        tuple(row.shown) or tuple(range(row.candidates)),
    )
