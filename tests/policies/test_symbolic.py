"""The formulas about requests say what the conditions say: every model is a request, and every request is a model."""

import random

import pytest
import z3

from policies.conditions import CONDITIONS, bind
from policies.decision import Permit
from policies.judge import Judge
from policies.packs import names
from policies.question import Question
from policies.rulebook import build
from policies.symbolic.meanings import meaning_of
from policies.symbolic.verdicts import Verdict, world_of
from policies.symbolic.witness import facts_of
from policies.vocabulary import Vocabulary
from tests.policies.chance import requests

# One literal of each shape for the conditions that take one, on top of all that the packs use.
MORE = [
    "witnessed",
    "fmr_ratio_at_most:2.5",
    "fmr_ratio_at_most:0",
    "evaluated_for_minors",
    "minors_false_match_at_most:0.001",
    "context_denied:urgent",
    "hours_since:started_at=12.5",
    "hours_since:last_interaction=24",
    "context_at_least:log_age_days=30",
    "context_is:event=deployment_end",
    "gallery_category:suspects|celebrities",
    "authorisation_status:requested",
    "evidence_at_least:min_true_positive_all_groups=0.5",
    "target:watchlist",
    "minor",
    "penalty_years_at_least:2",
    "suspicion_at_least:objective_facts",
    "context_is:categories=race|pose",
    "context_is:effect=neutral",
    "context:airport",
    "context:federal_agency",
    "similarity_at_least:99.5",
]


@pytest.fixture(scope="module")
def book():
    return build(list(names()))


@pytest.fixture(scope="module")
def world(book):
    return world_of(book.rules, book, MORE)


def truths(world, facts, kind, book):
    question = Question(facts, kind, book.settings, book.words)
    return {token: bind(token, book.words).ask(question) for token in world.tokens}


def test_every_condition_there_is_has_a_formula():
    words = Vocabulary.shipped()
    literals = {token.partition(":")[0]: token for token in MORE}
    book = build(list(names()))
    literals |= {term.token.partition(":")[0]: term.token for rule in book.rules for term in rule.when}
    assert set(CONDITIONS) <= set(literals)
    world = world_of((), book, literals.values())
    assert [name for name in CONDITIONS if meaning_of(world, literals[name]) is None] == []
    assert world.abstracted == set()
    assert words.table == book.words.table


def test_a_model_is_a_request_of_which_the_real_conditions_say_what_the_formulas_say(book, world):
    dice = random.Random(5)
    solver = world.solver(20)
    verdict, judge = Verdict(world, book), Judge(book)
    seen = 0
    for _ in range(20):
        # Wishes that contradict each other are dropped one by one; what is left shapes the request.
        wishes = [world.token(token) if dice.random() < 0.6 else world.no(world.token(token)) for token in dice.sample(world.tokens, 12)]
        wishes += [verdict.permits] if dice.random() < 0.5 else []
        while solver.check(*wishes) != z3.sat:
            wishes.pop(0)
        model = solver.model()
        facts, kind = facts_of(world, model)
        said = {token: world.true(model, world.token(token)) for token in world.tokens}
        heard = truths(world, facts, kind, book)
        assert {token: (said[token], heard[token]) for token in said if said[token] != heard[token]} == {}, facts.to_json()
        assert world.true(model, verdict.permits) == isinstance(judge.decide(facts, kind), Permit)
        seen += 1
    assert seen == 20


def test_whatever_the_conditions_say_of_a_request_the_formulas_hold_it_possible(book, world):
    solver = world.solver(20)
    verdict, judge = Verdict(world, book), Judge(book)
    permits = 0
    for facts, kind in requests(seed=17, count=40):
        said = [world.token(token) if held else world.no(world.token(token)) for token, held in truths(world, facts, kind, book).items()]
        question = Question(facts, kind, book.settings, book.words)
        cell = [
            world.client.among([facts.client.kind]),
            world.acts_for.among([facts.client.acts_for]),
            world.purpose.among([facts.purpose]),
            world.operations([question.operation]),
            world.place.among([world.places.of(facts.place)]),
            world.home.among([world.homes.of(facts.client.place)]),
        ]
        permitted = isinstance(judge.decide(facts, kind), Permit)
        permits += permitted
        answer = verdict.permits if permitted else world.no(verdict.permits)
        assert solver.check(*cell, *said, answer) == z3.sat, facts.to_json()
        # Of this very request nothing else may be said.
        assert solver.check(*cell, *said, world.no(answer)) == z3.unsat, facts.to_json()
    assert permits > 1
