"""Keep a searchable index of the log beside it: filters, pages, open intents. Decides nothing; may be deleted, and is then rebuilt.

It holds no entry and no personal value: entries are read from the log, and a case is found under a keyed digest of its reference.
What it says of open intents is sealed with a key that lies elsewhere: an index that somebody wrote into is thrown away and made anew."""

import hmac
import json
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gateway.audit.log import AuditLog

FORMAT: Final = 2  # of this file; one of another format is made anew
_TABLES: Final = ("entries", "rules", "open_intents", "reached")
_SCHEMA: Final = """
CREATE TABLE entries (
  idx INTEGER PRIMARY KEY, kind TEXT NOT NULL, at TEXT NOT NULL, decision_id TEXT, client TEXT, purpose TEXT, operation TEXT,
  decision TEXT, code TEXT, case_ref TEXT);
CREATE INDEX by_kind ON entries (kind, idx);
CREATE INDEX by_decision_id ON entries (decision_id, idx) WHERE decision_id IS NOT NULL;
CREATE INDEX by_client ON entries (client, idx) WHERE client IS NOT NULL;
CREATE INDEX by_purpose ON entries (purpose, idx) WHERE purpose IS NOT NULL;
CREATE INDEX by_answer ON entries (decision, idx) WHERE decision IS NOT NULL;
CREATE INDEX by_code ON entries (code, idx) WHERE code IS NOT NULL;
CREATE INDEX by_case ON entries (case_ref, idx) WHERE case_ref IS NOT NULL;
CREATE INDEX by_time ON entries (at, idx);
CREATE TABLE rules (rule TEXT NOT NULL, idx INTEGER NOT NULL, PRIMARY KEY (rule, idx)) WITHOUT ROWID;
CREATE TABLE open_intents (idx INTEGER PRIMARY KEY, boot TEXT NOT NULL, decision_id TEXT NOT NULL);
CREATE TABLE reached (size INTEGER NOT NULL, seal TEXT NOT NULL);
"""
_NEAR: Final = 64  # entries closer than this are read in one go
_BATCH: Final = 5000
_COLUMNS: Final = ("client", "purpose", "operation", "decision", "code", "kind", "decision_id", "case_ref")


@dataclass(frozen=True, slots=True)
class OpenIntent:
    """An intent that no outcome has closed yet, and the boot that wrote it."""

    index: int
    boot: str
    decision_id: str


@dataclass(frozen=True, slots=True)
class Found:
    """One entry as it stands in the log."""

    index: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Filter:
    """What to look for; what is None does not matter. Times are `Z` timestamps as the log writes them, `until` excluded."""

    kind: str | None = None
    client: str | None = None
    purpose: str | None = None
    operation: str | None = None
    decision: str | None = None
    code: str | None = None
    decision_id: str | None = None
    case_ref: str | None = None
    rule: str | None = None
    since: str | None = None
    until: str | None = None


