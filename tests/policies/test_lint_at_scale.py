"""Thousands of own rules: what lint asks of the solver grows as the rules do, and what it asks nobody is what the cells say."""

import random
from collections.abc import Iterable, Mapping

import pytest

from policies.cells import Cells, positions
from policies.drafting import MOST_RULES, DraftRefused, read_draft
from policies.lint import clean, lint
from policies.overlaps import MOST_CONDITIONS, Search
from policies.packs import names
from policies.places import inside
from policies.question import Settings
from policies.rulebook import build
from policies.rules import ANY, Rule
from policies.symbolic.verdicts import applies
from policies.symbolic.world import World
from policies.vocabulary import Vocabulary

FEW, MANY = 30, 120
CONDITIONS = ("minor", "public_space", "!case_reference", "untargeted", "!authorised", "offence:homicide", "gallery:scraped")


@pytest.fixture(scope="module")
def words() -> Vocabulary:
    return Vocabulary.shipped()


def ruled(rows: Iterable[Mapping[str, str]]) -> list[Rule]:
    """Denies of the operator's own, as they stand in a rulebook."""
    own = [{"rule": f"OWN-1/r{number}", "effect": "deny", "sentence": "No.", **cells} for number, cells in enumerate(rows)]
    return [each for each in build(["baseline"], own_rules=own).rules if each.pack == "own"]


def mixed(chance: random.Random, words: Vocabulary) -> dict[str, str]:
    parts = [f"{country}-{part}" for country, found in sorted(words.subdivisions.items()) for part in sorted(found)]
    return {
        "client": chance.choice(sorted(words.clients)),
        "purpose": "|".join(sorted(chance.sample(sorted(words.purposes), 3))),
        "operation": chance.choice(["*", *sorted(words.operations)]),
        "place": chance.choice(["*", "EU", *parts]),
        "when": " & ".join(sorted(chance.sample(CONDITIONS, 2))),
    }


def alike(number: int) -> dict[str, str]:
    return {"purpose": "sale", "when": f"penalty_years_at_least:{number}"}


@pytest.mark.parametrize("kind", ["mixed", "towns", "alike"])
def test_four_times_as_many_rules_cost_four_times_as_many_questions_and_not_sixteen_times(kind: str, words: Vocabulary) -> None:
    """Work is counted, not timed: each question to the solver costs about a millisecond, whatever the machine."""
    chance = random.Random(7)
    cells = {
        "mixed": lambda _: mixed(chance, words),
        "towns": lambda number: {"purpose": "sale", "place": f"US-CA-TOWN{number}"},
        "alike": alike,
    }[kind]
    beside = build(["baseline"]).rules
    rules = [*enumerate(ruled(cells(number) for number in range(MANY)), start=1)]
    few, many = Search(rules[:FEW], beside, words), Search(rules, beside, words)
    few.found()
    many.found()
    assert many.asked <= 1.1 * (MANY / FEW) * few.asked
    assert many.asked <= 4 * MANY
    assert many.weighed <= 1.6 * (MANY / FEW) * few.weighed


def test_what_the_cells_say_of_two_rules_is_what_their_words_say(words: Vocabulary) -> None:
    chance = random.Random(11)
    rules = [*build(names()).rules, *ruled(mixed(chance, words) for _ in range(60))]
    cells = Cells(rules, words)

    def holds(wide: tuple[str, ...], narrow: tuple[str, ...]) -> bool:
        return wide == ANY or (narrow != ANY and set(narrow) <= set(wide))

    for position in chance.sample(range(len(rules)), 60):
        mine = rules[position]
        wider = {
            other
            for other, each in enumerate(rules)
            if each.effect == mine.effect
            and all(holds(getattr(each, cell), getattr(mine, cell)) for cell in ("clients", "purposes", "operations"))
            and (each.place in ("*", mine.place) or (mine.place != "*" and inside(mine.place, each.place, words)))
        }
        assert set(positions(cells.wider(position))) == wider
        touching = set(positions(cells.touching(position, mine.effect)))
        assert wider <= touching
        assert all(position in positions(cells.touching(other, mine.effect)) for other in touching)


def test_the_rules_that_meet_a_request_are_those_whose_formula_holds_of_it(words: Vocabulary) -> None:
    rules = build(["baseline", "vendor-amazon", "us-wa-43.386", "eu-gdpr-led"]).rules
    world = World({term.token for each in rules for term in each.when}, {each.place for each in rules}, words, Settings().live_window_s)
    solver, cells = world.solver(20.0), Cells(rules, words)
    for position in random.Random(13).sample(range(len(rules)), 40):
        solver.push()
        solver.add(applies(world, rules[position]))
        assert str(solver.check()) == "sat"
        model = solver.model()
        capacities = [word for word in (world.client.of(model), world.acts_for.of(model)) if word is not None]
        operations = [name for name, shown in world.operation.items() if world.true(model, shown)]
        purpose, place = world.purpose.of(model) or "", world.place.of(model)
        met = set(
            positions(cells.meeting(capacities, purpose, operations, place, lambda token, of=model: world.true(of, world.token(token))))
        )
        assert met == {other for other, each in enumerate(rules) if world.true(model, applies(world, each))}
        assert position in met
        solver.pop()


def test_a_draft_of_several_hundred_rules_is_read_and_one_of_too_many_is_refused_before_the_solver_is_asked() -> None:
    row = {"effect": "deny", "purpose": "sale", "sentence": "No."}
    towns = [row | {"rule": f"OWN-1/r{number}", "place": f"US-CA-TOWN{number}"} for number in range(400)]
    draft = read_draft({"title": "Towns", "packs": {"baseline": {}}, "rules": towns})
    assert len(draft.rules) == len(towns)
    with pytest.raises(DraftRefused) as refused:
        read_draft({"title": "Too many", "packs": {"baseline": {}}, "rules": [row | {"rule": "OWN-1"}] * (MOST_RULES + 1)})
    assert [fault.code for fault in refused.value.faults] == ["too-many"]


def test_rules_that_name_too_many_different_conditions_are_refused_as_a_whole() -> None:
    rows = [{"rule": "OWN-1", "effect": "deny", "sentence": "No.", **alike(number)} for number in range(MOST_CONDITIONS + 1)]
    (finding,) = lint(rows)
    assert (finding.line, finding.code, clean([finding])) == (0, "too-many-conditions", False)
