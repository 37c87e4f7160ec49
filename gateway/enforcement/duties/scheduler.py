"""Look after every duty as time passes: discharged by a paper, done by a deed, or overdue. One process of a home does so at a time.

Every step stands in the log before it is true, and is shown the lease's number in the same transaction: a runner that slept while
another took over writes nothing. Never asks the machine for the time; deadlines follow the log's order (registry/timekeeping.py)."""

import asyncio
import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Final

from gateway.audit.errors import AuditError
from gateway.audit.log import AuditLog
from gateway.clock import Clock, iso
from gateway.enforcement.duties.desk import GATEWAY, described, is_overdue, papers_for
from gateway.enforcement.duties.endings import Watch
from gateway.enforcement.duties.shredding import Shredder
from gateway.enforcement.duties.terms import Keeper, term_of
from gateway.enforcement.registrar import Registrar
from gateway.enforcement.restrictions import RestrictionDesk
from gateway.errors import CustodesError
from gateway.records import entries
from gateway.registry.authorisations import Authorisation, Authorisations
from gateway.registry.cases import Cases
from gateway.registry.conduct import KEPT
from gateway.registry.duties import OWED, Duties, Duty
from gateway.registry.errors import NotOnRecord, RegistryError
from gateway.registry.galleries import Galleries
from gateway.registry.timekeeping import Step, Timekeeping
from gateway.store.leases import Lease

_BATCH: Final = 5000