class Explorer:
    """A follower of one log. Every read first catches up with the head, so it never shows less than the log holds."""

    def __init__(self, path: Path, log: AuditLog, key: bytes) -> None:
        """Open the index, or make it. `key` is secret, at least 16 bytes, and kept elsewhere."""
        self._log = log
        self._key = key
        self._lock = threading.Lock()
        self._database = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=30)
        self._database.execute("PRAGMA journal_mode=WAL")
        self._database.execute("PRAGMA synchronous=NORMAL")
        self._database.execute("PRAGMA secure_delete=ON")
        with self._lock:
            self._make_anew(unless_sealed=True)

    def catch_up(self) -> int:
        """Take in every entry that the log has and this index has not; return the size reached."""
        with self._lock:
            return self._catch_up()

    def find(self, wanted: Filter, *, before: int | None = None, limit: int = 50) -> list[Found]:
        """Return matching entries as the log holds them, newest first, below index `before` (keyset paging)."""
        with self._lock:
            self._catch_up()
            where, values = self._conditions(wanted)
            if before is not None:
                where.append("entries.idx < ?")
                values.append(before)
            source = "entries JOIN rules ON rules.idx = entries.idx" if wanted.rule is not None else "entries"
            question = f"SELECT entries.idx FROM {source} WHERE {' AND '.join(where) or '1'} ORDER BY entries.idx DESC LIMIT ?"  # noqa: S608  (column names are ours, values are bound)
            indexes = [index for (index,) in self._database.execute(question, [*values, limit])]
        return list(self._read(indexes))

    def open_intents(self) -> list[OpenIntent]:
        """Return the intents that have neither outcome nor abandonment, oldest first. An index whose seal does not hold is made anew."""
        with self._lock:
            self._make_anew(unless_sealed=True)
            self._catch_up()
            return [OpenIntent(*row) for row in self._open_rows()]

    def counts(self, column: str, *, kind: str | None = None, since: str | None = None) -> dict[str, int]:
        """Return how many entries there are for each value of a column."""
        if column not in _COLUMNS:
            raise ValueError(f"no column {column!r}")
        with self._lock:
            self._catch_up()
            where, values = self._conditions(Filter(kind=kind, since=since))
            question = f"SELECT {column}, COUNT(*) FROM entries WHERE {' AND '.join(where) or '1'} GROUP BY 1"  # noqa: S608  (as above)
            return {value: count for value, count in self._database.execute(question, values) if value is not None}

    def forget_cases(self, indexes: Iterable[int]) -> None:
        """Let nobody find these entries by their case reference any more, for its opening is being erased from the log."""
        with self._lock:
            self._catch_up()
            with self._database:
                self._database.execute("BEGIN IMMEDIATE")
                self._database.executemany("UPDATE entries SET case_ref = NULL WHERE idx = ?", [(index,) for index in indexes])

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._database.close()

    def _read(self, indexes: Sequence[int]) -> Iterator[Found]:
        """Read entries from the log, runs of near ones together: their bytes are the log's, whatever this file says."""
        start = 0
        while start < len(indexes):
            stop = start + 1
            while stop < len(indexes) and indexes[stop - 1] - indexes[stop] <= _NEAR:
                stop += 1
            lowest = indexes[stop - 1]
            bodies = list(self._log.entries(lowest, indexes[start] + 1))
            yield from (Found(index, bodies[index - lowest]) for index in indexes[start:stop])
            start = stop

    def _catch_up(self) -> int:
        position = self._reached()[0]
        if position > self._log.size:
            # The log is another one, or was recovered: this index is worth nothing.
            self._make_anew()
            position = 0
        while position < self._log.size:
            with self._database:
                # At once, so that no other process takes in the same entries, or forgets a case, in between.
                self._database.execute("BEGIN IMMEDIATE")
                position = self._reached()[0]
                stop = min(self._log.size, position + _BATCH)
                for index, body in enumerate(self._log.entries(position, max(position, stop)), start=position):
                    self._take_in(index, body)
                position = max(position, stop)
                self._database.execute("UPDATE reached SET size = ?, seal = ?", (position, self._seal(position)))
        return int(position)

    def _reached(self) -> tuple[int, str]:
        size, seal = self._database.execute("SELECT size, seal FROM reached").fetchone()
        return int(size), str(seal)

    def _make_anew(self, *, unless_sealed: bool = False) -> None:
        """Empty the index; with `unless_sealed`, only if it is of another format or log, or its seal does not hold."""
        with self._database:
            self._database.execute("BEGIN IMMEDIATE")
            if unless_sealed and self._is_sealed():
                return
            for table in _TABLES:
                self._database.execute(f"DROP TABLE IF EXISTS {table}")
            for statement in _SCHEMA.split(";"):
                self._database.execute(statement)
            self._database.execute("INSERT INTO reached VALUES (0, ?)", (self._seal(0),))
            self._database.execute(f"PRAGMA user_version = {FORMAT}")

    def _is_sealed(self) -> bool:
        if self._database.execute("PRAGMA user_version").fetchone()[0] != FORMAT:
            return False
        try:
            size, seal = self._reached()
            return size <= self._log.size and hmac.compare_digest(seal, self._seal(size))
        except (sqlite3.Error, TypeError, ValueError):
            return False

    def _seal(self, size: int) -> str:
        """Return what only the holder of the key can write: that, with so many entries of this log taken in, these intents were open.

        An older copy of the file that is put back has a seal that holds, and simply catches up."""
        last = self._log.receipt(size - 1).leaf_hash.hex() if size else ""
        said = json.dumps([self._log.origin, size, last, [list(row) for row in self._open_rows()]])
        return hmac.digest(self._key, b"open intents\n" + said.encode(), "sha256").hex()

    def _open_rows(self) -> list[tuple[int, str, str]]:
        return self._database.execute("SELECT idx, boot, decision_id FROM open_intents ORDER BY idx").fetchall()

    def _take_in(self, index: int, body: bytes) -> None:
        entry = json.loads(body)
        facts, answer = _object(entry.get("facts")), _object(entry.get("answer"))
        asked = _object(facts.get("request"))
        self._database.execute(
            "INSERT OR REPLACE INTO entries VALUES (?,?,?,?,?,?,?,?,?,?)",
            (
                index,
                entry["kind"],
                entry["at"],
                entry.get("decision_id"),
                entry.get("client"),
                _word(asked.get("purpose")),
                _word(asked.get("operation")),
                answer.get("decision"),
                answer.get("code") or entry.get("status") or entry.get("why"),
                self._case(index) if facts else None,
            ),
        )
        self._database.executemany("INSERT OR IGNORE INTO rules VALUES (?, ?)", [(rule, index) for rule in _strings(answer.get("rules"))])
        if entry["kind"] == "intent":
            self._database.execute("INSERT OR REPLACE INTO open_intents VALUES (?,?,?)", (index, entry["boot"], entry["decision_id"]))
        elif entry["kind"] in ("outcome", "abandoned"):
            self._database.execute("DELETE FROM open_intents WHERE idx = ?", (entry["intent"],))

    def _case(self, index: int) -> str | None:
        opening = self._log.openings(index).get("/facts/request/case/ref")
        return None if opening is None else self._digest(opening.value.decode())

    def _digest(self, reference: str) -> str:
        return hmac.digest(self._key, b"case\n" + reference.encode(), "sha256").hex()[:32]

    def _conditions(self, wanted: Filter) -> tuple[list[str], list[object]]:
        where: list[str] = []
        values: list[object] = []
        for column in _COLUMNS:
            value = getattr(wanted, column)
            if value is not None:
                where.append(f"{column} = ?")
                values.append(self._digest(value) if column == "case_ref" else value)
        for text, value in (("at >= ?", wanted.since), ("at < ?", wanted.until), ("rules.rule = ?", wanted.rule)):
            if value is not None:
                where.append(text)
                values.append(value)
        return where, values


def _object(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}


def _strings(value: object) -> Sequence[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def _word(value: object) -> str | None:
    return value if isinstance(value, str) else None
