"""The constitution cannot be left out, thinned or re-worded by whoever can write a rulebook's text."""

from dataclasses import replace

import pytest

from policies import constitution
from policies.errors import RulebookRefused
from policies.packs import names
from policies.rulebook import Rulebook, build
from policies.vocabulary import Vocabulary


def refused(book):
    with pytest.raises(RulebookRefused) as raised:
        constitution.require(book)
    return raised.value


def test_every_rulebook_that_holds_the_baseline_keeps_it():
    for packs in (["baseline"], list(names())):
        constitution.require(Rulebook.from_text(build(packs).text()))


def test_a_rulebook_without_the_baseline_breaks_it():
    assert refused(build(["vendor-amazon"])).code == "constitution-broken"


def test_each_rule_of_the_baseline_and_of_the_frame_is_missed_when_it_is_dropped():
    book = build(["baseline"])
    for rule in set(book.rules):
        assert rule.rule in refused(replace(book, rules=tuple(kept for kept in book.rules if kept != rule))).sentence


def test_a_rule_that_is_narrowed_counts_as_missing():
    book = build(["baseline"])
    narrowed = tuple(replace(rule, clients=("auditor",)) if rule.rule == "BASE-1" else rule for rule in book.rules)
    assert "BASE-1" in refused(replace(book, rules=narrowed)).sentence


def test_a_vocabulary_that_opens_a_prohibited_purpose_breaks_it_even_where_the_text_hangs_together():
    table = dict(Vocabulary.shipped().table)
    table["purposes"] = {**table["purposes"], "mass_surveillance": {**table["purposes"]["mass_surveillance"], "default": "granted"}}
    assert "vocabulary" in refused(replace(build(["baseline"]), words=Vocabulary(table))).sentence


def test_conditions_of_another_meaning_break_it():
    assert "meaning" in refused(replace(build(["baseline"]), meaning="0" * 64)).sentence
