"""Keep results sealed until people have looked, and hand out what was released. Judges nothing, and never wakes the recogniser."""

import asyncio
import secrets
from dataclasses import dataclass, replace
from typing import Final

import msgspec

from engine.faces import Answer, Portrait
from engine.orders import SubjectReference
from gateway.audit.log import Receipt
from gateway.clock import Clock
from gateway.enforcement.answers import Held, Released
from gateway.enforcement.journal import Journal
from gateway.enforcement.mixing import Mixing
from gateway.enforcement.restrictions import RestrictedResults
from gateway.review.judging import verdict
from gateway.review.queue import HeldResult, Queue, Review
from gateway.review.vault import Vault
from policies.decision import Permit
from policies.facts import Facts
from policies.obligations import Obligation

NO_CASE: Final = "no-case"


@dataclass(frozen=True, slots=True)
class Content:
    """What is sealed: the recogniser's answer, what the permit asks of whoever receives it, and whom a comparison was with."""

    answer: Answer
    obligations: tuple[Obligation, ...]
    compared: SubjectReference | None = None


@dataclass(frozen=True, slots=True)
class WaitingRoom:
    """The held results of one home."""

    queue: Queue
    vault: Vault
    journal: Journal
    clock: Clock
    restricted: RestrictedResults
    mixing: Mixing

    async def hold(
        self,
        client: str,
        facts: Facts,
        permit: Permit,
        answer: Answer,
        outcome: Receipt,
        *,
        decision_id: str,
        intent: int,
        needed: int,
        compared: SubjectReference | None = None,
    ) -> Held:
        """Seal a result under its case's key and let it wait for `needed` people.

        The faces that were compared are sealed apart from it: they go when the review ends, whichever way, and the result may stay."""
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
        pictures = msgspec.msgpack.encode(answer.portraits)
        content = msgspec.json.encode(Content(replace(answer, portraits=()), permit.obligations, compared), enc_hook=dict)
        sealed = await asyncio.to_thread(self.vault.seal, case, held.id, content)
        sealed_pictures = await asyncio.to_thread(self.vault.seal, case, _pictures(held.id), pictures) if answer.portraits else b""
        await asyncio.to_thread(self.queue.put, replace(held, sealed=sealed, pictures=sealed_pictures))
        await self.mixing.after(held)
        return Held(decision_id, outcome, held.id, needed, tuple(permit.obligations))

    async def collect(self, client: str, decision_id: str) -> Released | Review:
        """Return the confirmed result of a client's own decision, or the review as it stands. Raises ReviewUnknown, and as
        `opened` does."""
        review = await asyncio.to_thread(self.queue.of_decision, decision_id, client)
        if review.state != "released" or review.settled_index is None:
            return review
        content = await self.opened(review)
        confirmed = verdict(review.judgements, review.held.candidates, review.held.needed).confirmed
        kept = tuple(content.answer.candidates[number] for number in confirmed if number < len(content.answer.candidates))
        receipt = await asyncio.to_thread(self.journal.log.receipt, review.settled_index)
        return Released(decision_id, receipt, replace(content.answer, candidates=kept), content.obligations)

    async def opened(self, review: Review) -> Content:
        """Return what a review holds: for the client once it is released, and for whoever judges it. Raises ResultShredded, and
        ResultRestricted while the case, or somebody found, is restricted: it is neither judged nor given out then."""
        sealed = await asyncio.to_thread(self.vault.unseal, review.held.case_ref, review.held.id, review.held.sealed)
        content = msgspec.json.decode(sealed, type=Content)
        await asyncio.to_thread(self.restricted.must_not_reach, review.held.case_ref, content.answer, content.compared)
        return content

    async def portraits(self, review: Review) -> tuple[Portrait, ...]:
        """Return the faces that were compared, for whoever judges them. Raises ResultShredded."""
        if not review.held.pictures:
            return ()
        sealed = review.held.pictures
        content = await asyncio.to_thread(self.vault.unseal, review.held.case_ref, _pictures(review.held.id), sealed)
        return msgspec.msgpack.decode(content, type=tuple[Portrait, ...])


def _pictures(review_id: str) -> str:
    return f"{review_id}/pictures"


def to_judge(answer: Answer) -> int:
    """Return how many likenesses a person has to judge: each candidate of a search, or the one comparison."""
    return len(answer.candidates) or int(answer.verified is not None)


def case_key(client: str, reference: str | None) -> str:
    """Return the name under which a case's results are sealed: two clients' cases of one reference are two cases."""
    return f"{client}/{reference or NO_CASE}"
