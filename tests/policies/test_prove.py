"""What is proved never happens, and what is not proved is shown by a request that the judge permits."""

import time

import pytest

from policies.decision import Permit
from policies.errors import RulebookRefused
from policies.judge import Judge
from policies.packs import names
from policies.prove import constitution, meets, prove, read_properties
from policies.rulebook import build
from tests.policies.chance import requests

LOOSE = [
    {
        "rule": "OWN-1",
        "effect": "allow",
        "purpose": "retail_watchlist",
        "client": "company",
        "when": "case_reference",
        "sentence": "Open it.",
    }
]
NO_WATCHLISTS = '[[never]]\nname = "no-watchlists"\nsentence = "No shop watches its customers."\npurpose = "retail_watchlist"\n'


@pytest.mark.parametrize("packs", [["baseline"], list(names())], ids=["the baseline", "every pack"])
def test_the_constitution_is_proved_within_ten_seconds(packs):
    began = time.perf_counter()
    proofs = prove(build(packs))
    assert {proof.outcome for proof in proofs} == {"proved"}
    assert len(proofs) == len(constitution()) >= 15
    assert {proof.abstracted for proof in proofs} == {()}
    assert time.perf_counter() - began < 10


def test_a_rulebook_without_the_baseline_is_answered_with_requests_that_it_permits():
    book = build([])
    broken = [proof for proof in prove(book) if not proof.holds]
    assert {"live-untargeted", "scraped-galleries", "emotion", "victim-without-case"} <= {proof.name for proof in broken}
    properties = {prop.name: prop for prop in constitution()}
    for proof in broken:
        assert proof.outcome == "broken"
        assert isinstance(Judge(book).decide(proof.counterexample, proof.kind), Permit), proof.name
        assert meets(properties[proof.name], proof.counterexample, proof.kind, book)


def test_a_planted_loosening_of_a_single_rule_yields_a_counterexample():
    book = build(["baseline"])
    rules = tuple(
        rule for rule in book.rules if rule.row != "BASE-7#14" and not (rule.rule == "BASE-7" and rule.when and "gallery" in rule.condition)
    )
    assert len(rules) == len(book.rules) - 1
    loosened = type(book)(book.packs, rules, book.settings, book.words, book.model, book.meaning)
    broken = {proof.name: proof for proof in prove(loosened) if not proof.holds}
    assert set(broken) == {"scraped-galleries"}
    found = broken["scraped-galleries"].counterexample
    assert found.gallery.provenance == "scraped"
    assert isinstance(Judge(loosened).decide(found, broken["scraped-galleries"].kind), Permit)


def test_an_own_property_that_an_own_rule_breaks_is_shown_with_the_rule_that_permits():
    properties = read_properties(NO_WATCHLISTS)
    assert [proof.outcome for proof in prove(build(["baseline"]), properties)] == ["proved"]
    (proof,) = prove(build(["baseline"], own_rules=LOOSE), properties)
    assert proof.outcome == "broken"
    assert "OWN-1 (own)" in proof.rules
    assert proof.counterexample.case.ref
    assert proof.to_json()["counterexample"]["request"]["purpose"] == "retail_watchlist"


@pytest.mark.parametrize("packs", [["baseline"], ["vendor-amazon", "us-il-bipa"], list(names())], ids=["baseline", "two", "every pack"])
def test_no_random_permit_contradicts_what_was_proved(packs):
    book = build(packs)
    judge = Judge(book)
    held = [prop for prop, proof in zip(constitution(), prove(book), strict=True) if proof.holds]
    assert held
    permits = [(facts, kind) for facts, kind in requests(seed=23, count=600) if isinstance(judge.decide(facts, kind), Permit)]
    for facts, kind in permits[:60]:
        assert [prop.name for prop in held if meets(prop, facts, kind, book)] == []
    assert len(permits) > 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("never = 1", "[[never]]"),
        ("", "[[never]]"),
        ("[[never]", "TOML"),
        ('[[never]]\nname = "a"\n', "sentence"),
        ('[[never]]\nname = "a"\nsentence = "b"\npurpose = "mass_surveilance"\n', "mass_surveilance"),
        ('[[never]]\nname = "a"\nsentence = "b"\nwhen = "livee"\n', "livee"),
        ('[[never]]\nname = "a"\nsentence = "b"\non = "sometimes"\n', "sometimes"),
        ('[[never]]\nname = "a"\nsentence = "b"\npurpuse = "sale"\n', "purpuse"),
        ('[[never]]\nname = "a"\nsentence = "b"\npurpose = 5\n', "purpose"),
        ('[[never]]\nname = "a"\nsentence = "b"\npurpose = "sale|-sale"\n', "nobody"),
        ('[[never]]\nname = "a"\nsentence = "b"\n[[never]]\nname = "a"\nsentence = "b"\n', "twice"),
    ],
)
def test_a_property_that_cannot_be_read_is_refused_with_what_is_wrong(text, said):
    with pytest.raises(RulebookRefused) as refused:
        read_properties(text)
    assert said in refused.value.sentence


def test_a_rulebook_that_blocks_everything_breaks_nothing():
    book = build(["baseline"])
    blocked = type(book)((), (), book.settings, book.words, book.model, book.meaning, blocked=("gone",))
    assert all(proof.holds for proof in prove(blocked))
