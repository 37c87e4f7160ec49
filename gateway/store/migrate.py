"""Bring the registry's tables to the form that this version expects, at every start. Never touches the log's database."""

from pathlib import Path

from alembic import command
from alembic.config import Config

from gateway.settings import Home
from gateway.store.sessions import Database

MIGRATIONS = Path(__file__).with_name("migrations")


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
        config.attributes["connection"] = session.connection()
        command.upgrade(config, "head")
