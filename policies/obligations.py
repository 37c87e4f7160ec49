"""Obligations: what a permit asks for in return, and how several become one, the stricter winning. Never fulfils any."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from policies.errors import RulebookRefused
from policies.vocabulary import Duty, Vocabulary

_TOKEN: Final = re.compile(r"([a-z][a-z0-9_]*)(?::(\d{1,6}))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Obligation:
    """One duty that comes with a permit: `slug` is the name that clients see, `parameters` its numbers by name."""

    kind: str
    slug: str
    parameters: Mapping[str, int]
    sentence: str

    def to_json(self) -> dict[str, object]:
        """The obligation as clients and records see it."""
        return {"id": self.slug, "parameters": dict(self.parameters)}


def read_obligation(token: str, words: Vocabulary) -> Obligation:
    """Read `human_review:2` or `notice`. Raises RulebookRefused (line 0) for an unknown kind or a missing parameter."""
    match = _TOKEN.fullmatch(token)
    duty = words.duties.get(match.group(1)) if match else None
    if match is None or duty is None:
        raise RulebookRefused("obligation", 0, f"Unknown obligation {token!r}.", f"Use one of {', '.join(sorted(words.duties))}.")
    given = match.group(2)
    if bool(given) != bool(duty.parameter):
        wanted = f"{duty.name}:<{duty.parameter}>" if duty.parameter else duty.name
        raise RulebookRefused("obligation", 0, f"{token!r} has the wrong parameter.", f"Write {wanted}.")
    return _make(duty, int(given) if given else None)


def _make(duty: Duty, value: int | None) -> Obligation:
    slug = f"{duty.name}_{value}{duty.unit}" if duty.in_slug else duty.name
    return Obligation(duty.name, slug, MappingProxyType({} if value is None else {duty.parameter: value}), duty.sentence)


def union(obligations: Iterable[Obligation], words: Vocabulary) -> tuple[Obligation, ...]:
    """All of them, one of each kind: where parameters differ, the stricter. Sorted, so that equal unions are equal."""
    kept: dict[str, Obligation] = {}
    for obligation in obligations:
        held = kept.get(obligation.kind)
        if held is None or _stricter(obligation, held, words):
            kept[obligation.kind] = obligation
    return tuple(kept[kind] for kind in sorted(kept))


def covers(obligations: Iterable[Obligation], slug: str, words: Vocabulary) -> bool:
    """True if one of them is `slug`, or of its kind and stricter: two reviewers include one."""
    for obligation in obligations:
        if slug in (obligation.slug, obligation.kind):
            return True
        duty = words.duties[obligation.kind]
        asked = re.fullmatch(rf"{duty.name}_(\d{{1,6}}){duty.unit}", slug, re.ASCII) if duty.in_slug else None
        if asked and _stricter(obligation, _make(duty, int(asked.group(1))), words):
            return True
    return False


def _stricter(one: Obligation, other: Obligation, words: Vocabulary) -> bool:
    duty = words.duties[one.kind]
    if not duty.parameter:
        return False
    mine, theirs = one.parameters[duty.parameter], other.parameters[duty.parameter]
    return mine > theirs if duty.stricter == "max" else mine < theirs
