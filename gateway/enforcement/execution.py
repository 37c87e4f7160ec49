"""Carry out what was permitted: the intent, the sealed order, the recogniser, the outcome, the release. Decides nothing.
The only code that wakes the recogniser, and it does so only behind a durable intent."""

import asyncio
import contextlib
import uuid
from dataclasses import dataclass, replace
from typing import NoReturn

from engine.errors import EngineBusy, EngineError, EngineFailed, GalleryDamaged, GalleryRefused, GalleryUnknown
from engine.evaluation.record import COHORT_COVERS_ALL
from engine.faces import Answer
from engine.galleries.store import Galleries
from engine.orders import GalleryState, Operation, SubjectReference, seal
from engine.stamps import OrderSeal
from engine.workers.pool import Workers
from gateway.audit.log import Receipt
from gateway.clock import Clock, iso
from gateway.enforcement.answers import Held, ImageUnusable, RecogniserBusy, RecognitionFailed, Refused, Released
from gateway.enforcement.conduct import CaseSuspended, Conduct, withheld_for
from gateway.enforcement.declaration import Declaration
from gateway.enforcement.duties.desk import DutyDesk
from gateway.enforcement.facts import Assembled
from gateway.enforcement.fulfilment import Plan, plan
from gateway.enforcement.images import Images
from gateway.enforcement.journal import Journal
from gateway.enforcement.orders import ENGINE_OPERATION, Work, order_for
from gateway.enforcement.registered import PERSON, gallery_of, registered_person
from gateway.enforcement.restrictions import ResultRestricted
from gateway.enforcement.waiting import WaitingRoom, to_judge
from gateway.errors import CustodesError
from gateway.records import entries
from gateway.records.commitments import Record
from gateway.records.explorer import OpenIntent
from gateway.records.tags import Tags
from gateway.registry.licences import Licence
from policies.decision import Permit
from policies.facts import Facts


@dataclass(frozen=True, slots=True)
class Granted:
    """A permitted request: whose, under which decision, on which facts, with which strings, and under which licence."""

    decision_id: str
    client: str
    facts: Facts
    permit: Permit
    licence: Licence | None = None


