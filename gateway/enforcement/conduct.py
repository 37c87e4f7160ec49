"""Hold what a client does against the purpose that it declares: seven tripwires, each a condition with a setting and a sentence.

A wire that is touched suspends the case until a person has looked. The client is never told which wire it was: the entry is."""

import asyncio
import contextlib
import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType
from typing import Final

import msgspec

from engine.errors import ImageReason
from engine.faces import Answer
from engine.sketches import SAME_SCENE, differ, people
from gateway.clock import Clock
from gateway.enforcement.journal import Journal
from gateway.enforcement.registrar import Actor, Registrar
from gateway.errors import CustodesError
from gateway.records import entries
from gateway.records.explorer import Filter
from gateway.registry.conduct import KEPT, ConductBook, Observation
from gateway.registry.errors import RegistryError
from gateway.review.vault import ResultShredded, Vault
from policies.decision import Reason, Refusal
from policies.facts import Facts

GATEWAY: Final = Actor("gateway", "")
NO_CASE: Final = "no-case"


@dataclass(frozen=True, slots=True)
class Wires:
    """The settings of the tripwires. A number of 0 turns one off, which the operator's manual advises against."""

    crowds: int = 3
    people: int = 3
    frames: int = 4
    frame_seconds: int = 30
    climbs: int = 3
    enumerated: int = 50
    purposes: int = 3
    cases_of_a_paper: int = 3

    @classmethod
    def read(cls, path: Path) -> "Wires":
        """Read the settings from a JSON file; the defaults stand where there is none. Raises ConductMalformed."""
        try:
            said = json.loads(path.read_text("utf-8"))
        except FileNotFoundError:
            return cls()
        except (OSError, ValueError) as fault:
            raise ConductMalformed(f"{path.name} is not JSON: {fault}.") from fault
        names = {member.name for member in fields(cls)}
        if not isinstance(said, dict) or not said.keys() <= names:
            raise ConductMalformed(f"{path.name} must be an object of {', '.join(sorted(names))}.")
        for name, value in said.items():
            if type(value) is not int or not 0 <= value <= 10_000:
                raise ConductMalformed(f"{path.name}: {name!r} takes a whole number from 0 to 10000.")
        return cls(**said)


class ConductMalformed(CustodesError):
    """The file of tripwires cannot be read; the service does not start without knowing them."""

    code = "tripwires-malformed"


# What each wire is, for the log's readers and the manual. Clients never see these words.
SENTENCES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "crowd": "Pictures with more faces than the purpose allows were sent again and again.",
        "many-people": "More different people were searched for under this case than its target can be.",
        "camera-frames": "Frames of one scene came seconds apart, under a purpose of still pictures.",
        "score-climbing": "Pictures nearly alike were sent one after the other, each scoring higher than the one before.",
        "gallery-enumeration": "Searches brought up so many different people that the gallery is being listed, not searched.",
        "purpose-shopping": "What was refused under one purpose was asked again under others.",
        "paper-reuse": "One document was used for several cases.",
    }
)


class CaseSuspended(CustodesError):
    """The case was suspended a moment ago; its sentence is that of every suspended case."""

    code = "case-suspended"


def withheld_for(why: CustodesError, rulebook: str) -> Refusal:
    """Return the refusal that the client is given where the register stops what the rules had permitted."""
    return Refusal(why.code, (Reason(why.code, "register", "", why.sentence),), (), rulebook)


@dataclass(frozen=True, slots=True)
class Seen:
    """What is kept of one search: keyed digests of the picture, its faces and its scene, and its best similarity."""

    picture: str
    sketches: tuple[str, ...]
    scene: str | None
    best: float


