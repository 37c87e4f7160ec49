"""A migrated registry in a directory of its own, with real parts throughout."""

import hashlib
import importlib
import pkgutil
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import MetaData
from sqlmodel import SQLModel

import gateway.registry
import gateway.review
import gateway.store
from gateway.clock import FixedClock
from gateway.identity.keyring import Keyring
from gateway.identity.seals import RegistrarSeal, open_statement
from gateway.registry.acknowledgements import shipped
from gateway.registry.authorisations import Authorisations, Paper
from gateway.registry.authorities import Authorities
from gateway.registry.cases import Cases
from gateway.registry.clients import Clients, NewClient
from gateway.registry.drafts import Drafts
from gateway.registry.evidence import EvidenceRegister
from gateway.registry.fields import Words
from gateway.registry.galleries import Galleries
from gateway.registry.idempotency import IdempotencyKeys
from gateway.registry.identities import Identities
from gateway.registry.licences import Licence, Licences
from gateway.registry.lookups import Lookups
from gateway.registry.quotas import Quotas
from gateway.registry.revocations import Revocations
from gateway.registry.rulebook import Rulebooks
from gateway.registry.staff import Staff
from gateway.registry.terms import OWN, Terms
from gateway.settings import Home
from gateway.store.migrate import upgrade
from gateway.store.sessions import Database

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def all_tables() -> MetaData:
    """Every table that the migrations are to make, whoever's it is."""
    for package in (gateway.registry, gateway.review, gateway.store):
        for module in pkgutil.iter_modules(package.__path__):
            importlib.import_module(f"{package.__name__}.{module.name}")
    return SQLModel.metadata


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(NOON)


@pytest.fixture
def words() -> Words:
    return Words(
        client_kinds=frozenset({"ngo_victim", "police_local", "company", "border_agency"}),
        purposes=frozenset({"missing_person", "access_control", "criminal_investigation", "mass_surveillance"}),
        operations=frozenset({"detect", "verify", "identify", "live_identify", "enroll"}),
        authorisation_types=frozenset({"judicial_warrant", "court_order", "judicial_authorisation"}),
        provenances=frozenset({"consented", "missing_person_reports", "scraped"}),
        target_kinds=frozenset({"specific_person", "unknown_suspect", "anyone"}),
    )


@pytest.fixture
def registry_path(tmp_path: Path) -> Path:
    return tmp_path / "registry.db"


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty registry, migrated once; each test gets a copy."""
    home = Home(tmp_path_factory.mktemp("migrated"))
    upgrade(home)
    return home.registry


@pytest.fixture
def database(migrated: Path, registry_path: Path) -> Iterator[Database]:
    shutil.copy(migrated, registry_path)
    opened = Database.open(registry_path)
    yield opened
    opened.close()


@dataclass(frozen=True)
class Register:
    """Every service of the registry on one database, with two clients on record: `ngo` and `police`."""

    database: Database
    clock: FixedClock
    words: Words
    seal: RegistrarSeal
    clients: Clients
    identities: Identities
    licences: Licences
    cases: Cases
    authorities: Authorities
    authorisations: Authorisations
    evidence: EvidenceRegister
    galleries: Galleries
    quotas: Quotas
    idempotency: IdempotencyKeys
    revocations: Revocations
    staff: Staff
    rulebooks: Rulebooks
    drafts: Drafts
    lookups: Lookups

    def terms(self, **changes: Any) -> Terms:
        """Terms that are good now, with changes."""
        good: dict[str, Any] = {
            "grants": ("missing_person:identify", "missing_person:verify"),
            "galleries": (OWN,),
            "places": ("US-WA", "FR"),
            "valid_from": NOON - timedelta(days=1),
            "valid_to": NOON + timedelta(days=30),
            "quota_day": 100,
            "quota_case": 10,
        }
        return Terms(**{**good, **changes})

    def licence(self, client: str = "ngo", **changes: Any) -> Licence:
        """A licence that stands."""
        return self.licences.grant(self.licences.apply(client, self.terms(**changes), list(shipped().all()), by=client).id, by="registrar")

    def paper(self, **changes: Any) -> Paper:
        """A court order that is good now, with changes."""
        good: dict[str, Any] = {
            "client_id": "ngo",
            "type": "court_order",
            "issuer": "court",
            "place": "US-WA",
            "valid_from": NOON - timedelta(days=1),
            "valid_to": NOON + timedelta(days=30),
            "purpose": "missing_person",
            "operation": "live_identify",
            "paper_digest": hashlib.sha256(repr(sorted(changes.items())).encode()).hexdigest(),
            "case_ref": "MP-1",
        }
        return Paper(**{**good, **changes})


def register_on(database: Database, clock: FixedClock, words: Words, keys: Path) -> Register:
    """Build every service on a migrated database."""
    seal = RegistrarSeal(Keyring(keys, clock, None))
    rulebooks = Rulebooks(database, clock)
    return Register(
        database=database,
        clock=clock,
        words=words,
        seal=seal,
        clients=Clients(database, clock, words),
        identities=Identities(database),
        licences=Licences(database, clock, words, seal),
        cases=Cases(database, clock, words),
        authorities=Authorities(database),
        authorisations=Authorisations(database, clock, words, open_statement),
        evidence=EvidenceRegister(database, words),
        galleries=Galleries(database, clock, words),
        quotas=Quotas(database),
        idempotency=IdempotencyKeys(database, clock, "this-run", {"another-run"}.__contains__),
        revocations=Revocations(database, clock),
        staff=Staff(database, clock),
        rulebooks=rulebooks,
        drafts=Drafts(database, clock, rulebooks),
        lookups=Lookups(database, words, seal),
    )


@pytest.fixture
def register(database: Database, clock: FixedClock, words: Words, tmp_path: Path) -> Iterator[Register]:
    built = register_on(database, clock, words, tmp_path / "registrar")
    built.clients.register(NewClient("ngo", "Find Them", "ngo_victim", place="US-WA"), by="registrar")
    built.clients.register(NewClient("police", "City Police", "police_local", place="US-WA"), by="registrar")
    yield built
    built.lookups.close()
