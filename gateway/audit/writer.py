"""Let many callers append through one thread that commits for all of them at once. Knows no store: the ledger is what it drives.

Group commit by back-pressure: while one batch commits, the next gathers. There is no timer, so an idle log answers
at the speed of one sync, and a busy one shares each sync among all who wait."""

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from itertools import repeat
from typing import Any, Final, NamedTuple, TypeVar

from gateway.audit.errors import AuditError
from gateway.audit.failures import LogUnavailable, NoSuchEntry
from gateway.audit.ledger import Ledger
from gateway.audit.receipt import Cover, Receipt
from gateway.audit.stores.base import ENOUGH_OPENINGS, MAX_BATCH, Opening, StoreBusy

_IDLE_SECONDS: Final = 0.25  # how soon another process's appends are noticed when there are none of our own
_REOPEN_SECONDS: Final = (0.05, 0.2, 0.5, 1.0)  # waits between attempts to open a failed log again; the last repeats

T = TypeVar("T")
Answer = asyncio.Future[T] | Future[T]
Errand = tuple[Callable[[Ledger], Any], Future[Any]]


class _Asked(NamedTuple):
    """One entry that waits to be written. `loop` is None if a thread waits for it, not a coroutine."""

    entry: bytes
    openings: Mapping[str, Opening]
    loop: asyncio.AbstractEventLoop | None
    answer: Answer[Receipt]


@dataclass(frozen=True, slots=True)
class _Watcher:
    """A coroutine that waits for the log to reach a size."""

    size: int
    loop: asyncio.AbstractEventLoop
    answer: asyncio.Future[int]


