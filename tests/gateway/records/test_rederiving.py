"""Recorded decisions, decided again from entry and rulebook text alone: the honest pass, and every other word in them is found out."""

import json
from datetime import UTC, datetime

import pytest

from gateway.audit.report import Broken
from gateway.records import entries
from gateway.records.rederiving import Rederived
from policies.facts import Facts
from policies.judge import Judge
from policies.rulebook import build

AT = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
RULEBOOK = build(("baseline",))
SOUGHT = {
    "operation": "identify",
    "purpose": "missing_person",
    "client": {"kind": "ngo_victim", "id": "ngo"},
    "case": {"ref": "MP-1"},
    "gallery": {"id": "g", "provenance": "missing_person_reports"},
    "target": {"kind": "specific_person", "role": "missing"},
    "capture": {"source": "upload", "live": False},
}


def text_of(digest):
    return RULEBOOK.text().encode() if digest == RULEBOOK.digest else None


def decided(licence=("missing_person:identify",), **changes):
    facts = Facts.from_json(SOUGHT | changes, at=AT, licence=licence)
    return facts, Judge(RULEBOOK).decide(facts)


def live(digest=RULEBOOK.digest):
    return json.loads(entries.change("policy-change", at=AT, by="start", act="live", more={"rulebook": digest}).body)


def permitted():
    facts, permit = decided()
    record = entries.intent(
        at=AT, decision_id="d", client="ngo", facts=facts, permit=permit, boot="ab", order_id="o", images=["00" * 32]
    )  # fmt: skip
    return json.loads(record.body)


def refused(by="policy"):
    facts, refusal = decided(purpose="mass_surveillance")
    return json.loads(entries.denial(at=AT, decision_id="d", client="ngo", facts=facts, refusal=refusal, by=by).body)


def seen(*stream, texts=text_of):
    again = Rederived(texts)
    for index, entry in enumerate(stream):
        again.see(index, entry)
    return again


def test_an_honest_permit_and_an_honest_refusal_are_derived_again():
    again = seen(live(), permitted(), refused())
    assert (again.derived, dict(again.unchecked)) == (2, {})


def test_a_refusal_of_the_gateway_itself_rests_on_more_than_rules_and_is_let_be():
    assert seen(live(), refused("gateway")).derived == 0


@pytest.mark.parametrize("name", ["rules", "obligations"])
def test_a_permit_that_names_other_rules_or_obligations_is_found_out(name):
    entry = permitted()
    entry["answer"][name] = entry["answer"][name][1:]
    with pytest.raises(Broken, match=name) as found:
        seen(live(), entry)
    assert (found.value.code, found.value.finding.index) == ("decision-differs", 1)


@pytest.mark.parametrize(("name", "value"), [("code", "not-licensed"), ("rules", []), ("needed", ["case_reference"])])
def test_a_refusal_that_names_other_reasons_is_found_out(name, value):
    entry = refused()
    entry["answer"][name] = value
    with pytest.raises(Broken, match=name):
        seen(live(), entry)


def test_a_permit_for_what_the_rules_refuse_is_found_out():
    entry = permitted()
    entry["facts"]["request"]["purpose"] = "mass_surveillance"
    with pytest.raises(Broken, match="decision"):
        seen(live(), entry)


def test_an_intent_behind_a_refusal_is_found_out_whatever_it_says_of_who_refused():
    entry = permitted() | {"answer": refused("gateway")["answer"]}
    with pytest.raises(Broken, match="without a permit"):
        seen(live(), entry)


def test_a_decision_under_a_rulebook_that_no_entry_made_live_is_found_out():
    with pytest.raises(Broken) as found:
        seen(live("0" * 64), permitted())
    assert found.value.code == "rulebook-unannounced"


def test_without_the_text_of_its_rulebook_nothing_is_derived():
    with pytest.raises(Broken) as found:
        seen(live(), permitted(), texts=lambda _digest: None)
    assert found.value.code == "rulebook-missing"


@pytest.mark.parametrize("facts", [None, [], {"at": "now"}, {"at": "2026-11-23T10:00:00Z", "licence": [], "request": {"strange": 1}}])
def test_facts_that_cannot_be_read_are_a_finding(facts):
    with pytest.raises(Broken, match="facts"):
        seen(live(), permitted() | {"facts": facts})


