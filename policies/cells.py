"""Tell from their cells alone which rules may meet a request, or may meet all that another rule meets: one bit for each rule.

Sets of rules are whole numbers, so that five thousand rules are held against each other in a few operations. Knows no solver."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Final

from policies.places import areas_of
from policies.rules import ANY, Rule
from policies.vocabulary import Vocabulary

# Bit n is the n-th rule.
Marks = int
_EVERYWHERE: Final = "*"


class Cells:
    """Rules by their effect, by each word and place in their cells, and by each condition."""

    def __init__(self, rules: Sequence[Rule], words: Vocabulary) -> None:
        self._rules, self._words = rules, words
        self.all: Marks = (1 << len(rules)) - 1
        self._clients = _Words(rule.clients for rule in rules)
        self._purposes = _Words(rule.purposes for rule in rules)
        self._operations = _Words(rule.operations for rule in rules)
        self._at = _marked((rule.place,) for rule in rules)
        self._effect = _marked((rule.effect,) for rule in rules)
        wanted = _marked((term.token for term in rule.when if term.wanted) for rule in rules)
        unwanted = _marked((term.token for term in rule.when if not term.wanted) for rule in rules)
        self._terms = [(token, wanted.get(token, 0), unwanted.get(token, 0)) for token in sorted({*wanted, *unwanted})]

    def wider(self, position: int) -> Marks:
        """The rules of the same effect that by their cells may meet all that this one meets; itself among them.

        Moments differ: what falls due is never decided."""
        rule = self._rules[position]
        marks = self._effect[rule.effect] & self._around(rule.place)
        for column, words in ((self._clients, rule.clients), (self._purposes, rule.purposes), (self._operations, rule.operations)):
            marks &= column.holding(words)
        return marks

    def touching(self, position: int, effect: str) -> Marks:
        """The rules of that effect that may meet something that this one meets. Clients are not looked at: one may act for another."""
        rule = self._rules[position]
        marks = self._effect.get(effect, 0) & (self._around(rule.place) | self._below.get(rule.place, 0))
        return marks & self._purposes.sharing(rule.purposes) & self._operations.sharing(rule.operations)

    def meeting(
        self, clients: Iterable[str], purpose: str, operations: Iterable[str], place: str | None, holds: Callable[[str], bool]
    ) -> Marks:
        """The rules that meet one request: with these capacities of its client, and the conditions of which `holds` says so.

        `holds` is asked of those conditions alone that rules have whose cells fit."""
        marks = self._clients.sharing(clients) & self._purposes.sharing((purpose,)) & self._operations.sharing(operations)
        marks &= self._around(place or "")
        for token, wanted, unwanted in self._terms:
            if marks & (wanted | unwanted):
                marks &= ~(unwanted if holds(token) else wanted)
        return marks

    def _around(self, place: str) -> Marks:
        """Those whose place is or contains this one."""
        return _any(self._at.get(area, 0) for area in areas_of(place, self._words))

    @cached_property
    def _below(self) -> Mapping[str, Marks]:
        """Those whose place lies in a place or a group, or shares a country with the group."""
        found: dict[str, Marks] = defaultdict(int)
        for place, marks in self._at.items():
            countries = self._words.place_groups.get(place, (place,))
            for area in {area for country in countries for area in areas_of(country, self._words)}:
                found[area] |= marks
        found[_EVERYWHERE] = self.all
        return found


class _Words:
    """Rules by the words of one column."""

    def __init__(self, cells: Iterable[tuple[str, ...]]) -> None:
        self._by_word = _marked(cells)
        self._any = self._by_word.pop(ANY[0], 0)

    def sharing(self, words: Iterable[str]) -> Marks:
        """The rules of which a cell has one of these words."""
        words = tuple(words)
        return self._any | _any(self._by_word.values() if words == ANY else (self._by_word.get(word, 0) for word in words))

    def holding(self, words: tuple[str, ...]) -> Marks:
        """The rules of which a cell has all of these words."""
        if words == ANY:
            return self._any
        marks = -1
        for word in words:
            marks &= self._any | self._by_word.get(word, 0)
        return marks


def positions(marks: Marks) -> Iterator[int]:
    """The rules that are marked, in their order."""
    while marks:
        lowest = marks & -marks
        yield lowest.bit_length() - 1
        marks ^= lowest


def _any(marks: Iterable[Marks]) -> Marks:
    found = 0
    for one in marks:
        found |= one
    return found


def _marked(cells: Iterable[Iterable[str]]) -> dict[str, Marks]:
    """Bits by word. Written as bytes: to set one bit in a long number copies the whole of it."""
    at: dict[str, list[int]] = defaultdict(list)
    for position, words in enumerate(cells):
        for word in words:
            at[word].append(position)
    return {word: _marks(found) for word, found in at.items()}


def _marks(found: Sequence[int]) -> Marks:
    held = bytearray(found[-1] // 8 + 1)
    for position in found:
        held[position // 8] |= 1 << position % 8
    return int.from_bytes(held, "little")
