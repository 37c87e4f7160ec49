"""What witnesses said of the log decides only where a rule asks for it, only while fresh, and can be derived again from the record."""

from datetime import UTC, datetime, timedelta

import pytest

from policies.decision import Permit, Refusal
from policies.facts import Facts
from policies.judge import Judge
from policies.rulebook import build
from tests.policies.conftest import MISSING_CHILD

NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)
DEMAND = {
    "rule": "OWN-1",
    "on": "request",
    "effect": "deny",
    "purpose": "missing_person",
    "when": "!witnessed",
    "sentence": "A search for a missing person needs a log that witnesses vouch for.",
}


@pytest.fixture(scope="module")
def demanding():
    return Judge(build(["baseline"], own_rules=[DEMAND]))


def asked(seconds=None, **log):
    if seconds is not None:
        log["witnessed_at"] = (NOW - timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z")
    return Facts.from_json(MISSING_CHILD | {"log": log}, at=NOW, licence=["missing_person:identify"])


def test_a_fresh_quorum_lets_the_purpose_through(demanding):
    for age in (0, 1, 899, 900, -300):
        assert isinstance(demanding.decide(asked(age)), Permit), age


@pytest.mark.parametrize("age", [901, 86_400, 10**9, -301, -86_400 * 365])
def test_a_stale_quorum_or_one_from_the_future_is_a_refusal_that_names_the_rule_and_what_is_needed(demanding, age):
    answer = demanding.decide(asked(age))
    assert isinstance(answer, Refusal)
    assert [reason.rule for reason in answer.reasons] == ["OWN-1"]
    assert "witnessed" in answer.needed


def test_no_quorum_at_all_is_a_refusal_whatever_else_is_said_of_the_log(demanding):
    for facts in (asked(), asked(witnessed=True, quorum="met"), asked(witnessed_at=None)):
        assert isinstance(demanding.decide(facts), Refusal)


def test_without_a_rule_that_asks_for_it_no_witness_is_needed(baseline):
    assert isinstance(baseline.decide(asked()), Permit)


@pytest.mark.parametrize("age", [None, 5, 5000])
def test_the_answer_can_be_derived_again_from_the_record(demanding, age):
    facts = asked(age)
    again = Facts.from_record(facts.to_record())
    assert again == facts
    assert demanding.decide(again) == demanding.decide(facts)
