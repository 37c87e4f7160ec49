"""Facts: the vectors' shape in and out, and no way to bring anything else in."""

import json
import math
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.decision import REFUSALS, Permit, Refusal
from policies.errors import FactsError
from policies.facts import Facts
from policies.judge import Judge
from policies.rulebook import build
from tests.policies.chance import requests
from tests.policies.conftest import MISSING_CHILD, NOW

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
PARTS = st.sampled_from(
    [
        "client",
        "operation",
        "capture",
        "purpose",
        "target",
        "case",
        "gallery",
        "place",
        "authorisations",
        "review",
        "evidence",
        "consent",
        "notice",
        "vendor_approval",
        "route",
        "context",
        "threshold_pct",
        "log",
    ]
)
MEMBERS = st.sampled_from(
    [
        "kind",
        "place",
        "acts_for",
        "source",
        "device",
        "age_s",
        "subject_involved",
        "ref",
        "role",
        "type",
        "status",
        "valid_from",
        "valid_to",
        "purpose",
        "operation",
        "reviewers",
        "trained",
        "started_at",
        "last_interaction",
        "provenance",
        "minor",
        "selection_basis",
    ]
)


def test_the_shared_vectors_read_and_write_back_unchanged(shared_vectors):
    for line in shared_vectors[1:]:
        request = json.loads(line)["request"]
        empty = [name for name, part in request.items() if part in ({}, [])]
        assert Facts.from_json(request, at=NOW).to_json() == {name: part for name, part in request.items() if name not in empty}


def test_a_record_of_the_facts_reads_back_as_equal_facts_and_holds_no_floating_point_number():
    for facts, _ in requests(seed=11, count=500):
        record = json.loads(json.dumps(facts.to_record()), parse_float=lambda text: pytest.fail(f"a float: {text}"))
        assert Facts.from_record(record) == facts


@settings(max_examples=150, deadline=None)
@given(JSON)
def test_rubbish_is_a_facts_error_and_never_another_exception(obj):
    try:
        Facts.from_json(obj, at=NOW)
    except FactsError as error:
        assert error.code == "facts-malformed"
        assert error.sentence


@pytest.fixture(scope="module")
def everything():
    return Judge(build(["baseline", "vendor-amazon", "vendor-microsoft", "vendor-google"]))


@settings(max_examples=150, deadline=None)
@given(
    st.dictionaries(
        PARTS, JSON | st.dictionaries(MEMBERS, JSON | st.sampled_from(["2026-11-22T10:00:00Z", "granted", "US-WA"]), max_size=5), max_size=6
    )
)
def test_a_request_with_rubbish_in_it_is_a_facts_error_or_an_answer(everything, changes):
    try:
        facts = Facts.from_json({**MISSING_CHILD, **changes}, at=NOW, licence=["missing_person:identify"])
    except FactsError as error:
        assert everything.refuse(error).code == "facts-malformed"
        return
    answer = everything.decide(facts)
    assert isinstance(answer, Permit) or (answer.code in REFUSALS and answer.code not in ("judgement-failed", "judge-disagreement"))
    assert isinstance(everything.decide(facts, "release"), Permit | Refusal)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"purpos": "missing_person"}, "purpos"),
        ({"case": {"ref": 7}}, "case.ref"),
        ({"case": []}, "case"),
        ({"capture": {"age_s": True}}, "capture.age_s"),
        ({"capture": {"age_s": math.nan}}, "capture.age_s"),
        ({"capture": {"age_s": math.inf}}, "capture.age_s"),
        ({"capture": {"age_s": 10**400}}, "capture.age_s"),
        ({"capture": {"subject_involved": 1}}, "capture.subject_involved"),
        ({"capture": {"subject_involved": "true"}}, "capture.subject_involved"),
        ({"review": {"reviewers": "rv-1"}}, "review.reviewers"),
        ({"review": {"reviewers": ["rv-1", 2]}}, "review.reviewers[1]"),
        ({"authorisations": {}}, "authorisations"),
        ({"authorisations": [{}, {"valid_to": "tomorrow"}]}, "authorisations[1].valid_to"),
        ({"authorisations": [{"valid_to": "2026-11-22T10:00:00"}]}, "authorisations[0].valid_to"),
        ({"authorisations": [{"valid_to": "2026-02-30T10:00:00Z"}]}, "authorisations[0].valid_to"),
        ({"authorisations": [{"valid_to": "２026-11-22T10:00:00Z"}]}, "authorisations[0].valid_to"),
        ({"context": {"started_at": "yesterday"}}, "context.started_at"),
        ({"context": {"last_interaction": 5}}, "context.last_interaction"),
        ({"context": {"Urgent": True}}, "context"),
        ({"purpose": "missing_person\ud800"}, "purpose"),
        ({"purpose": "x" * 2000}, "purpose"),
        ({"evidence": {"a": [[[[[1]]]]]}}, "evidence.a[0][0][0]"),
        ({"threshold_pct": "99%"}, "threshold_pct"),
    ],
)
def test_a_field_that_cannot_be_read_is_named(change, field):
    with pytest.raises(FactsError) as refused:
        Facts.from_json({**MISSING_CHILD, **change}, at=NOW)
    assert refused.value.field == field


