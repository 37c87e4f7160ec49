"""Let trained people look at held results, each alone, and let go only what they confirm and the rules still allow.

Whoever may look is asked of the register at every step; the score is told to a reviewer only after their own judgement."""

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, field

from engine.faces import Candidate
from gateway.audit.log import Receipt
from gateway.clock import Clock
from gateway.enforcement.bench import Bench
from gateway.enforcement.facts import WitnessedAt, log_facts
from gateway.enforcement.journal import Journal
from gateway.enforcement.looking import Looking, PictureUnknown, Side, candidate_of
from gateway.enforcement.waiting import WaitingRoom
from gateway.records import entries
from gateway.records.commitments import Record
from gateway.registry.errors import NotOnRecord
from gateway.registry.lookups import Lookups
from gateway.registry.trainings import trained
from gateway.review.calibration import CALIBRATED, Competence
from gateway.review.judging import LONGEST_NOTE, Judgement, Noted, verdict
from gateway.review.queue import Queue, Review, ReviewRefused
from policies.decision import Permit, Refusal
from policies.facts import Facts


@dataclass(frozen=True, slots=True)
class Shown:
    """One candidate as a reviewer sees it: by its place in an order drawn by lot, without score, and without name where it has a picture.

    `warnings` name what makes the probe hard to judge."""

    number: int
    subject: str | None
    probe: bool
    picture: bool
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Scored:
    """What the recogniser thought of a candidate: told to a reviewer who has judged it."""

    number: int
    subject: str
    similarity: float
    expected_false_candidates: float


@dataclass(frozen=True, slots=True)
class Claimed:
    """A result in one reviewer's hands for a while."""

    review: Review
    candidates: tuple[Shown, ...]
    receipt: Receipt


@dataclass(frozen=True, slots=True)
class Judged:
    """What a judgement led to: still `waiting`, or `released` or `withheld`, with the entry that says so, and the scores.

    Or `calibrated`: it was a pair whose `truth` was known, and is told now."""

    review: Review
    state: str
    receipt: Receipt
    scores: tuple[Scored, ...] = ()
    truth: str | None = None