class Writer:
    """The thread that alone writes the log, and the bounded queue before it.

    A failure of unknown effect is fatal to the ledger, not to the writer: whoever waits is told LogUnavailable, the ledger
    is closed, and it is opened and verified anew until that succeeds. Meanwhile every append is refused at once."""

    def __init__(self, open_ledger: Callable[[], Ledger], *, queue_limit: int) -> None:
        """Open the ledger and start. Raises what opening it raises."""
        self._open_ledger = open_ledger
        self._queue_limit = queue_limit
        self._lock = threading.Lock()
        self._wake = threading.Condition(self._lock)
        self._asked: deque[_Asked] = deque()
        self._openings = 0  # of all that are asked
        self._errands: deque[Errand] = deque()
        self._watchers: list[_Watcher] = []
        self._idle = False
        self._closing = False
        self._trouble: AuditError | None = None
        self.ledger = open_ledger()
        self._thread = threading.Thread(target=self._run, name="audit-writer", daemon=True)
        self._thread.start()

    @property
    def trouble(self) -> AuditError | None:
        """Why nothing can be appended at present; None if all is well."""
        return self._trouble

    def ask(self, entry: bytes, openings: Mapping[str, Opening], loop: asyncio.AbstractEventLoop | None, answer: Answer[Receipt]) -> None:
        """Queue an entry; `answer` gets its Receipt or LogUnavailable. Raises LogUnavailable at once if it cannot be queued."""
        # The lock by itself, not through its condition: every entry ever appended passes here, on a busy event loop's time.
        with self._lock:
            self._must_be_open()
            if len(self._asked) >= self._queue_limit:
                raise LogUnavailable("more is being logged than the disk can take: try again shortly", code="log-queue-full")
            self._asked.append(_Asked(entry, openings, loop, answer))
            self._openings += len(openings)
            if self._idle:
                self._idle = False  # woken once; it may be long before the thread gets its turn
                self._wake.notify()

    def send(self, errand: Callable[[Ledger], Any]) -> Future[Any]:
        """Have the writing thread do something else with the ledger, between two batches."""
        answer: Future[Any] = Future()
        with self._wake:
            self._must_be_open()
            self._errands.append((errand, answer))
            self._wake.notify()
        return answer

    def watch(self, size: int, loop: asyncio.AbstractEventLoop, answer: asyncio.Future[int]) -> None:
        """Let `answer` have the log's size once it is at least `size`; LogUnavailable if the log is closed before."""
        with self._wake:
            if self._closing:
                raise _closed()
            self._watchers.append(_Watcher(size, loop, answer))
            self._wake.notify()

    def close(self) -> None:
        """Write what was asked for, and let the ledger go. Later calls have no effect."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        self._thread.join()

    def _must_be_open(self) -> None:
        if self._closing:
            raise _closed()
        if self._trouble is not None:
            raise LogUnavailable(f"the audit log cannot be written at present: {self._trouble.sentence}")

    def _run(self) -> None:
        while True:
            asked, errands = self._take()
            if self._closing and not asked and not errands:
                break
            try:
                self._work(asked, errands)
            except AuditError as error:
                self._recover(error)
            except Exception as error:  # the one thread that can write must not die of anything unforeseen
                self._recover(LogUnavailable(f"the audit log's writer failed: {type(error).__name__}: {error}"))
        self._finish()

    def _take(self) -> tuple[Sequence[_Asked], list[Errand]]:
        with self._wake:
            if not (self._asked or self._errands or self._closing):
                self._idle = True
                self._wake.wait(_IDLE_SECONDS)
                self._idle = False
            errands = list(self._errands)
            self._errands.clear()
            return self._next_batch(), errands

    def _next_batch(self) -> Sequence[_Asked]:
        """Take as many off the queue as one transaction may hold; the caller has the lock."""
        if len(self._asked) <= MAX_BATCH and self._openings <= ENOUGH_OPENINGS:
            whole, self._asked, self._openings = self._asked, deque(), 0
            return whole
        asked, openings = list[_Asked](), 0
        while self._asked and len(asked) < MAX_BATCH and openings < ENOUGH_OPENINGS:
            asked.append(self._asked.popleft())
            openings += len(asked[-1].openings)
        self._openings -= openings
        return asked

    def _work(self, asked: Sequence[_Asked], errands: Sequence[Errand]) -> None:
        """Do one round. Raises only what is fatal to the ledger, after all who waited for this round have been told."""
        try:
            if asked:
                self._append(asked)
            for errand, answer in errands:
                self._do(errand, answer)
            if not asked:
                self.ledger.follow()
            self._tell_watchers()
            # Last, after everyone has their answer: the guard may lag, a caller need not.
            self.ledger.keep_guard(now=not asked)
            self.ledger.store.make_room()
        except BaseException as error:
            refusal = error if isinstance(error, LogUnavailable) else LogUnavailable(f"the audit log failed: {error}")
            _answer(asked, repeat(refusal))
            for _, answer in errands:
                if not answer.done():
                    answer.set_exception(refusal)
            if not isinstance(error, StoreBusy):  # then nothing was written, and the ledger is as good as before
                raise

    def _append(self, asked: Sequence[_Asked]) -> None:
        openings = {place: one.openings for place, one in enumerate(asked) if one.openings}
        added = self.ledger.append([one.entry for one in asked], openings)
        _answer(asked, Cover(added.first, added.leaves, added.head.size, added.head.checkpoint, self.node_at).receipts())

    def _do(self, errand: Callable[[Ledger], Any], answer: Future[Any]) -> None:
        try:
            answer.set_result(errand(self.ledger))
        except (StoreBusy, NoSuchEntry) as refusal:  # the ledger is as good as before
            answer.set_exception(refusal)

    def node_at(self, level: int, index: int) -> bytes:
        """Look a node up in whichever ledger is open now; nodes of a size that was acknowledged are the same in all."""
        return self.ledger.nodes.at(level, index)

    def _recover(self, error: AuditError) -> None:
        """Close the ledger, tell everyone, and open it again until that succeeds or the log is closed.

        Never on the same handle: after a failed sync the kernel may have dropped what it could not write, and a second
        sync would report success. What is read back here is what is really there, and all of it is verified again."""
        with self._wake:
            self._trouble = error
            asked, self._asked, self._openings = list(self._asked), deque(), 0
            errands, self._errands = list(self._errands), deque()
        refusal = LogUnavailable(f"the audit log cannot be written at present: {error.sentence}")
        _answer(asked, repeat(refusal))
        for _, answer in errands:
            answer.set_exception(refusal)
        self.ledger.store.close()
        attempt = 0
        while not self._closing:
            try:
                # First, what we know to be durable: a log that lost it must not be taken for a log that never had it.
                self.ledger.keep_guard(now=True)
                ledger = self._open_ledger()
            except Exception as again:  # whatever it was, the log stays closed and is tried again
                with self._wake:
                    if isinstance(again, AuditError):
                        self._trouble = again
                    self._wake.wait(_REOPEN_SECONDS[min(attempt, len(_REOPEN_SECONDS) - 1)])
                attempt += 1
                continue
            with self._wake:
                self.ledger, self._trouble = ledger, None
            return

    def _tell_watchers(self) -> None:
        size = self.ledger.head.size
        with self._wake:
            reached = [watcher for watcher in self._watchers if watcher.size <= size]
            if reached:
                self._watchers = [watcher for watcher in self._watchers if watcher.size > size]
        for watcher in reached:
            _call(watcher.loop, [(watcher.answer, size)])

    def _finish(self) -> None:
        with suppress(AuditError):  # the guard may lag; the log itself is whole
            self.ledger.keep_guard(now=True)
        self.ledger.store.close()
        for watcher in self._watchers:
            _call(watcher.loop, [(watcher.answer, _closed())])


def _closed() -> LogUnavailable:
    return LogUnavailable("the audit log is closed", code="log-closed")


def _answer(asked: Sequence[_Asked], outcomes: Iterable[Receipt | LogUnavailable]) -> None:
    """Give each who asked what became of it, with one call into each event loop."""
    answers = list(zip([one.answer for one in asked], outcomes, strict=False))  # one refusal may be repeated for all
    loops = {one.loop for one in asked}
    for loop in loops:
        # Nearly always there is one loop, and then nothing to sort.
        mine = answers if len(loops) == 1 else [answer for one, answer in zip(asked, answers, strict=True) if one.loop is loop]
        if loop is None:
            _settle(mine)
        else:
            _call(loop, mine)


def _call(loop: asyncio.AbstractEventLoop, answers: Sequence[tuple[Answer[T], T | LogUnavailable]]) -> None:
    with suppress(RuntimeError):  # the loop was closed: nobody waits there any more
        loop.call_soon_threadsafe(_settle, answers)


def _settle(answers: Sequence[tuple[Answer[T], T | LogUnavailable]]) -> None:
    for future, outcome in answers:
        if future.done():  # the caller has gone away
            continue
        if isinstance(outcome, LogUnavailable):
            # An exception of its own for each: one that many tasks raise would gather all their tracebacks.
            future.set_exception(LogUnavailable(outcome.sentence, code=outcome.code))
        else:
            future.set_result(outcome)
