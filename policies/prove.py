"""Prove what a rulebook can never permit, over all possible requests, or show one that it would permit. Approves nothing.

A property names clients, purposes, operations, a place and conditions as a rule does, and says: no permit, ever. The solver looks for
a request that meets it and is permitted. Finding none is a proof, for every condition is either written as a formula or left free, and
freedom only adds requests. Finding one is reported only after the real judge has permitted it."""

import time
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from policies.decision import Permit
from policies.errors import RulebookRefused, Undecided
from policies.facts import Facts
from policies.judge import Judge
from policies.rulebook import Rulebook
from policies.rules import COLUMNS, Origin, Rule, read_rule
from policies.symbolic.verdicts import PATIENCE_S, Verdict, applies, world_of
from policies.symbolic.witness import facts_of, find, simplest
from policies.vocabulary import Vocabulary

CONSTITUTION: Final = Path(__file__).with_name("constitution.toml")
MOST_PROPERTIES: Final = 256
PROVED, BROKEN, UNDECIDED = "proved", "broken", "undecided"
_KEYS: Final = frozenset({"name", "sentence", "client", "purpose", "operation", "place", "when", "on"})
_BLANK: Final = {"rule": "NEVER-1", "on": "request", "effect": "deny", "client": "*", "purpose": "*", "operation": "*", "place": "*"}


@dataclass(frozen=True, slots=True)
class Property:
    """Something that must never be permitted: what it is called, the sentence for people, and whom and what it is about."""

    name: str
    sentence: str
    reach: Rule
    on: str


@dataclass(frozen=True, slots=True)
class Proof:
    """What came of one property: `proved`, `broken` with a counterexample that the judge permits, or `undecided` and why.

    `abstracted` names conditions that were left free: the proof holds whatever they mean."""

    name: str
    sentence: str
    outcome: str
    counterexample: Facts | None
    kind: str | None
    rules: tuple[str, ...]
    abstracted: tuple[str, ...]
    seconds: float
    why: str = ""

    @property
    def holds(self) -> bool:
        """True only if it was proved."""
        return self.outcome == PROVED

    def to_json(self) -> dict[str, object]:
        """The proof as a rulebook's record keeps it; the time that it took is no part of what was found."""
        found: dict[str, object] = {
            "name": self.name,
            "sentence": self.sentence,
            "outcome": self.outcome,
            "abstracted": list(self.abstracted),
        }
        if self.counterexample is not None:
            found |= {"counterexample": self.counterexample.to_record(), "kind": self.kind, "permitted_by": list(self.rules)}
        return found | ({"why": self.why} if self.why else {})


def constitution(words: Vocabulary | None = None) -> tuple[Property, ...]:
    """What no rulebook of this version may permit."""
    return read_properties(CONSTITUTION.read_text(encoding="utf-8"), CONSTITUTION.name, words)


def read_properties(text: str, where: str = "properties", words: Vocabulary | None = None) -> tuple[Property, ...]:
    """Read `[[never]]` tables of TOML. Raises RulebookRefused naming the property (its number as the line) at fault."""
    try:
        table = tomllib.loads(text)
        given = table.pop("never", [])
        wrong = bool(table) or not isinstance(given, list) or not all(isinstance(entry, dict) for entry in given)
    except (ValueError, RecursionError) as error:
        raise RulebookRefused(where, 0, f"This is not TOML ({error}).", "See policies/constitution.toml.") from error
    if wrong or not given or len(given) > MOST_PROPERTIES:
        raise RulebookRefused(where, 0, "There are no [[never]] tables, or something else.", "See policies/constitution.toml.")
    words = words or Vocabulary.shipped()
    found = tuple(_property(number, entry, where, words) for number, entry in enumerate(given, start=1))
    twice = {prop.name for prop in found if [other.name for other in found].count(prop.name) > 1}
    if twice:
        raise RulebookRefused(where, 0, f"The name {min(twice)!r} is there twice.", "Give each property a name of its own.")
    return found


