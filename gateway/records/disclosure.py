"""Decide what of a decision's entries a reader may see, and which of their veiled values may be opened to them. The one place that does.

Closed by default: a kind of entry, a path or a reader that is not named here is not shown. It reads entries, and opens nothing itself."""

import re
from collections.abc import Mapping, Sequence
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final


class Reader(StrEnum):
    """For whom evidence is packed."""

    CLIENT = "client"
    """The client whose decision it is, and no other."""
    AUDITOR = "auditor"
    """Reads everything but tags: what an entry veils belongs to the review of a decision; a tag would link a person's entries."""
    OMBUDSMAN = "ombudsman"
    """Looks into a complaint: which case and why, and who judged; never who was found, nor whose picture was sent."""
    STRANGER = "stranger"
    """Anybody else, such as a newspaper: what was decided, and no veiled value at all."""


_CASE: Final = r"/facts/request/case/ref|/facts/request/authorisations/\d+/case_ref|/facts/request/context/justification"
_CANDIDATE: Final = re.compile(r"/candidates/(\d+)/subject")
_OPEN: Final = MappingProxyType(
    {
        Reader.CLIENT: re.compile(rf"{_CASE}|/images/\d+"),
        Reader.AUDITOR: re.compile(r"/(?!tags?(/|$)).+"),
        Reader.OMBUDSMAN: re.compile(rf"{_CASE}|/reviewer|/facts/request/review/reviewers/\d+"),
        Reader.STRANGER: re.compile(r"(?!)"),
    }
)
_PUBLIC_KINDS: Final = frozenset({"intent", "denial", "check", "abandoned"})
_SETTLED: Final = frozenset({"released", "withheld"})

Story = Sequence[Mapping[str, Any]]


def shown(reader: Reader, entry: Mapping[str, Any], story: Story) -> bool:
    """Say whether the reader may see an entry of a decision; `story` is all that the log holds of that decision.

    A client does not see what the recogniser found until people have confirmed all of it: an entry cannot be shown in part."""
    if reader is not Reader.CLIENT:
        return True
    kind = entry.get("kind")
    if kind == "outcome":
        return confirmed(entry, story) >= frozenset(range(len(_candidates(entry)))) and _let_go(entry, story)
    return kind in _PUBLIC_KINDS or (kind == "review" and entry.get("act") in _SETTLED)


def opened(reader: Reader, paths: Sequence[str], entry: Mapping[str, Any], story: Story) -> tuple[str, ...]:
    """Return which of an entry's openings the reader may have."""
    if not shown(reader, entry, story):
        return ()
    return tuple(path for path in paths if _OPEN[reader].fullmatch(path) or _found_for(reader, path, entry, story))


def confirmed(entry: Mapping[str, Any], story: Story) -> frozenset[int]:
    """Return which candidates of an outcome its client has, or may fetch: all if it was released at once, else those people confirmed."""
    if entry.get("status") == "released":
        return frozenset(range(len(_candidates(entry))))
    numbers = [
        number for said in story if said.get("kind") == "review" and said.get("act") == "released" for number in said.get("confirmed", ())
    ]
    return frozenset(number for number in numbers if type(number) is int)


def _found_for(reader: Reader, path: str, entry: Mapping[str, Any], story: Story) -> bool:
    candidate = _CANDIDATE.fullmatch(path)
    return reader is Reader.CLIENT and candidate is not None and int(candidate[1]) in confirmed(entry, story)


def _let_go(entry: Mapping[str, Any], story: Story) -> bool:
    """An outcome that is held, without a word that it was released, stays with the reviewers; one that failed found nothing."""
    held = entry.get("status") == "held"
    return not held or any(said.get("kind") == "review" and said.get("act") == "released" for said in story)


def _candidates(entry: Mapping[str, Any]) -> Sequence[object]:
    found = entry.get("candidates")
    return found if isinstance(found, list) else ()
