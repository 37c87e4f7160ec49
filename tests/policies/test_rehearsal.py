"""Rehearsals: the vectors' semantics to the letter, and a bad line named by its number."""

import json

import pytest

from policies.coverage import coverage
from policies.errors import VectorError
from policies.packs import names
from policies.rehearsal import pack_lines, read_vectors, rehearse
from tests.policies.conftest import MISSING_CHILD

VECTOR = {
    "id": "v-1",
    "kind": "request",
    "packs": ["baseline"],
    "at": "2026-11-22T10:00:00Z",
    "request": MISSING_CHILD,
    "expect": {"decision": "allow_with_obligations", "rule": ["BASE-3"], "obligations_include": ["human_review_1"]},
}


def one(**change):
    (result,) = rehearse([json.dumps(VECTOR | change)])
    return result


def expect(**change):
    return {"expect": VECTOR["expect"] | change}


def test_a_vector_that_is_answered_as_it_expects_passes():
    result = one()
    assert result.passed
    assert (result.id, result.expected, result.got) == ("v-1", "allow_with_obligations", "allow_with_obligations")
    assert "human_review_1" in result.obligations
    assert "BASE-3" in result.rules


def test_an_allow_may_carry_obligations():
    assert one(**expect(decision="allow")).passed


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        (expect(decision="deny"), "expected deny"),
        (expect(obligations_include=["human_review_2"]), "no human_review_2"),
        (expect(forbid_obligations=["log_use"]), "log_use is there"),
        ({"licence": ["access_control:verify"]}, "expected allow_with_obligations"),
        ({"packs": ["baseline", "no-such-pack"]}, "expected allow_with_obligations"),
        ({"pack_options": {"no_such_option": True}}, "expected allow_with_obligations"),
    ],
)
def test_a_vector_that_is_answered_otherwise_fails_and_says_how(change, wrong):
    result = one(**change)
    assert not result.passed
    assert any(wrong in sentence for sentence in result.wrong)
    assert result.to_json()["passed"] is False


def test_a_stricter_obligation_covers_the_one_that_is_expected():
    live = {**MISSING_CHILD, "operation": "live_identify", "capture": {"source": "live_feed", "age_s": 0}}
    live["authorisations"] = [
        {
            "type": "court_order",
            "place": "US-CA",
            "status": "granted",
            "valid_from": "2026-11-20T00:00:00Z",
            "valid_to": "2026-12-20T00:00:00Z",
            "purpose": "missing_person",
            "operation": "live_identify",
        }
    ]
    assert one(request=live, **expect(forbid_obligations=["human_review_1"])).passed


def test_a_denial_for_another_reason_than_the_expected_one_fails():
    refused = {**MISSING_CHILD, "case": {}}
    assert one(request=refused, **expect(decision="deny", obligations_include=[])).passed
    assert not one(request=refused, **expect(decision="deny", obligations_include=[], rule=["BASE-7"])).passed


def test_facts_that_cannot_be_read_are_a_denial_by_sys_3():
    broken = {**MISSING_CHILD, "authorisations": [{"valid_to": "soon"}]}
    assert one(request=broken, **expect(decision="deny", obligations_include=[], rule=["SYS-3"])).passed


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("{", "not JSON"),
        ("[]", "not a JSON object"),
        (json.dumps({"id": "x"}), "kind"),
        (json.dumps(VECTOR | {"kind": "wish"}), "kind"),
        (json.dumps(VECTOR | {"at": "today"}), "at: must be a moment"),
        (json.dumps(VECTOR | {"packs": "baseline"}), "packs"),
        (json.dumps(VECTOR | {"request": []}), "request"),
        (json.dumps(VECTOR | {"licence": "x"}), "licence"),
        (json.dumps(VECTOR | {"expect": {"decision": "maybe"}}), "expect"),
        (json.dumps({name: part for name, part in VECTOR.items() if name != "expect"}), "expect"),
        (json.dumps({name: part for name, part in VECTOR.items() if name != "id"}), "id"),
        (json.dumps(VECTOR | {"id": "v-1"}), "twice"),
        ("[" * 100000, "not JSON"),
    ],
)
def test_a_line_that_is_no_vector_is_named_by_its_number_and_nothing_runs(line, sentence):
    with pytest.raises(VectorError) as refused:
        rehearse([json.dumps({"id": "_meta", "kind": "meta"}), json.dumps(VECTOR), "", line])
    assert refused.value.line == 4
    assert sentence in refused.value.sentence


def test_a_lifecycle_vector_is_about_what_is_due_and_what_is_not():
    vector = {"id": "v-2", "kind": "lifecycle", "packs": ["baseline"], "at": "2026-11-22T10:00:00Z", "request": MISSING_CHILD}
    lines = [
        json.dumps(vector | {"id": name, "expect": expected})
        for name, expected in (("a", {"actions_exclude": ["stop_use"]}), ("b", {"actions_include": ["stop_use"]}))
    ]
    quiet, wanting = rehearse(lines)
    assert quiet.passed
    assert wanting.wrong == ("no stop_use",)


def test_blank_lines_and_the_meta_line_are_passed_over():
    assert [vector.id for vector in read_vectors(["", json.dumps({"id": "_meta", "kind": "meta"}), json.dumps(VECTOR), "  "])] == ["v-1"]


@pytest.mark.parametrize("where", ["top", "expect"])
def test_a_forbidden_obligation_fails_the_vector_whether_it_stands_in_expect_or_beside_it(where):
    forbidden = {"forbid_obligations": ["human_review_1"]}
    result = one(**forbidden) if where == "top" else one(expect={**VECTOR["expect"], "obligations_include": [], **forbidden})
    assert "human_review_1 is there" in result.wrong


def test_forbidden_obligations_that_are_no_list_name_their_line():
    with pytest.raises(VectorError) as refused:
        one(forbid_obligations="notice")
    assert (refused.value.line, "forbid_obligations" in refused.value.sentence) == (1, True)


def test_the_vectors_of_every_pack_show_every_rule_of_it_denied_and_allowed():
    assert [rule for name in names() for rule in coverage(name, rehearse(pack_lines(name))) if not rule.shown] == []


def test_a_rule_that_no_vector_refuses_by_is_said_not_to_be_shown():
    (axon,) = coverage("axon-2019", rehearse(pack_lines("axon-2019")))
    assert (axon.shown, axon.rule) == (True, "AXN-1")
    denied = [line for line in pack_lines("axon-2019") if json.loads(line)["expect"]["decision"] == "deny"]
    (axon,) = coverage("axon-2019", rehearse(denied))
    assert (axon.shown, axon.denied, axon.allowed) == (False, len(denied), 0)
