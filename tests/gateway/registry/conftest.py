"""A migrated registry in a directory of its own, with real parts throughout."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.clock import FixedClock
from gateway.registry.fields import Words
from gateway.settings import Home
from gateway.store.migrate import upgrade
from gateway.store.sessions import Database

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


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


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    upgrade(Home(tmp_path))
    opened = Database.open(tmp_path / "registry.db")
    yield opened
    opened.close()
