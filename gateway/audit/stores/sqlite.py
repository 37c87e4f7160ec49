"""Keep a log in one SQLite file of its own (WAL, synchronous=FULL). Never hashes, signs or judges what it keeps.

Entries, checkpoints and tiles are only ever inserted; openings alone are overwritten, when they are erased."""

import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, Final

from gateway.audit.errors import AuditError
from gateway.audit.failures import LogDamaged, LogUnavailable
from gateway.audit.stores.base import MAX_BATCH, Batch, Commit, Cosigned, HeadMoved, Opening, StoreBusy
from gateway.audit.stores.durable import DurableFile, failure
from gateway.audit.tree import HASH_SIZE

FORMAT: Final = 1
APPLICATION: Final = 0x43757374  # "Cust", so that `file` and the next reader know what they see
MAX_OPENINGS: Final = 256  # of one entry; a place is entry index * MAX_OPENINGS + ordinal

_ROWS_STEP: Final = 16
_TILE_BYTES: Final = 256 * HASH_SIZE
_HEAD_MOVED: Final = "head moved"

# The head is the row of `batches` with the largest size. A row's first entry is its size less its number of leaves.
# A commit is one INSERT into `intake`, whose triggers put each row where it belongs. One statement is one transaction by itself, and
# sqlite3 gives up Python's lock once for it; with BEGIN, three INSERTs and COMMIT a busy event loop made the writer wait five times.
_SCHEMA: Final = (
    "CREATE TABLE batches (size INTEGER PRIMARY KEY, checkpoint BLOB NOT NULL, leaves BLOB NOT NULL, bundle BLOB NOT NULL) STRICT",
    "CREATE TABLE tiles (level INTEGER, n INTEGER, hashes BLOB NOT NULL, PRIMARY KEY (level, n)) STRICT, WITHOUT ROWID",
    "CREATE TABLE openings (place INTEGER PRIMARY KEY, path TEXT NOT NULL, nonce BLOB NOT NULL, value BLOB NOT NULL,"
    " erased INTEGER NOT NULL) STRICT",
    "CREATE TABLE cosignatures (size INTEGER, line TEXT, PRIMARY KEY (size, line)) STRICT, WITHOUT ROWID",
    "CREATE VIEW intake (part, a, b, c, d) AS SELECT NULL, NULL, NULL, NULL, NULL",
    # Tied to the head that the writer had seen, not to a lock held between commits: two gateways on one file then write one chain.
    "CREATE TRIGGER keep_batch INSTEAD OF INSERT ON intake WHEN NEW.part = 'batch' BEGIN"  # noqa: S608 - only our own constants
    f" SELECT raise(ABORT, '{_HEAD_MOVED}') WHERE (SELECT max(size) FROM batches) <> NEW.a - length(NEW.c) / {HASH_SIZE};"
    " INSERT INTO batches VALUES (NEW.a, NEW.b, NEW.c, NEW.d); END",
    "CREATE TRIGGER keep_opening INSTEAD OF INSERT ON intake WHEN NEW.part = 'opening' BEGIN"
    " INSERT INTO openings VALUES (NEW.a, NEW.b, NEW.c, NEW.d, 0); END",
    "CREATE TRIGGER keep_tile INSTEAD OF INSERT ON intake WHEN NEW.part = 'tile' BEGIN INSERT INTO tiles VALUES (NEW.a, NEW.b, NEW.c); END",
)
_Row = tuple[object, object, object, object, object]
_NO_ROW: Final[_Row] = (None,) * 5


