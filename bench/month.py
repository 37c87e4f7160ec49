"""Live a month of synthetic traffic, with lies among it, through the judge, the tripwires and the log; count again what is reported.

    python -m bench.month [--requests 10000] [--seed 0]

Honest clients seek one person a case, with few photos, and mistake a purpose now and then; liars are planted, so many for each wire.
The recogniser is not woken: its sketches are drawn as measured on real faces (engine/sketches.py), everything else is the real part.
Prints whether the report equals an independent count over the exported lines, and for each wire the lies planted and caught, and the
honest cases that it stopped. Knows the planted truth; tells it to nobody before the count.
Long because a month has many parts, and a reader wants them in one place."""

import argparse
import asyncio
import json
import random
import tempfile
import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

from engine.errors import ImageReason
from engine.faces import Answer, Candidate, Capture
from engine.sketches import BITS
from gateway.assembly.homes import open_explorer, open_log
from gateway.assembly.registers import open_registrar, open_registry
from gateway.audit.export import write_export
from gateway.clock import FixedClock, iso
from gateway.enforcement.conduct import CaseSuspended, Conduct, Wires, withheld_for
from gateway.enforcement.journal import Journal
from gateway.records import entries
from gateway.records.commitments import Record
from gateway.records.tally import tally
from gateway.registry.cases import Case, Target
from gateway.registry.clients import NewClient
from gateway.registry.conduct import ConductBook
from gateway.review.vault import Vault
from gateway.settings import read_settings
from policies.decision import Permit
from policies.facts import Facts
from policies.judge import Judge
from policies.rulebook import build

BEGINS = datetime(2026, 11, 1, tzinfo=UTC)
CLIENTS = {"reunite": "ngo_victim", "traces": "ngo_victim", "port-police": "police_local", "archive": "media"}
LIES = ("crowd", "many-people", "camera-frames", "score-climbing", "gallery-enumeration", "purpose-shopping", "paper-reuse")
WRONG = ("mass_surveillance", "protest_monitoring", "profiling")
# Chances that a sign differs: of two people's faces, and of a photo from the face, so that the medians are those of sketches.py.
_PERSON, _PHOTO = 0.25, 0.117


@dataclass(frozen=True, slots=True)
class Probe:
    """One request to come: whose, for which case, when, and what its picture would show."""

    at: datetime
    client: str
    case: str
    purpose: str = "missing_person"
    people: tuple[int, ...] = ()
    scene: int = 0
    picture: str = ""
    best: float = 0.0
    found: tuple[str, ...] = ()
    crowd: bool = False
    paper: str | None = None


@dataclass(slots=True)
class Plan:
    """The month: its requests in time, and which case tells which lie."""

    probes: list[Probe]
    lies: dict[str, str]


@dataclass(frozen=True, slots=True)
class Month:
    """What came of it."""

    requests: int
    differences: tuple[str, ...]
    planted: dict[str, int]
    caught: dict[str, int]
    false_alarms: dict[str, int]
    honest_cases: int


class Faces:
    """Draws sketches of people and photos of them."""

    def __init__(self, dice: random.Random) -> None:
        self._dice = dice

    def person(self) -> int:
        """Return a new person's signs."""
        return self._flips(_PERSON)

    def photo(self, person: int) -> int:
        """Return the signs of a photo of that person."""
        return person ^ self._flips(_PHOTO)

    def scene(self) -> int:
        """Return another scene."""
        return self._dice.getrandbits(64)

    def again(self, scene: int) -> int:
        """Return the scene as a moment later: a few of its signs differ."""
        return scene ^ sum(1 << bit for bit in self._dice.sample(range(64), self._dice.randint(0, 3)))

    def _flips(self, chance: float) -> int:
        return sum(1 << bit for bit in range(BITS) if self._dice.random() < chance)


