"""Two rulebooks: what changes is in a region, what is in a region changes, and each region has a witness."""

from dataclasses import replace

import pytest

from policies.decision import Permit
from policies.diff import NEWLY_ALLOWED, NEWLY_REFUSED, OTHER_OBLIGATIONS, diff
from policies.errors import Undecided
from policies.judge import Judge
from policies.question import Settings
from policies.rulebook import build
from tests.policies.chance import requests

OPEN = [
    {
        "rule": "OWN-1", "effect": "allow", "client": "police", "purpose": "wanted_person", "place": "US", "to": "2027-01-01",
        "when": "case_reference", "sentence": "Wanted persons, with a case.",
    },
]  # fmt: skip
SHUT = [{"rule": "OWN-2", "effect": "deny", "client": "company", "place": "FR", "sentence": "Not here."}]
ASK = [{"rule": "OWN-3", "effect": "oblige", "purpose": "access_control", "obligations": "human_review:1", "sentence": "Look."}]
PAIRS = {
    "an own allow": (["baseline"], [], ["baseline"], OPEN),
    "an own deny": (["baseline"], [], ["baseline"], SHUT),
    "an own duty": (["baseline"], [], ["baseline"], ASK),
    "a pack": (["baseline"], [], ["baseline", "vendor-ibm-exit"], []),
    "a pack gone": (["baseline", "vendor-microsoft"], [], ["baseline"], []),
    "one vendor for another": (["vendor-amazon"], [], ["vendor-google"], SHUT),
}


def change_of(before, after):
    if isinstance(before, Permit) != isinstance(after, Permit):
        return NEWLY_ALLOWED if isinstance(after, Permit) else NEWLY_REFUSED
    if isinstance(before, Permit) and {duty.slug for duty in before.obligations} != {duty.slug for duty in after.obligations}:
        return OTHER_OBLIGATIONS
    return None


@pytest.fixture(scope="module", params=PAIRS.values(), ids=list(PAIRS))
def compared(request):
    packs, own, other_packs, other_own = request.param
    before, after = build(packs, own_rules=own), build(other_packs, own_rules=other_own)
    return before, after, diff(before, after)


def test_a_random_request_changes_if_and_only_if_it_is_a_permit_in_a_region_of_that_change(compared):
    before, after, found = compared
    assert found.whole
    assert found.abstracted == ()
    old, new = Judge(before), Judge(after)
    changed = 0
    for facts, kind in requests(seed=41, count=300):
        one, two = old.decide(facts, kind), new.decide(facts, kind)
        permitted = {NEWLY_ALLOWED: isinstance(two, Permit), NEWLY_REFUSED: isinstance(one, Permit)}
        permitted[OTHER_OBLIGATIONS] = all(permitted.values())
        said = {region.change for region in found.covers(facts, kind, before) if permitted[region.change]}
        change = change_of(one, two)
        assert said == ({change} if change else set()), facts.to_json()
        changed += change is not None
    assert changed > 0


def test_each_region_has_a_witness_that_changes_as_it_says_newly_allowed_first(compared):
    before, after, found = compared
    old, new = Judge(before), Judge(after)
    order = [NEWLY_ALLOWED, NEWLY_REFUSED, OTHER_OBLIGATIONS]
    assert [region.change for region in found.regions] == sorted((region.change for region in found.regions), key=order.index)
    for region in found.regions:
        one, two = old.decide(region.witness, region.kind), new.decide(region.witness, region.kind)
        assert change_of(one, two) == region.change
        assert region in found.covers(region.witness, region.kind, before)
        assert (region.before, region.after) == (one.decision, two.decision)


def test_a_region_names_whom_it_is_about():
    (region,) = diff(build(["baseline"]), build(["baseline"], own_rules=OPEN)).regions
    assert region.change == NEWLY_ALLOWED
    assert region.purposes == ("wanted_person",)
    assert {"police_local", "police_state", "police_federal"} <= set(region.clients)
    assert region.witness.purpose == "wanted_person"
    assert region.to_json()["witness"]["request"]["case"] == {"ref": "CASE-1"}


def test_a_rulebook_and_itself_differ_in_nothing():
    found = diff(build(["baseline", "vendor-amazon"]), build(["vendor-amazon", "baseline"]))
    assert (found.regions, found.whole) == ((), True)


def test_more_regions_than_were_asked_for_are_said_to_be_missing():
    found = diff(build(["vendor-amazon"]), build(["vendor-google"]), most=2)
    assert (len(found.regions), found.whole) == (2, False)


def test_rulebooks_that_read_conditions_differently_are_not_compared():
    book = build(["baseline"])
    with pytest.raises(Undecided):
        diff(book, replace(book, meaning="another"))
    with pytest.raises(Undecided):
        diff(book, replace(book, settings=Settings(live_window_s=60)))
