"""Keep the judge of the live rulebook at hand, whichever process made it live. Makes no rulebook and approves none."""

import asyncio
import threading
from dataclasses import dataclass, field

import msgspec

from gateway.clock import Clock
from gateway.enforcement.answers import NotReady
from gateway.enforcement.journal import Journal
from gateway.records import entries
from gateway.records.explorer import Filter
from gateway.registry.lookups import Lookups, View
from gateway.registry.rulebook import Rulebooks
from policies import constitution
from policies.errors import PolicyError
from policies.judge import Judge
from policies.rulebook import Rulebook
from policies.sitting import Alarm


@dataclass(slots=True)
class Bench:
    """The judge that sits now. A new rulebook is built aside and then swapped in as one reference."""

    lookups: Lookups
    rulebooks: Rulebooks
    alarm: Alarm
    _judge: Judge | None = None
    _next: Judge | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def judge(self, view: View | None = None) -> Judge:
        """Return the judge of the rulebook that the registry names as live: as a request's own view has it, else at this moment.

        Raises NotReady if there is none, or if its text cannot be trusted: no rulebook, no permit."""
        digest = (view or self.lookups.now()).live_rulebook()
        judge = self._judge
        if judge is not None and judge.rulebook.digest == digest:
            return judge
        with self._lock:
            if self._judge is not None and self._judge.rulebook.digest == digest:
                return self._judge
            if digest is None:
                raise NotReady("No rulebook is live; the operator must install one.")
            self._judge = self._next if self._next is not None and self._next.rulebook.digest == digest else self._convened(digest)
            self._next = None
            return self._judge

    def convene(self, digest: str) -> None:
        """Make the judge of a rulebook that is about to be live, so that the first request under it does not wait. Raises NotReady."""
        judge = self._convened(digest)
        with self._lock:
            self._next = judge

    def _convened(self, digest: str) -> Judge:
        try:
            rulebook = Rulebook.from_text(self.rulebooks.get(digest).text)
            if rulebook.digest != digest:
                raise NotReady("The live rulebook's text is not the one that its digest names; the operator must look at the registry.")
            constitution.require(rulebook)
            return Judge(rulebook, alarm=self.alarm)
        except PolicyError as fault:
            raise NotReady(f"The live rulebook cannot be used: {fault.sentence}") from fault


async def name_the_rulebook(journal: Journal, clock: Clock, digest: str | None) -> None:
    """Write which rulebook decides from here on, unless the log's newest word on it is that very rulebook.

    At the first start that is the one that was installed; later, one that was put into the registry past the log shows by it."""
    if digest is None:
        return
    for found in await asyncio.to_thread(journal.explorer.find, Filter(kind="policy-change"), limit=500):
        entry = msgspec.json.decode(found.body)
        if entry.get("act") == "live":
            if entry.get("rulebook") == digest:
                return
            break
    await journal.write(entries.change("policy-change", at=clock.now(), by="start", act="live", more={"rulebook": digest}))
