"""Keep a searchable index of the log beside it: filters, pages, open intents. Decides nothing; may be deleted, and is then rebuilt.

It holds no entry and no personal value: entries are read from the log, and a case is found under a keyed digest of its reference.
What it says of open intents is sealed with a key that lies elsewhere: an index that somebody wrote into is thrown away and made anew.

Long because the one file's layout, its filling and its questions belong together."""

import heapq
import hmac
import json
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Final

from gateway.audit.log import AuditLog
from gateway.clock import iso

FORMAT: Final = 3  # of this file; one of another format is made anew
_TABLES: Final = ("entries", "facets", "facet_rules", "rules", "open_intents", "reached")
# Entries that say the same in every member one can filter by share a facet, of which there are few: whatever is asked for together, it is
# the newest of some facets, and each facet has its entries in order. `latest` is the latest time up to an entry, and so never falls.
_SCHEMA: Final = """
CREATE TABLE facets (
  facet INTEGER PRIMARY KEY, said TEXT NOT NULL UNIQUE,
  kind TEXT NOT NULL, client TEXT, purpose TEXT, operation TEXT, decision TEXT, code TEXT);
CREATE TABLE facet_rules (rule TEXT NOT NULL, facet INTEGER NOT NULL, PRIMARY KEY (rule, facet)) WITHOUT ROWID;
CREATE TABLE entries (
  idx INTEGER PRIMARY KEY, facet INTEGER NOT NULL, at TEXT NOT NULL, latest TEXT NOT NULL, decision_id TEXT, case_ref TEXT);
CREATE INDEX by_facet ON entries (facet, idx);
CREATE INDEX by_decision_id ON entries (decision_id, idx) WHERE decision_id IS NOT NULL;
CREATE INDEX by_case ON entries (case_ref, idx) WHERE case_ref IS NOT NULL;
CREATE INDEX by_latest ON entries (latest, idx);
CREATE TABLE open_intents (idx INTEGER PRIMARY KEY, boot TEXT NOT NULL, decision_id TEXT NOT NULL);
CREATE TABLE reached (size INTEGER NOT NULL, seal TEXT NOT NULL, latest TEXT NOT NULL, lag REAL NOT NULL);
"""
_MANY: Final = 4000  # facets; beyond, what is asked for is nearly everywhere, and is found by looking at entry after entry
_NEAR: Final = 64  # entries closer than this are read in one go
_BATCH: Final = 5000
_COLUMNS: Final = ("kind", "client", "purpose", "operation", "decision", "code")  # of a facet


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

    def follow(self) -> int:
        """Take in every entry there is, whichever process appended it; return the size reached. Waits for the log's writer."""
        self._log.follow()
        return self.catch_up()

    def find(self, wanted: Filter, *, before: int | None = None, limit: int = 50) -> list[Found]:
        """Return matching entries as the log holds them, newest first, below index `before` (keyset paging)."""
        with self._lock:
            size = self._catch_up()
            first, stop = self._bounds(wanted, size)
            indexes = self._indexes(wanted, first, stop if before is None else min(stop, before), limit)
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
            first, _stop = self._bounds(Filter(since=since), self._catch_up())
            question = (
                f"SELECT {column}, COUNT(*) FROM entries JOIN facets USING (facet)"  # noqa: S608  (the column is one of ours)
                " WHERE idx >= ? AND at >= ? AND (? IS NULL OR kind = ?) GROUP BY 1"
            )
            found = self._database.execute(question, (first, since or "", kind, kind))
            return {value: count for value, count in found if value is not None}

    def days(self, *, since: str, until: str) -> dict[tuple[str, str], int]:
        """Return how many intents and denials there are of each day (UTC) of a span of time, by day and kind."""
        with self._lock:
            first, stop = self._bounds(Filter(since=since, until=until), self._catch_up())
            question = (
                "SELECT substr(at, 1, 10), kind, COUNT(*) FROM entries JOIN facets USING (facet)"
                " WHERE idx >= ? AND idx < ? AND at >= ? AND at < ? AND kind IN ('intent', 'denial') GROUP BY 1, 2"
            )
            return {(day, kind): count for day, kind, count in self._database.execute(question, (first, stop, since, until))}

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
        if not self._log_holds(position):
            # The log is another one, or was recovered: this index is worth nothing.
            self._make_anew()
            position = 0
        while position < self._log.size:
            with self._database:
                # At once, so that no other process takes in the same entries, or forgets a case, in between.
                self._database.execute("BEGIN IMMEDIATE")
                position = self._reached()[0]
                if position >= self._log.size:
                    break  # another process was first
                stop = min(self._log.size, position + _BATCH)
                latest = str(self._database.execute("SELECT latest FROM reached").fetchone()[0])
                for index, body in enumerate(self._log.entries(position, stop), start=position):
                    latest = self._take_in(index, body, latest)
                position = stop
                self._database.execute("UPDATE reached SET size = ?, seal = ?, latest = ?", (position, self._seal(position), latest))
        self._log_holds(position)
        return int(position)

    def _log_holds(self, size: int) -> bool:
        """Tell whether the log has so many entries. Another process may have taken in some here that this one's log has yet to see."""
        return size <= self._log.size or size <= self._log.follow()

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
            self._database.execute("INSERT INTO reached VALUES (0, ?, '', 0)", (self._seal(0),))
            self._database.execute(f"PRAGMA user_version = {FORMAT}")

    def _is_sealed(self) -> bool:
        if self._database.execute("PRAGMA user_version").fetchone()[0] != FORMAT:
            return False
        try:
            size, seal = self._reached()
            return self._log_holds(size) and hmac.compare_digest(seal, self._seal(size))
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

    def _take_in(self, index: int, body: bytes, latest: str) -> str:
        """Take in an entry, and return the latest time up to it."""
        entry = json.loads(body)
        facts, answer = _object(entry.get("facts")), _object(entry.get("answer"))
        asked = _object(facts.get("request"))
        said = (
            entry["kind"],
            entry.get("client"),
            _word(asked.get("purpose")),
            _word(asked.get("operation")),
            answer.get("decision"),
            answer.get("code") or entry.get("status") or entry.get("why"),
        )
        at = str(entry["at"])
        if at < latest:
            self._database.execute("UPDATE reached SET lag = MAX(lag, ?)", (_behind(latest, at),))
        latest = max(latest, at)
        facet = self._facet(said, sorted({*_strings(answer.get("rules"))}))
        self._database.execute(
            "INSERT OR REPLACE INTO entries VALUES (?,?,?,?,?,?)",
            (index, facet, at, latest, entry.get("decision_id"), self._case(index) if facts else None),
        )
        if entry["kind"] == "intent":
            self._database.execute("INSERT OR REPLACE INTO open_intents VALUES (?,?,?)", (index, entry["boot"], entry["decision_id"]))
        elif entry["kind"] in ("outcome", "abandoned"):
            self._database.execute("DELETE FROM open_intents WHERE idx = ?", (entry["intent"],))
        return latest

    def _facet(self, said: tuple[object, ...], rules: Sequence[str]) -> int:
        name = json.dumps([*said, rules])
        row = self._database.execute("SELECT facet FROM facets WHERE said = ?", (name,)).fetchone()
        if row is not None:
            return int(row[0])
        facet = self._database.execute("INSERT INTO facets VALUES (NULL,?,?,?,?,?,?,?)", (name, *said)).lastrowid
        assert facet is not None  # an INSERT has just been done
        self._database.executemany("INSERT INTO facet_rules VALUES (?, ?)", [(rule, facet) for rule in rules])
        return facet

    def _case(self, index: int) -> str | None:
        opening = self._log.openings(index).get("/facts/request/case/ref")
        return None if opening is None else self._digest(opening.value.decode())

    def _digest(self, reference: str) -> str:
        return hmac.digest(self._key, b"case\n" + reference.encode(), "sha256").hex()[:32]

    def _bounds(self, wanted: Filter, size: int) -> tuple[int, int]:
        """Return the range of indexes outside of which no entry is of the time that is asked for, however the clock jumped."""
        first, stop = 0, size
        if wanted.since is not None:
            first = self._first_at(wanted.since, size)
        if wanted.until is not None:
            lag = float(self._database.execute("SELECT lag FROM reached").fetchone()[0])
            stop = self._first_at(_later(wanted.until, lag), size)
        return first, stop

    def _first_at(self, moment: str, otherwise: int) -> int:
        row = self._database.execute("SELECT idx FROM entries WHERE latest >= ? ORDER BY latest, idx LIMIT 1", (moment,)).fetchone()
        return otherwise if row is None else int(row[0])

    def _indexes(self, wanted: Filter, first: int, stop: int, limit: int) -> list[int]:
        where, values = ["idx >= ?", "idx < ?"], list[object]((first, stop))
        for text, value in (
            ("at >= ?", wanted.since),
            ("at < ?", wanted.until),
            ("decision_id = ?", wanted.decision_id),
            ("case_ref = ?", None if wanted.case_ref is None else self._digest(wanted.case_ref)),
        ):
            if value is not None:
                where.append(text)
                values.append(value)
        question = f"SELECT idx FROM entries WHERE {' AND '.join(where)} ORDER BY idx DESC LIMIT ?"  # noqa: S608  (texts are ours)
        facets = self._facets(wanted)
        if facets is None:
            return [index for (index,) in self._database.execute(question, (*values, limit))]
        if len(facets) > _MANY or wanted.decision_id is not None or wanted.case_ref is not None:
            rows = self._database.execute(question.replace("SELECT idx", "SELECT idx, facet").replace(" LIMIT ?", ""), values)
            return list(islice((index for index, facet in rows if facet in facets), limit))
        found: list[int] = []
        within = question.replace("WHERE", "WHERE facet = ? AND")
        for facet in facets:
            found = heapq.nlargest(limit, [*found, *(index for (index,) in self._database.execute(within, (facet, *values, limit)))])
            if len(found) == limit:
                values[0] = found[-1]  # of the facets to come, only what is newer counts
        return found

    def _facets(self, wanted: Filter) -> set[int] | None:
        """Return the facets that are asked for, None for all of them."""
        given = {column: value for column in _COLUMNS if (value := getattr(wanted, column)) is not None}
        if not given and wanted.rule is None:
            return None
        where = [f"{column} = ?" for column in given]
        if wanted.rule is not None:
            where.append("facet IN (SELECT facet FROM facet_rules WHERE rule = ?)")
        question = f"SELECT facet FROM facets WHERE {' AND '.join(where)}"  # noqa: S608  (column names are ours, values are bound)
        return {
            facet for (facet,) in self._database.execute(question, (*given.values(), *([wanted.rule] if wanted.rule is not None else [])))
        }


def _later(moment: str, seconds: float) -> str:
    """Return a moment that much later, as the log writes it; the moment itself if the clock never went back."""
    if not seconds:
        return moment
    try:
        at = datetime.fromisoformat(moment)
        return iso((at if at.tzinfo else at.replace(tzinfo=UTC)) + timedelta(seconds=seconds))
    except (ValueError, OverflowError):
        return "~"  # after every moment: what cannot be reckoned bounds nothing


def _behind(latest: str, at: str) -> float:
    try:
        return (datetime.fromisoformat(latest) - datetime.fromisoformat(at)).total_seconds() + 1
    except (ValueError, TypeError):
        return 1e9


def _object(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}


def _strings(value: object) -> Sequence[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def _word(value: object) -> str | None:
    return value if isinstance(value, str) else None
