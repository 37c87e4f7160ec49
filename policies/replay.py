"""Judge recorded decisions again under a draft: what would have been answered differently, newly allowed first. Changes no record.

Reads log entries as they were written (canonical JSON). Records that no rulebook can tell apart (shapes.py) are judged once; a Past can be
put to one draft after another. A record that cannot be read stops the reading and says where: a gap is never passed over."""

from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

import msgspec

from policies.decision import Permit, Refusal
from policies.errors import FactsError, RecordDamaged, RulebookRefused
from policies.facts import Facts
from policies.judge import Judge
from policies.question import Settings
from policies.rulebook import Rulebook
from policies.shapes import shape_of

# The entries that hold a decision of the policy and its facts; a `check` is a question without consequences.
DECISIONS: Final = frozenset({"intent", "denial"})
NEWLY_ALLOWED, NEWLY_REFUSED, OTHER_OBLIGATIONS = "newly-allowed", "newly-refused", "other-obligations"
_ORDER: Final = (NEWLY_ALLOWED, NEWLY_REFUSED, OTHER_OBLIGATIONS)
MOST_LINKS: Final = 1000
# The fields of a group but for its links, in order.
Kind = tuple[str, str, str, str, str, tuple[str, ...], tuple[str, ...]]


class _Entry(msgspec.Struct):
    """What is read of each entry; the rest must be JSON, and is left to the log's own verification."""

    kind: str
    decision_id: str = ""
    facts: msgspec.Raw = msgspec.Raw(b"")
    answer: msgspec.Raw = msgspec.Raw(b"")


class _Answer(msgspec.Struct):
    """What was answered: `by` is `policy`, or `gateway` where the register, the body or a quota refused."""

    decision: str
    by: str = "policy"
    code: str = ""
    rules: tuple[str, ...] = ()
    obligations: tuple[str, ...] = ()


_READ: Final = msgspec.json.Decoder(_Entry)
_READ_ANSWER: Final = msgspec.json.Decoder(_Answer)


@dataclass(frozen=True, slots=True)
class Link:
    """One recorded decision: its place in the log and its id."""

    index: int
    decision_id: str

    def to_json(self) -> dict[str, object]:
        """The link as a report keeps it."""
        return {"index": self.index, "decision_id": self.decision_id}


@dataclass(frozen=True, slots=True)
class Group:
    """Recorded decisions that would change in the same way: the same purpose, client, operation, place, answer then and answer now."""

    change: str
    purpose: str
    client: str
    operation: str
    place: str
    was: tuple[str, ...]
    now: tuple[str, ...]
    links: tuple[Link, ...]

    def to_json(self, most_links: int = MOST_LINKS) -> dict[str, object]:
        """The group as a report keeps it, with its first links."""
        about = {"purpose": self.purpose, "client": self.client, "operation": self.operation, "place": self.place}
        links = [link.to_json() for link in self.links[:most_links]]
        return {"change": self.change, **about, "was": list(self.was), "now": list(self.now), "count": len(self.links), "links": links}


@dataclass(frozen=True, slots=True)
class Replay:
    """What a draft changes about the past. `by_gateway`: refusals that were not the policy's, of which nothing is said."""

    rulebook: str
    judged: int
    shapes: int
    by_gateway: int
    groups: tuple[Group, ...]

    def count(self, change: str) -> int:
        """How many recorded decisions change in this way."""
        return sum(len(group.links) for group in self.groups if group.change == change)

    def to_json(self, most_links: int = MOST_LINKS) -> dict[str, object]:
        """The replay as a report keeps it."""
        counts = {change: self.count(change) for change in _ORDER}
        groups = [group.to_json(most_links) for group in self.groups]
        return {
            "rulebook": self.rulebook,
            "judged": self.judged,
            "by_gateway": self.by_gateway,
            "unchanged": self.judged - self.by_gateway - sum(counts.values()),
            "counts": counts,
            "groups": groups,
        }


@dataclass(slots=True)
class _Alike:
    """Records of one shape that got one answer."""

    facts: Facts
    answer: _Answer
    indexes: "array[int]" = field(default_factory=lambda: array("q"))
    decisions: list[str] = field(default_factory=list)

    def links(self) -> Iterator[Link]:
        return (Link(index, decision) for index, decision in zip(self.indexes, self.decisions, strict=True))


