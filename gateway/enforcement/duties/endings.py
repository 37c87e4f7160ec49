"""Say what runs out: licences, papers, evidence, trainings, the recogniser's evaluation, some days ahead, each once. Ends nothing itself.

What has ended is refused by whoever asks for it at each request; this is so that nobody learns of it only then."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from engine.evaluation.record import BELIEVED
from gateway.clock import Clock, iso
from gateway.enforcement.fitness import Believed, Evaluations
from gateway.enforcement.registrar import Actor, Registrar
from gateway.registry.authorisations import Authorisations
from gateway.registry.clients import Clients
from gateway.registry.errors import StateForbids
from gateway.registry.evidence import EvidenceRegister
from gateway.registry.licences import Licences
from gateway.registry.notices import Notices
from gateway.registry.trainings import Trainings
from gateway.store.leases import Lease

GATEWAY: Final = Actor("gateway", "")
RUNNING_OUT: Final = "running-out"
ENDED: Final = "ended"
EVERY: Final = timedelta(minutes=1)  # ends are dates: nobody needs to hear of one within seconds


@dataclass(frozen=True, slots=True)
class Ending:
    """Something with an end: `what` it is, its id, whose, which case it is for, and a word for people."""

    what: str
    id: str
    client: str | None
    case_ref: str | None
    about: str
    ends_at: datetime

    def state(self, now: datetime) -> str:
        """`running-out` until its end, `ended` from then on."""
        return ENDED if now >= self.ends_at else RUNNING_OUT

    def to_json(self, now: datetime) -> dict[str, object]:
        """The ending as clients, people and the command line see it."""
        return {
            "what": self.what,
            "id": self.id,
            "client": self.client,
            "case": self.case_ref,
            "about": self.about,
            "state": self.state(now),
            "ends_at": iso(self.ends_at),
            "seconds_left": max(0, int((self.ends_at - now).total_seconds())),
        }


@dataclass(frozen=True, slots=True)
class Endings:
    """Everything of one home that has an end. Blocks: call it in a thread."""

    clients: Clients
    licences: Licences
    authorisations: Authorisations
    evidence: EvidenceRegister
    trainings: Trainings
    evaluations: Evaluations
    clock: Clock
    days: int

    def near(self, client: str | None = None) -> tuple[Ending, ...]:
        """Return what ends within the days ahead, or ended within as many days, the next end first.

        For a client: its own, and the evaluation, without which nobody is served."""
        now, span = self.clock.now(), timedelta(days=self.days)
        found = (one for one in self._all(client) if one.ends_at - span <= now < one.ends_at + span)
        return tuple(sorted(found, key=lambda one: (one.ends_at, one.id)))

    def _all(self, client: str | None) -> Iterator[Ending]:
        for licence in self.licences.all(client):
            if licence.state == "granted":
                yield Ending("licence", licence.id, licence.client_id, None, licence.client_id, licence.terms.valid_to)
        for known in self.authorisations.all(client):
            paper = known.paper
            if known.status == "granted" and paper.valid_to is not None:
                yield Ending("authorisation", known.id, paper.client_id, paper.case_ref, paper.type, paper.valid_to)
        for owner in [client] if client is not None else [one.id for one in self.clients.all()]:
            for piece in self.evidence.all(owner):
                yield Ending("evidence", piece.id, owner, None, piece.kind, piece.valid_to)
        if client is None:
            for training in (one for one in self.trainings.all() if not one.withdrawn):
                yield Ending("training", training.id, None, None, training.person, training.valid_to)
        yield from self._evaluation()

    def _evaluation(self) -> Iterator[Ending]:
        believed = [kept.content for kept in self.evaluations.all() if isinstance(kept.content, Believed)]
        if believed:
            newest = max(believed, key=lambda one: one.evaluation.at)
            yield Ending("evaluation", newest.digest[:16], None, None, "recogniser", newest.evaluation.at + BELIEVED)


@dataclass(slots=True)
class Watch:
    """Has the log say of each ending that it comes, and that it came: each once, whichever process looks, and after any restart."""

    endings: Endings
    notices: Notices
    registrar: Registrar
    lease: Lease
    _looked: datetime | None = field(default=None)

    def look(self) -> int:
        """Look, once a minute at most; return how many entries that made. Raises AuditUnavailable, StoreUnavailable or LeaseLost."""
        now = self.endings.clock.now()
        if self._looked is not None and timedelta(0) <= now - self._looked < EVERY:
            return 0
        near = self.endings.near()
        named = {self._name(one, now): one for one in near}
        new = [(name, named[name]) for name in named.keys() - self.notices.given(named)]
        for name, ending in sorted(new):
            self._give(name, ending, now)
        self._looked = now
        return len(new)

    def _give(self, name: str, ending: Ending, now: datetime) -> None:
        def make() -> None:
            self.lease.must_hold()
            self.notices.give(name, now)

        said: dict[str, object] = {"what": ending.what, "id": ending.id, "ends_at": iso(ending.ends_at)}
        said |= {name: value for name, value in (("client", ending.client), ("case_ref", ending.case_ref)) if value is not None}
        with contextlib.suppress(StateForbids):  # another process was a moment faster
            self.registrar.give(GATEWAY, None, "expiry", ending.state(now), make, lambda _given: said)

    @staticmethod
    def _name(ending: Ending, now: datetime) -> str:
        return f"{ending.what}/{ending.id}/{iso(ending.ends_at)}/{ending.state(now)}"
