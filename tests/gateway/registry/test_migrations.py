"""The tables that the migrations make are the tables that the services use, on both databases, from any number of processes."""

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import text

from gateway.settings import Home
from gateway.store.changes import ChangeRow
from gateway.store.errors import StoreUnavailable
from gateway.store.migrate import upgrade, upgrade_database
from gateway.store.sessions import Database
from tests.gateway.registry.conftest import all_tables


def test_the_migrations_make_exactly_the_tables_of_the_models(database: Database) -> None:
    assert ChangeRow.__tablename__ in all_tables().tables
    with database.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), all_tables()) == []


def test_a_second_upgrade_changes_nothing(tmp_path: Path) -> None:
    home = Home(tmp_path)
    upgrade(home)
    before = sqlite3.connect(home.registry).execute("SELECT sql FROM sqlite_master ORDER BY name").fetchall()
    upgrade(home)
    assert sqlite3.connect(home.registry).execute("SELECT sql FROM sqlite_master ORDER BY name").fetchall() == before


def test_two_processes_that_start_at_once_both_find_the_tables(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from gateway.settings import Home; "
        "from gateway.store.migrate import upgrade; upgrade(Home(Path(sys.argv[1])))"
    )
    root = Path(__file__).parents[3]
    both = [subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], cwd=root, stderr=subprocess.PIPE) for _ in range(2)]
    assert [(process.wait(60), process.communicate()[1]) for process in both] == [(0, b""), (0, b"")]


def test_a_migration_that_fails_half_way_leaves_no_table(tmp_path: Path) -> None:
    database = Database.open(tmp_path / "registry.db")
    with database.engine.begin() as connection:
        connection.execute(text("CREATE TABLE staff (in_the_way TEXT)"))
    with pytest.raises(StoreUnavailable):
        upgrade_database(database)
    tables = sqlite3.connect(tmp_path / "registry.db").execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    assert tables == [("staff",)]


def test_every_watched_table_counts_its_changes_even_those_typed_into_a_shell(database: Database, registry_path: Path) -> None:
    changes = database.changes()
    before, version = changes.counts(), changes.version()
    shell = sqlite3.connect(registry_path)
    shell.execute("INSERT INTO staff (id, name, roles, state, invited_by) VALUES ('x', 'X', '[]', 'active', 'shell')")
    shell.commit()
    assert changes.version() != version
    assert changes.counts() == {**before, "staff": before["staff"] + 1}
    changes.close()


def test_a_moment_without_a_zone_is_never_written(database: Database) -> None:
    from datetime import datetime

    from sqlalchemy.exc import StatementError

    from gateway.registry.rulebook import RulebookRow

    with pytest.raises(StatementError, match="time zone"), database.writing() as session:
        session.add(RulebookRow(digest="0" * 64, text="", author="a", written_at=datetime(2026, 1, 1)))  # noqa: DTZ001 - the fault under test


def test_a_database_that_is_no_database_is_unavailable_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "registry.db").write_bytes(b"not a database, but long enough to have been one once" * 100)
    with pytest.raises(StoreUnavailable) as caught:
        upgrade(Home(tmp_path))
    assert caught.value.code == "registry-unavailable"
