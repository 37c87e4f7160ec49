"""Find the rules that meet a question, at a cost that does not grow with the rulebook. Finds; never decides.

Rules lie in cells by client, purpose and operation, and in a cell by place. What is found for one cell and place is a
Plan: its conditions become bits, each asked once a question, and its rules masks over them. Plans are kept."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product
from typing import Final

from policies.conditions import Bound, bind
from policies.decision import Permit, Refusal
from policies.places import areas_of
from policies.question import Question
from policies.rulebook import Rulebook
from policies.rules import Rule

# Plans kept at once: more than cells in use at a time. City parts of places are open, so there has to be an end.
MOST_PLANS: Final = 8192

Cell = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Row:
    """A rule in a plan: it applies when the bits under `care` are exactly `want`."""

    rule: Rule
    care: int
    want: int


@dataclass(frozen=True, slots=True)
class Plan:
    """Every rule that can meet a question of this cell and place, by effect; `capacities` are those it must be allowed in."""

    asks: tuple[tuple[int, Callable[..., bool], tuple[object, ...]], ...]
    bounds: tuple[Bound, ...]
    denies: tuple[Row, ...]
    allows: Mapping[str, tuple[Row, ...]]
    obliges: tuple[Row, ...]
    dues: tuple[Row, ...]
    # Answers already given, by bits: filled by the sitting that owns the plan, and gone with it.
    answers: dict[int, Permit | Refusal] = field(default_factory=dict)

    def bits(self, question: Question) -> int:
        """Ask every condition of the plan once; bit n is the answer of the n-th."""
        bits = 0
        for bit, test, arguments in self.asks:
            if test(question, *arguments):
                bits |= bit
        return bits


def matching(rows: Iterable[Row], bits: int) -> tuple[Row, ...]:
    """The rows that apply under these bits."""
    return tuple(row for row in rows if bits & row.care == row.want)


class Index:
    """The rules of one rulebook, findable by cell and place. Built once; later writes only add plans."""

    def __init__(self, rulebook: Rulebook) -> None:
        self._words = rulebook.words
        self._cells: dict[Cell, dict[str, list[Rule]]] = {}
        self._plans: dict[tuple[str, str | None, str, str, str], Plan] = {}
        self._bounds: dict[str, Bound] = {}
        for rule in rulebook.rules:
            for term in rule.when:
                if term.token not in self._bounds:
                    self._bounds[term.token] = bind(term.token, rulebook.words)
            for cell in product(rule.clients, rule.purposes, rule.operations):
                self._cells.setdefault(cell, {}).setdefault(rule.place, []).append(rule)

    @property
    def bounds(self) -> Mapping[str, Bound]:
        """Every condition that the rulebook uses, by token."""
        return self._bounds

    def plan(self, client: str, acts_for: str | None, purpose: str, operation: str, place: str) -> Plan:
        """The plan for a question. A client that acts for another is met by the rules of both, and needs an allow as each."""
        key = (client, acts_for, purpose, operation, place)
        plan = self._plans.get(key)
        if plan is None:
            if len(self._plans) >= MOST_PLANS:
                self._plans.clear()
            plan = self._plans[key] = self._make(*key)
        return plan

    def _make(self, client: str, acts_for: str | None, purpose: str, operation: str, place: str) -> Plan:
        capacities = (client,) if acts_for in (None, client) else (client, acts_for)
        found = {capacity: tuple(self._meeting(capacity, purpose, operation, place)) for capacity in capacities if capacity is not None}
        # A rule for any client meets both capacities and is still one rule.
        every = list({(rule.pack, rule.row): rule for rules in found.values() for rule in rules}.values())
        tokens = sorted({term.token for rule in every for term in rule.when})
        bit = {token: 1 << position for position, token in enumerate(tokens)}

        def rows(rules: Iterable[Rule], effect: str) -> tuple[Row, ...]:
            chosen = [rule for rule in rules if rule.effect == effect]
            return tuple(
                Row(rule, sum(bit[term.token] for term in rule.when), sum(bit[term.token] for term in rule.when if term.wanted))
                for rule in sorted(chosen, key=lambda rule: (rule.pack, rule.row))
            )

        return Plan(
            asks=tuple((bit[token], self._bounds[token].test, self._bounds[token].arguments) for token in tokens),
            bounds=tuple(self._bounds[token] for token in tokens),
            denies=rows(every, "deny"),
            allows={capacity: rows(rules, "allow") for capacity, rules in found.items()},
            obliges=rows(every, "oblige"),
            dues=rows(every, "due"),
        )

    def _meeting(self, client: str, purpose: str, operation: str, place: str) -> Iterator[Rule]:
        areas = areas_of(place, self._words)
        for cell in product((client, "*"), (purpose, "*"), (operation, "*")):
            by_place = self._cells.get(cell)
            for area in areas if by_place else ():
                yield from by_place.get(area, ()) if by_place else ()
