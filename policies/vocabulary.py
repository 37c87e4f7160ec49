"""Hold the closed lists of vocabulary.toml, and answer which words, groups and places they know. Never guesses at a near miss."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from policies.errors import RulebookRefused

SHIPPED: Final = Path(__file__).with_name("vocabulary.toml")
DEFAULTS: Final = ("granted", "closed", "never")


@dataclass(frozen=True, slots=True)
class Purpose:
    """One purpose: its sentence, what opens it, and what it is compatible with (an empty set: with anything)."""

    name: str
    sentence: str
    default: str
    roles: frozenset[str]
    targets: frozenset[str]
    operations: frozenset[str]
    dpv: str
    ai_act: str


@dataclass(frozen=True, slots=True)
class Duty:
    """One kind of obligation: its sentence, its parameter (if any) and which of two parameters is the stricter."""

    name: str
    sentence: str
    parameter: str
    stricter: str
    in_slug: bool
    unit: str


@dataclass(frozen=True)
class Vocabulary:
    """Every closed list, read once from a table in the shape of vocabulary.toml. Immutable by contract: nobody edits `table`."""

    table: Mapping[str, Any]

    @classmethod
    def shipped(cls) -> "Vocabulary":
        """Read the vocabulary of this version of the software."""
        return cls(tomllib.loads(SHIPPED.read_text(encoding="utf-8")))

    @cached_property
    def purposes(self) -> Mapping[str, Purpose]:
        """The purposes by name."""
        return {name: _purpose(name, entry) for name, entry in self.table["purposes"].items()}

    @cached_property
    def operations(self) -> Mapping[str, str]:
        """The operations and their sentences."""
        return dict(self.table["operations"])

    @cached_property
    def clients(self) -> Mapping[str, str]:
        """The client kinds and their sentences."""
        return dict(self.table["clients"])

    @cached_property
    def authorisations(self) -> Mapping[str, str]:
        """The kinds of document and their sentences."""
        return dict(self.table["authorisations"])

    @cached_property
    def duties(self) -> Mapping[str, Duty]:
        """The kinds of obligation by name."""
        return {name: _duty(name, entry) for name, entry in self.table["obligations"].items()}

    @cached_property
    def actions(self) -> Mapping[str, str]:
        """What can fall due, and its sentences."""
        return dict(self.table["actions"])

    @cached_property
    def countries(self) -> frozenset[str]:
        """ISO 3166-1 codes."""
        return frozenset(self.table["places"]["countries"].split())

    @cached_property
    def subdivisions(self) -> Mapping[str, frozenset[str]]:
        """Closed second parts by country; a country that is not here has an open second part."""
        return {country: frozenset(text.split()) for country, text in self.table["places"]["subdivisions"].items()}

    @cached_property
    def place_groups(self) -> Mapping[str, frozenset[str]]:
        """Unions of countries that a rule may name, but where nothing takes place as such."""
        return {name: frozenset(text.split()) for name, text in self.table["places"]["groups"].items()}

    def words(self, of: str) -> frozenset[str]:
        """The closed words of a single fact, such as `provenance`; KeyError for a list that does not exist is our own bug."""
        return self._words[of]

    @cached_property
    def _words(self) -> Mapping[str, frozenset[str]]:
        lists = {of: frozenset(self.table[of]) for of in ("purposes", "operations", "clients", "authorisations")}
        return {**lists, **{of: frozenset(listed) for of, listed in self.table["words"].items()}}

    def group(self, of: str, name: str) -> tuple[str, ...] | None:
        """The members of a group of purposes, operations or clients, or None."""
        members = self.table["groups"].get(of, {}).get(name)
        return None if members is None else tuple(members)


def _purpose(name: str, entry: Mapping[str, Any]) -> Purpose:
    if entry["default"] not in DEFAULTS:
        raise RulebookRefused(
            "vocabulary.toml", 0, f"purpose {name}: unknown default {entry['default']!r}.", f"Use one of {', '.join(DEFAULTS)}."
        )
    return Purpose(
        name,
        entry["sentence"],
        entry["default"],
        frozenset(entry.get("roles", ())),
        frozenset(entry.get("targets", ())),
        frozenset(entry.get("operations", ())),
        entry.get("dpv", ""),
        entry.get("ai_act", ""),
    )


def _duty(name: str, entry: Mapping[str, Any]) -> Duty:
    return Duty(
        name, entry["sentence"], entry.get("parameter", ""), entry.get("stricter", ""), entry.get("in_slug", False), entry.get("unit", "")
    )