def planned(requests: int, seed: int) -> Plan:
    """Return a month of about so many requests."""
    dice = random.Random(seed)
    faces = Faces(dice)
    probes: list[Probe] = []
    lies: dict[str, str] = {}
    each = max(1, requests // 1000)
    for number in range(each):
        for wire in LIES:
            told = list(_lie(wire, number, faces, dice))
            probes += told
            lies |= dict.fromkeys((probe.case for probe in told), wire)
    number = 0
    while len(probes) < requests:
        probes += _honest(f"H-{number:05}", faces, dice)
        number += 1
    return Plan(sorted(probes, key=lambda probe: probe.at), lies)


def _moment(dice: random.Random, days: float = 28) -> datetime:
    return BEGINS + timedelta(seconds=dice.random() * days * 86400)


def _honest(case: str, faces: Faces, dice: random.Random) -> Iterator[Probe]:
    client, sought, at = dice.choice(list(CLIENTS)), faces.person(), _moment(dice)
    if dice.random() < 0.03:
        # A slip of the list of purposes, mended at once.
        yield Probe(at - timedelta(minutes=2), client, case, purpose=dice.choice(WRONG))
    for photo in range(dice.choice((1, 1, 1, 2, 2, 3, 4))):
        scene, signs, picture = faces.scene(), faces.photo(sought), f"{case}/{photo}"
        found = (f"s-{dice.randrange(5000)}",) if dice.random() < 0.6 else ()
        yield Probe(at, client, case, "missing_person", (signs,), scene, picture, 99.9 + dice.random() / 10, found)
        if dice.random() < 0.05:
            # The same picture once more, and now and then a burst of two.
            yield Probe(at + timedelta(seconds=8), client, case, "missing_person", (signs,), scene, picture, 99.95, found)
        at += timedelta(seconds=dice.expovariate(1 / 40_000))


def _lie(wire: str, number: int, faces: Faces, dice: random.Random) -> Iterator[Probe]:
    client, case, at = dice.choice(list(CLIENTS)), f"L-{wire}-{number}", _moment(dice)
    person, scene = faces.person(), faces.scene()

    def later(seconds: float) -> datetime:
        return at + timedelta(seconds=seconds)

    match wire:
        case "crowd":
            yield from (Probe(later(n * 600), client, case, picture=f"{case}/{n}", crowd=True) for n in range(4))
        case "many-people":
            yield from (
                Probe(later(n * 3600), client, case, people=(faces.photo(faces.person()),), scene=faces.scene(), picture=f"{case}/{n}")
                for n in range(6)
            )
        case "camera-frames":
            yield from (
                Probe(later(n * 3), client, case, people=(faces.photo(person),), scene=faces.again(scene), picture=f"{case}/{n}", best=99.9)
                for n in range(8)
            )
        case "score-climbing":
            yield from (
                Probe(later(n * 900), client, case, people=(person,), scene=faces.again(scene), picture=f"{case}/{n}", best=99 + n / 10)
                for n in range(6)
            )
        case "gallery-enumeration":
            yield from (
                Probe(later(n * 60), client, case, people=(person,), scene=faces.scene(), picture=f"{case}/{n}", found=_five(case, n))
                for n in range(14)
            )
        case "purpose-shopping":
            purposes = (*dice.sample(WRONG, 2), "missing_person")
            yield from (Probe(later(n * 60), client, case, purpose, (person,), scene, case) for n, purpose in enumerate(purposes))
        case _:
            yield from (
                Probe(
                    later(n * 3600), client, f"{case}-{n}", people=(faces.person(),), scene=faces.scene(), picture=f"{case}/{n}", paper=case
                )
                for n in range(5)
            )


def _five(case: str, n: int) -> tuple[str, ...]:
    return tuple(f"{case}-{5 * n + k}" for k in range(5))


@dataclass(slots=True)
class World:
    """The real parts, and what was seen of their work."""

    clock: FixedClock
    journal: Journal
    conduct: Conduct
    judge: Judge
    dice: random.Random
    stopped: dict[str, str] = field(default_factory=dict)
    sent: int = 0

    async def ask(self, probe: Probe) -> None:
        """Take one request its way: 1 the rules; 2 the wires before; 3 intent; 4 the wires after; 5 outcome; 6 people."""
        self.clock.at, self.sent = probe.at, self.sent + 1
        decision, facts = str(uuid.UUID(int=self.dice.getrandbits(128))), _facts(probe)
        # 1
        verdict = self.judge.decide(facts)
        if not isinstance(verdict, Permit):
            await self._write(
                entries.denial(at=probe.at, decision_id=decision, client=probe.client, facts=facts, refusal=verdict, by="policy")
            )
            return
        # 2
        try:
            await self.conduct.before(probe.client, decision, facts)
        except CaseSuspended as stop:
            refusal = withheld_for(stop, verdict.rulebook)
            await self._write(
                entries.denial(at=probe.at, decision_id=decision, client=probe.client, facts=facts, refusal=refusal, by="gateway")
            )
            await self._stopped(probe)
            return
        # 3
        images = [sha256(probe.picture.encode()).hexdigest()]
        record = entries.intent(
            at=probe.at,
            decision_id=decision,
            client=probe.client,
            facts=facts,
            permit=verdict,
            boot="month",
            order_id=decision,
            images=images,
        )
        intent = await self._write(record)
        # 4
        status = "image-refused" if probe.crowd else "held" if probe.found else "released"
        try:
            if probe.crowd:
                await self.conduct.refused_image(probe.client, decision, facts, str(ImageReason.SEVERAL_FACES))
            else:
                await self.conduct.after(probe.client, decision, facts, "missing-persons", images[0], _answer(probe))
        except CaseSuspended:
            status = "withheld"
            await self._stopped(probe)
        # 5
        await self._write(entries.outcome(at=probe.at, decision_id=decision, intent_index=intent, status=status, engine=None))
        # 6
        if status == "held":
            await self._review(decision)

    async def _review(self, decision: str) -> None:
        words = [self.dice.choices(("same", "different"), (4, 1))[0] for _ in range(2)]
        for reviewer, word in zip(("r-1", "r-2"), words, strict=True):
            more = {"said": [word]}
            await self._write(entries.review(at=self.clock.now(), decision_id=decision, reviewer=reviewer, act="judged", more=more))
        end = "released" if words == ["same", "same"] else "withheld"
        await self._write(entries.review(at=self.clock.now(), decision_id=decision, reviewer="r-2", act=end, more={}))

    async def _stopped(self, probe: Probe) -> None:
        touched = [json.loads(body) for body in self.journal.log.entries(max(0, self.journal.log.size - 4), self.journal.log.size)]
        wires = [entry["wire"] for entry in touched if entry["kind"] == "tripwire" and entry["act"] == "touched"]
        self.stopped[probe.case] = wires[-1]

    async def _write(self, record: Record) -> int:
        return (await self.journal.write(record)).index


def _facts(probe: Probe) -> Facts:
    asked: dict[str, Any] = {
        "client": {"id": probe.client, "kind": CLIENTS[probe.client], "place": "US-WA"},
        "purpose": probe.purpose,
        "operation": "identify",
        "capture": {"source": "upload", "device": "none", "space": "none", "age_s": 86400, "subject_involved": False},
        "target": {"kind": "specific_person", "role": "missing"},
        "case": {"ref": probe.case},
        "gallery": {"id": "missing-persons", "provenance": "missing_person_reports"},
        "place": "US-WA",
        "review": {"reviewers": ["r-1", "r-2"], "trained": True, "separate": True},
    }
    if probe.paper is not None:
        ends = {"valid_from": iso(BEGINS), "valid_to": iso(BEGINS + timedelta(days=60))}
        paper = {"type": "legal_mandate", "issuer": "court", "place": "US-WA", "status": "granted", "purpose": probe.purpose}
        asked["authorisations"] = [paper | {"operation": "identify"} | ends]
    return Facts.from_json(asked, at=probe.at, licence=["missing_person:identify"])


def _answer(probe: Probe) -> Answer:
    return Answer(
        order_id="",
        operation="identify",
        boot="month",
        call=0,
        recogniser="",
        capture=Capture("JPEG", 1, 1),
        faces=(),
        qualities=(),
        started_at=probe.at,
        ended_at=probe.at,
        candidates=tuple(Candidate(subject, probe.best, 0.0) for subject in probe.found) or _scored(probe),
        sketches=tuple(f"{signs:0{BITS // 4}x}" for signs in probe.people),
        scene=f"{probe.scene:016x}",
    )


def _scored(probe: Probe) -> tuple[Candidate, ...]:
    return (Candidate(probe.case, probe.best, 0.0),) if probe.best else ()


async def run(requests: int, seed: int, root: Path) -> Month:
    """Live the month in a home of its own, export its log, and count."""
    plan, clock = planned(requests, seed), FixedClock(BEGINS)
    settings = read_settings({}, home=root / "home")
    registry = open_registry(settings, clock)
    log = open_log(settings)
    explorer = open_explorer(settings, log)
    journal = Journal(log, explorer, clock)
    await journal.write(entries.note("genesis", at=clock.now(), more={"origin": log.origin}))
    for client, kind in CLIENTS.items():
        registry.clients.register(NewClient(client, client, kind, place="US-WA"), "month")
    for case, client in {probe.case: probe.client for probe in plan.probes}.items():
        registry.cases.open(Case(client, case, Target("specific_person", role="missing")), "month")
    registrar = open_registrar(settings, clock, registry, log)
    conduct = Conduct(Wires(), ConductBook(registry.database), Vault(settings.home.keys / "cases"), journal, registrar, clock, b"month" * 8)
    world = World(clock, journal, conduct, Judge(build(("baseline",))), random.Random(seed + 1))
    try:
        for probe in plan.probes:
            if probe.case not in world.stopped:
                await world.ask(probe)
        write_export(log, root / "export", log.verifier_keys[0])
    finally:
        explorer.close()
        log.close()
        registry.close()
    return _month(plan, world, root / "export" / "entries.jsonl")


def _month(plan: Plan, world: World, lines: Path) -> Month:
    bodies = lines.read_bytes().splitlines()
    told = {wire: {case for case, lie in plan.lies.items() if lie == wire} for wire in LIES}
    honest = {probe.case for probe in plan.probes} - plan.lies.keys()
    return Month(
        requests=world.sent,
        differences=tuple(differences(bodies)),
        planted={wire: len({_lie_of(case) for case in cases}) for wire, cases in told.items()},
        caught={wire: len({_lie_of(case) for case in cases if case in world.stopped}) for wire, cases in told.items()},
        false_alarms=dict(Counter(wire for case, wire in world.stopped.items() if case in honest)),
        honest_cases=len(honest),
    )


def _lie_of(case: str) -> str:
    """Return the name of a lie: several cases tell the one of a paper, which is caught when one of them is."""
    return case.rpartition("-")[0] if case.startswith("L-paper-reuse") else case


def differences(bodies: list[bytes]) -> Iterator[str]:
    """Count the exported lines again, in another way than the report does, and yield every number that is not the same."""
    read = [json.loads(body) for body in bodies]
    asked = [entry for entry in read if entry["kind"] in ("intent", "denial")]
    request = [entry["facts"]["request"] for entry in asked]
    judged: dict[str, list[list[str]]] = {}
    for entry in read:
        if entry.get("act") == "judged":
            judged.setdefault(entry["decision_id"], []).append(entry["said"])
    ends = [entry["act"] for entry in read if entry["kind"] == "review" and entry["act"] != "judged"]
    expected = {
        "requests by purpose": Counter(one["purpose"] for one in request),
        "requests by client kind": Counter(one["client"]["kind"] for one in request),
        "requests by month": Counter(entry["at"][:7] for entry in asked),
        "refusals by reason": Counter(entry["answer"]["code"] for entry in read if entry["kind"] == "denial"),
        "permits by purpose": Counter(entry["facts"]["request"]["purpose"] for entry in read if entry["kind"] == "intent"),
        "searches by end": Counter(entry["status"] for entry in read if entry["kind"] == "outcome"),
        "results by end": Counter(ends),
        "tripwires by wire": Counter(entry["wire"] for entry in read if entry["kind"] == "tripwire" and entry["act"] == "touched"),
    }
    reported = tally(bodies)
    for name, rows in expected.items():
        if dict(reported.tables[name]) != dict(rows):
            yield f"{name}: reported {dict(reported.tables[name])}, counted {dict(rows)}"
    alike = sum(1 for said in judged.values() if len(said) > 1 and all(one == said[0] for one in said))
    if reported.agreement != (alike, sum(1 for said in judged.values() if len(said) > 1)):
        yield f"agreement: reported {reported.agreement}"
    if reported.overturned != (ends.count("withheld"), len(ends)):
        yield f"overturned: reported {reported.overturned}"


def main() -> None:
    """Live the month and print what came of it."""
    asked = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    asked.add_argument("--requests", type=int, default=10_000)
    asked.add_argument("--seed", type=int, default=0)
    given = asked.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        month = asyncio.run(run(given.requests, given.seed, Path(folder)))
    print(f"{month.requests} requests; the report differs from the count over the export in {len(month.differences)} numbers")
    for line in month.differences:
        print(f"  {line}")
    for wire in LIES:
        print(
            f"  {wire:20} {month.caught[wire]} of {month.planted[wire]} lies caught, {month.false_alarms.get(wire, 0)} honest cases stopped"
        )
    print(f"{sum(month.false_alarms.values())} false alarms on {month.honest_cases} honest cases")


if __name__ == "__main__":
    main()
