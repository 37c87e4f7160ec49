"""What was promised with one rulebook binds those who draft the next: broken it stops them, restated it is shown first."""

import pytest

from policies.assessment import assess
from policies.drafting import read_draft
from policies.rulebook import build
from policies.standing import standing

BROAD = """
[[never]]
name = "no-aid-organisation"
sentence = "No aid organisation looks for a missing person."
client = "ngo_victim"
purpose = "missing_person"
"""
NARROW = BROAD.replace('purpose = "missing_person"', 'purpose = "missing_person"\noperation = "identify"\nwhen = "live & untargeted"')
VECTOR = {
    "id": "own-1",
    "kind": "request",
    "at": "2026-11-24T00:00:00Z",
    "request": {"client": {"kind": "ngo_victim"}, "operation": "detect", "purpose": "missing_person", "place": "US"},
    "expect": {"decision": "deny"},
}
ALLOWED = VECTOR | {"expect": {"decision": "allow"}}
PLAIN = {"title": "Only what is constitutional", "packs": {"baseline": {}}}


@pytest.fixture(scope="module")
def live():
    return build(["baseline"])


def assessed(live, document, *promised, draft=None):
    draft = draft or read_draft(document)
    return assess(draft, live, live, standing(promised), lambda: iter(()), 0, lambda *_: None)


def test_a_draft_that_breaks_a_standing_property_or_expectation_is_stopped_generations_later(live):
    found = assessed(live, PLAIN, {"never": BROAD}, {"vectors": [VECTOR]}, PLAIN)
    assert not found.passed
    assert [stop.partition(":")[0] for stop in found.stops] == ["1 of 1 expectations (live) are not met.", "Not proved"]
    assert "no-aid-organisation: broken" in found.stops[1]


def test_what_a_draft_restates_is_shown_first_and_then_holds_as_restated(live):
    found = assessed(live, PLAIN | {"never": NARROW, "vectors": [ALLOWED]}, {"never": BROAD, "vectors": [VECTOR]})
    assert found.passed, found.stops
    told = found.found["restated"]
    assert [(change["what"], change["name"]) for change in told] == [("property", "no-aid-organisation"), ("expectation", "own-1")]
    assert "whatever else holds" in told[0]["before"] and "live & untargeted" in told[0]["after"]
    assert told[1]["before"].startswith("deny") and told[1]["after"].startswith("allow")


def test_what_is_restated_word_for_word_is_no_change(live):
    found = assessed(live, PLAIN | {"never": NARROW, "vectors": [ALLOWED]}, {"never": NARROW, "vectors": [ALLOWED]})
    assert (found.passed, found.found["restated"]) == (True, [])


def test_who_returns_to_an_old_rulebook_is_shown_what_that_gives_up_and_not_stopped_by_it(live):
    returning = read_draft({"title": "Back", "return_to": "a" * 64})
    found = assessed(live, None, {"never": BROAD, "vectors": [VECTOR]}, draft=returning)
    assert found.passed, found.stops
    assert [proof["outcome"] for proof in found.found["proofs"] if proof["name"] == "no-aid-organisation"] == ["broken"]
    assert found.found["expectations"]["live"]["failed"] == 1
