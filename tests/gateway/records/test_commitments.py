"""Personal values leave an entry as commitments, and a decision can still be derived again from the entry alone."""

import json
from datetime import UTC, datetime

import pytest

from gateway.records import entries
from gateway.records.commitments import Veil, commitment_of
from policies.decision import Permit
from policies.facts import Facts
from policies.judge import Judge
from policies.rulebook import build

AT = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
CASE, REVIEWERS = "MP-2026-0142", ["reviewer-anna", "reviewer-ben"]
LIVE_WITH_A_PAPER = {
    "client": {"id": "city-police", "kind": "police_local", "place": "US-WA"},
    "operation": "live_identify",
    "purpose": "missing_person",
    "place": "US-WA",
    "capture": {"source": "live_feed", "device": "fixed", "space": "public", "age_s": 0, "subject_involved": False},
    "target": {"kind": "specific_person", "role": "missing"},
    "case": {"ref": CASE},
    "gallery": {"id": "g", "provenance": "missing_person_reports"},
    "review": {"reviewers": REVIEWERS, "trained": True, "separate": True},
    "authorisations": [
        {
            "type": "court_order",
            "issuer": "court",
            "place": "US-WA",
            "status": "granted",
            "valid_from": "2026-11-01T00:00:00Z",
            "valid_to": "2026-12-01T00:00:00Z",
            "purpose": "missing_person",
            "operation": "live_identify",
            "case_ref": CASE,
        }
    ],
}


@pytest.fixture(scope="module")
def judge():
    return Judge(build(["baseline"]))


def facts(**changes):
    return Facts.from_json(LIVE_WITH_A_PAPER | changes, at=AT, licence=["missing_person:live_identify"])


def recorded(asked, verdict):
    return entries.check(at=AT, decision_id="d", client="city-police", facts=asked, verdict=verdict, by="policy")


@pytest.mark.parametrize("case", [CASE, "MP-2026-9999"])
def test_a_decision_is_the_same_from_the_veiled_entry_alone(judge, case):
    asked = facts(case={"ref": case})
    verdict = judge.decide(asked)
    # The paper is for one case: whether two references are equal decides.
    assert isinstance(verdict, Permit) is (case == CASE)
    entry = json.loads(recorded(asked, verdict).body)
    again = judge.decide(Facts.from_record(entry["facts"]))
    assert type(again) is type(verdict)
    rules = again.rules if isinstance(again, Permit) else again.reasons
    assert sorted({reason.rule for reason in rules}) == entry["answer"]["rules"]


def test_no_personal_value_stands_in_the_entry_and_each_has_its_opening(judge):
    record = recorded(facts(), judge.decide(facts()))
    for value in (CASE, *REVIEWERS):
        assert value.encode() not in record.body
    entry = json.loads(record.body)
    for path, opening in record.openings.items():
        stands = entry
        for name in path.strip("/").split("/"):
            stands = stands[int(name)] if isinstance(stands, list) else stands[name]
        assert stands == commitment_of(opening.nonce, opening.value)
    assert {opening.value.decode() for opening in record.openings.values()} == {CASE, *REVIEWERS}


def test_equal_values_are_equal_inside_an_entry_and_unlinkable_across_entries():
    one, other = Veil(), Veil()
    assert one.over("/a", CASE) == one.over("/b", CASE) != one.over("/c", "another")
    assert one.over("/a", CASE) != other.over("/a", CASE)
