"""Rulebooks: the same content is the same text and digest, every content that can change an answer is in it, and nothing can be edited."""

import json
from dataclasses import FrozenInstanceError, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.errors import RulebookRefused
from policies.judge import Judge
from policies.packs import names
from policies.question import Settings
from policies.rulebook import Rulebook, build, build_or_refuse_all
from tests.policies.chance import requests

OWN = {"rule": "OWN-1", "effect": "deny", "client": "company", "when": "!case_reference", "sentence": "Companies need a case."}


def test_a_rulebook_reads_back_from_its_text_and_gives_the_same_answers():
    book = build(list(names()), own_rules=[OWN])
    again = Rulebook.from_text(book.text())
    assert (again.text(), again.digest) == (book.text(), book.digest)
    one, two = Judge(book), Judge(again)
    for facts, kind in requests(seed=21, count=200):
        assert one.decide(facts, kind) == two.decide(facts, kind)
        assert one.due(facts) == two.due(facts)


def test_a_rulebook_that_refuses_everything_reads_back_as_one():
    book = build_or_refuse_all(["no-such-pack"])
    assert Rulebook.from_text(book.text()).blocked == book.blocked != ()


def test_whatever_can_change_an_answer_changes_the_digest():
    plain = build(["baseline", "vendor-amazon"])
    others = [
        build(["baseline"]),
        build(["baseline", "vendor-amazon"], {"vendor-amazon": {"federal_police": False}}),
        build(["baseline", "vendor-amazon"], {"vendor-amazon": {"exempt_purposes": []}}),
        build(["baseline", "vendor-amazon"], own_rules=[OWN]),
        build(["baseline", "vendor-amazon"], settings=Settings(live_window_s=60)),
        replace(plain, model=plain.model + " "),
        replace(plain, meaning="0" * 64),
        replace(plain, blocked=("a pack is gone",)),
    ]
    assert len({plain.digest, *(other.digest for other in others)}) == len(others) + 1


def test_defaults_that_are_written_out_are_still_the_defaults():
    assert build(["vendor-amazon"]).digest == build(["vendor-amazon"], {"vendor-amazon": {"exempt_purposes": ["missing_person"]}}).digest


def test_a_rulebook_cannot_be_changed():
    book = build(["baseline"])
    with pytest.raises(FrozenInstanceError):
        book.rules = ()
    with pytest.raises(FrozenInstanceError):
        book.rules[0].effect = "allow"


def test_a_text_that_lost_one_character_is_refused_or_is_another_rulebook():
    book = build(["vendor-ibm-exit"])
    text = book.text()
    for cut in range(0, len(text), 53):
        try:
            assert Rulebook.from_text(text[:cut] + text[cut + 1 :]).digest != book.digest
        except RulebookRefused:
            continue


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.999])
def test_a_text_that_was_cut_short_is_refused(share):
    text = build(["vendor-ibm-exit"]).text()
    with pytest.raises(RulebookRefused):
        Rulebook.from_text(text[: int(len(text) * share)])


@settings(max_examples=100, deadline=None)
@given(
    st.text(max_size=40)
    | st.recursive(
        st.none() | st.integers() | st.text(max_size=5), lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=8), inner)
    ).map(json.dumps)
)
def test_rubbish_is_no_rulebook(text):
    with pytest.raises(RulebookRefused):
        Rulebook.from_text(text)


def test_the_same_content_in_another_spelling_is_not_the_canonical_text():
    text = build(["baseline"]).text()
    for other in (text + " ", json.dumps(json.loads(text)), json.dumps(json.loads(text), sort_keys=True, separators=(",", ":")) + "\n"):
        with pytest.raises(RulebookRefused):
            Rulebook.from_text(other)


def test_a_text_that_was_edited_to_allow_what_nothing_may_allow_is_refused():
    table = json.loads(build(["baseline"]).text())
    for change in ({"purposes": ["*"]}, {"purposes": ["mass_surveillance"]}, {"when": ""}):
        rules = [rule | change if rule["effect"] == "allow" else rule for rule in table["rules"]]
        text = json.dumps({**table, "rules": rules}, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        with pytest.raises(RulebookRefused):
            Rulebook.from_text(text)


def test_another_casbin_model_than_ours_is_not_judged_by():
    book = build(["baseline"])
    with pytest.raises(RulebookRefused):
        Judge(replace(book, model=book.model.replace("!some(where (p.eft == deny))", "some(where (p.eft == allow))")))


@pytest.mark.parametrize(
    ("change", "mend"),
    [
        ({"sentence": " "}, "Say in one sentence"),
        ({"effect": "Deny"}, "exactly so"),
        ({"colour": "red"}, "The columns are"),
        ({"when": "eval(x)"}, "joined by &"),
        ({"when": "__import__"}, "joined by &"),
        ({"client": "*|company\nOWN-2"}, "vocabulary.toml"),
        ({"effect": "allow"}, "Name the purposes"),
        ({"effect": "allow", "purpose": "profiling"}, "Drop it"),
    ],
)
def test_an_own_rule_that_does_not_hold_together_refuses_the_rulebook_with_its_number(change, mend):
    with pytest.raises(RulebookRefused) as refused:
        build(["baseline"], own_rules=[OWN, OWN | change])
    assert (refused.value.where, refused.value.line) == ("own", 2)
    assert mend in refused.value.sentence


def test_options_for_a_pack_that_is_not_enabled_are_refused():
    with pytest.raises(RulebookRefused):
        build(["baseline"], {"vendor-amazon": {"federal_police": False}})


def test_a_rulebook_knows_whether_this_code_means_the_same_by_its_conditions():
    book = build(["baseline"])
    assert book.means_the_same
    assert not replace(book, meaning="0" * 64).means_the_same