@dataclass(frozen=True, slots=True)
class Round:
    """What one round did: whether it was this process's turn, how often the clock had stepped back, which duties moved."""

    ours: bool
    steps: int = 0
    discharged: tuple[str, ...] = ()
    overdue: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Scheduler:
    """The one that looks. `round` blocks for log and registry: call it in a thread."""

    clock: Clock
    time: Timekeeping
    lease: Lease
    duties: Duties
    authorisations: Authorisations
    cases: Cases
    galleries: Galleries
    registrar: Registrar
    restrictions: RestrictionDesk
    shredder: Shredder
    log: AuditLog
    watch: Watch
    _one_at_a_time: threading.Lock = field(default_factory=threading.Lock)

    def round(self) -> Round:
        """Look once. Raises AuditUnavailable, LogUnavailable or StoreUnavailable; what was begun is then done in the next round.

        1 the lease; 2 what time the log says it is; 3 each open duty; 4 what runs out; 5 what was kept of conduct, for a while."""
        with self._one_at_a_time:
            return self._round()

    def _round(self) -> Round:
        # 1
        if not self.lease.take(self.clock.now()):
            self.time.refresh()
            return Round(ours=False)
        # 2
        steps = self._read_the_log()
        # 3
        self.restrictions.owe_answers(self.restrictions.restrictions.all())
        discharged, overdue = [], []
        for duty in self.duties.all():
            papers = [] if duty.case_ref is None else papers_for(duty, self.authorisations.all(duty.client))
            how = self._fulfilled(duty, papers)
            if how is not None:
                self._discharge(duty, how, {})
                discharged.append(duty.id)
            elif (deed := self._deed(duty, papers)) is not None:
                # The deed first stands in the log as begun; done twice after a crash, it finds nothing left to destroy.
                self._record(duty, "begun", partial(self.duties.get, duty.id), {})
                self._discharge(duty, "done", deed())
                discharged.append(duty.id)
            elif duty.state == OWED and is_overdue(duty, self.time.now(), papers):
                self._record(duty, "overdue", partial(self.duties.fall_due, duty.id), {})
                overdue.append(duty.id)
        # 4
        self.watch.look()
        # 5
        self.shredder.book.forget_before(self.clock.now() - KEPT)
        return Round(True, steps, tuple(discharged), tuple(overdue))

    def _read_the_log(self) -> int:
        count = 0
        start = self.time.position()
        if start > self.log.size:
            start = self.time.start_over()  # the log is another one, or was recovered
        while True:
            stop = min(self.log.size, start + _BATCH)
            steps = self.time.read(start, self._times(start, stop))
            for step in steps:
                self._record_step(step)
            count += len(steps)
            start = stop
            if stop == self.log.size or steps:
                return count

    def _times(self, start: int, stop: int) -> Iterator[datetime]:
        for body in self.log.entries(start, stop):
            yield datetime.fromisoformat(json.loads(body)["at"])

    def _record_step(self, step: Step) -> None:
        record = entries.note("clock-step", at=self.clock.now(), more={"from": iso(step.start), "to": iso(step.end)})
        self.log.append_blocking(record.body, record.openings)

    def _fulfilled(self, duty: Duty, papers: list[Authorisation]) -> str | None:
        """Return by what a duty is done without anybody's doing now."""
        statuses = {paper.status for paper in papers}
        if term_of(duty.kind).keeper is Keeper.PAPER and papers:
            return "authorisation-" + next(status for status in ("granted", "requested", "rejected", "revoked") if status in statuses)
        if duty.kind == "stop_delete_on_reject" and "granted" in statuses and "rejected" not in statuses:
            return "authorisation-granted"
        return None

    def _deed(self, duty: Duty, papers: list[Authorisation]) -> Callable[[], dict[str, object]] | None:
        """Return what the gateway has to do for a duty now, if anything."""
        if duty.kind == "stop_delete_on_reject":
            rejected = any(paper.status == "rejected" for paper in papers)
            return (lambda: self._stop_and_delete(duty)) if rejected else None
        if term_of(duty.kind).keeper is not Keeper.DEED or duty.due_at is None or self.time.now() < duty.due_at:
            return None
        if duty.kind == "destroy_watchlist_after":
            return lambda: self._destroy_watchlist(duty)
        return lambda: self._destroy_decision(duty)

    def _stop_and_delete(self, duty: Duty) -> dict[str, object]:
        assert duty.case_ref is not None
        try:
            if self.cases.get(duty.client, duty.case_ref).state == "open":
                said = {"client": duty.client, "case_ref": duty.case_ref, "reason": "The authorisation was rejected."}
                self.registrar.take(GATEWAY, None, "case-change", "suspended", said)
        except RegistryError:
            pass  # the case is gone, or somebody suspended it a moment ago: stopped either way
        return self.shredder.case(duty.client, duty.case_ref).to_json()

    def _destroy_decision(self, duty: Duty) -> dict[str, object]:
        gallery, subject = duty.about.get("gallery"), duty.about.get("subject")
        if duty.about.get("operation") == "enroll" and gallery is not None and subject is not None:
            return {"photos": self.shredder.subject(gallery, subject)}
        return self.shredder.decision(duty.decision_id).to_json()

    def _destroy_watchlist(self, duty: Duty) -> dict[str, object]:
        gallery = duty.about["gallery"]
        try:
            owner = next(record.owner for record in self.galleries.all() if record.id == gallery)
            if self.galleries.get(owner, gallery).state != "closed":
                self.registrar.take(GATEWAY, None, "gallery-change", "closed", {"client": owner, "gallery": gallery})
        except (StopIteration, NotOnRecord):
            pass  # never on record, so nothing to close
        return {"subjects": self.shredder.gallery(gallery)}

    def _discharge(self, duty: Duty, how: str, more: dict[str, object]) -> None:
        now = self.time.now()
        late = {"late": True} if duty.due_at is not None and term_of(duty.kind).keeper is not Keeper.DEED and now >= duty.due_at else {}
        self._record(duty, "discharged", lambda: self.duties.discharge(duty.id, how, now), {"how": how} | late | more)

    def _record(self, duty: Duty, act: str, make: Callable[[], Duty], more: dict[str, object]) -> None:
        def fenced() -> Duty:
            self.lease.must_hold()
            return make()

        self.registrar.give(GATEWAY, None, "duty", act, fenced, lambda moved: {**described(moved), **more})


async def look_after(scheduler: Scheduler, seconds: float) -> None:
    """Look every so many seconds, for as long as the service runs."""
    while True:
        # The log or the registry cannot be written now: readiness says so, and the next round finds the same duties.
        with contextlib.suppress(CustodesError, AuditError):
            await asyncio.to_thread(scheduler.round)
        await asyncio.sleep(seconds)
