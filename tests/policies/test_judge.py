"""The judge: what the baseline promises, what it says when it refuses, and that every doubt is a no."""

import pytest

from policies.decision import Permit, Refusal
from policies.errors import FactsError
from policies.explain import sentences
from policies.judge import Judge
from policies.rulebook import build, build_or_refuse_all
from policies.vocabulary import Vocabulary

WORDS = Vocabulary.shipped()
EVERY_PAPER = {
    "place": "US",
    "issuer": "court",
    "status": "granted",
    "valid_from": "2026-01-01T00:00:00Z",
    "valid_to": "2027-01-01T00:00:00Z",
}


def papers(purpose, operation):
    return [{"type": kind, **EVERY_PAPER, "purpose": purpose, "operation": operation} for kind in WORDS.authorisations]


def rules(answer):
    return {reason.rule for reason in answer.reasons}


@pytest.mark.parametrize("client", sorted(WORDS.clients))
@pytest.mark.parametrize("purpose", ["mass_surveillance", "protest_monitoring", "intelligence", "profiling"])
def test_a_prohibited_purpose_is_refused_to_every_client_whatever_papers_it_shows(facts, client, purpose):
    for packs in (["baseline"], [], ["vendor-amazon"]):
        judge = Judge(build(packs))
        for operation in WORDS.operations:
            asked = facts(
                purpose=purpose, operation=operation, client={"kind": client, "place": "US-CA"}, authorisations=papers(purpose, operation)
            )
            answer = judge.decide(asked)
            assert isinstance(answer, Refusal)
            assert answer.code == "purpose-prohibited"
            assert answer.needed == ()


def test_a_missing_child_with_a_case_is_sought_and_a_human_looks_first(baseline, facts):
    answer = baseline.decide(facts())
    assert isinstance(answer, Permit)
    assert {"human_review_1", "not_sole_basis", "log_use"} <= {duty.slug for duty in answer.obligations}
    assert answer.rulebook == baseline.rulebook.digest


def test_without_a_case_the_refusal_says_what_is_needed(baseline, facts):
    answer = baseline.decide(facts(case={}))
    assert answer.code == "policy-refused"
    assert answer.needed == ("case_reference",)
    assert rules(answer) == {"BASE-3"}
    assert all(reason.sentence and reason.source and reason.pack for reason in answer.reasons)


@pytest.mark.parametrize(
    "purpose",
    [
        "Missing_Person",
        "MISSING_PERSON",
        "missing_person ",
        " missing_person",
        "missing-person",
        "missing_persоn",
        "ｍissing_person",
        "missing_person\u200b",
        "public_safety",
        "*",
        "",
        "missing_person|sale",
        "Mass_Surveillance",
        "mass_surveillancе",
    ],
)
def test_a_purpose_in_any_other_spelling_is_an_unknown_purpose(baseline, facts, purpose):
    answer = baseline.decide(facts(purpose=purpose))
    assert (answer.code, rules(answer)) == ("unknown-purpose", {"BASE-4"})


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"purpose": None}, "unknown-purpose"),
        ({"operation": "Identify"}, "unknown-operation"),
        ({"operation": None}, "unknown-operation"),
        ({"client": {"kind": "police"}}, "unknown-client-kind"),
        ({"client": {}}, "unknown-client-kind"),
        ({"client": {"kind": "company", "acts_for": "*"}}, "unknown-client-kind"),
        ({"place": "US-W"}, "unknown-place"),
        ({"place": "us-wa"}, "unknown-place"),
        ({"place": "US-WASHINGTON"}, "unknown-place"),
        ({"place": "EU"}, "unknown-place"),
        ({"place": "*"}, "unknown-place"),
        ({"client": {"kind": "company", "place": "Washington"}}, "unknown-place"),
        ({"gallery": {"provenance": "Scraped"}}, "unknown-word"),
        ({"capture": {"source": "livefeed"}}, "unknown-word"),
        ({"capture": {"space": "square"}}, "unknown-word"),
        ({"target": {"kind": "everyone"}}, "unknown-word"),
        ({"case": {"suspicion": "strong"}}, "unknown-word"),
        ({"authorisations": [{"type": "warrant"}]}, "unknown-word"),
        ({"authorisations": [{"status": "Granted"}]}, "unknown-word"),
    ],
)
def test_a_word_that_is_in_no_closed_list_is_refused_by_name(baseline, facts, change, code):
    answer = baseline.decide(facts(**change))
    assert answer.code == code
    assert answer.needed


def test_an_unknown_word_is_refused_again_when_it_comes_again(baseline, facts):
    assert {baseline.decide(facts(place="US-W")).code for _ in range(3)} == {"unknown-place"}


def test_what_the_licence_does_not_grant_is_refused_as_such(baseline, facts):
    for licence in ([], ["missing_person:verify"], ["access_control:identify"], ["*:*"], ["missing_person:identify "]):
        answer = baseline.decide(facts(licence=licence))
        assert (answer.code, rules(answer), answer.needed) == ("not-licensed", {"BASE-4"}, ("licence",))


def test_a_client_that_acts_for_another_is_held_to_the_rules_of_both(facts):
    judge = Judge(build(["vendor-microsoft"]))
    agent = facts(client={"kind": "company", "place": "US-CA", "acts_for": "police_local"}, operation="detect")
    principal = facts(client={"kind": "police_local", "place": "US-CA", "acts_for": "company"}, operation="detect")
    assert "MS-1" in rules(judge.decide(agent))
    assert "MS-1" in rules(judge.decide(principal))


