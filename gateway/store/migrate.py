"""Bring the registry's tables to the form that this version expects, at every start. Never touches the log's database."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import text

from gateway.settings import Home
from gateway.store.sessions import Database

MIGRATIONS = Path(__file__).with_name("migrations")
ADVISORY_LOCK = 0x437573746F646573  # "Custodes": one migrating process at a time on PostgreSQL


def upgrade(home: Home) -> None:
    """Create or migrate `registry.db` in that home; does nothing when it is up to date."""
    database = Database.open(home.registry)
    try:
        upgrade_database(database)
    finally:
        database.close()


def upgrade_database(database: Database) -> None:
    """Apply what is missing in one transaction: all of it or nothing, and one process at a time."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    with database.writing() as session:
        connection = session.connection()
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": ADVISORY_LOCK})
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
