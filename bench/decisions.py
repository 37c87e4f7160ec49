"""Time one decision, with its reasons, against casbin.Enforcer, cedarpy and regopy: `python -m bench.decisions`.

The same rules and the same requests for each, asked in turn; an answer that differs makes the exit status 1. Rules are denies, each for
one client, purpose and operation, a place and two conditions; the licence allows. Each engine keeps its policy parsed. What conditions and
places come to is handed to cedarpy and regopy as ready values: they are spared what the judge does itself. regopy is rego-cpp, which runs
the language of OPA; its rules are data under one Rego rule. Times are medians; those of the others are of processor time."""

import argparse
import json
import random
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

import cedarpy
import regopy

from policies.conditions import Term, bind
from policies.decision import Permit
from policies.facts import Facts
from policies.index import Index
from policies.judge import Authority, Judge
from policies.places import areas_of
from policies.question import Question
from policies.rulebook import Rulebook, build
from policies.rules import Rule
from policies.vocabulary import Vocabulary

AT: Final = datetime(2026, 11, 22, 10, tzinfo=UTC)
CONDITIONS: Final = (
    "case_reference", "minor", "specific_person", "apprehended", "similarity_at_least:99", "gallery:scraped", "subject_involved",
    "penalty_years_at_least:4", "context:urgent", "evidence:dpia", "consent_withdrawn", "imminent_threat",
)  # fmt: skip
Decide = Callable[[Facts], bool]


@dataclass(frozen=True, slots=True)
class Engine:
    """Somebody to ask: how to make it of a rulebook, and at most how many questions it is asked for each size."""

    name: str
    make: Callable[[Rulebook], Decide]
    most_rules: int


def rulebook_of(count: int, dice: random.Random) -> Rulebook:
    """The frame, and so many denies."""
    frame = build([])
    words, places = frame.words, _places(frame.words)
    made = []
    for number in range(count):
        one, two = dice.sample(CONDITIONS, 2)
        made.append(
            Rule(
                rule=f"OWN-{number % 1000}",
                row=f"OWN-{number}#{number}",
                pack="own",
                effect="deny",
                clients=(dice.choice(list(words.clients)),),
                purposes=(dice.choice(list(words.purposes)),),
                operations=(dice.choice(list(words.operations)),),
                place=dice.choice(places),
                when=(Term(one, dice.random() < 0.5), Term(two, dice.random() < 0.5)),
                asks=(),
                source="bench",
                sentence=f"Rule {number}.",
            )
        )
    return replace(frame, rules=(*frame.rules, *made))


def requests_for(rulebook: Rulebook, count: int, dice: random.Random) -> list[Facts]:
    """So many requests, half of them within the reach of some rule."""
    rules = [rule for rule in rulebook.rules if rule.pack == "own"]
    words = rulebook.words
    found = []
    for turn in range(count):
        rule = dice.choice(rules)
        near = turn % 2 == 0
        purpose = rule.purposes[0] if near else dice.choice(list(words.purposes))
        operation = rule.operations[0] if near else dice.choice(list(words.operations))
        request = {
            "client": {"kind": rule.clients[0] if near else dice.choice(list(words.clients))},
            "operation": operation,
            "purpose": purpose,
            "place": rule.place if near else dice.choice(_places(words)),
            "capture": {"source": "upload", "device": "none", "age_s": 86400, "subject_involved": dice.random() < 0.5},
            "target": {"kind": "specific_person" if dice.random() < 0.5 else "group", "minor": dice.random() < 0.5},
            "case": {"ref": "C-1"} if dice.random() < 0.5 else {"max_penalty_years": 5, "imminent_threat": True},
            "gallery": {"provenance": dice.choice(["scraped", "consented"])},
            "context": {"urgent": dice.random() < 0.5},
            "evidence": {"dpia": dice.random() < 0.5},
            "threshold_pct": dice.choice([90, 99]),
        }
        found.append(Facts.from_json(request, at=AT, licence=[f"{purpose}:{operation}"]))
    return found


def ours(rulebook: Rulebook) -> Decide:
    """The judge: index, masks, reasons, and Casbin's yes behind each permit."""
    judge = Judge(rulebook)
    return lambda facts: isinstance(judge.decide(facts), Permit)


def casbin_whole(rulebook: Rulebook) -> Decide:
    """Bare casbin.Enforcer over every row, with the judge's own model."""
    authority = Authority(rulebook, Index(rulebook).bounds, whole=True)
    return lambda facts: authority.permits(Question(facts, "request", rulebook.settings, rulebook.words), (facts.client.kind or "",))


def cedar(rulebook: Rulebook) -> Decide:
    """One forbid of Cedar for each rule, parsed once."""
    lines = ['permit(principal, action, resource) when { context.met.contains("licensed") && context.opened };']
    for rule in rulebook.rules:
        if rule.pack == "own":
            met = " && ".join(f'{"" if term.wanted else "!"}context.met.contains("{term.token}")' for term in rule.when)
            lines.append(
                f'forbid(principal == Client::"{rule.clients[0]}", action == Action::"{rule.operations[0]}", '
                f'resource == Purpose::"{rule.purposes[0]}") when {{ context.areas.contains("{rule.place}") && {met} }};'
            )
    policies, entities = cedarpy.PolicySet.from_str("\n".join(lines)), cedarpy.Entities.from_json_str("[]")

    def decide(facts: Facts) -> bool:
        request = {
            "principal": f'Client::"{facts.client.kind}"',
            "action": f'Action::"{facts.operation}"',
            "resource": f'Purpose::"{facts.purpose}"',
            "context": _ready(facts, rulebook),
        }
        return bool(cedarpy.is_authorized(request, policies, entities).allowed)

    return decide


