"""Read log entries for people: what an entry says in one line, and all of it. Believes nothing about an entry but that it is bytes."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from gateway.console.pages import mapping
from gateway.records.explorer import Found


@dataclass(frozen=True, slots=True)
class Line:
    """One entry as a row of a table; what an entry does not have is empty."""

    index: int
    kind: str
    at: str
    client: str
    purpose: str
    operation: str
    decision: str
    code: str
    decision_id: str


def lines(found: Iterable[Found]) -> list[Line]:
    """Return the entries as rows."""
    return [line_of(entry.index, entry.body) for entry in found]


def line_of(index: int, body: bytes) -> Line:
    """Return one entry as a row; an entry that cannot be read (somebody wrote into the copy) says so in its kind."""
    entry = parsed(body)
    answer, asked = mapping(entry.get("answer")), mapping(mapping(entry.get("facts")).get("request"))

    def text(document: Mapping[str, Any], *names: str) -> str:
        return next((value for name in names if isinstance(value := document.get(name), str)), "")

    return Line(
        index=index,
        kind=text(entry, "kind") or "unreadable",
        at=text(entry, "at"),
        client=text(entry, "client"),
        purpose=text(asked, "purpose"),
        operation=text(asked, "operation"),
        decision=text(answer, "decision"),
        code=text(answer, "code") or text(entry, "status", "why", "act"),
        decision_id=text(entry, "decision_id"),
    )


def parsed(body: bytes) -> Mapping[str, Any]:
    """Return an entry's object, or an empty one."""
    try:
        return mapping(json.loads(body))
    except ValueError:
        return {}