def test_a_rulebook_of_another_version_is_left_open_not_called_right():
    other = RULEBOOK.text().replace(f'"meaning":"{RULEBOOK.meaning}"', f'"meaning":"{"0" * len(RULEBOOK.meaning)}"')
    assert other != RULEBOOK.text()
    again = seen(live(), permitted(), texts=lambda _digest: other.encode())
    assert (again.derived, sum(again.unchecked.values())) == (0, 1)


def test_a_text_that_is_no_rulebook_is_a_finding():
    with pytest.raises(Broken) as found:
        seen(live(), permitted(), texts=lambda _digest: b"{}")
    assert found.value.code == "rulebook-differs"


def ended(act="released", reviewers=("one", "two"), trained=True, confirmed=(0,), **changes):
    """The story of a held result: made live, permitted, found, judged, and ended as the rules say."""
    permit_facts, permit = decided()
    facts = Facts.from_json(
        SOUGHT | {"review": {"reviewers": list(reviewers), "trained": trained, "separate": True}} | changes,
        at=AT,
        licence=("missing_person:identify",),
    )
    answer = Judge(RULEBOOK).decide(facts, kind="release")
    intent = entries.intent(
        at=AT, decision_id="d", client="ngo", facts=permit_facts, permit=permit, boot="ab", order_id="o", images=["00" * 32]
    )
    found = entries.outcome(at=AT, decision_id="d", intent_index=1, status="held", engine=None, subjects=["s"], similarities=[99.9])
    more = {"review": "r", "reviewers": len(reviewers), "confirmed": list(confirmed), "rulebook": RULEBOOK.digest, "reasons": []}
    end = entries.review(at=AT, decision_id="d", reviewer="two", act=act, more=more, asked=(facts, answer))
    return [live(), *(json.loads(record.body) for record in (intent, found, end))]


def test_a_release_and_a_withholding_by_the_rules_are_derived_again():
    assert seen(*ended()).derived == 2
    assert seen(*ended("withheld", trained=False, confirmed=())).derived == 2


def test_a_result_that_people_did_not_confirm_is_withheld_without_the_rules():
    *story, end = ended("withheld", trained=False, confirmed=())
    assert seen(*story, {name: value for name, value in end.items() if name not in ("facts", "answer")}).derived == 1


@pytest.mark.parametrize(
    ("name", "spoil"),
    {
        "the rules refuse it": lambda end: end["facts"]["request"]["review"].update(trained=False),
        "nobody looked": lambda end: end["facts"]["request"].pop("review"),
        "one person twice": lambda end: end["facts"]["request"]["review"].update(reviewers=["commitment:" + "a" * 64]),
        "it is for another purpose": lambda end: end["facts"]["request"].update(purpose="access_control"),
        "it has another licence": lambda end: end["facts"].update(licence=["missing_person:identify", "missing_person:verify"]),
        "no rules were asked": lambda end: end.pop("answer"),
        "the answer is a refusal": lambda end: end["answer"].update(decision="refusal"),
        "nothing was confirmed": lambda end: end.update(confirmed=[]),
        "it is of another decision": lambda end: end.update(decision_id="e"),
        "it is withheld though permitted": lambda end: end.update(act="withheld"),
        "other rules are named": lambda end: end["answer"].update(rules=["X"]),
        "its rulebook was never live": lambda end: end.update(rulebook="0" * 64),
    }.items(),
)
def test_a_release_that_does_not_follow_is_found_out(name, spoil):
    *story, end = ended()
    spoil(end)
    with pytest.raises(Broken) as found:
        seen(*story, end)
    assert (found.value.code, found.value.finding.index) in {("decision-differs", 3), ("rulebook-unannounced", 3)}, name


def test_a_result_is_released_once_and_only_if_it_was_held():
    story = ended()
    with pytest.raises(Broken, match="waits for one"):
        seen(*story, story[-1])
    story[2]["status"] = "released"
    with pytest.raises(Broken, match="waits for one"):
        seen(*story)
