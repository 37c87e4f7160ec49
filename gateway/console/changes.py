"""Hold the rules of two rulebooks against each other, rule by rule. What the change means for requests, policies.diff finds out."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from gateway.console.rules import RuleCard, card
from policies.lint import rows_of
from policies.question import Settings
from policies.rulebook import Rulebook, build
from policies.rules import Rule
from policies.vocabulary import Vocabulary


@dataclass(frozen=True, slots=True)
class Change:
    """One rule that came (`before` is None), went (`after` is None), or says something else."""

    before: RuleCard | None
    after: RuleCard | None

    @property
    def name(self) -> str:
        """What happened, in one word."""
        return "came" if self.before is None else "went" if self.after is None else "changed"


def built(document: Mapping[str, Any]) -> Rulebook:
    """Return the rulebook of a draft's document that was read and linted before. Raises RulebookRefused: a pack may have changed since."""
    packs: Mapping[str, Mapping[str, Any]] = document["packs"]
    held = document.get("rules") or ()
    return build(
        tuple(packs),
        {name: enabling.get("options", {}) for name, enabling in packs.items()},
        rows_of(held) if isinstance(held, str) else tuple(held),
        Settings(**document.get("settings") or {}),
        terms={name: (_day(enabling.get("from")), _day(enabling.get("to"))) for name, enabling in packs.items()},
    )


def changes(before: Rulebook, after: Rulebook) -> list[Change]:
    """Return every rule that is not the same in both. A rule that only stands on another line is the same."""
    gone, come = _without(before.rules, after.rules), _without(after.rules, before.rules)
    old: dict[tuple[str, str], list[Rule]] = defaultdict(list)
    for rule in gone:
        old[_name(rule)].append(rule)
    found = []
    for rule in come:
        was = old[_name(rule)].pop(0) if old[_name(rule)] else None
        found.append(Change(_card(was, before.words), card(rule, after.words)))
    return found + [Change(card(rule, before.words), None) for rules in old.values() for rule in rules]


def _without(rules: Iterable[Rule], others: Iterable[Rule]) -> list[Rule]:
    held, left = Counter(_unnumbered(rule) for rule in others), []
    for rule in rules:
        if held[_unnumbered(rule)]:
            held[_unnumbered(rule)] -= 1
        else:
            left.append(rule)
    return left


def _name(rule: Rule) -> tuple[str, str]:
    return rule.pack, rule.row.partition("#")[0]


def _unnumbered(rule: Rule) -> Rule:
    return replace(rule, row=rule.row.partition("#")[0])


def _day(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)


def _card(rule: Rule | None, words: Vocabulary) -> RuleCard | None:
    return None if rule is None else card(rule, words)
