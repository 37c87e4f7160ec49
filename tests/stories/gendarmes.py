"""Police in France on a running service under the AI Act, with a clock that moves only when told to. Nothing in it is a stand-in."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import count
from pathlib import Path
from unittest.mock import patch

import httpx2

from engine.orders import WorkOrder
from gateway.app import create_app
from gateway.assembly.service import assemble
from gateway.cli.demo.cast import REGISTRARS, REVIEWER, Seeding
from gateway.clock import FixedClock
from gateway.enforcement.duties.scheduler import Round
from gateway.enforcement.orders import order_for
from gateway.registry.acknowledgements import shipped
from gateway.registry.authorisations import Authorisation, Paper
from gateway.registry.cases import Case, Target
from gateway.registry.clients import NewClient
from gateway.registry.evidence import Evidence
from gateway.registry.galleries import Gallery
from gateway.registry.rulebook import Rulebooks
from gateway.registry.terms import OWN, Terms, pairs
from gateway.registry.trainings import Training
from gateway.settings import Home, read_settings
from gateway.store.migrate import upgrade
from gateway.store.sessions import Database
from policies.rulebook import build
from tests.stories.town import PROBE, Town

GENDARMES, LIST = "gendarmes", "avis-de-recherche"
FIXED_CAMERA = "source=live_feed, device=fixed, space=public, age_s=0, subject_involved=?0"
_numbers = count(1)


@dataclass(frozen=True, slots=True)
class France(Town):
    """The service, a way to speak to it, and its clock."""

    clock: FixedClock = field(default_factory=lambda: FixedClock(datetime.now(UTC)))

    def case(self) -> str:
        """Open a case of a missing person, with the mandate under which cameras may be used for it at all."""
        reference = f"MP-{next(_numbers):04}"
        self.house.registry.cases.open(Case(GENDARMES, reference, Target("specific_person", role="missing", minor=True)), REGISTRARS[0])
        self.paper(reference, "legal_mandate", granted=True)
        return reference

    def paper(self, case: str, kind: str = "judicial_authorisation", *, granted: bool = False) -> Authorisation:
        """Record a paper of a court for the case's live searches; confirmed by a second registrar if it is granted."""
        now = self.clock.now()
        paper = Paper(
            client_id=GENDARMES,
            type=kind,
            issuer="court",
            place="FR",
            valid_from=now - timedelta(hours=1),
            valid_to=now + timedelta(days=30),
            purpose="missing_person",
            operation="live_identify",
            paper_digest=sha256(f"{kind} {case} {next(_numbers)}".encode()).hexdigest(),
            case_ref=case,
        )
        papers = self.house.registry.authorisations
        recorded = papers.record(paper, REGISTRARS[0])
        return papers.confirm(recorded.id, REGISTRARS[1]) if granted else recorded

    async def live(self, case: str, probe: str = PROBE, **changes: str) -> httpx2.Response:
        """Search a frame of a camera in the street, in urgency."""
        said = {
            "custodes-operation": "live_identify",
            "custodes-purpose": "missing_person",
            "custodes-capture": FIXED_CAMERA,
            "custodes-case": f'"{case}"',
            "custodes-gallery": f'"{LIST}"',
            "custodes-place": "FR",
            "custodes-context": 'urgent=?1, justification="a child of four, missing since noon"',
        }
        return await self.send("/v1/searches", GENDARMES, said | changes, probe)

    def later(self, **span: float) -> Round:
        """Let time pass, and let the scheduler look."""
        self.clock.at += timedelta(**span)
        return self.house.scheduler.round()

    def duty_entries(self, case: str | None = None) -> list[tuple[str, str]]:
        """Return (act, obligation) of each entry about the duties of those decisions."""
        owed = {
            duty.id for duty in self.house.registry.duties.all(states=("owed", "overdue", "discharged")) if case in (None, duty.case_ref)
        }
        return [(entry["act"], entry["obligation"]) for entry in self.entries("duty") if entry.get("duty") in owed]


@asynccontextmanager
async def running_france(root: Path, packs: tuple[str, ...] = ("baseline", "eu-ai-act"), *, calibration: int = 0) -> AsyncIterator[France]:
    """Start the service under these packs, with the gendarmes on record and one person enrolled."""
    home, clock = Home(root), FixedClock(datetime.now(UTC))
    home.make()
    upgrade(home)
    database = Database.open(home.registry)
    Rulebooks(database, clock).install(build(packs).text())
    database.close()

    def order_now(*known: object, now: datetime, **named: object) -> WorkOrder:
        # The recogniser's processes live by the machine's clock, and an order lasts ten seconds.
        return order_for(*known, now=datetime.now(UTC), **named)  # type: ignore[arg-type]  # passed through

    with patch("gateway.enforcement.execution.order_for", order_now):
        async with assemble(
            read_settings({"CUSTODES_DUTY_SECONDS": "3600", "CUSTODES_CALIBRATION_PERCENT": str(calibration)}, home=root, port=8080), clock
        ) as house:
            transport = httpx2.ASGITransport(app=create_app(house), raise_app_exceptions=True)
            async with httpx2.AsyncClient(transport=transport, base_url=house.settings.url) as web:
                town = France(house, web, clock)
                await _settle(town)
                yield town


async def _settle(town: France) -> None:
    registry, now = town.house.registry, town.clock.now()
    await Seeding(town.house).everyone()
    staff = registry.staff
    for person in ("reviewer-2", "reviewer-3"):
        staff.redeem(staff.invite(person, person, ("reviewer",), REGISTRARS[0]).secret)
        registry.trainings.record(Training(person, "Comparing faces", now, now + timedelta(days=900)), REGISTRARS[0])
    registry.clients.register(NewClient(GENDARMES, "Gendarmes (invented)", "police_federal", place="FR"), REGISTRARS[0])
    grants = pairs(("missing_person",), ("detect", "enroll", "identify", "live_identify", "verify"))
    terms = Terms(grants, (OWN,), ("FR",), now - timedelta(minutes=1), now + timedelta(days=700), 1000, 1000)
    applied = registry.licences.apply(GENDARMES, terms, shipped().all(), REGISTRARS[0])
    registry.licences.grant(applied.id, REGISTRARS[1])
    for kind in ("national_rbi_law", "fria", "eu_registered"):
        shown = Evidence(GENDARMES, kind, True, now - timedelta(days=1), now + timedelta(days=300))
        registry.evidence.record(shown, REGISTRARS[0])
    registry.galleries.create(Gallery(LIST, GENDARMES, "missing_person_reports", (), ("missing_person",), 365))
    registry.galleries.confirm(LIST, REGISTRARS[0])
    town.house.gallery_desk.templates.create(LIST, town.house.gallery_desk.recogniser)
    said = {"custodes-purpose": "missing_person", "custodes-subject": '"canary-subject-7"', "custodes-place": "FR"}
    still = "source=upload, device=none, space=none, age_s=86400, subject_involved=?0"
    enrolled = await town.send(f"/v1/galleries/{LIST}/subjects", GENDARMES, said | {"custodes-capture": still}, "obama.jpg")
    assert enrolled.status_code == 200, enrolled.text


__all__ = ["GENDARMES", "LIST", "REVIEWER", "France", "running_france"]