class Past:
    """Recorded decisions, read once, the alike kept together."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._alike: dict[tuple[bytes, bytes], _Alike] = {}
        self._judged = 0

    @classmethod
    def read(cls, entries: Iterable[tuple[int, bytes]], settings: Settings | None = None) -> "Past":
        """Read entries of the log, each with its index, for drafts with these settings; entries without a decision are passed over.

        Raises RecordDamaged at the first that cannot be read."""
        past = cls(settings or Settings())
        read, alike, decisions = _READ.decode, past._alike, DECISIONS
        position = -1
        index: int | None = None
        try:
            for position, (index, body) in enumerate(entries):  # noqa: B007 - the except clause needs it
                entry = read(body)
                if entry.kind in decisions:
                    facts, answer = bytes(entry.facts), bytes(entry.answer)
                    key = (shape_of(facts, past._settings), answer)
                    found = alike.get(key)
                    if found is None:
                        found = alike[key] = _first(facts, answer, entry.decision_id)
                    found.indexes.append(index)
                    found.decisions.append(entry.decision_id)
        except (ValueError, msgspec.MsgspecError, FactsError, TypeError) as error:
            raise RecordDamaged(position, index, f"It cannot be read as a decision ({error}).") from error
        past._judged = sum(len(each.indexes) for each in alike.values())
        return past

    @property
    def judged(self) -> int:
        """How many decisions were read."""
        return self._judged

    def under(self, draft: Rulebook) -> Replay:
        """What would have been answered differently under this rulebook. Never raises for what is in the records.

        Raises RulebookRefused if it has other settings than the past was read for."""
        if draft.settings != self._settings:
            raise RulebookRefused("rulebook", 0, "Its settings are not those that the past was read for.", "Read the past again for them.")
        judge = Judge(draft)
        groups: dict[Kind, list[_Alike]] = {}
        by_gateway = 0
        for alike in self._alike.values():
            if alike.answer.by != "policy":
                by_gateway += len(alike.indexes)
                continue
            key = _changed(alike, judge.decide(alike.facts))
            if key is not None:
                groups.setdefault(key, []).append(alike)
        made = [_group(key, several) for key, several in groups.items()]
        made.sort(key=lambda group: (_ORDER.index(group.change), -len(group.links), group.purpose, group.client, group.links[0].index))
        return Replay(draft.digest, self._judged, len(self._alike), by_gateway, tuple(made))


def replay(entries: Iterable[tuple[int, bytes]], draft: Rulebook) -> Replay:
    """Read recorded decisions and judge them under a draft. Raises RecordDamaged."""
    return Past.read(entries, draft.settings).under(draft)


def _first(facts: bytes, answer: bytes, decision_id: str) -> _Alike:
    if not decision_id:
        raise ValueError("it has no decision_id")
    return _Alike(Facts.from_record(msgspec.json.decode(facts)), _READ_ANSWER.decode(answer))


def _changed(alike: _Alike, now: Permit | Refusal) -> Kind | None:
    """What tells groups apart, or None where the answer stays."""
    answer, facts = alike.answer, alike.facts
    permitted = answer.decision == "permit"
    if permitted != isinstance(now, Permit):
        change = NEWLY_REFUSED if permitted else NEWLY_ALLOWED
    elif isinstance(now, Permit) and {duty.slug for duty in now.obligations} != set(answer.obligations):
        change = OTHER_OBLIGATIONS
    else:
        return None
    was = answer.obligations if permitted else answer.rules
    say = (
        tuple(duty.slug for duty in now.obligations)
        if isinstance(now, Permit)
        else tuple(dict.fromkeys(reason.rule for reason in now.reasons))
    )
    purpose, client, operation, place = (facts.purpose or "", facts.client.kind or "", facts.operation or "", facts.place or "")
    return change, purpose, client, operation, place, tuple(sorted(was)), tuple(sorted(say))


def _group(key: Kind, several: list[_Alike]) -> Group:
    links = sorted((link for alike in several for link in alike.links()), key=lambda link: link.index)
    return Group(*key, tuple(links))
