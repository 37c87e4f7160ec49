"""Put a small world on record for the demo: two clients, their licences, a case, people, a gallery. Invents no face that is somebody's."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Final

from engine import cohort
from engine.galleries.keys import KeyDirectory
from engine.galleries.synthetic import fill_with_synthetic
from engine.galleries.vault import Vault
from gateway.assembly.request_path import Assembly
from gateway.enforcement.registrar import Actor
from gateway.records import entries
from gateway.registry import acknowledgements
from gateway.registry.cases import Case, Target
from gateway.registry.clients import NewClient
from gateway.registry.errors import NotOnRecord
from gateway.registry.galleries import Gallery
from gateway.registry.terms import OWN, Terms, pairs
from gateway.registry.trainings import Training

NGO: Final = "reunite"
POLICE: Final = "city-police"
REGISTRARS: Final = ("registrar-1", "registrar-2")
REVIEWER: Final = "reviewer-1"
AUDITOR: Final = "auditor-1"
# Somebody for each role, so that whoever looks at the demo can try every page, and what two people are needed for.
STAFF: Final = MappingProxyType(
    {
        AUDITOR: "auditor",
        REGISTRARS[0]: "registrar",
        REGISTRARS[1]: "registrar",
        REVIEWER: "reviewer",
        "author-1": "policy_author",
        "approver-1": "policy_approver",
        "operator-1": "operator",
        "ombudsman-1": "ombudsman",
    }
)
CASE: Final = "MP-2026-0142"
GALLERY: Final = "missing-persons"
SYNTHETIC_SUBJECTS: Final = 1000
PORTRAITS: Final = Path(__file__).resolve().parents[3] / "engine" / "data" / "portraits"
SUBJECTS: Final = {"test-subject-1": "obama.jpg", "test-subject-2": "biden.jpg", "test-subject-3": "astronaut.png"}
PROBE: Final = "obama2.jpg"


@dataclass(frozen=True, slots=True)
class Seeding:
    """Seeds a home once; a home that is seeded already is left as it is."""

    house: Assembly

    async def everyone(self) -> bool:
        """Put people, clients, licences and the case on record; return False if they were there already."""
        registry = self.house.registry
        try:
            registry.clients.get(NGO)
        except NotOnRecord:
            await asyncio.to_thread(self._people)
            await self._client(NewClient(NGO, "Reunite (an invented aid organisation)", "ngo_victim", place="US-WA"), self._ngo_terms())
            await self._client(NewClient(POLICE, "City police (invented)", "police_local", place="US-WA"), self._police_terms())
            await asyncio.to_thread(registry.cases.open, Case(NGO, CASE, Target("specific_person", role="missing")), REGISTRARS[0])
            await self._record("licence-change", "case-opened", {"client": NGO})
            return True
        return False

    async def gallery(self) -> None:
        """Open the gallery and fill it with synthetic templates: nobody's faces, so that finding someone means something."""
        caller_gallery = Gallery(GALLERY, NGO, "missing_person_reports", (), ("missing_person",), 365)
        await asyncio.to_thread(self.house.registry.galleries.create, caller_gallery)
        await asyncio.to_thread(self.house.registry.galleries.confirm, GALLERY, REGISTRARS[0])
        await self._record("gallery-change", "opened", {"gallery": GALLERY, "client": NGO})
        templates = self.house.gallery_desk.templates
        await asyncio.to_thread(templates.create, GALLERY, self.house.gallery_desk.recogniser)
        await asyncio.to_thread(self._fill)

    def _fill(self) -> None:
        home = self.house.settings.home
        desk = self.house.gallery_desk
        shipped = cohort.shipped()
        vault = Vault(desk.templates, KeyDirectory(home.keys / "galleries"), desk.recogniser, shipped)
        fill_with_synthetic(vault, GALLERY, shipped, SYNTHETIC_SUBJECTS, seed=2026)

    def _people(self) -> None:
        staff = self.house.registry.staff
        for person, role in STAFF.items():
            staff.redeem(staff.invite(person, person.replace("-", " "), (role,), "demo").secret)
        now = self.house.clock.now()
        for person in (person for person, role in STAFF.items() if role == "reviewer"):
            course = Training(person, "Comparing faces: a two-day course (invented)", now - timedelta(minutes=1), now + timedelta(days=700))
            self.house.desks.trainings.record(Actor("staff", REGISTRARS[0]), course)

    async def _client(self, client: NewClient, terms: Terms) -> None:
        registry = self.house.registry
        await asyncio.to_thread(registry.clients.register, client, REGISTRARS[0])
        applied = await asyncio.to_thread(registry.licences.apply, client.id, terms, acknowledgements.shipped().all(), REGISTRARS[0])
        await asyncio.to_thread(registry.licences.grant, applied.id, REGISTRARS[1])
        await self._record("licence-change", "granted", {"client": client.id, "licence": applied.id, "grants": list(terms.grants)})

    async def _record(self, kind: entries.ChangeKind, act: str, more: dict[str, object]) -> None:
        await self.house.journal.write(entries.change(kind, at=self.house.clock.now(), by=REGISTRARS[1], act=act, more=more))

    def _ngo_terms(self) -> Terms:
        return self._terms(pairs(("missing_person",), ("detect", "enroll", "identify", "verify")), (OWN,))

    def _police_terms(self) -> Terms:
        return self._terms(pairs(("missing_person",), ("identify",)), (GALLERY,))

    def _terms(self, grants: tuple[str, ...], galleries: tuple[str, ...]) -> Terms:
        now = self.house.clock.now()
        return Terms(
            grants=grants,
            galleries=galleries,
            places=("US",),
            valid_from=now - timedelta(minutes=1),
            valid_to=now + timedelta(days=365),
            quota_day=10_000,
            quota_case=10_000,
        )
