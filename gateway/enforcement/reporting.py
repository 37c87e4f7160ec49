"""Keep reports on drafts going in the background, and say how far each is. Makes none itself: that is the desk's."""

import asyncio
from dataclasses import dataclass, field
from threading import Event
from typing import Final

from gateway.enforcement.aside import Step
from gateway.enforcement.desks.rulebooks import RulebookDesk
from gateway.enforcement.registrar import Actor, Done
from gateway.errors import CustodesError
from gateway.registry.drafts import Report

# Each takes a processor for as long as it lasts; requests need the others.
MOST_AT_ONCE: Final = 2
MOST_REMEMBERED: Final = 256


class ReportsBusy(CustodesError):
    """As many reports as may be made at once are being made."""

    code = "reports-busy"
    retry_after = 10


@dataclass(slots=True)
class Reporting:
    """One report being made, or made: by whom, how far it is, and how it ended."""

    draft: str
    by: Actor
    step: Step = field(default_factory=lambda: Step("waiting"))
    done: Done[Report] | None = None
    fault: CustodesError | None = None

    @property
    def working(self) -> bool:
        """True until it has ended."""
        return self.done is None and self.fault is None


class Reports:
    """The reports of one process. One draft has one at a time: who asks again hears of that one."""

    def __init__(self, desk: RulebookDesk) -> None:
        self._desk = desk
        self._known: dict[str, Reporting] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._stop = Event()

    def start(self, actor: Actor, draft_id: str) -> Reporting:
        """Begin a report, or return the one that is being made on this draft. Raises ReportsBusy."""
        known = self._known.get(draft_id)
        if known is not None and known.working:
            return known
        if sum(each.working for each in self._known.values()) >= MOST_AT_ONCE:
            raise ReportsBusy(f"{MOST_AT_ONCE} reports are being made already; ask again when one is done.")
        while len(self._known) >= MOST_REMEMBERED:
            self._known.pop(next(name for name, each in self._known.items() if not each.working))
        begun = self._known[draft_id] = Reporting(draft_id, actor)
        task = asyncio.create_task(self._make(begun))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return begun

    def of(self, draft_id: str) -> Reporting | None:
        """Return the newest report that this process was asked for on a draft, if any."""
        return self._known.get(draft_id)

    async def close(self) -> None:
        """Stop what is being made; nothing of it is kept."""
        self._stop.set()
        await asyncio.gather(*self._tasks)

    async def _make(self, reporting: Reporting) -> None:
        def hear(step: Step) -> None:
            reporting.step = step

        try:
            reporting.done = await asyncio.to_thread(self._desk.report, reporting.by, reporting.draft, hear, self._stop)
        except CustodesError as fault:
            reporting.fault = fault
        except Exception:
            # Whoever asks must hear that it is over; what it was is for the operator's eyes.
            reporting.fault = CustodesError("Something went wrong here while the report was made; the operator's log says more.")
            raise
