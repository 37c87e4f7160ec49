"""Carry a request from a known caller to an answer or a refusal, and leave a record that survives. Knows no HTTP, and opens no image."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final, NoReturn

from engine.errors import EngineError
from gateway.clock import Clock
from gateway.enforcement.answers import Checked, Held, Refused, Released, TurnedAway
from gateway.enforcement.bench import Bench
from gateway.enforcement.conduct import CaseSuspended, Conduct
from gateway.enforcement.declaration import Declaration
from gateway.enforcement.duties.desk import DutyDesk
from gateway.enforcement.execution import Execution, Granted
from gateway.enforcement.facts import NEEDED, Assembled, FactsBook, Gap
from gateway.enforcement.images import BodyRefused, Images, ImageSource
from gateway.enforcement.journal import Journal
from gateway.enforcement.orders import ENGINE_OPERATION
from gateway.enforcement.repeats import AnswerWithdrawn, Once, Repeated, Repeats
from gateway.errors import CustodesError
from gateway.identity.callers import Caller
from gateway.records import entries
from gateway.registry.errors import KeyReused, QuotaExceeded, StillRunning
from gateway.registry.idempotency import Answered
from gateway.registry.lookups import View
from gateway.registry.quotas import Quotas, Spent, Standing, used_up
from gateway.review.vault import ResultShredded
from policies.decision import Permit, Reason, Refusal
from policies.facts import Facts

BY_POLICY: Final = "policy"
BY_GATEWAY: Final = "gateway"


@dataclass(frozen=True, slots=True)
class Served:
    """What a permitted request led to, and how much of its quotas is left; nothing was spent on a repeated one."""

    result: Released | Held | Repeated
    standing: tuple[Standing, ...]


@dataclass(frozen=True, slots=True)
class Pipeline:
    """The way of a request (docs/architecture.md). Every path through it ends in a durable entry, or in nothing at all."""

    clock: Clock
    facts: FactsBook
    bench: Bench
    quotas: Quotas
    journal: Journal
    execution: Execution
    repeats: Repeats
    duties: DutyDesk
    conduct: Conduct

    async def check(self, caller: Caller, declaration: Declaration) -> Checked:
        """Say what the answer to a request would be, and record the question. Raises AuditUnavailable."""
        decision_id, assembled = new_decision_id(), self.facts.of(caller.id, declaration)
        verdict, by = self.judged(assembled)
        record = entries.check(
            at=self.clock.now(), decision_id=decision_id, client=caller.id, facts=assembled.facts, verdict=verdict, by=by
        )
        return Checked(decision_id, await self.journal.write(record), verdict)

    async def turn_away(self, caller: Caller, operation: str, fault: CustodesError) -> NoReturn:
        """Record that a known caller sent what cannot be read, and raise TurnedAway. Raises AuditUnavailable."""
        decision_id = new_decision_id()
        facts = Facts.from_json({"operation": operation, "client": {"id": caller.id}}, at=self.clock.now())
        refusal = Refusal(fault.code, (Reason(fault.code, BY_GATEWAY, "", fault.sentence),), (), self.bench.judge().rulebook.digest)
        record = entries.denial(at=self.clock.now(), decision_id=decision_id, client=caller.id, facts=facts, refusal=refusal, by=BY_GATEWAY)
        raise TurnedAway(fault, decision_id, await self.journal.write(record)) from fault

    async def run(self, caller: Caller, declaration: Declaration, source: ImageSource, view: View, once: Once | None = None) -> Served:
        """Answer a request, or refuse it and say why. `view` is the registry as it was when the caller was recognised.

        1 (before: the door) the token became a Caller; 2 what is known of the request is assembled; 3 the judge decides;
        4 a refusal is recorded and nothing was read, a permit is recorded before anything is done; 5 the obligations become a
        sealed order; 6 the recogniser obeys that order; 7 the outcome is recorded before anybody sees it; 8 the result is
        released, or waits for people. A request that came before under its key (`once`) gets its first answer after 3, not 5 to 8.
        Raises Refused, ImageUnusable, RecogniserBusy, RecognitionFailed (all recorded) or AuditUnavailable (nothing happened)."""
        decision_id = new_decision_id()
        # 2, 3, 4
        assembled, permit = await self._permitted(decision_id, caller, declaration, view)
        async with self._refusing(decision_id, caller, assembled, permit):
            claim = await self.repeats.begin(caller.id, once)
            try:
                spent = None if isinstance(claim, Answered) else await self._spend_quota(assembled)
                images = await source.images()
                _check_comparable(declaration, images)
                # A body may take half a minute: what was suspended, revoked or forbidden meanwhile counts. The licence that paid is
                # the one that the request is under: its thresholds hold, its document stands in the entry.
                assembled, permit = await self._permitted(
                    decision_id, caller, declaration, under=None if spent is None else spent.licence.id
                )
                if once is not None and isinstance(claim, Answered):
                    where = (assembled.case_ref, assembled.gallery_id)
                    return Served(await self.repeats.again(caller.id, once, claim, where, permit, images), ())
                await self.conduct.before(caller.id, decision_id, assembled.facts)
                prepared = await asyncio.to_thread(self.execution.prepare, caller.id, declaration, permit, assembled)
            except BaseException:
                await asyncio.shield(self.repeats.give_up(claim))
                raise
        # 4 to 8: what follows must reach its outcome even if the client hangs up.
        carried = self.execution.carry_out(Granted(decision_id, caller.id, assembled.facts, permit, assembled.licence), prepared, images)
        finished = self.repeats.finish(claim, once, assembled.case_ref, permit, images, carried)
        return Served(await asyncio.shield(asyncio.ensure_future(finished)), () if spent is None else spent.standing)

    async def _permitted(
        self, decision_id: str, caller: Caller, declaration: Declaration, view: View | None = None, under: str | None = None
    ) -> tuple[Assembled, Permit]:
        """Assemble, judge, and return only with a Permit: a refusal is recorded and raised."""
        assembled = self.facts.of(caller.id, declaration, view, under)
        verdict, by = self.judged(assembled)
        if isinstance(verdict, Refusal):
            await self._deny(decision_id, caller, assembled, verdict, by)
        return assembled, verdict

    def judged(self, assembled: Assembled) -> tuple[Permit | Refusal, str]:
        """Ask the judge, then let what the register itself objects to stand beside, or against, its answer."""
        judge = self.bench.judge(assembled.view)
        verdict = judge.decide(assembled.facts)
        gaps = list(assembled.gaps)
        if isinstance(verdict, Permit):
            gaps += self.duties.gaps(assembled.view, assembled.facts, verdict)
            if assembled.operation not in ENGINE_OPERATION:
                gaps.append(_gap("operation-not-offered", "This gateway's recogniser does not offer that."))
            if assembled.unevaluated is not None:
                gaps.append(assembled.unevaluated)
        elif not {"authorisation", *judge.rulebook.words.authorisations}.isdisjoint(verdict.needed):
            gaps += [misfit for misfit in assembled.misfits if misfit not in gaps]
        if "identify" in assembled.operation and assembled.gallery_id is None:
            gaps.append(_gap("gallery-missing", "A search names its gallery: declare it in Custodes-Gallery."))
        if not gaps:
            return verdict, BY_POLICY
        reasons = tuple(reason for _code, reason in gaps)
        needed = tuple(NEEDED[code] for code, _reason in gaps if code in NEEDED)
        if isinstance(verdict, Permit):
            return Refusal(gaps[0][0], reasons, needed, verdict.rulebook), BY_GATEWAY
        # A prohibited purpose stays refused as that; of what is missing the register knows better than the rules.
        code = gaps[0][0] if verdict.code in ("not-licensed", "nothing-allows", "policy-refused") else verdict.code
        return Refusal(code, (*verdict.reasons, *reasons), (*verdict.needed, *needed), verdict.rulebook), BY_GATEWAY

    async def _deny(
        self, decision_id: str, caller: Caller, assembled: Assembled, refusal: Refusal, by: str, fault: object = None
    ) -> NoReturn:
        record = entries.denial(
            at=self.clock.now(),
            decision_id=decision_id,
            client=caller.id,
            facts=assembled.facts,
            refusal=refusal,
            by=by,
            licence=fault.licence if isinstance(fault, QuotaExceeded) else None,
        )
        receipt = await self.journal.write(record)
        standing = used_up(assembled.licences, fault) if isinstance(fault, QuotaExceeded) else ()
        raise Refused(refusal, decision_id, receipt, getattr(fault, "retry_after", None), standing)

    @asynccontextmanager
    async def _refusing(self, decision_id: str, caller: Caller, assembled: Assembled, permit: Permit) -> AsyncIterator[None]:
        """Record as a refusal what turns up against a permitted request before anything was done for it."""
        try:
            yield
        except (QuotaExceeded, BodyRefused, CaseSuspended, EngineError, KeyReused, StillRunning, AnswerWithdrawn, ResultShredded) as fault:
            refusal = Refusal(fault.code, (Reason(fault.code, BY_GATEWAY, "", fault.sentence),), (), permit.rulebook)
            await self._deny(decision_id, caller, assembled, refusal, BY_GATEWAY, fault)

    async def _spend_quota(self, assembled: Assembled) -> Spent | None:
        if not assembled.licences:
            return None
        return await asyncio.to_thread(self.quotas.spend, assembled.licences, assembled.case_ref, self.clock.now())


def _check_comparable(declaration: Declaration, images: Images) -> None:
    if declaration.operation == "verify" and images.reference is None and None in (declaration.subject, declaration.gallery_id):
        sentence = "A comparison needs an enrolled person (Custodes-Gallery and Custodes-Subject) or a second image ('reference')."
        raise BodyRefused(sentence, code="subject-missing")


def _gap(code: str, sentence: str) -> Gap:
    return code, Reason(code, BY_GATEWAY, "", sentence)


def new_decision_id() -> str:
    """Return a name for a decision that nothing else has."""
    return str(uuid.uuid4())