@dataclass(frozen=True, slots=True)
class ReviewDesk:
    """Where reviewers work. Every step raises ReviewRefused, ReviewUnknown or AuditUnavailable."""

    waiting: WaitingRoom
    queue: Queue
    lookups: Lookups
    journal: Journal
    bench: Bench
    clock: Clock
    witnessed_at: WitnessedAt
    looking: Looking
    # One judgement at a time: of two copies of one, sent at once, the second finds that the first counts, and leaves no entry.
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def list_waiting(self) -> list[Review]:
        """Return what waits, oldest first."""
        return await asyncio.to_thread(self.queue.waiting)

    async def competence(self, reviewer: str) -> Competence:
        """Return how often a reviewer was wrong about pairs whose truth is known."""
        return await asyncio.to_thread(self.looking.pairs.competence, reviewer)

    async def competences(self) -> list[Competence]:
        """Return the same of everybody who has judged anything, for operators."""
        return await asyncio.to_thread(lambda: [self.looking.pairs.competence(reviewer) for reviewer in self.looking.pairs.reviewers()])

    async def claim(self, reviewer: str, review_id: str) -> Claimed:
        """Give a result to one reviewer for a while, and record who looks at it.

        1 the reviewer is trained, today; 2 has no part in the case; 3 nobody else holds it, and they have not judged it before;
        4 that they look is durable before they see anything."""
        # 1, 2
        await self._must_be_trained(reviewer, "claim")
        self._must_be_impartial(reviewer, await asyncio.to_thread(self.queue.get, review_id))
        await self._end_what_is_judged(review_id)
        # 3
        review = await asyncio.to_thread(self.queue.claim, review_id, reviewer)
        # 4
        receipt = await self.journal.write(self._entry(review, reviewer, _act(review, "claimed"), {}))
        return Claimed(review, await self._shown(review), receipt)

    async def held_by(self, reviewer: str, review_id: str) -> tuple[Review, tuple[Shown, ...]]:
        """Return what a reviewer holds, once more: their claim is the entry that says they look."""
        await self._must_be_trained(reviewer, "look at")
        review = await asyncio.to_thread(self.queue.claimed, review_id, reviewer)
        return review, await self._shown(review)

    async def picture(self, reviewer: str, review_id: str, candidate: str, side: str) -> bytes:
        """Return the picture of a likeness to whoever holds the claim: the probe's face, or the candidate's. Raises PictureUnknown."""
        await self._must_be_trained(reviewer, "look at")
        review = await asyncio.to_thread(self.queue.claimed, review_id, reviewer)
        numbered = candidate.isascii() and candidate.isdigit() and len(candidate) < 4
        if side not in tuple(Side) or not numbered or int(candidate) >= len(review.shown):
            raise PictureUnknown
        return await self.looking.picture(review, review.shown[int(candidate)], Side(side))

    async def judge(self, reviewer: str, review_id: str, noted: Sequence[Noted]) -> Judged:
        """Take one reviewer's word on every candidate, in the order in which they were shown; release or withhold when that settles it.

        1 the reviewer is trained and impartial still, and holds the claim; 2 every candidate is judged, and the judgement rests on
        something; 3 it is durable in the log before it counts; 4 it counts; 5 if it settles the result, the rules are asked once
        more, with the reviewers and their training as the register has them; 6 the end is durable before it is true."""
        async with self.turn:
            return await self._judge(reviewer, review_id, noted)

    async def _judge(self, reviewer: str, review_id: str, noted: Sequence[Noted]) -> Judged:
        # 1
        await self._must_be_trained(reviewer, "judge")
        review = await asyncio.to_thread(self.queue.claimed, review_id, reviewer)
        self._must_be_impartial(reviewer, review)
        # 2
        _must_be_whole(review, noted)
        own_order = _in_own_order(review, noted)
        # Before the log hears of it: a result that is restricted or gone takes no judgement.
        answer = None if review.held.pair is not None else (await self.waiting.opened(review)).answer
        # 3
        said = {"said": [str(each.said) for each in own_order], "noted": [list(each.features) for each in own_order]}
        receipt = await self.journal.write(self._entry(review, reviewer, _act(review, "judged"), said))
        # 4
        if answer is None:
            review = await asyncio.to_thread(self.queue.judge, review_id, reviewer, own_order, receipt.index)
            await asyncio.to_thread(self.queue.settle, review_id, CALIBRATED, receipt.index)
            return Judged(review, CALIBRATED, receipt, truth=review.held.truth)
        scores = tuple(_scored(place, candidate_of(answer, own)) for place, own in enumerate(review.shown))
        review = await asyncio.to_thread(self.queue.judge, review_id, reviewer, own_order, receipt.index)
        reached = verdict(review.judgements, review.held.candidates, review.held.needed)
        if not reached.settled:
            return Judged(review, "waiting", receipt, scores)
        state, receipt = await self._settle(reviewer, review, reached.confirmed)
        return Judged(review, state, receipt, scores)

    async def _end_what_is_judged(self, review_id: str) -> None:
        """Settle a result whose last judgement counts, but whose end the log did not take: it waits for nobody any more."""
        async with self.turn:
            review = await asyncio.to_thread(self.queue.get, review_id)
            reached = verdict(review.judgements, review.held.candidates, review.held.needed)
            if review.state == "waiting" and review.held.pair is None and reached.settled:
                await self._settle(review.reviewers[-1], review, reached.confirmed)

    async def _shown(self, review: Review) -> tuple[Shown, ...]:
        seen = [await self.looking.likeness(review, own) for own in review.shown]
        return tuple(
            Shown(place, None if each.picture else each.subject, each.probe, each.picture, each.warnings) for place, each in enumerate(seen)
        )

    async def _settle(self, reviewer: str, review: Review, confirmed: tuple[int, ...]) -> tuple[str, Receipt]:
        # 5
        judge = self.bench.judge()
        facts = self._release_facts(review) if confirmed else None
        allowed = None if facts is None else judge.decide(facts, kind="release")
        state = "released" if isinstance(allowed, Permit) else "withheld"
        # 6
        end = {
            "reviewers": len(review.reviewers),
            "confirmed": list(confirmed) if state == "released" else [],
            "rulebook": judge.rulebook.digest,
            "reasons": [] if allowed is None or isinstance(allowed, Permit) else sorted({reason.rule for reason in allowed.reasons}),
        }
        asked = None if facts is None or allowed is None else (facts, allowed)
        receipt = await self.journal.write(self._entry(review, reviewer, state, end, asked))
        await asyncio.to_thread(self.queue.settle, review.held.id, state, receipt.index)
        return state, receipt

    async def _must_be_trained(self, reviewer: str, step: str) -> None:
        now = self.clock.now()
        if trained(self.lookups.now().trainings(reviewer), now):
            return
        refused = ReviewRefused(
            "No training of yours in comparing faces counts today; ask a registrar to record it, or to renew it.", code="reviewer-untrained"
        )
        asked = f"to {step} a review"
        await self.journal.write(entries.access_denied(at=now, by=reviewer, why=refused.code, asked=asked))
        raise refused

    def _must_be_impartial(self, reviewer: str, review: Review) -> None:
        """Refuse whoever asked, filed the case, or recorded or confirmed one of its papers: they would be judging their own request."""
        view, client = self.lookups.now(), review.held.client
        case = review.held.facts.get("case")
        reference = case.get("ref") if isinstance(case, dict) else None
        involved = {client}
        if isinstance(reference, str):
            papers = view.authorisations(client, reference)
            involved |= {person for paper in papers for person in (paper.recorded_by, paper.confirmed_by) if person is not None}
            with contextlib.suppress(NotOnRecord):
                involved.add(view.case(client, reference).opened_by)
        if reviewer in involved:
            raise ReviewRefused(
                "Nobody reviews their own request: you filed this case, or recorded or confirmed its papers. Leave it to another reviewer.",
                code="review-own-request",
            )

    def _release_facts(self, review: Review) -> Facts:
        facts = dict(review.held.facts)
        licence = facts.pop("licence")
        view = self.lookups.now()
        # Each of them, at the moment of their judgement, by the register as it stands now: a training withdrawn since counts for nothing.
        competent = all(trained(view.trainings(person), at) for person, at in zip(review.reviewers, review.judged_at, strict=True))
        facts["review"] = {"reviewers": list(review.reviewers), "trained": competent, "separate": True}
        facts["log"] = log_facts(self.witnessed_at)  # as it is now: what was witnessed at the request may be stale
        return Facts.from_json(facts, at=self.clock.now(), licence=licence if isinstance(licence, list) else ())

    def _entry(
        self, review: Review, reviewer: str, act: str, more: dict[str, object], asked: tuple[Facts, Permit | Refusal] | None = None
    ) -> Record:
        more = {"review": review.held.id} | more
        decision, now = review.held.decision_id, self.clock.now()
        return entries.review(at=now, decision_id=decision, reviewer=reviewer, act=act, more=more, asked=asked)


