"""Keep a searchable copy of the log beside it: filters, pages, open intents. Decides nothing; may be deleted, and is then rebuilt."""

import json
import sqlite3
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gateway.audit.log import AuditLog

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS entries (
  idx INTEGER PRIMARY KEY, kind TEXT NOT NULL, at TEXT NOT NULL, decision_id TEXT, client TEXT, purpose TEXT, operation TEXT,
  decision TEXT, code TEXT, case_ref TEXT, body BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS by_kind ON entries (kind, idx);
CREATE INDEX IF NOT EXISTS by_decision_id ON entries (decision_id, idx) WHERE decision_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS by_client ON entries (client, idx) WHERE client IS NOT NULL;
CREATE INDEX IF NOT EXISTS by_purpose ON entries (purpose, idx) WHERE purpose IS NOT NULL;
CREATE INDEX IF NOT EXISTS by_answer ON entries (decision, idx) WHERE decision IS NOT NULL;
CREATE INDEX IF NOT EXISTS by_case ON entries (case_ref, idx) WHERE case_ref IS NOT NULL;
CREATE INDEX IF NOT EXISTS by_time ON entries (at, idx);
CREATE TABLE IF NOT EXISTS rules (rule TEXT NOT NULL, idx INTEGER NOT NULL, PRIMARY KEY (rule, idx)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS open_intents (idx INTEGER PRIMARY KEY, boot TEXT NOT NULL, decision_id TEXT NOT NULL);
"""
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

    def __init__(self, path: Path, log: AuditLog) -> None:
        self._log = log
        self._lock = threading.Lock()
        self._database = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=30)
        self._database.execute("PRAGMA journal_mode=WAL")
        self._database.execute("PRAGMA synchronous=NORMAL")
        # An erased value must not linger in free pages.
        self._database.execute("PRAGMA secure_delete=ON")
        self._database.executescript(_SCHEMA)

    def catch_up(self) -> int:
        """Take in every entry that the log has and this copy has not; return the size reached."""
        with self._lock:
            return self._catch_up()

    def find(self, wanted: Filter, *, before: int | None = None, limit: int = 50) -> list[Found]:
        """Return matching entries, newest first, below index `before` (keyset paging)."""
        where, values = _conditions(wanted)
        if before is not None:
            where.append("entries.idx < ?")
            values.append(before)
        source = "entries JOIN rules ON rules.idx = entries.idx" if wanted.rule is not None else "entries"
        question = f"SELECT entries.idx, body FROM {source} WHERE {' AND '.join(where) or '1'} ORDER BY entries.idx DESC LIMIT ?"  # noqa: S608  (column names are ours, values are bound)
        with self._lock:
            self._catch_up()
            return [Found(index, body) for index, body in self._database.execute(question, [*values, limit])]

    def open_intents(self) -> list[OpenIntent]:
        """Return the intents that have neither outcome nor abandonment, oldest first."""
        with self._lock:
            self._catch_up()
            return [OpenIntent(*row) for row in self._database.execute("SELECT idx, boot, decision_id FROM open_intents ORDER BY idx")]

    def counts(self, column: str, *, kind: str | None = None, since: str | None = None) -> dict[str, int]:
        """Return how many entries there are for each value of a column."""
        if column not in _COLUMNS:
            raise ValueError(f"no column {column!r}")
        where, values = _conditions(Filter(kind=kind, since=since))
        question = f"SELECT {column}, COUNT(*) FROM entries WHERE {' AND '.join(where) or '1'} GROUP BY 1"  # noqa: S608  (as above)
        with self._lock:
            self._catch_up()
            return {value: count for value, count in self._database.execute(question, values) if value is not None}

    def forget_cases(self, indexes: Iterable[int]) -> None:
        """Drop the opened case references of these entries, after their openings were erased from the log's database."""
        with self._lock:
            self._database.executemany("UPDATE entries SET case_ref = NULL WHERE idx = ?", [(index,) for index in indexes])
            self._database.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._database.close()

    def _catch_up(self) -> int:
        position = self._database.execute("SELECT COALESCE(MAX(idx) + 1, 0) FROM entries").fetchone()[0]
        if position > self._log.size:
            # The log is another one, or was recovered: this copy is worth nothing.
            self._database.executescript("DELETE FROM entries; DELETE FROM rules; DELETE FROM open_intents;")
            position = 0
        while position < (size := self._log.size):
            stop = min(size, position + _BATCH)
            with self._database:
                self._database.execute("BEGIN")
                for index, body in enumerate(self._log.entries(position, stop), start=position):
                    self._take_in(index, body)
            position = stop
        return int(position)

    def _take_in(self, index: int, body: bytes) -> None:
        entry = json.loads(body)
        facts, answer = _object(entry.get("facts")), _object(entry.get("answer"))
        asked = _object(facts.get("request"))
        self._database.execute(
            "INSERT OR REPLACE INTO entries VALUES (?,?,?,?,?,?,?,?,?,?,?)",
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
                body,
            ),
        )
        self._database.executemany("INSERT OR IGNORE INTO rules VALUES (?, ?)", [(rule, index) for rule in _strings(answer.get("rules"))])
        if entry["kind"] == "intent":
            self._database.execute("INSERT OR REPLACE INTO open_intents VALUES (?,?,?)", (index, entry["boot"], entry["decision_id"]))
        elif entry["kind"] in ("outcome", "abandoned"):
            self._database.execute("DELETE FROM open_intents WHERE idx = ?", (entry["intent"],))

    def _case(self, index: int) -> str | None:
        opening = self._log.openings(index).get("/facts/request/case/ref")
        return None if opening is None else opening.value.decode()


def _conditions(wanted: Filter) -> tuple[list[str], list[object]]:
    where: list[str] = []
    values: list[object] = []
    for column in _COLUMNS:
        value = getattr(wanted, column)
        if value is not None:
            where.append(f"{column} = ?")
            values.append(value)
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
