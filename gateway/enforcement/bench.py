"""Keep the judge of the live rulebook at hand, whichever process made it live. Makes no rulebook and approves none.

The registry points to the live rulebook, and the log says which one two people made live. Where the two differ, somebody went past
one of them, and nobody is served."""

import asyncio
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import msgspec

from gateway.audit.errors import AuditError
from gateway.clock import Clock
from gateway.enforcement.answers import NotReady
from gateway.enforcement.journal import Journal
from gateway.records import entries
from gateway.records.explorer import Explorer, Filter
from gateway.registry.lookups import Lookups, View
from gateway.registry.rulebook import Rulebooks
from policies import constitution
from policies.errors import PolicyError
from policies.judge import Judge
from policies.rulebook import Rulebook
from policies.sitting import Alarm

_PAGE: Final = 100


@dataclass(slots=True)
class Bench:
    """The judge that sits now. A new rulebook is built aside and then swapped in as one reference.

    `logged` returns the rulebook that the log's newest word on it makes live, or None."""

    lookups: Lookups
    rulebooks: Rulebooks
    alarm: Alarm
    logged: Callable[[], str | None]
    _judge: Judge | None = None
    _next: Judge | None = None
    _unlogged: str | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def judge(self, view: View | None = None) -> Judge:
        """Return the judge of the live rulebook: as a request's own view has it if it still sits, else of the one live at this moment.

        Raises NotReady if there is none, if the log does not name it, or if its text cannot be trusted: no rulebook, no permit."""
        judge = self._judge
        if judge is not None and judge.rulebook.digest == (view or self.lookups.now()).live_rulebook():
            return judge
        with self._lock:
            # Asked anew: a view from before a swap must not bring the old rulebook back.
            digest = self._live()
            if self._judge is None or self._judge.rulebook.digest != digest:
                ready = self._next is not None and self._next.rulebook.digest == digest
                self._judge = self._next if ready else self._convened(digest)
                self._next = None
            assert self._judge is not None
            return self._judge

    def convene(self, digest: str) -> None:
        """Make the judge of a rulebook that is about to be live, so that the first request under it does not wait. Raises NotReady."""
        judge = self._convened(digest)
        with self._lock:
            self._next = judge

    def _live(self) -> str:
        """Return the rulebook that registry and log both call live. Raises NotReady."""
        try:
            pointed, logged = self.lookups.now().live_rulebook(), self.logged()
            if pointed != logged:
                # A change may be between its entry and its effect: look again while none can be.
                with self.rulebooks.standing_still() as pointed:
                    logged = self.logged()
        except AuditError as fault:
            raise NotReady(f"Which rulebook is live cannot be asked of the log: {fault.sentence}. It is asked again each time.") from fault
        if pointed is None:
            raise NotReady("No rulebook is live; the operator must install one.")
        if pointed != logged:
            if self._unlogged != pointed:
                self._unlogged = pointed  # one alarm for it, not one a request
                self.alarm(f"The registry points to rulebook {pointed}; by the log, {logged} is live.")
            raise NotReady(
                f"The registry points to rulebook {pointed}, which the log does not call live: it came there past the second person,"
                " or from a backup. Have the right one drafted, reported on and approved."
            )
        return pointed

    def _convened(self, digest: str) -> Judge:
        try:
            rulebook = Rulebook.from_text(self.rulebooks.get(digest).text)
            if rulebook.digest != digest:
                raise NotReady("The live rulebook's text is not the one that its digest names; the operator must look at the registry.")
            constitution.require(rulebook)
            return Judge(rulebook, alarm=self.alarm)
        except PolicyError as fault:
            raise NotReady(f"The live rulebook cannot be used: {fault.sentence}") from fault


def live_by_the_log(explorer: Explorer) -> str | None:
    """Return the rulebook of the log's newest `live` entry, whichever process wrote it, or None if there is none yet.

    What another process made live is in the log before it is in the registry, but this one's own picture of the log may be older."""
    explorer.follow()
    before: int | None = None
    while found := explorer.find(Filter(kind="policy-change"), before=before, limit=_PAGE):
        for each in found:
            entry = msgspec.json.decode(each.body)
            if entry.get("act") == "live":
                return str(entry.get("rulebook"))
            before = each.index
    return None


async def name_the_rulebook(journal: Journal, clock: Clock, digest: str | None) -> None:
    """Write at the first start which rulebook decides from here on: the one that was installed.

    Never again: what came into the registry past the log must not be made true by a restart."""
    if digest is None or await asyncio.to_thread(live_by_the_log, journal.explorer) is not None:
        return
    await journal.write(entries.change("policy-change", at=clock.now(), by="start", act="live", more={"rulebook": digest}))
