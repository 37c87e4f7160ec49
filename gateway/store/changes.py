"""Notice that the registry changed, in a few microseconds, whichever process changed it. Never reads what changed.

The table `changes` counts the committed statements on each table that decides who may do what; triggers keep it, so that even
an UPDATE typed into a database shell is seen by the next request."""

import sqlite3
from collections.abc import Mapping
from itertools import count
from pathlib import Path
from threading import Lock
from typing import Protocol

from sqlalchemy import Engine, text
from sqlmodel import Field, SQLModel

from gateway.store.errors import only_our_errors, unavailable

COUNTS = "SELECT noun, count FROM changes"


class ChangeRow(SQLModel, table=True):
    """How often one table was changed so far; written by triggers alone."""

    __tablename__ = "changes"

    noun: str = Field(primary_key=True)
    count: int


class Changes(Protocol):
    """Two questions: did anything at all change, and if so, in which tables."""

    def version(self) -> int:
        """Return a number that differs from the last one if anything was committed in between (it may also differ if not)."""
        ...

    def counts(self) -> Mapping[str, int]:
        """Return how often each watched table was changed so far."""
        ...

    def close(self) -> None:
        """Stop watching."""
        ...


class SqliteChanges:
    """A connection of its own that never writes: `PRAGMA data_version` then moves with every commit of anybody else."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._lock = Lock()

    def version(self) -> int:
        """Ask SQLite for the version of the data: no table is read."""
        try:  # asked for each request: only_our_errors() would cost a third more
            with self._lock:
                return int(self._connection.execute("PRAGMA data_version").fetchone()[0])
        except sqlite3.Error as error:
            raise unavailable() from error

    def counts(self) -> Mapping[str, int]:
        """Read the counters."""
        with only_our_errors(), self._lock:
            return dict(self._connection.execute(COUNTS).fetchall())

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            self._connection.close()


class PostgresChanges:
    """PostgreSQL has no such version: every question is answered "perhaps", and the counters are read again."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._versions = count(1)

    def version(self) -> int:
        """Return a new number each time."""
        return next(self._versions)

    def counts(self) -> Mapping[str, int]:
        """Read the counters."""
        with only_our_errors(), self._engine.connect() as connection:
            return {str(row["noun"]): int(row["count"]) for row in connection.execute(text(COUNTS)).mappings()}

    def close(self) -> None:
        """Nothing is held."""