@dataclass(frozen=True, slots=True)
class Conduct:
    """The tripwires of one home."""

    wires: Wires
    book: ConductBook
    vault: Vault
    journal: Journal
    registrar: Registrar
    clock: Clock
    key: bytes

    async def before(self, client: str, decision_id: str, facts: Facts) -> None:
        """Look at a request that is permitted, before anything is done for it. Raises CaseSuspended, AuditUnavailable."""
        linked = await asyncio.to_thread(self._refused_before, client, facts)
        touched: str | None = None
        if self.wires.purposes and len({purpose for _index, purpose in linked} | {facts.purpose}) >= self.wires.purposes:
            touched = "purpose-shopping"
        elif await asyncio.to_thread(self._papers_over_cases, client, facts):
            touched = "paper-reuse"
        if touched is not None:
            await self._trip(touched, client, decision_id, facts, [index for index, _purpose in linked])
        elif linked:
            more = {"wire": "purpose-shopping", "act": "noticed", "client": client, "decision_id": decision_id}
            await self.journal.write(entries.tripwire(at=self.clock.now(), case_ref=facts.case.ref, more={**more, "linked": linked[0][0]}))

    async def after(self, client: str, decision_id: str, facts: Facts, gallery: str | None, picture: str, answer: Answer) -> None:
        """Look at what a search showed, before anybody is given its result; `picture` is the image's digest.

        Raises CaseSuspended, AuditUnavailable."""
        touched = await asyncio.to_thread(self._after, client, decision_id, facts, gallery, picture, answer)
        if touched is not None:
            await self._trip(touched, client, decision_id, facts, [])

    async def refused_image(self, client: str, decision_id: str, facts: Facts, code: str) -> None:
        """Look at an image that the recogniser refused: a crowd under a purpose that seeks one person is conduct, too."""
        if code != ImageReason.SEVERAL_FACES or not self.wires.crowds:
            return
        use, now = _use(client, facts), self.clock.now()
        await asyncio.to_thread(self.book.note, use, Observation("crowd", now, decision_id, b""))
        found = await asyncio.to_thread(self.book.of, use, now - timedelta(days=1))
        if sum(seen.noted == "crowd" for seen in found) >= self.wires.crowds:
            await self._trip("crowd", client, decision_id, facts, [])

    def _after(self, client: str, decision_id: str, facts: Facts, gallery: str | None, picture: str, answer: Answer) -> str | None:
        now, use = self.clock.now(), _use(client, facts)
        best = max((candidate.similarity for candidate in answer.candidates), default=0.0)
        seen = Seen(self._tag(picture), answer.sketches, answer.scene, best)
        sealed = self.vault.seal(use, decision_id, msgspec.json.encode(seen))
        self.book.note(use, Observation("search", now, decision_id, sealed))
        history = self._history(use, now - KEPT)
        if (touched := touched_by(history, facts, self.wires)) is not None:
            return touched
        if gallery is not None and self.wires.enumerated and answer.candidates:
            tags = tuple(self._tag(candidate.subject) for candidate in answer.candidates)
            scope = f"gallery/{client}/{gallery}"
            if self.book.meet(scope, tags, now, now - timedelta(hours=1)) >= self.wires.enumerated:
                # Counted anew from here: the client's next case is not stopped for what this one did.
                self.book.forget_scope(scope)
                return "gallery-enumeration"
        return None

    def _history(self, use: str, since: datetime) -> list[tuple[datetime, Seen]]:
        history = []
        for observation in self.book.of(use, since):
            if observation.noted == "search":
                try:
                    opened = self.vault.unseal(use, observation.decision_id, observation.sealed)
                except ResultShredded:
                    continue  # of a case that was destroyed since
                history.append((observation.at, msgspec.json.decode(opened, type=Seen)))
        return history

    def _refused_before(self, client: str, facts: Facts) -> list[tuple[int, str]]:
        """Return the refusals of a day, newest first, for the same case under other purposes: index and purpose."""
        if facts.case.ref is None:
            return []
        now, use = self.clock.now(), _use(client, facts)
        lifted = [seen.at for seen in self.book.of(use, now - KEPT) if seen.noted == "tripped"]
        since = max([now - timedelta(days=1), *lifted])
        wanted = Filter(kind="denial", client=client, case_ref=facts.case.ref, since=since.strftime("%Y-%m-%dT%H:%M:%S.%fZ"))
        found = []
        for entry in self.journal.explorer.find(wanted, limit=50):
            body = json.loads(entry.body)
            purpose = body["facts"]["request"].get("purpose")
            if purpose not in (None, facts.purpose):
                found.append((entry.index, purpose))
        return found

    def _papers_over_cases(self, client: str, facts: Facts) -> bool:
        """Say whether a document that names no case has been used for too many."""
        if not self.wires.cases_of_a_paper or facts.case.ref is None:
            return False
        now = self.clock.now()
        return any(
            self.book.meet(f"paper/{client}/{self._tag(repr(paper))}", (self._tag(facts.case.ref),), now, now - KEPT)
            >= self.wires.cases_of_a_paper
            for paper in facts.authorisations
            if paper.case_ref is None
            and paper.status == "granted"
            and paper.purpose == facts.purpose
            and paper.operation == facts.operation
        )

    async def _trip(self, wire: str, client: str, decision_id: str, facts: Facts, linked: Sequence[int]) -> None:
        """Write which wire it was, suspend the case, begin to count anew, and refuse in the words of every suspended case."""
        more: dict[str, object] = {"wire": wire, "act": "touched", "client": client, "decision_id": decision_id}
        if linked:
            more["linked"] = linked[0]
        await self.journal.write(entries.tripwire(at=self.clock.now(), case_ref=facts.case.ref, more=more))
        await asyncio.to_thread(self._suspend, client, decision_id, facts)
        raise CaseSuspended(f"The case `{facts.case.ref or NO_CASE}` is suspended; a person at the registrar must look at it first.")

    def _suspend(self, client: str, decision_id: str, facts: Facts) -> None:
        use = _use(client, facts)
        self.book.forget(use)
        self.book.note(use, Observation("tripped", self.clock.now(), decision_id, b""))
        if facts.case.ref is not None:
            said = {"client": client, "case_ref": facts.case.ref, "reason": "A tripwire was touched."}
            with contextlib.suppress(RegistryError):  # suspended or closed by somebody a moment ago
                self.registrar.take(GATEWAY, None, "case-change", "suspended", said)

    def _tag(self, value: str) -> str:
        return hmac.digest(self.key, value.encode(), hashlib.sha256).hex()


