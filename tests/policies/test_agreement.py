"""Index, Casbin and a second judge written from the guide: they agree on every question, and the shortcut to Casbin is sound."""

import pytest

from policies.decision import Permit
from policies.index import Index
from policies.judge import Authority, Judge
from policies.packs import names
from policies.question import Question
from policies.rulebook import build
from tests.policies.chance import requests
from tests.policies.reference import Reference, told

SETS = [["baseline"], [], ["vendor-amazon", "vendor-microsoft"], ["baseline", "vendor-ibm-principles", "vendor-google"], list(names())]


@pytest.mark.parametrize("packs", SETS, ids=lambda packs: "+".join(packs)[:60] or "none")
def test_the_judge_and_the_reference_agree_on_random_requests(packs):
    book = build(packs)
    judge, reference = Judge(book), Reference(book.text())
    seen = {"allow": 0, "deny": 0}
    for facts, kind in requests(seed=len(packs), count=600 if len(packs) > 5 else 1000):
        got, expected = told(judge.decide(facts, kind)), reference.decide(facts, kind)
        assert got[0] == expected[0], facts.to_json()
        # A default deny names the nearest rule; the reference does not look for one.
        assert expected[1] is None or got == expected, facts.to_json()
        seen[got[0]] += 1
    assert seen["deny"] > 25
    assert seen["allow"] > 25 or packs == list(names())


@pytest.mark.parametrize("packs", [["baseline", "vendor-amazon"], []], ids=["two packs", "no pack"])
def test_casbin_over_all_rules_says_what_casbin_over_the_rules_of_the_cell_says(packs):
    book = build(packs)
    index = Index(book)
    whole, cell = Authority(book, index.bounds, whole=True), Authority(book, index.bounds)
    judge = Judge(book)
    for facts, kind in requests(seed=7, count=80):
        question = Question(facts, kind, book.settings, book.words)
        capacities = tuple(dict.fromkeys(filter(None, (facts.client.kind, facts.client.acts_for))))
        answer = whole.permits(question, capacities)
        assert answer == cell.permits(question, capacities) == isinstance(judge.decide(facts, kind), Permit), facts.to_json()


def test_the_order_in_which_packs_are_named_changes_nothing():
    assert (
        build(["vendor-google", "baseline", "vendor-amazon"]).digest
        == build(["vendor-amazon", "vendor-google", "baseline", "baseline"]).digest
    )


def test_another_pack_never_turns_a_refusal_of_a_pack_into_a_permit():
    alone, together = Judge(build(["vendor-microsoft"])), Judge(build(["vendor-microsoft", "vendor-amazon", "vendor-ibm-principles"]))
    for facts, kind in requests(seed=3, count=600):
        if not isinstance(alone.decide(facts, kind), Permit):
            assert not isinstance(together.decide(facts, kind), Permit), facts.to_json()


def test_a_permit_of_several_packs_owes_all_that_each_of_them_asks():
    one, two = Judge(build(["vendor-amazon"])), Judge(build(["vendor-ibm-principles"]))
    both = Judge(build(["vendor-amazon", "vendor-ibm-principles"]))
    compared = 0
    for facts, kind in requests(seed=5, count=500):
        answer = both.decide(facts, kind)
        if isinstance(answer, Permit):
            asked = {duty.kind for judge in (one, two) for duty in judge.decide(facts, kind).obligations}
            assert asked == {duty.kind for duty in answer.obligations}
            compared += 1
    assert compared > 25
