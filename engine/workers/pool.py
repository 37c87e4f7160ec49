"""Hand each sealed order to a worker that is free, at once or after a short bounded wait, and replace workers that fail or grow old.
Never opens an order, looks into an image or changes an answer."""

import asyncio
import itertools
import math
from collections import deque
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any

from engine.equipment import Binding
from engine.errors import EngineBusy, EngineError, EngineFailed
from engine.faces import Answer
from engine.orders import intent_of
from engine.workers.ledger import SharedLedger
from engine.workers.plan import WorkerPlan
from engine.workers.process import WorkerProcess, engine_failed
from engine.workers.wire import Done, Job, Look, Ready, Refused, Seen, WrongShape

_LONGEST_PAUSE = 30.0  # seconds between two attempts to start a worker that does not start
_LONGEST_RETRY_AFTER = 60


@dataclass(frozen=True, slots=True)
class WorkersState:
    """How the engine is, for a health check: ready when at least one worker is up."""

    wanted: int
    up: int
    busy: int
    waiting: int
    calls: int
    failures: int
    pids: tuple[int, ...]
    recogniser: str
    calibration: str
    cohort: str | None
    raw_calibration: str
    best_similarity: float

    @property
    def binding(self) -> Binding:
        """What an evaluation must speak of, if this engine is to serve."""
        return Binding(self.recogniser, self.cohort, (self.calibration, self.raw_calibration))

    @property
    def ready(self) -> bool:
        """Whether an order that came now would be carried out."""
        return self.up > 0