def test_a_closed_purpose_needs_a_pack_that_opens_it(facts):
    opening = {"rule": "OWN-1", "effect": "allow", "client": "police_local", "purpose": "criminal_investigation", "operation": "identify"}
    opening |= {"when": "case_reference", "place": "US-TX", "sentence": "Texas police with a case may search."}
    asked = facts(
        purpose="criminal_investigation",
        client={"kind": "police_local", "place": "US-TX"},
        place="US-TX",
        target={"kind": "unknown_suspect"},
    )
    closed = Judge(build(["baseline"])).decide(asked)
    assert (closed.code, closed.needed) == ("nothing-allows", ("opening_pack",))
    opened = Judge(build(["baseline"], own_rules=[opening]))
    assert isinstance(opened.decide(asked), Permit)
    assert isinstance(
        opened.decide(facts(purpose="criminal_investigation", client={"kind": "police_state", "place": "US-TX"}, place="US-TX")), Refusal
    )


def test_the_refusal_by_default_names_the_nearest_rule_and_what_it_misses(facts):
    opening = {
        "rule": "OWN-1",
        "effect": "allow",
        "purpose": "criminal_investigation",
        "when": "case_reference & authorised",
        "sentence": "A case and a paper.",
    }
    judge = Judge(build(["baseline"], own_rules=[opening]))
    answer = judge.decide(facts(purpose="criminal_investigation", target={"kind": "unknown_suspect"}))
    assert (answer.code, answer.needed) == ("nothing-allows", ("authorisation",))
    assert (answer.reasons[0].rule, answer.reasons[0].pack) == ("OWN-1", "own")
    assert "A case and a paper." in answer.reasons[0].sentence


def test_needed_is_empty_where_nothing_would_help(facts):
    answer = Judge(build(["vendor-microsoft"])).decide(facts(client={"kind": "police_local", "place": "US-WA"}, place="US-WA"))
    assert rules(answer) == {"MS-1", "MS-3"}
    assert answer.needed == ()


def test_a_pack_that_cannot_load_refuses_everything_and_says_so(facts):
    judge = Judge(build_or_refuse_all(["baseline", "no-such-pack"]))
    answer = judge.decide(facts())
    assert (answer.code, rules(answer)) == ("pack-unavailable", {"SYS-1"})
    with pytest.raises(FactsError):
        judge.due(facts())


def test_an_exception_in_a_judgement_is_a_refusal_and_an_alarm(facts, monkeypatch):
    heard = []
    judge = Judge(build(["baseline"]), alarm=heard.append)
    monkeypatch.setattr("policies.sitting.said", lambda facts: 1 / 0)
    answer = judge.decide(facts())
    assert answer.code == "judgement-failed"
    assert len(heard) == 1


def test_a_casbin_that_says_no_to_what_the_index_permits_is_a_refusal_and_an_alarm(facts, monkeypatch):
    heard = []
    monkeypatch.setattr("policies.judge.Authority.permits", lambda self, question, capacities: False)
    judge = Judge(build(["baseline"]), alarm=heard.append)
    assert judge.decide(facts()).code == "judge-disagreement"
    assert "disagree" in heard[0]


def test_answers_given_before_are_put_to_casbin_again_from_time_to_time(facts, monkeypatch):
    heard = []
    judge = Judge(build(["baseline"]), alarm=heard.append, sample_every=5)
    assert isinstance(judge.decide(facts()), Permit)
    refused = facts(case={})
    judge.decide(refused)
    monkeypatch.setattr(judge._sitting, "_confirm", lambda question, capacities: question.facts == refused)
    codes = [getattr(judge.decide(facts()), "code", "permit") for _ in range(10)]
    assert codes.count("judge-disagreement") == 2
    assert [judge.decide(refused).code for _ in range(10)].count("judge-disagreement") == 2


def test_a_release_is_decided_anew_and_under_its_own_rules_too(baseline, facts):
    reviewed = {"reviewers": ["rv-1"], "trained": True}
    assert isinstance(baseline.decide(facts(), "request"), Permit)
    assert isinstance(baseline.decide(facts(), "release"), Refusal)
    assert isinstance(baseline.decide(facts(review=reviewed), "release"), Permit)
    assert isinstance(baseline.decide(facts(review=reviewed, case={}), "release"), Refusal)


@pytest.mark.parametrize("kind", ["relase", "lifecycle", "", None])
def test_a_question_of_no_known_kind_is_refused(baseline, facts, kind):
    assert baseline.decide(facts(), kind).code == "judgement-failed"


def test_an_unknown_word_is_no_silence_where_duties_are_asked(baseline, facts):
    assert baseline.due(facts()) == ()
    with pytest.raises(FactsError):
        baseline.due(facts(operation="log_purg"))


def test_an_answer_reads_as_sentences(baseline, facts):
    permit, refusal = sentences(baseline.decide(facts())), sentences(baseline.decide(facts(case={})))
    assert "Allowed" in permit[0]
    assert any("human_review_1" in line for line in permit)
    assert "policy-refused" in refusal[0]
    assert "Needed: case_reference" in refusal[-1]
