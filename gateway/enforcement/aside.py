"""Do long work on rules in a process of its own, so that no request waits for it, and hear how far it is. Knows no rule and no log."""

import multiprocessing
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Final, Generic, TypeVar

from gateway.audit.errors import AuditError
from gateway.errors import CustodesError
from policies.drafting import DraftRefused, Tell
from policies.errors import PolicyError

T = TypeVar("T")

# A process that says nothing for so long is stuck, or its question is too large to be answered.
LONGEST_SILENCE: Final = 300.0
_LOOK_EVERY: Final = 0.5
_SPAWN: Final = multiprocessing.get_context("spawn")  # a fork would copy the event loop's threads and the log's locks in any state


class WorkFailed(CustodesError):
    """The work could not be done; `faults` are what is wrong with a draft, line by line, `index` a damaged entry's place in the log."""

    code = "work-failed"

    def __init__(self, sentence: str, *, code: str | None = None, more: Mapping[str, object] | None = None) -> None:
        super().__init__(sentence, code=code)
        self.more = dict(more or {})

    @classmethod
    def by(cls, fault: PolicyError | AuditError | CustodesError) -> "WorkFailed":
        """Return what another part's error says, with what it points at."""
        more: dict[str, object] = {}
        if isinstance(fault, DraftRefused):
            more["faults"] = [each.to_json() for each in fault.faults]
        if (index := getattr(fault, "index", None)) is not None:
            more["index"] = index
        return cls(fault.sentence, code=fault.code, more=more)


@dataclass(frozen=True, slots=True)
class Step:
    """How far it is: what is done now, how much of it, and of how much (0: nobody knows)."""

    what: str
    done: int = 0
    of: int = 0


@dataclass(frozen=True, slots=True)
class _Ended(Generic[T]):
    value: T


@dataclass(frozen=True, slots=True)
class _Failed:
    code: str
    sentence: str
    more: Mapping[str, object]


def do_aside(
    work: Callable[[Tell], T],
    hear: Callable[[Step], None] = lambda _step: None,
    *,
    silence: float = LONGEST_SILENCE,
    stop: threading.Event | None = None,
) -> T:
    """Run `work` (picklable) in a new process, and return what it returns. Blocks: call it in a thread; `stop` ends it early.

    Raises WorkFailed with the code and sentence of what the work raised; or, if the process died, fell silent or was stopped, its own."""
    ours, theirs = _SPAWN.Pipe(duplex=False)
    process = _SPAWN.Process(target=_work, args=(work, theirs), daemon=True)
    process.start()
    theirs.close()
    heard = time.monotonic()
    try:
        while True:
            if stop is not None and stop.is_set():
                raise WorkFailed("The service is stopping; ask again when it is back.")
            if not ours.poll(_LOOK_EVERY):
                if time.monotonic() - heard > silence:
                    raise WorkFailed(f"Nothing was heard of it for {silence:.0f} seconds; draft less at once.", code="work-too-long")
                continue
            heard = time.monotonic()
            match ours.recv():
                case Step() as step:
                    hear(step)
                case _Ended(value):
                    ended: T = value
                    return ended
                case _Failed(code, sentence, more):
                    raise WorkFailed(sentence, code=code, more=more)
    except EOFError as fault:
        raise WorkFailed("The process that worked on it died; look at the machine's memory, and try again.") from fault
    finally:
        process.kill()
        process.join()
        ours.close()


def _work(work: Callable[[Tell], object], channel: Connection) -> None:
    try:
        channel.send(_Ended(work(lambda what, done, of: channel.send(Step(what, done, of)))))
    except (PolicyError, AuditError, CustodesError) as fault:
        failed = WorkFailed.by(fault)
        channel.send(_Failed(failed.code, failed.sentence, failed.more))