class SqliteStore:
    """A Store in one file. Two processes may open it: each commit is tied to the head that its writer had seen."""

    def __init__(self, path: Path, *, create: bool, busy_seconds: float = 5.0) -> None:
        """Open the file. Raises StoreMissing if it is missing and may not be created, LogDamaged if it is no store, else LogUnavailable."""
        self._reading = threading.Lock()
        try:
            self._file = DurableFile(path, create=create, busy_seconds=busy_seconds)
        except OSError as error:
            raise failure(error) from error
        try:
            self._take_up()
        except (sqlite3.Error, OSError, UnicodeError) as error:
            self.close()
            raise failure(error) from error
        except AuditError:
            self.close()
            raise

    def _take_up(self) -> None:
        self._writer = self._file.connect()
        self._reader = self._file.connect()
        self._reader.execute("PRAGMA query_only = ON")
        self._begun = self._is_begun()
        # Write what an earlier process, or an earlier handle with a failed sync, left in the WAL once more, and sync it: the
        # kernel may hold as clean what never reached the disk. It also ends the copies of what was erased just before a crash.
        self._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._file.remember()

    def begin(self, checkpoint: bytes) -> None:
        """Lay out an empty file; see Store."""
        try:
            self._writer.execute("BEGIN IMMEDIATE")
            if not self._is_begun():
                for statement in (*_SCHEMA, f"PRAGMA application_id = {APPLICATION}", f"PRAGMA user_version = {FORMAT}"):
                    self._writer.execute(statement)
                self._writer.execute("INSERT INTO batches VALUES (0, ?, x'', x'')", (checkpoint,))
            self._writer.execute("COMMIT")
            self._file.sync_directory()
            self._file.remember()
        except (sqlite3.Error, OSError) as error:
            raise failure(error) from error
        self._begun = True

    def head(self) -> Batch | None:
        """Return the newest batch; None before `begin`."""
        if not self._begun:
            return None
        rows = self._read("SELECT * FROM batches ORDER BY size DESC LIMIT 1")
        if not rows:
            raise LogDamaged("the log file has no checkpoint in it: it was emptied")
        return Batch(*rows[0])

    def size(self) -> int:
        """Return the size of the newest batch, and notice on the way that the file is still the one that was opened."""
        self._file.must_be_in_place()
        size: int = self._read("SELECT coalesce(max(size), 0) FROM batches")[0][0]
        return size

    def commit(self, commit: Commit) -> None:
        """Write all of it or nothing, durably; see Store."""
        rows = list(_rows(commit))
        # Filled up with rows that no trigger takes: few different statements, so that nearly all are prepared already.
        rows += [_NO_ROW] * (-len(rows) % _ROWS_STEP if len(rows) > 1 else 0)
        values = ", ".join(["(?, ?, ?, ?, ?)"] * len(rows))
        try:
            self._writer.execute(f"INSERT INTO intake VALUES {values}", list(chain.from_iterable(rows)))  # noqa: S608 - only marks
        except sqlite3.IntegrityError as error:
            if _HEAD_MOVED in str(error):
                raise HeadMoved from None
            raise LogDamaged(f"the log file holds already what was to be written: {error}") from error
        except sqlite3.Error as error:
            refusal = failure(error)
            if isinstance(refusal, StoreBusy):  # it could not begin
                raise refusal from error
            raise LogUnavailable(f"the log could not be written, and what reached it is not known: {error}") from error
        # After the commit: a file that was deleted or replaced before it took our bytes to nowhere.
        self._file.must_be_in_place()
        self._file.written += len(commit.batch.bundle)

    def make_room(self) -> None:
        """Let the next commits overwrite what is allocated already; see Store."""
        try:
            self._file.make_room(self._writer)
        except (sqlite3.Error, OSError) as error:
            raise failure(error) from error

    def batches(self, start: int, stop: int) -> Iterator[Batch]:
        """Read the batches that hold the entries [start, stop), a few at a time so that no read blocks a checkpoint."""
        while start < stop:
            rows = self._read("SELECT * FROM batches WHERE size > ? AND size < ? ORDER BY size LIMIT 16", (start, stop + MAX_BATCH))
            if not rows:
                raise LogDamaged(f"the entries from {start} on are missing", index=start)
            for batch in map(_batch, rows):
                if batch.first > start or batch.width == 0:
                    raise LogDamaged(f"the entries from {start} on are missing", index=start)
                yield batch
                start = batch.size
                if start >= stop:
                    return

    def leaves(self, start: int, stop: int) -> list[bytes]:
        """Read leaf hashes without the entries that they are of."""
        rows = self._read(
            "SELECT size, leaves FROM batches WHERE size > ? AND size < ? ORDER BY size", (start, stop + MAX_BATCH)
        )  # fmt: skip
        found: list[bytes] = []
        for size, leaves in rows:
            first = size - len(leaves) // HASH_SIZE
            if first > start + len(found):
                break
            wanted = range(start + len(found), min(stop, size))
            found.extend(leaves[(index - first) * HASH_SIZE : (index - first + 1) * HASH_SIZE] for index in wanted)
        if len(found) != stop - start:
            raise LogDamaged(f"the entries from {start + len(found)} on are missing", index=start + len(found))
        return found

    def tile(self, level: int, index: int) -> bytes:
        """Read a full tile of level 1 or more; see Store."""
        rows = self._read("SELECT hashes FROM tiles WHERE level = ? AND n = ?", (level, index))
        hashes: bytes = rows[0][0] if rows else b""
        if len(hashes) != _TILE_BYTES:
            raise LogDamaged(f"tile {index} of level {level} is missing or cut", index=index << 8 * (level + 1))
        return hashes

    def checkpoint(self, size: int) -> bytes | None:
        """Read the checkpoint that was signed at exactly this size."""
        rows = self._read("SELECT checkpoint FROM batches WHERE size = ?", (size,))
        return rows[0][0] if rows else None

    def openings(self, index: int) -> dict[str, Opening]:
        """Read what opens the commitments of an entry, less what was erased."""
        rows = self._read("SELECT path, nonce, value FROM openings WHERE place BETWEEN ? AND ? AND NOT erased", _places(index))
        return {path: Opening(nonce, value) for path, nonce, value in rows}

    def places_of(self, value: bytes) -> list[tuple[int, str]]:
        """Name every opening that holds this value; see Store."""
        rows = self._read("SELECT place, path FROM openings WHERE value = ? AND NOT erased ORDER BY place", (value,))
        return [(place // MAX_OPENINGS, path) for place, path in rows]

    def erase(self, places: Mapping[int, Sequence[str]]) -> dict[int, tuple[str, ...]]:
        """Destroy openings in the file and in its WAL; see Store.

        Raises LogUnavailable if another process's reading kept the WAL from being cut; the erasure must then be asked for again."""
        try:
            self._writer.execute("BEGIN IMMEDIATE")
            erased = {index: tuple(path for path in paths if self._overwrite(index, path)) for index, paths in places.items()}
            self._writer.execute("COMMIT")
        except sqlite3.Error as error:
            if self._writer.in_transaction:
                self._writer.execute("ROLLBACK")
            raise failure(error) from error
        self._cut_wal()
        return {index: paths for index, paths in erased.items() if paths}

    def _overwrite(self, index: int, path: str) -> bool:
        # Overwritten in place, not deleted: the row keeps its size, so no page is ever rebalanced and
        # no stale copy of a neighbour's row is left behind in a page's free space.
        return bool(
            self._writer.execute(
                "UPDATE openings SET erased = 1, nonce = zeroblob(length(nonce)), value = zeroblob(length(value))"
                " WHERE place BETWEEN ? AND ? AND path = ? AND NOT erased",
                (*_places(index), path),
            ).rowcount
        )

    def cosign(self, size: int, lines: Sequence[str]) -> None:
        """Keep signature lines of witnesses with the checkpoint of this size; see Store."""
        try:
            self._writer.execute("BEGIN IMMEDIATE")
            # A line is a dash, a name and base64 whose first five letters are of the key's ID: what they share, one key wrote.
            keys = [line[: line.rindex(" ") + 6] for line in lines]
            self._writer.executemany(
                "DELETE FROM cosignatures WHERE size = ? AND substr(line, 1, length(?)) = ?", [(size, key, key) for key in keys]
            )
            self._writer.executemany("INSERT OR IGNORE INTO cosignatures VALUES (?, ?)", [(size, line) for line in lines])
            self._writer.execute("COMMIT")
        except sqlite3.Error as error:
            raise failure(error) from error

    def cosigned(self, below: int | None = None) -> Cosigned | None:
        """Read the newest checkpoint that any witness has signed; see Store."""
        rows = self._read(
            "SELECT size, checkpoint, line FROM cosignatures JOIN batches USING (size)"
            " WHERE size = (SELECT max(size) FROM cosignatures WHERE size < coalesce(?, size + 1)) ORDER BY line",
            (below,),
        )  # fmt: skip
        return Cosigned(rows[0][0], rows[0][1], tuple(line for _, _, line in rows)) if rows else None

    def close(self) -> None:
        """Close the file; the last process to do so folds the WAL into it."""
        with self._reading:
            self._file.close()

    def _is_begun(self) -> bool:
        found = tuple(sql for (sql,) in self._writer.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY rowid"))
        if not found:
            return False
        ids = tuple(self._writer.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version"))
        # To the letter: a trigger that someone added could make entries vanish.
        if ids != (APPLICATION, FORMAT) or found != _SCHEMA:
            raise LogDamaged(f"this file is not laid out as an audit log of format {FORMAT}")
        return True

    def _cut_wal(self) -> None:
        """Fold the WAL into the file and cut it to nothing, so that no older copy of a page is left in it."""
        try:
            busy = self._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        except sqlite3.Error as error:
            raise failure(error) from error
        if busy:
            raise StoreBusy("another process is reading the log, so its write-ahead log could not be cut: ask for the erasure again")

    def _read(self, sql: str, values: Sequence[object] = ()) -> list[Any]:
        with self._reading:
            try:
                return self._reader.execute(sql, values).fetchall()
            except (sqlite3.Error, UnicodeError) as error:
                raise failure(error) from error


def _rows(commit: Commit) -> Iterator[_Row]:
    """Lay a commit out for `intake`, the batch first: if the head has moved, nothing else is tried."""
    batch = commit.batch
    yield "batch", batch.size, batch.checkpoint, batch.leaves, batch.bundle
    for index, openings in commit.openings.items():
        for place, (path, opening) in enumerate(openings.items(), index * MAX_OPENINGS):
            yield "opening", place, path, opening.nonce, opening.value
    for (level, index), hashes in commit.tiles.items():
        yield "tile", level, index, hashes, None


def _batch(row: tuple[int, bytes, bytes, bytes]) -> Batch:
    return Batch(*row)


def _places(index: int) -> tuple[int, int]:
    return index * MAX_OPENINGS, (index + 1) * MAX_OPENINGS - 1
