"""Open the registry's database and lend sessions on it. Knows no table and never touches the log.

A writing session holds the one writer's place from its beginning (BEGIN IMMEDIATE on SQLite, an advisory lock on PostgreSQL), so
that what it reads is still true when it commits, in this process and in every other."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry
from sqlmodel import Session

from gateway.store.changes import Changes, PostgresChanges, SqliteChanges
from gateway.store.errors import StoreUnavailable, only_our_errors

BUSY_SECONDS = 10
WRITES = "custodes_writes"
WRITERS_PLACE = 0x437573746F646573  # "Custodes", as the number of the advisory lock


class Database:
    """The registry's database: `reading()` and `writing()` sessions, and `changes()` to notice what others wrote.

    Every failure of the database itself is StoreUnavailable; IntegrityError passes through, for the caller knows what it means."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._writer = engine.execution_options(**{WRITES: True})
        self._unit: ContextVar[Session | None] = ContextVar("custodes_unit", default=None)

    @classmethod
    def open(cls, where: Path | str) -> "Database":
        """Open the SQLite file at a path, or the database at a SQLAlchemy URL; the tables come from migrate.upgrade()."""
        url = f"sqlite:///{where}" if isinstance(where, Path) else where
        engine = create_engine(url, pool_pre_ping=not url.startswith("sqlite"))
        if engine.dialect.name == "sqlite":
            event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin)
        return cls(engine)

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """Lend a session that sees one consistent state and writes nothing; inside a unit, the unit's own."""
        unit = self._unit.get()
        if unit is not None:
            yield unit
            return
        with only_our_errors(), Session(self.engine, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """Lend a session that commits when the block ends and leaves no trace when the block raises.

        Inside a unit it is the unit's session: what is written is checked by the database at once, and commits with the unit."""
        unit = self._unit.get()
        if unit is not None:
            with only_our_errors():
                yield unit
                unit.flush()
            return
        with only_our_errors(), Session(self._writer, expire_on_commit=False) as session:
            yield session
            session.commit()

    @contextmanager
    def unit(self) -> Iterator[Session]:
        """Let everything that this thread reads and writes inside the block be one transaction: all of it takes effect, or nothing.

        Only what runs in the block's own context joins it; another thread waits for the one writer's place as ever."""
        with self.writing() as session:
            token = self._unit.set(session)
            try:
                yield session
            finally:
                self._unit.reset(token)

    def scrub(self) -> None:
        """Fold the write-ahead log back, so that no file holds what was just overwritten. (PostgreSQL: left to its own vacuum.)"""
        if self.engine.dialect.name == "sqlite":
            with only_our_errors(), self.engine.connect() as connection:
                connection.exec_driver_sql("COMMIT")  # a checkpoint cannot run inside the transaction that _begin opened
                connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
                connection.exec_driver_sql("BEGIN")

    def changes(self) -> Changes:
        """Start watching for committed changes, by whomever they are made."""
        with only_our_errors():
            if self.engine.dialect.name == "sqlite":
                return SqliteChanges(Path(str(self.engine.url.database)))
            return PostgresChanges(self.engine)

    def compact(self) -> None:
        """Write the file anew without what was deleted from it. Raises StoreUnavailable while somebody else's work prevents that.

        On SQLite; PostgreSQL does so by itself in its own time, and its operator decides how long backups keep the rest."""
        if self.engine.dialect.name != "sqlite":
            return
        with only_our_errors():
            connection = self.engine.raw_connection()
            try:
                connection.cursor().execute("VACUUM")
                busy = connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
            except sqlite3.Error as fault:
                raise StoreUnavailable(f"The registry cannot be compacted now ({fault}); ask again.") from fault
            finally:
                connection.close()
        if busy:
            raise StoreUnavailable("Another process reads the registry, so a copy of what was deleted may be left; ask again.")

    def close(self) -> None:
        """Give all connections back."""
        self.engine.dispose()


def _prepare_sqlite(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
    assert isinstance(connection, sqlite3.Connection)
    connection.isolation_level = None  # the driver must not begin transactions behind our back: _begin does
    connection.execute(f"PRAGMA busy_timeout = {BUSY_SECONDS * 1000}")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")  # NORMAL would acknowledge a revocation that a power cut undoes
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA secure_delete = ON")  # what is destroyed must not linger in free pages


def _begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get(WRITES, False)
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
    elif writes:
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{BUSY_SECONDS}s'")
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({WRITERS_PLACE})")