class Workers:
    """A pool of worker processes, for one event loop. Make it with `start`; end it with `close`."""

    def __init__(self, plan: WorkerPlan, ledger: SharedLedger) -> None:
        self._plan = plan
        self._ledger = ledger
        self._tickets = itertools.count(1)
        self._up: set[WorkerProcess] = set()
        self._idle: list[WorkerProcess] = []
        self._waiting: deque[asyncio.Future[WorkerProcess]] = deque()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._successions: set[asyncio.Task[None]] = set()
        self._failures = 0
        self._seconds = 0.1  # a running mean of what an order takes
        self._identity = Ready("", "", None)
        self._closed = False

    @classmethod
    async def start(cls, plan: WorkerPlan) -> "Workers":
        """Start all workers and return when each is loaded and warm; raises EngineError, saying why, if one cannot be started."""
        workers = cls(plan, SharedLedger.empty())
        starting = [WorkerProcess.start(plan, workers._ledger.descriptor) for _ in range(plan.count)]
        started = await asyncio.gather(*starting, return_exceptions=True)
        for worker in started:
            if isinstance(worker, WorkerProcess):
                workers._take_in(worker)
        for fault in started:
            if isinstance(fault, BaseException):
                await workers.close()
                raise fault
        return workers

    async def run(self, sealed: bytes, image: bytes, second_image: bytes | None = None) -> Answer:
        """Have one sealed order carried out on its image (and second image), and return the answer.

        Raises EngineBusy at once when the queue is full; EngineFailed when the worker crashed, hung, outgrew its memory or answered
        in a wrong shape; else the EngineError with which the worker refused. `call` of an error is the engine's own number for the
        order, if it was accepted. A caller that is cancelled leaves the order running to its end: it is spent either way."""
        if self._closed:
            raise EngineFailed("The engine has been shut down.", detail="closed")
        images = (image,) if second_image is None else (image, second_image)
        worker = await self._claim()
        job = Job(next(self._tickets), sealed, images)
        return await asyncio.shield(self._in_background(self._carry_out(worker, job)))

    async def look(self, sealed: bytes) -> bytes | None:
        """Have one sealed view order honoured: return the picture that it names, or None where none is kept.

        Raises as `run` does. No recogniser is woken, so it is no call."""
        if self._closed:
            raise EngineFailed("The engine has been shut down.", detail="closed")
        worker = await self._claim()
        return await asyncio.shield(self._in_background(self._show(worker, Look(next(self._tickets), sealed))))

    @property
    def calls(self) -> int:
        """The engine's own count: how many orders its workers have accepted since this boot began."""
        return self._ledger.calls

    def state(self) -> WorkersState:
        """Return how the pool is at this moment."""
        return WorkersState(
            wanted=self._plan.count,
            up=len(self._up),
            busy=len(self._up) - len(self._idle),
            waiting=len(self._waiting),
            calls=self.calls,
            failures=self._failures,
            pids=tuple(worker.pid for worker in self._up),
            recogniser=self._identity.recogniser,
            calibration=self._identity.calibration,
            cohort=self._identity.cohort,
            raw_calibration=self._identity.raw_calibration,
            best_similarity=self._identity.best_similarity,
        )

    async def close(self) -> None:
        """Stop every worker, and refuse who still waits. What was being carried out fails."""
        self._closed = True
        for waiter in self._waiting:
            if not waiter.done():
                waiter.set_exception(EngineFailed("The engine has been shut down.", detail="closed"))
        await self._end_all()
        for succession in self._successions:
            succession.cancel()
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)
        # A successor may have come up in between.
        await self._end_all()
        self._ledger.close()

    async def _end_all(self) -> None:
        await asyncio.gather(*(worker.end() for worker in self._up))
        self._idle.clear()
        self._up.clear()

    async def _claim(self) -> WorkerProcess:
        if self._idle:
            # The one that worked last: its galleries are the likeliest to be in memory.
            return self._idle.pop()
        if len(self._waiting) >= self._plan.queue:
            raise self._busy()
        waiter: asyncio.Future[WorkerProcess] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        try:
            async with asyncio.timeout(self._plan.limits.queue_seconds):
                return await waiter
        except (TimeoutError, asyncio.CancelledError) as fault:
            if waiter.done() and not waiter.cancelled() and waiter.exception() is None:
                self._release(waiter.result())
            if isinstance(fault, TimeoutError):
                raise self._busy() from None
            raise
        finally:
            if waiter in self._waiting:
                self._waiting.remove(waiter)

    def _busy(self) -> EngineBusy:
        seconds = (len(self._waiting) + 1) * self._seconds / max(len(self._up), 1)
        retry_after = min(max(math.ceil(seconds), 1), _LONGEST_RETRY_AFTER)
        return EngineBusy("The recogniser is busy and its queue is full; try again shortly.", retry_after=retry_after)

    async def _show(self, worker: WorkerProcess, look: Look) -> bytes | None:
        try:
            reply = await worker.carry_out(look)
            outcome = _seen(reply)
        except BaseException as fault:
            self._failures += isinstance(fault, EngineFailed)
            self._replace(worker)
            raise
        if reply.retiring:
            self._replace(worker)
        else:
            self._release(worker)
        if isinstance(outcome, EngineError):
            raise outcome
        return outcome

    async def _carry_out(self, worker: WorkerProcess, job: Job) -> Answer:
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            reply = await worker.carry_out(job)
            outcome = self._outcome(reply, job)
        except EngineFailed as failed:
            self._failures += 1
            self._replace(worker)
            failed.call = self._call_of(job)
            raise
        except BaseException:
            self._replace(worker)
            raise
        self._seconds += 0.1 * (loop.time() - began - self._seconds)
        if reply.retiring:
            self._replace(worker)
        else:
            self._release(worker)
        if isinstance(outcome, EngineError):
            raise outcome
        return outcome

    def _outcome(self, reply: Done | Seen | Refused, job: Job) -> Answer | EngineError:
        """Return what the worker says, if its number for the order is the one that the ledger holds."""
        if isinstance(reply, Seen):
            raise engine_failed("wrong-shape")
        try:
            outcome = reply.answer if isinstance(reply, Done) else reply.error()
        except WrongShape:
            raise engine_failed("wrong-shape") from None
        # An order that was refused as used is in the ledger under the call that used it.
        refused_unspent = isinstance(outcome, EngineError) and outcome.call is None
        if not refused_unspent and outcome.call != self._call_of(job):
            raise engine_failed("wrong-shape")
        return outcome

    def _call_of(self, job: Job) -> int | None:
        """Look up under which number a worker accepted the order, if one did: a lost order's outcome is logged under it, too."""
        intent = intent_of(job.sealed)
        return None if intent is None else self._ledger.call_of(intent)

    def _take_in(self, worker: WorkerProcess) -> None:
        self._identity = worker.ready
        self._up.add(worker)
        self._release(worker)
        self._in_background(self._watch(worker))

    async def _watch(self, worker: WorkerProcess) -> None:
        """Replace a worker that dies while it has nothing to do, before an order finds out. (A busy one's order does.)"""
        await worker.ended()
        if worker in self._idle and not self._closed:
            self._idle.remove(worker)
            self._failures += 1
            self._replace(worker)

    def _release(self, worker: WorkerProcess) -> None:
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(worker)
                return
        self._idle.append(worker)

    def _replace(self, worker: WorkerProcess) -> None:
        self._up.discard(worker)
        succession = self._in_background(self._succeed(worker))
        self._successions.add(succession)
        succession.add_done_callback(self._successions.discard)

    async def _succeed(self, worker: WorkerProcess) -> None:
        """End a worker and start its successor, trying until one starts or the pool is closed."""
        await worker.end()
        pause = 0.1
        while not self._closed:
            try:
                successor = await WorkerProcess.start(self._plan, self._ledger.descriptor)
            except EngineError:
                await asyncio.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)
            else:
                self._take_in(successor)
                return

    def _in_background(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # marks it as seen: whoever asked has it, or was cancelled


def _seen(reply: Done | Seen | Refused) -> bytes | EngineError | None:
    """Return the picture that a worker shows, or its refusal. Raises EngineFailed (wrong-shape) for anything else."""
    if isinstance(reply, Seen):
        return reply.portrait
    try:
        refusal = reply.error() if isinstance(reply, Refused) else None
    except WrongShape:
        refusal = None
    if refusal is None:
        raise engine_failed("wrong-shape")
    return refusal