@dataclass(frozen=True, slots=True)
class Prepared:
    """What will be done for it: how many people look afterwards, and the work as far as it can be said before the intent."""

    reviewers: int
    work: Work
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Execution:
    """From a permit to a result. Every intent that it writes is closed exactly once, whatever happens in between."""

    boot: str
    clock: Clock
    journal: Journal
    waiting: WaitingRoom
    galleries: Galleries
    workers: Workers
    order_seal: OrderSeal
    order_seconds: float
    duties: DutyDesk
    conduct: Conduct
    tags: Tags

    def prepare(self, client: str, declaration: Declaration, permit: Permit, assembled: Assembled) -> Prepared:
        """Turn obligations and declaration into work. Blocks; raises EngineError where a gallery is not to be had."""
        if declaration.gallery_id is not None:
            self._make_ready(declaration.gallery_id, assembled.retention_days)
        size = self._gallery_size(declaration)
        planned = plan(
            permit,
            declaration,
            gallery_size=size,
            licence_least=assembled.licence_least,
            vouched=self.workers.state().best_similarity,
            cohort_covers_all=assembled.facts.evidence.get(COHORT_COVERS_ALL) is True,
        )
        return Prepared(planned.reviewers, self._work(client, declaration, planned, assembled), planned.notes)

    async def carry_out(self, granted: Granted, prepared: Prepared, images: Images) -> Released | Held:
        """Record, search, record, and release or hold (steps 4 to 8 of docs/architecture.md).

        Raises ImageUnusable, RecogniserBusy, RecognitionFailed (all recorded) or AuditUnavailable (nothing is released)."""
        # 4 Record before searching: a crash in between leaves an intent without a search, never the reverse.
        order_id = uuid.uuid4().hex
        intent = await self._intend(granted, order_id, images, prepared.work)
        await self._owe(granted, intent, prepared.work)
        # 5, 6
        answer = await self._recognise(granted, intent, order_id, prepared.work, images)
        answer = replace(answer, remarks=(*answer.remarks, *prepared.notes))
        noticed = await self._noticed(granted, intent, prepared.work, images, answer)
        withheld = noticed or await self._restricted(granted, intent, prepared.work, answer)
        answer = replace(answer, sketches=(), scene=None)
        # 7
        held = prepared.reviewers > 0 and to_judge(answer) > 0
        status = "withheld" if withheld is not None else "held" if held else "released"
        receipt = await self._close(self._open(granted, intent), self._outcome(granted, intent, answer, status=status))
        # 8
        if withheld is not None:
            raise Refused(withheld_for(withheld, granted.permit.rulebook), granted.decision_id, receipt)
        if not held:
            return Released(granted.decision_id, receipt, replace(answer, portraits=()), granted.permit.obligations)
        return await self.waiting.hold(
            granted.client,
            granted.facts,
            granted.permit,
            answer,
            receipt,
            decision_id=granted.decision_id,
            intent=intent.index,
            needed=prepared.reviewers,
            compared=prepared.work.subject,
        )

    async def _intend(self, granted: Granted, order_id: str, images: Images, work: Work) -> Receipt:
        return await self.journal.write(
            entries.intent(
                at=self.clock.now(),
                decision_id=granted.decision_id,
                client=granted.client,
                facts=granted.facts,
                permit=granted.permit,
                licence=None if granted.licence is None else (granted.licence.id, granted.licence.document_digest),
                boot=self.boot,
                order_id=order_id,
                images=images.digests,
                tags=self._sought(granted, work),
            )
        )

    def _sought(self, granted: Granted, work: Work) -> list[str]:
        """Return the tags of whom this is about before anything is found: the case's person, and whoever is compared with or enrolled."""
        case_ref, subject = granted.facts.case.ref, work.subject
        tags = [] if case_ref is None else [self.tags.case(granted.client, case_ref)]
        return tags if subject is None else [*tags, self.tags.subject(subject.gallery, subject.subject)]

    async def _owe(self, granted: Granted, intent: Receipt, work: Work) -> None:
        """Put on record what the permit asks for later, before anything is done under it."""
        gallery = work.gallery.gallery if work.gallery is not None else work.subject.gallery if work.subject is not None else None
        subject = work.subject.subject if work.subject is not None else None
        try:
            await self.duties.owe(granted.client, granted.decision_id, granted.facts, granted.permit, gallery, subject)
        except CustodesError:
            self.journal.outcome_was_lost(self._open(granted, intent))
            raise

    async def _recognise(self, granted: Granted, intent: Receipt, order_id: str, work: Work, images: Images) -> Answer:
        try:
            order = order_for(work, images, boot=self.boot, order_id=order_id, intent_index=intent.index, now=self.clock.now())
            second = images.reference if order.second_sha256 else None
            return await self.workers.run(seal(order, self.order_seal), images.probe, second)
        except EngineError as fault:
            await self._failed(granted, intent, fault)
        except Exception:
            # A fault of ours: the intent must not stay open for it.
            self.journal.outcome_was_lost(self._open(granted, intent))
            raise

    async def _failed(self, granted: Granted, intent: Receipt, fault: EngineError) -> NoReturn:
        failed = isinstance(fault, EngineFailed | EngineBusy)
        record = entries.outcome(
            at=self.clock.now(),
            decision_id=granted.decision_id,
            intent_index=intent.index,
            status="failed" if failed else "image-refused",
            engine=None if fault.call is None else {"boot": self.boot, "call": fault.call},
            more={"why": fault.code},
        )
        receipt = await self._close(self._open(granted, intent), record)
        try:
            await self.conduct.refused_image(granted.client, granted.decision_id, granted.facts, fault.code)
        except CaseSuspended as suspension:
            raise Refused(withheld_for(suspension, granted.permit.rulebook), granted.decision_id, receipt) from fault
        if isinstance(fault, EngineBusy):
            raise RecogniserBusy(fault.sentence, decision_id=granted.decision_id, receipt=receipt, retry_after=fault.retry_after) from fault
        kind = RecognitionFailed if failed else ImageUnusable
        raise kind(fault.sentence, code=fault.code, decision_id=granted.decision_id, receipt=receipt) from fault

    async def _noticed(self, granted: Granted, intent: Receipt, work: Work, images: Images, answer: Answer) -> CaseSuspended | None:
        """Hold what was found against the declared purpose; what does not fit is not released. The intent is closed whatever happens."""
        if work.operation is not Operation.IDENTIFY:
            return None
        gallery = work.gallery.gallery if work.gallery is not None else None
        try:
            await self.conduct.after(granted.client, granted.decision_id, granted.facts, gallery, images.digests[0], answer)
        except CaseSuspended as suspension:
            return suspension
        except Exception:
            self.journal.outcome_was_lost(self._open(granted, intent))
            raise
        return None

    async def _restricted(self, granted: Granted, intent: Receipt, work: Work, answer: Answer) -> ResultRestricted | None:
        """Look once more whether what was found may be given out: somebody may have asked for restriction while it was looked for."""
        if work.operation is Operation.ENROLL:  # it finds nobody, and what it did is done
            return None
        case = f"{granted.client}/{granted.facts.case.ref or ''}"
        try:
            await asyncio.to_thread(self.waiting.restricted.must_not_reach, case, answer, work.subject)
        except ResultRestricted as restriction:
            return restriction
        except Exception:
            self.journal.outcome_was_lost(self._open(granted, intent))
            raise
        return None

    async def _close(self, intent: OpenIntent, record: Record) -> Receipt:
        try:
            return await self.journal.write(record)
        except CustodesError:
            # Nothing is released; the intent is closed as abandoned as soon as the log takes entries again.
            self.journal.outcome_was_lost(intent)
            raise

    def _outcome(self, granted: Granted, intent: Receipt, answer: Answer, *, status: str) -> Record:
        return entries.outcome(
            at=self.clock.now(),
            decision_id=granted.decision_id,
            intent_index=intent.index,
            status=status,
            engine={"boot": answer.boot, "call": answer.call, "recogniser": answer.recogniser},
            subjects=[candidate.subject for candidate in answer.candidates],
            similarities=[candidate.similarity for candidate in answer.candidates],
            tags=[] if answer.gallery is None else [self.tags.subject(answer.gallery, found.subject) for found in answer.candidates],
            more=_outcome_facts(answer),
        )

    def _open(self, granted: Granted, intent: Receipt) -> OpenIntent:
        return OpenIntent(intent.index, self.boot, granted.decision_id)

    def _make_ready(self, gallery_id: str, retention_days: int | None) -> None:
        try:
            self.galleries.record(gallery_id)
        except GalleryUnknown:
            # It is on record and open, or there were no permit: this is its first use. Another process may be as quick.
            with contextlib.suppress(GalleryRefused):
                self.galleries.create(gallery_id, self.workers.state().recogniser, retention_days=retention_days)

    def _gallery_size(self, declaration: Declaration) -> int:
        if declaration.gallery_id is None or "identify" not in declaration.operation:
            return 0
        return self.galleries.count(declaration.gallery_id).subjects

    def _work(self, client: str, declaration: Declaration, planned: Plan, assembled: Assembled) -> Work:
        operation = ENGINE_OPERATION[declaration.operation]
        # Whoever the case has registered is whom a probe must show. (A live frame shows whoever passes: there it is the gallery that
        # is of the person.) A further photo of the person must show the same one.
        person = None
        if declaration.case_ref is not None and (declaration.operation == "identify" or declaration.person):
            person = registered_person(self.galleries, client, declaration.case_ref)
            if person is None and assembled.person_registered and not declaration.person:
                raise GalleryDamaged("The photos of the person whom this case seeks are gone; register them anew.")
        gallery = subject = None
        if declaration.gallery_id is not None:
            generation = self.galleries.record(declaration.gallery_id).generation
            if operation is Operation.IDENTIFY:
                gallery = GalleryState(declaration.gallery_id, generation)
            elif declaration.subject is not None:
                subject = SubjectReference(declaration.gallery_id, declaration.subject, generation)
        if declaration.person and declaration.case_ref is not None:
            subject = SubjectReference(gallery_of(client, declaration.case_ref), PERSON)
        without = () if gallery is None else assembled.view.restricted_subjects(gallery.gallery)
        # Pictures for people are made where people will look, and kept only where the gallery's record says so.
        portraits = assembled.keeps_pictures and not declaration.person if operation is Operation.ENROLL else planned.reviewers > 0
        return Work(operation, planned.limits, self.order_seconds, gallery, subject, person, without, portraits)


def _outcome_facts(answer: Answer) -> dict[str, object]:
    return {
        "faces": len(answer.faces),
        "threshold": answer.threshold_similarity,
        "gallery_size": answer.gallery_size,
        "calibration": answer.calibration,
        "cohort": answer.cohort,
        "started_at": iso(answer.started_at),
        "ended_at": iso(answer.ended_at),
        "verified": answer.verified,
    }
