"""Count what the log says, entry by entry, into the numbers of a report. Knows the entries alone: no registry, no opening, no name.

Small counts are hidden where a report is for everybody, so that no table tells of one person's case."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from gateway.records.suppression import suppressed

SMALL: Final = 5
_TABLES: Final = (
    "requests by purpose",
    "requests by client kind",
    "requests by month",
    "requests by operation",
    "permits by purpose",
    "refusals by purpose",
    "refusals by reason",
    "searches by end",
    "results by end",
    "tripwires by wire",
    "duties by step",
    "policy changes by step",
)


@dataclass(frozen=True, slots=True)
class Span:
    """What a report is about: entries from `since` until just before `until` (text as in the log); of one client, if one is named."""

    since: str = ""
    until: str = "9"
    client: str | None = None

    def holds(self, entry: Mapping[str, object]) -> bool:
        """Say whether an entry is counted. Entries that name no client are counted for everybody's report alone."""
        at = entry.get("at")
        return isinstance(at, str) and self.since <= at < self.until and self.client in (None, entry.get("client"))


@dataclass(slots=True)
class Tally:
    """The numbers so far. Give it every entry in the log's order; what began before the span is then still known as its own."""

    span: Span = field(default_factory=Span)
    tables: dict[str, Counter[str]] = field(default_factory=lambda: {name: Counter() for name in _TABLES})
    entries: int = 0
    _counted: set[str] = field(default_factory=set)
    _said: dict[str, list[tuple[str, ...]]] = field(default_factory=lambda: defaultdict(list))
    _ended: dict[str, str] = field(default_factory=dict)

    def take(self, body: bytes) -> None:
        """Count one entry."""
        entry = json.loads(body)
        self.entries += 1
        kind = entry.get("kind")
        decision = str(entry.get("decision_id", ""))
        if kind in ("outcome", "abandoned", "review"):
            # These name no client: they belong to the decision, whose intent came before.
            if decision in self._counted and self.span.since <= entry["at"] < self.span.until:
                self._follow(kind, decision, entry)
        elif self.span.holds(entry):
            self._begin(str(kind), decision, entry)

    def _begin(self, kind: str, decision: str, entry: Mapping[str, object]) -> None:
        if kind in ("intent", "denial"):
            self._counted.add(decision)
            asked = _object(_object(entry.get("facts")).get("request"))
            answer = _object(entry.get("answer"))
            purpose = _word(asked.get("purpose"))
            self._count("requests by purpose", purpose)
            self._count("requests by client kind", _word(_object(asked.get("client")).get("kind")))
            self._count("requests by month", str(entry["at"])[:7])
            self._count("requests by operation", _word(asked.get("operation")))
            self._count("permits by purpose" if kind == "intent" else "refusals by purpose", purpose)
            if kind == "denial":
                self._count("refusals by reason", _word(answer.get("code")))
        elif kind == "tripwire" and entry.get("act") == "touched":
            self._count("tripwires by wire", _word(entry.get("wire")))
        elif kind == "duty":
            self._count("duties by step", f"{_word(entry.get('obligation'))}: {_word(entry.get('act'))}")
        elif kind == "policy-change":
            self._count("policy changes by step", _word(entry.get("act")))

    def _follow(self, kind: str, decision: str, entry: Mapping[str, object]) -> None:
        if kind == "abandoned":
            self._count("searches by end", "abandoned")
        elif kind == "outcome":
            self._count("searches by end", _word(entry.get("status")))
        elif entry.get("act") == "judged":
            said = entry.get("said")
            self._said[decision].append(tuple(str(word) for word in said) if isinstance(said, list) else ())
        elif entry.get("act") in ("released", "withheld"):
            self._ended[decision] = str(entry["act"])
            self._count("results by end", str(entry["act"]))

    def _count(self, table: str, row: str) -> None:
        self.tables[table][row] += 1

    @property
    def agreement(self) -> tuple[int, int]:
        """Return how many results all of at least two reviewers judged alike, and how many had two reviewers at least."""
        twice = [said for said in self._said.values() if len(said) > 1]
        return sum(len(set(said)) == 1 for said in twice), len(twice)

    @property
    def overturned(self) -> tuple[int, int]:
        """Return how many leads of the recogniser people did not confirm, and how many they settled."""
        return sum(end == "withheld" for end in self._ended.values()), len(self._ended)

    def to_json(self, *, hide_below: int = SMALL) -> dict[str, object]:
        """Return the report; counts under `hide_below` are `<N`, and others hidden with them where they would give one away."""
        agreed, twice = self.agreement
        overturned, settled = self.overturned
        review = {"judged by two or more": twice, "of these alike": agreed, "leads settled": settled, "of these overturned": overturned}
        return {
            "since": self.span.since or None,
            "until": None if self.span.until == "9" else self.span.until,
            "client": self.span.client,
            "entries": self.entries,
            "hidden_below": hide_below,
            "tables": suppressed(
                {**{name: dict(sorted(rows.items())) for name, rows in self.tables.items()}, "review": review}, hide_below
            ),
        }


def tally(bodies: Iterable[bytes], span: Span | None = None) -> Tally:
    """Count a whole log, in its order."""
    counted = Tally(span or Span())
    for body in bodies:
        counted.take(body)
    return counted


def _object(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}


def _word(value: object) -> str:
    return value if isinstance(value, str) and value else "none"