@pytest.mark.parametrize("at", [datetime(2026, 11, 22), "2026-11-22T10:00:00Z", None])  # noqa: DTZ001 - a moment without an offset is the point
def test_a_decision_needs_a_moment_with_an_offset(at):
    with pytest.raises(FactsError):
        Facts.from_json(MISSING_CHILD, at=at)


@pytest.mark.parametrize("licence", ["missing_person:identify", {"missing_person:identify": 1}, 5, [5]])
def test_a_licence_that_is_no_list_of_grants_is_refused(licence):
    with pytest.raises(FactsError):
        Facts.from_json(MISSING_CHILD, at=NOW, licence=licence)


def test_facts_cannot_be_changed():
    facts = Facts.from_json({**MISSING_CHILD, "context": {"a": {"b": [1]}}}, at=NOW)
    with pytest.raises(AttributeError):
        facts.purpose = "mass_surveillance"
    with pytest.raises(TypeError):
        facts.context["a"]["b"] = ()
    with pytest.raises(TypeError):
        facts.context["urgent"] = True


def test_changing_the_json_afterwards_changes_no_facts():
    request = {**MISSING_CHILD, "context": {"urgent": False}}
    facts = Facts.from_json(request, at=NOW)
    request["context"]["urgent"] = True
    assert facts.context["urgent"] is False


def test_members_that_nothing_understands_are_kept_and_named():
    facts = Facts.from_json({**MISSING_CHILD, "review": {"coffee": "black"}, "authorisations": [{"seal": 1}]}, at=NOW)
    assert facts.unrecognised() == ("review.coffee", "authorisations[0].seal")
    assert Facts.from_record(facts.to_record()) == facts


def test_null_is_the_same_as_absent():
    assert Facts.from_json({**MISSING_CHILD, "case": None, "target": {"kind": None}}, at=NOW) == Facts.from_json(
        {name: part for name, part in MISSING_CHILD.items() if name not in ("case", "target")}, at=NOW
    )


@pytest.mark.parametrize("part", ["context", "evidence", "notice"])
def test_null_inside_an_open_part_is_the_same_as_absent(part):
    facts = Facts.from_json({**MISSING_CHILD, part: {"started_at": None, "last_interaction": None, "urgent": None, "said": "x"}}, at=NOW)
    assert getattr(facts, part) == {"said": "x"}
    assert Facts.from_record(facts.to_record()) == facts


def test_a_moment_counts_in_utc_whatever_its_offset():
    facts = Facts.from_json({**MISSING_CHILD, "authorisations": [{"valid_to": "2026-11-22T12:00:00+02:00"}]}, at=NOW)
    assert facts.authorisations[0].valid_to == datetime(2026, 11, 22, 10, tzinfo=UTC)


HOSTILE = (
    JSON
    | st.sampled_from([10**400, -(10**5000), math.nan, -math.inf, 5e-324, 1e-13, "\ud800", "2026-11-22T10:00:00+23:59", b"x"])
    | st.integers(2, 3000).map(lambda depth: json.loads("[" * min(depth, 900) + "]" * min(depth, 900)))
)


@settings(max_examples=150, deadline=None)
@given(
    st.fixed_dictionaries(
        {},
        optional={
            "at": HOSTILE | st.just("2026-11-22T10:00:00Z"),
            "licence": HOSTILE | st.just([]),
            "request": HOSTILE
            | st.dictionaries(PARTS | st.text(max_size=4), HOSTILE | st.dictionaries(MEMBERS, HOSTILE, max_size=3), max_size=3),
        },
    )
    | HOSTILE
)
def test_a_hostile_record_is_a_facts_error_or_facts_that_can_be_recorded_again(record):
    try:
        facts = Facts.from_record(record)
    except FactsError as error:
        assert error.sentence.isprintable()
        return
    assert Facts.from_record(facts.to_record()) == facts


@pytest.mark.parametrize("number", [5e-324, 1e-13, -1e-13, 99.0000000000001, 0.1 + 0.2, 1e-12, 123456789012.5, 1e12, -0.0])
def test_a_decision_on_any_number_is_made_on_what_its_record_reads_back_as(number):
    facts = Facts.from_json({**MISSING_CHILD, "threshold_pct": number, "evidence": {"score": number}}, at=NOW)
    assert Facts.from_record(json.loads(json.dumps(facts.to_record()))).threshold_pct == facts.threshold_pct
