"""Read what somebody asks of the log: filters and pages, as they stand in an address. Finds nothing itself."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from types import MappingProxyType
from typing import Final, NamedTuple
from uuid import UUID

from gateway.errors import CustodesError
from gateway.records.explorer import Filter

FILTERS: Final = tuple(member.name for member in fields(Filter))
PAGE: Final = 50
LONGEST_PAGE: Final = 500
_MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\d(\.\d{1,6})?Z)?", re.ASCII)


class QuestionMalformed(CustodesError):
    """A filter cannot be taken; `field` names it."""

    code = "field-malformed"

    def __init__(self, field: str, sentence: str) -> None:
        super().__init__(sentence)
        self.field = field


@dataclass(frozen=True, slots=True)
class Question:
    """Which entries, below which index, and how many of them at most."""

    wanted: Filter
    before: int | None
    limit: int


def read_question(given: Mapping[str, str]) -> Question:
    """Return what is asked for. Raises QuestionMalformed, naming the filter."""
    asked = dict(given)
    before, limit = asked.pop("before", None), asked.pop("limit", None)
    for name, value in asked.items():
        if name not in FILTERS or not 1 <= len(value) <= 256:
            raise QuestionMalformed(name, f"The filters are {', '.join(FILTERS)}, each of 1 to 256 characters.")
        if (form := _FORMS.get(name)) is not None and not form.holds(value):
            raise QuestionMalformed(name, f"{name!r} is {form.sentence}.")
    size = PAGE if limit is None else whole("limit", limit)
    if not 1 <= size <= LONGEST_PAGE:
        raise QuestionMalformed("limit", f"'limit' is 1 to {LONGEST_PAGE}.")
    if asked.get("since", "") > asked.get("until", "~"):
        raise QuestionMalformed("until", "'until' comes after 'since'.")
    return Question(Filter(**asked), None if before is None else whole("before", before), size)


def whole(name: str, text: str) -> int:
    """Return a whole number of at most fifteen digits. Raises QuestionMalformed."""
    if not text.isascii() or not text.isdigit() or len(text) > 15:
        raise QuestionMalformed(name, f"{name!r} takes a whole number.")
    return int(text)


def is_decision_id(text: str) -> bool:
    """Say whether a text could be the id of a decision: a UUID, in its one spelling."""
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False


def _is_moment(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return _MOMENT.fullmatch(text) is not None


class _Form(NamedTuple):
    """How the value of a filter must look: a value of another form could only ever find nothing, and seem to say something."""

    holds: Callable[[str], object]
    sentence: str


_WHEN: Final = _Form(_is_moment, "a moment in UTC such as 2026-11-23T10:00:00Z, or a day")
_FORMS: Final = MappingProxyType(
    {
        "since": _WHEN,
        "until": _WHEN,
        "kind": _Form(re.compile(r"[a-z][a-z0-9-]{0,39}").fullmatch, "a kind of entry, such as denial"),
        "decision": _Form({"permit", "refusal"}.__contains__, "permit or refusal"),
        "decision_id": _Form(is_decision_id, "the decision_id of an answer: 36 characters, in small letters"),
    }
)