def touched_by(history: Sequence[tuple[datetime, Seen]], facts: Facts, wires: Wires) -> str | None:
    """Return the wire that the newest search of a case touches, given all before it; None if it touches none. Pure."""
    seeks_one = facts.target.kind == "specific_person" and wires.people > 0
    if seeks_one and people([sketch for _at, seen in history for sketch in seen.sketches]) >= wires.people:
        return "many-people"
    at, newest = history[-1]
    if newest.scene is None:
        return None
    alike = [(when, seen) for when, seen in history if seen.scene is not None and differ(seen.scene, newest.scene) <= SAME_SCENE]
    if wires.climbs and _climbs(alike, wires.climbs):
        return "score-climbing"
    if wires.frames and facts.operation != "live_identify":
        close = {seen.picture for when, seen in alike if at - when <= timedelta(seconds=wires.frame_seconds)}
        if len(close) >= wires.frames:
            return "camera-frames"
    return None


def _climbs(alike: Sequence[tuple[datetime, Seen]], steps: int) -> bool:
    """Say whether the newest pictures, each slightly another, scored higher one after the other."""
    newest = [seen for _at, seen in alike][-(steps + 1) :]
    pairs = list(pairwise(newest))
    return len(pairs) >= steps and all(one.best < other.best and one.picture != other.picture for one, other in pairs)


def _use(client: str, facts: Facts) -> str:
    return f"{client}/{facts.case.ref or NO_CASE}"