def _act(review: Review, act: str) -> str:
    """Name what was done in the log: what is said of a calibration pair is an act of its own, and counts nowhere as a search's."""
    return act if review.held.pair is None else f"calibration-{act}"


def _must_be_whole(review: Review, noted: Sequence[Noted]) -> None:
    if len(noted) != review.held.candidates:
        raise ReviewRefused(
            f"Judge each of the {review.held.candidates} candidates, in the order in which you were shown them.", code="judgement-malformed"
        )
    for each in noted:
        if len(each.note) > LONGEST_NOTE:
            raise ReviewRefused(f"A note has at most {LONGEST_NOTE} characters.", code="judgement-malformed")
        if not each.rests:
            raise ReviewRefused(
                f"Say what each `{Judgement.SAME}` and `{Judgement.DIFFERENT}` rests on: features that you compared, or a note.",
                code="judgement-unfounded",
            )


def _in_own_order(review: Review, noted: Sequence[Noted]) -> tuple[Noted, ...]:
    """Return the words in the order of the recogniser's answer, which is that of the log's outcome."""
    by_own = dict(zip(review.shown, noted, strict=True))
    return tuple(by_own[number] for number in range(review.held.candidates))


def _scored(place: int, candidate: Candidate) -> Scored:
    return Scored(place, candidate.subject, candidate.similarity, candidate.expected_false_candidates)