def prove(rulebook: Rulebook, properties: Sequence[Property] | None = None, *, patience_s: float = PATIENCE_S) -> tuple[Proof, ...]:
    """Prove each property (the constitution's if none are given) of a rulebook, in their order. Never raises for what it finds."""
    properties = constitution(rulebook.words) if properties is None else tuple(properties)
    tokens = {term.token for prop in properties for term in prop.reach.when}
    world = world_of(rulebook.rules, rulebook, tokens, {prop.reach.place for prop in properties})
    verdict, judge = Verdict(world, rulebook), Judge(rulebook)
    solver = world.solver(patience_s)
    solver.add(verdict.permits)
    abstracted = tuple(sorted(world.abstracted))
    proofs = []
    for prop in properties:
        began = time.perf_counter()
        moment = [] if prop.on == "any" else [world.release if prop.on == "release" else world.no(world.release)]
        finding: dict[str, Any] = {"counterexample": None, "kind": None, "rules": (), "why": ""}
        try:
            model = find(world, solver, applies(world, prop.reach), *moment)
        except Undecided as error:
            outcome, finding["why"] = UNDECIDED, error.sentence
        else:
            outcome = PROVED
            if model is not None:
                outcome = _counterexample(prop, judge, *facts_of(world, model), finding)
        proofs.append(Proof(prop.name, prop.sentence, outcome, abstracted=abstracted, seconds=time.perf_counter() - began, **finding))
    return tuple(proofs)


def meets(prop: Property, facts: Facts, kind: str, rulebook: Rulebook) -> bool:
    """True if the property is about this request, as the judge's own parts see it."""
    only = Rulebook((), (prop.reach,), rulebook.settings, rulebook.words, rulebook.model, rulebook.meaning)
    refused = Judge(only).decide(facts, kind)
    return prop.on in ("any", kind) and "NEVER-1" in {reason.rule for reason in getattr(refused, "reasons", ())}


def _counterexample(prop: Property, judge: Judge, facts: Facts, kind: str, finding: dict[str, Any]) -> str:
    if not _breaks(prop, judge, kind, facts):
        # The formula is wider than the judge, through a condition that was left free or a mistake of ours: it proves nothing.
        finding["why"] = "The solver's request is not permitted by the judge; a condition is only approximated."
        return UNDECIDED
    finding["counterexample"], finding["kind"] = simplest(facts, partial(_breaks, prop, judge, kind)), kind
    answer = judge.decide(finding["counterexample"], kind)
    finding["rules"] = tuple(f"{reason.rule} ({reason.pack})" for reason in getattr(answer, "rules", ()))
    return BROKEN


def _breaks(prop: Property, judge: Judge, kind: str, facts: Facts) -> bool:
    return isinstance(judge.decide(facts, kind), Permit) and meets(prop, facts, kind, judge.rulebook)


def _property(number: int, entry: Mapping[str, Any], where: str, words: Vocabulary) -> Property:
    strange = sorted(set(entry) - _KEYS)
    wrong = [key for key, value in entry.items() if not isinstance(value, str) or not value.isascii() or not value.isprintable()]
    if strange or wrong:
        raise RulebookRefused(
            where, number, f"{(strange or wrong)[0]!a} in the property.", f"Its keys are {', '.join(sorted(_KEYS))}; each is plain text."
        )
    if not entry.get("name", "").strip() or not entry.get("sentence", "").strip():
        raise RulebookRefused(where, number, "A property without a name or a sentence.", "Say what must never be, in one sentence.")
    on = entry.get("on", "any")
    if on not in ("any", "request", "release"):
        raise RulebookRefused(where, number, f"on = {on!r}.", "Write request, release, or leave it out.")
    line = {**_BLANK, **{key: entry[key] for key in ("client", "purpose", "operation", "place", "when") if key in entry}}
    origin = Origin(where, "*", None, None, {}, frozenset(), {"NEVER-1": ("A property", entry["sentence"])})
    reach = read_rule(number, tuple(line.get(column, "") for column in COLUMNS), origin, words)
    if reach is None:
        raise RulebookRefused(where, number, "It is about nobody.", "Name clients, purposes and operations that exist.")
    return Property(entry["name"].strip(), entry["sentence"].strip(), reach, on)