def rego(rulebook: Rulebook) -> Decide:
    """The rules as data under one rule of Rego, compiled once."""
    rules = [
        {
            "client": rule.clients[0], "purpose": rule.purposes[0], "operation": rule.operations[0], "place": rule.place,
            "yes": [term.token for term in rule.when if term.wanted], "no": [term.token for term in rule.when if not term.wanted],
        }
        for rule in rulebook.rules
        if rule.pack == "own"
    ]  # fmt: skip
    interpreter = regopy.Interpreter()
    interpreter.add_data({"rules": rules})
    interpreter.add_module("bench.rego", _REGO)
    bundle = interpreter.build("answer = data.bench.allow", [])

    def decide(facts: Facts) -> bool:
        about = {"client": facts.client.kind, "purpose": facts.purpose, "operation": facts.operation}
        interpreter.set_input({**about, **_ready(facts, rulebook)})
        return bool(json.loads(str(interpreter.query_bundle(bundle)))["bindings"]["answer"])

    return decide


_REGO: Final = """package bench
import rego.v1
default allow := false
deny contains i if {
    some i, r in data.rules
    r.client == input.client
    r.purpose == input.purpose
    r.operation == input.operation
    r.place in input.areas
    count([t | some t in r.yes; not t in input.met]) == 0
    count([t | some t in r.no; t in input.met]) == 0
}
allow if { "licensed" in input.met; input.opened; count(deny) == 0 }
"""

ENGINES: Final = (
    Engine("ours", ours, 10**9),
    Engine("casbin", casbin_whole, 10**9),
    Engine("cedarpy", cedar, 10**9),
    Engine("regopy", rego, 10_000),
)


def main() -> int:
    """Ask everybody, print times and ratios; 1 if somebody answers differently."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rules", type=int, nargs="+", default=[100, 1_000, 10_000, 100_000])
    options.add_argument("--requests", type=int, default=60, help="questions to everybody; our judge is asked further ones as well")
    options.add_argument("--ours", type=int, default=3_000, help="further questions to our judge alone, for a steady median")
    given = options.parse_args()
    medians: dict[int, float] = {}
    differ = 0
    for size in given.rules:
        dice = random.Random(size)
        rulebook = rulebook_of(size, dice)
        # Slower engines are asked less often of large rulebooks: one answer of casbin's takes a second there.
        asked = requests_for(rulebook, max(4, min(given.requests, 400_000 // size)), dice)
        times, wrong = _interleaved(rulebook, asked)
        medians[size] = _alone(rulebook, requests_for(rulebook, given.ours, dice))
        differ += wrong
        _tell(size, len(asked), wrong, medians[size], times)
    least, largest = min(medians), max(medians)
    print(f"growth from {least} to {largest} rules: {medians[largest] / medians[least]:.2f}x")
    return int(differ > 0)


def _interleaved(rulebook: Rulebook, asked: Sequence[Facts]) -> tuple[dict[str, list[float]], int]:
    size = sum(rule.pack == "own" for rule in rulebook.rules)
    made = {engine.name: engine.make(rulebook) for engine in ENGINES if size <= engine.most_rules}
    times: dict[str, list[float]] = {name: [] for name in made}
    wrong = 0
    for facts in asked:
        answers = {}
        for name, decide in made.items():
            began = time.process_time()
            answers[name] = decide(facts)
            times[name].append(time.process_time() - began)
        wrong += len(set(answers.values())) > 1
    return times, wrong


def _alone(rulebook: Rulebook, asked: Sequence[Facts]) -> float:
    """The median of our judge, warm: every question was asked once before, none is the same object."""
    decide = ours(rulebook)
    for facts in asked:
        decide(facts)
    times = []
    for facts in [Facts.from_json(facts.to_json(), at=facts.at, licence=facts.licence) for facts in asked]:
        began = time.perf_counter_ns()
        decide(facts)
        times.append(time.perf_counter_ns() - began)
    return statistics.median(times) / 1e9


def _tell(size: int, asked: int, wrong: int, median: float, times: dict[str, list[float]]) -> None:
    print(f"{size} rules, {asked} questions to everybody, {wrong} answered differently")
    print(f"  ours    {1e6 * median:12.1f} us warm; {1e6 * statistics.median(times['ours']):.1f} us at the first question of its kind")
    for name, taken in times.items():
        if name != "ours":
            theirs = statistics.median(taken)
            print(f"  {name:7} {1e6 * theirs:12.1f} us  {theirs / median:10.0f}x")


def _ready(facts: Facts, rulebook: Rulebook) -> dict[str, object]:
    """Conditions that hold, areas around the place, and whether the licence may open the purpose: as values."""
    question = Question(facts, "request", rulebook.settings, rulebook.words)
    met = [token for token in ("licensed", *CONDITIONS) if bind(token, rulebook.words).ask(question)]
    opened = any(facts.purpose in rule.purposes for rule in rulebook.rules if rule.effect == "allow")
    return {"met": met, "areas": list(areas_of(facts.place or "", rulebook.words)), "opened": opened}


def _places(words: Vocabulary) -> list[str]:
    return [*sorted(words.countries), *(f"US-{state}" for state in sorted(words.subdivisions["US"]))]


if __name__ == "__main__":
    sys.exit(main())
