"""Keep results until people have looked, and let go only what they confirm and the rules still allow. Never wakes the recogniser."""

import asyncio
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import msgspec

from engine.faces import Answer
from gateway.audit.log import Receipt
from gateway.clock import Clock
from gateway.enforcement.answers import Held, Released
from gateway.enforcement.bench import Bench
from gateway.enforcement.facts import WitnessedAt, log_facts
from gateway.enforcement.journal import Journal
from gateway.identity.callers import Caller
from gateway.records import entries
from gateway.review.judging import Judgement, verdict
from gateway.review.queue import HeldResult, Queue, Review, ReviewRefused
from gateway.review.vault import Vault
from policies.decision import Permit
from policies.facts import Facts
from policies.obligations import Obligation

NO_CASE: Final = "no-case"
_LONGEST_FEATURES: Final = 2000


@dataclass(frozen=True, slots=True)
class Judged:
    """What a judgement led to: still `waiting`, or `released` or `withheld`, with the entry that says so."""

    review: Review
    state: str
    receipt: Receipt


@dataclass(frozen=True, slots=True)
class WaitingRoom:
    """The held results of one home."""

    queue: Queue
    vault: Vault
    journal: Journal
    bench: Bench
    clock: Clock
    witnessed_at: WitnessedAt

    async def hold(
        self, client: str, facts: Facts, permit: Permit, answer: Answer, outcome: Receipt, *, decision_id: str, intent: int, needed: int
    ) -> Held:
        """Seal a result under its case's key and let it wait for `needed` people."""
        case = case_key(client, facts.case.ref)
        held = HeldResult(
            id=secrets.token_hex(12),
            decision_id=decision_id,
            client=client,
            case_ref=case,
            purpose=facts.purpose or "",
            operation=answer.operation,
            needed=needed,
            candidates=to_judge(answer),
            intent_index=intent,
            outcome_index=outcome.index,
            facts=facts.to_json() | {"licence": sorted(facts.licence)},
            sealed=b"",
        )
        sealed = await asyncio.to_thread(
            self.vault.seal, case, held.id, msgspec.json.encode(_Content(answer, permit.obligations), enc_hook=dict)
        )
        await asyncio.to_thread(self.queue.put, replace(held, sealed=sealed))
        return Held(decision_id, outcome, held.id, needed, tuple(permit.obligations))

    async def list_waiting(self) -> list[Review]:
        """Return what waits, oldest first."""
        return await asyncio.to_thread(self.queue.waiting)

    async def claim(self, reviewer: Caller, review_id: str) -> tuple[Review, Answer]:
        """Give a result to one reviewer for a while, and record who looks at it. Raises ReviewRefused, AuditUnavailable."""
        review = await asyncio.to_thread(self.queue.claim, review_id, reviewer.id)
        record = entries.review(
            at=self.clock.now(), decision_id=review.held.decision_id, reviewer=reviewer.id, act="claimed", more={"review": review_id}
        )
        await self.journal.write(record)
        return review, (await self._opened(review)).answer

    async def judge_result(self, reviewer: Caller, review_id: str, said: Sequence[Judgement], features: str) -> Judged:
        """Take one reviewer's judgement of every candidate; release or withhold when the judgements settle it.

        1 the reviewer must hold the claim; 2 the judgement is durable in the log before it counts; 3 it counts;
        4 if it settles the result, the rules are asked once more, with the reviewers named; 5 the end is durable before it is true.
        Raises ReviewRefused, AuditUnavailable."""
        # 1
        review = await asyncio.to_thread(self.queue.claimed, review_id, reviewer.id)
        if len(said) != review.held.candidates or len(features) > _LONGEST_FEATURES:
            raise ReviewRefused(
                f"Judge each of the {review.held.candidates} candidates, with at most {_LONGEST_FEATURES} characters of features.",
                code="judgement-malformed",
            )
        # 2
        more = {"review": review_id, "said": [str(word) for word in said]}
        receipt = await self.journal.write(
            entries.review(at=self.clock.now(), decision_id=review.held.decision_id, reviewer=reviewer.id, act="judged", more=more)
        )
        # 3
        review = await asyncio.to_thread(self.queue.judge, review_id, reviewer.id, tuple(said), features, receipt.index)
        reached = verdict(review.judgements, review.held.candidates, review.held.needed)
        if not reached.settled:
            return Judged(review, "waiting", receipt)
        # 4
        judge = self.bench.judge()
        allowed = judge.decide(self._release_facts(review), kind="release") if reached.confirmed else None
        state = "released" if isinstance(allowed, Permit) else "withheld"
        # 5
        end = {
            "review": review_id,
            "reviewers": len(review.reviewers),
            "confirmed": list(reached.confirmed) if state == "released" else [],
            "rulebook": judge.rulebook.digest,
            "reasons": [] if allowed is None or isinstance(allowed, Permit) else sorted({reason.rule for reason in allowed.reasons}),
        }
        receipt = await self.journal.write(
            entries.review(at=self.clock.now(), decision_id=review.held.decision_id, reviewer=reviewer.id, act=state, more=end)
        )
        await asyncio.to_thread(self.queue.settle, review_id, state, receipt.index)
        return Judged(review, state, receipt)

    async def collect(self, client: str, decision_id: str) -> Released | Review:
        """Return the confirmed result of a client's own decision, or the review as it stands. Raises ReviewUnknown, ResultShredded."""
        review = await asyncio.to_thread(self.queue.of_decision, decision_id, client)
        if review.state != "released" or review.settled_index is None:
            return review
        content = await self._opened(review)
        confirmed = verdict(review.judgements, review.held.candidates, review.held.needed).confirmed
        kept = tuple(content.answer.candidates[number] for number in confirmed if number < len(content.answer.candidates))
        receipt = await asyncio.to_thread(self.journal.log.receipt, review.settled_index)
        return Released(decision_id, receipt, replace(content.answer, candidates=kept), content.obligations)

    async def _opened(self, review: Review) -> "_Content":
        content = await asyncio.to_thread(self.vault.unseal, review.held.case_ref, review.held.id, review.held.sealed)
        return msgspec.json.decode(content, type=_Content)

    def _release_facts(self, review: Review) -> Facts:
        facts = dict(review.held.facts)
        licence = facts.pop("licence")
        facts["review"] = {"reviewers": list(review.reviewers), "trained": True, "separate": True}
        facts["log"] = log_facts(self.witnessed_at)  # as it is now: what was witnessed at the request may be stale
        return Facts.from_json(facts, at=self.clock.now(), licence=licence if isinstance(licence, list) else ())


@dataclass(frozen=True, slots=True)
class _Content:
    """What is sealed: the recogniser's answer, and what the permit asks of whoever receives it."""

    answer: Answer
    obligations: tuple[Obligation, ...]


def to_judge(answer: Answer) -> int:
    """Return how many likenesses a person has to judge: each candidate of a search, or the one comparison."""
    return len(answer.candidates) or int(answer.verified is not None)


def case_key(client: str, reference: str | None) -> str:
    """Return the name under which a case's results are sealed: two clients' cases of one reference are two cases."""
    return f"{client}/{reference or NO_CASE}"
