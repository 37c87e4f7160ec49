"""A licence goes out as ODRL 2.2 and comes back the same; what we could not say is refused by name, never dropped."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.registry.acknowledgements import shipped
from gateway.registry.fields import Words
from gateway.registry.licences import Licence
from gateway.registry.odrl import OdrlRefused, write_policy
from gateway.registry.odrl_reading import read_policy
from gateway.registry.terms import OWN, Terms
from policies.vocabulary import Vocabulary
from tests.gateway.registry.conftest import NOON, Register

SHIPPED = Vocabulary.shipped()
WORDS = Words(frozenset(), frozenset(SHIPPED.purposes), frozenset(SHIPPED.operations), frozenset(), frozenset(), frozenset())
DPV = {name: purpose.dpv for name, purpose in SHIPPED.purposes.items()}
GOOD = Terms(
    grants=("access_control:verify", "missing_person:identify", "missing_person:verify"),
    galleries=("missing", OWN),
    places=("FR", "US-WA"),
    valid_from=NOON,
    valid_to=NOON + timedelta(days=365),
    quota_day=100,
    quota_case=10,
    thresholds=(("identify", 99.9), ("live_identify", 99.0)),
    may_sublicense=True,
)


def policy(terms: Terms = GOOD) -> dict[str, Any]:
    return json.loads(json.dumps(write_policy(Licence("lic-1", "ngo", "granted", terms), DPV)))


def code(document: object) -> str:
    with pytest.raises(OdrlRefused) as caught:
        read_policy(document, WORDS, DPV)
    return caught.value.code


BOUNDS = (datetime(2000, 1, 1), datetime(2100, 1, 1))  # noqa: DTZ001 - hypothesis wants them bare and adds the zone
moments = st.datetimes(*BOUNDS, timezones=st.just(UTC))
grants = st.builds(lambda p, o: f"{p}:{o}", st.sampled_from(sorted(WORDS.purposes)), st.sampled_from(sorted(WORDS.operations)))
all_terms = st.builds(
    lambda grants, galleries, places, times, day, case, thresholds, pass_on: Terms(
        tuple(sorted(grants)),
        tuple(sorted(galleries)),
        tuple(sorted(places)),
        min(times),
        max(times),
        day,
        case,
        tuple(sorted(thresholds.items())),
        pass_on,
    ),
    st.sets(grants, min_size=1, max_size=12),
    st.sets(st.sampled_from([OWN, "missing", "g-1", "wanted_on_warrant"])),
    st.sets(st.sampled_from(["FR", "US", "US-WA", "US-OR-PORTLAND", "GB"]), min_size=1),
    st.lists(moments, min_size=2, max_size=2, unique=True),
    st.integers(0, 10_000_000),
    st.integers(0, 10_000_000),
    st.dictionaries(st.sampled_from(sorted(WORDS.operations)), st.integers(0, 100_000).map(lambda n: n / 1000)),
    st.booleans(),
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(all_terms)
def test_every_licence_that_can_be_written_is_read_back_the_same(terms: Terms) -> None:
    read = read_policy(policy(terms), WORDS, DPV)
    assert (read.uid, read.client_id, read.terms) == ("lic-1", "ngo", terms)


def test_the_document_says_prohibit_and_names_the_nearest_terms_of_dpv_and_of_the_ai_act() -> None:
    document = policy()
    assert (document["@type"], document["conflict"]) == ("Agreement", "prohibit")
    identify = next(
        rule for rule in document["permission"] if rule["action"] != "grantUse" and rule["action"]["@id"] == "custodes:identify"
    )
    assert identify["action"]["skos:broadMatch"] == {"@id": "eu-aiact:BiometricIdentification"}
    assert identify["constraint"][0]["rightOperand"] == [
        {"@id": "custodes:missing_person", "skos:broadMatch": {"@id": "dpv:PublicBenefit"}}
    ]
    assert {constraint.get("leftOperand", "or") for constraint in identify["constraint"]} == {
        "purpose",
        "custodes:similarity",
        "or",
        "dateTime",
        "count",
    }
    assert document["permission"][-1]["action"] == "grantUse"


def test_a_sublicence_names_its_holder_as_the_assigner_and_an_application_is_a_request(register: Register) -> None:
    parent = register.licence(may_sublicense=True, galleries=())
    child = register.licences.sublicense("ngo", parent.id, "police", register.terms(galleries=()), list(shipped().all()))
    assert write_policy(child, DPV)["assigner"] == "urn:custodes:client:ngo"
    applied = register.licences.apply("ngo", register.terms(), list(shipped().all()), by="ngo")
    assert write_policy(applied, DPV)["@type"] == "Request"


@pytest.mark.parametrize("state", ["suspended", "revoked", "damaged"])
def test_a_licence_that_does_not_stand_is_not_exported(state: str) -> None:
    with pytest.raises(OdrlRefused) as caught:
        write_policy(Licence("lic-1", "ngo", state, GOOD), DPV)
    assert caught.value.code == "odrl-state"


def test_a_licence_that_grants_nothing_anywhere_is_not_exported() -> None:
    for empty in ({"grants": ()}, {"places": ()}):
        with pytest.raises(OdrlRefused) as caught:
            write_policy(Licence("lic-1", "ngo", "granted", Terms(**{**{n: getattr(GOOD, n) for n in Terms.__slots__}, **empty})), DPV)
        assert caught.value.code == "odrl-nothing"


def test_other_peoples_spelling_of_the_same_policy_is_read() -> None:
    document = {
        "@context": "https://www.w3.org/ns/odrl.jsonld",
        "type": "odrl:Agreement",
        "@id": "http://example.com/policy/1",
        "odrl:conflict": {"@id": "odrl:prohibit"},
        "assignee": "http://example.com/org/42",
        "permission": {
            "action": "custodes:verify",
            "constraint": [
                {"leftOperand": "odrl:purpose", "operator": {"@id": "odrl:eq"}, "rightOperand": "dpv:IdentityVerification"},
                {"leftOperand": "spatial", "operator": "isPartOf", "rightOperand": "FR"},
                {"leftOperand": "dateTime", "operator": "gt", "rightOperand": "2026-01-01T00:00:00Z"},
                {
                    "leftOperand": "dateTime",
                    "operator": "lteq",
                    "rightOperand": {"@value": "2026-12-31T23:59:59+01:00", "@type": "xsd:dateTime"},
                },
                {"leftOperand": "count", "operator": "lteq", "rightOperand": 5, "unit": "custodes:perDay"},
                {"leftOperand": "count", "operator": "lteq", "rightOperand": "5", "unit": "custodes:perCase"},
            ],
        },
    }
    read = read_policy(document, WORDS, DPV)
    assert (read.uid, read.client_id, read.terms.grants) == ("http://example.com/policy/1", None, ("identity_verification:verify",))
    assert read.terms.valid_from == datetime(2026, 1, 1, 0, 0, 0, 1, UTC)
    assert read.terms.valid_to == datetime(2026, 12, 31, 22, 59, 59, 1, UTC)


def edited(change: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    document = policy()
    change(document)
    return document


def constraint(document: dict[str, Any], operand: str) -> dict[str, Any]:
    return next(item for item in document["permission"][0]["constraint"] if item.get("leftOperand") == operand)


def places(rule: dict[str, Any]) -> list[dict[str, Any]]:
    return next(item["or"] for item in rule["constraint"] if "or" in item)


def also(document: dict[str, Any], item: dict[str, Any]) -> None:
    document["permission"][0]["constraint"].append(item)


def similarity(least: str) -> dict[str, Any]:
    return {"leftOperand": "custodes:similarity", "operator": "gteq", "rightOperand": least}


REFUSALS: dict[str, tuple[str, Callable[[dict[str, Any]], object]]] = {
    "no conflict strategy": ("odrl-conflict", lambda d: d.pop("conflict")),
    "conflict left to invalid": ("odrl-conflict", lambda d: d.update(conflict="invalid")),
    "conflict resolved by permission": ("odrl-conflict", lambda d: d.update(conflict="perm")),
    "a prohibition": ("odrl-inexpressible", lambda d: d.update(prohibition=[{"action": "custodes:track"}])),
    "an obligation": ("odrl-inexpressible", lambda d: d.update(obligation=[{"action": "delete"}])),
    "a duty": ("odrl-inexpressible", lambda d: d["permission"][0].update(duty=[{"action": "inform"}])),
    "a parent policy": ("odrl-inexpressible", lambda d: d.update(inheritFrom="http://example.com/p")),
    "a conjunction": ("odrl-inexpressible", lambda d: also(d, {"and": []})),
    "a refinement": ("odrl-inexpressible", lambda d: constraint(d, "purpose").update(refinement=[])),
    "an unknown member": ("odrl-member", lambda d: d.update(price=3)),
    "an unknown member of a rule": ("odrl-member", lambda d: d["permission"][0].update(function="x")),
    "another profile": ("odrl-profile", lambda d: d.update(profile="http://example.com/profile")),
    "another kind of policy": ("odrl-type", lambda d: d.update({"@type": "Privacy"})),
    "no context": ("odrl-context", lambda d: d.pop("@context")),
    "a foreign context": ("odrl-context", lambda d: d["@context"].append("https://attacker.example/context.jsonld")),
    "our prefix for something else": ("odrl-context", lambda d: d["@context"].append({"custodes": "urn:other:"})),
    "a party with properties": ("odrl-party", lambda d: d.update(assignee={"uid": "urn:custodes:client:ngo"})),
    "parties of a rule": ("odrl-party", lambda d: d["permission"][0].update(assignee="urn:custodes:client:police")),
    "a target that is no gallery": ("odrl-target", lambda d: d["permission"][0].update(target="http://example.com/photos")),
    "an unknown action": ("odrl-action", lambda d: d["permission"][0].update(action="use")),
    "an action of ours that is none": ("odrl-action", lambda d: d["permission"][0].update(action="custodes:fly")),
    "an unknown operand": ("odrl-operand", lambda d: constraint(d, "purpose").update(leftOperand="industry")),
    "an operator that excludes": ("odrl-operator", lambda d: constraint(d, "purpose").update(operator="isNoneOf")),
    "a place that must be equal": ("odrl-operator", lambda d: places(d["permission"][0])[0].update(operator="eq")),
    "a time that must be equal": ("odrl-operator", lambda d: constraint(d, "dateTime").update(operator="eq")),
    "a count that must be reached": ("odrl-operator", lambda d: constraint(d, "count").update(operator="gteq")),
    "a count of everything ever": ("odrl-count-unit", lambda d: constraint(d, "count").pop("unit")),
    "a count that is no number": ("odrl-value", lambda d: constraint(d, "count").update(rightOperand="many")),
    "a negative count": ("odrl-value", lambda d: constraint(d, "count").update(rightOperand=-1)),
    "a time that is none": ("odrl-value", lambda d: constraint(d, "dateTime").update(rightOperand="soon")),
    "the last moment there is": (
        "odrl-value",
        lambda d: constraint(d, "dateTime").update(operator="gt", rightOperand="9999-12-31T23:59:59.999999Z"),
    ),
    "a place that is none": ("odrl-value", lambda d: [places(rule)[0].update(rightOperand="Paris") for rule in d["permission"]]),
    "an alternative of purposes": (
        "odrl-inexpressible",
        lambda d: also(d, {"or": [constraint(d, "purpose")]}),
    ),
    "an unknown purpose": ("odrl-purpose", lambda d: constraint(d, "purpose").update(rightOperand=["custodes:fun"])),
    "an unknown purpose of DPV": ("odrl-purpose", lambda d: constraint(d, "purpose").update(rightOperand=["dpv:Advertising"])),
    "a purpose that may be three": ("odrl-purpose-ambiguous", lambda d: constraint(d, "purpose").update(rightOperand="dpv:PublicBenefit")),
    "no purpose": ("odrl-missing", lambda d: d["permission"][0]["constraint"].pop(0)),
    "purposes twice": ("odrl-value", lambda d: also(d, constraint(d, "purpose"))),
    "no end": ("odrl-missing", lambda d: d["permission"][0]["constraint"].remove(constraint(d, "dateTime"))),
    "two beginnings": ("odrl-inexpressible", lambda d: also(d, constraint(d, "dateTime"))),
    "rules of unequal count": ("odrl-uneven", lambda d: constraint(d, "count").update(rightOperand="7")),
    "rules of unequal target": ("odrl-uneven", lambda d: d["permission"][0].update(target=["urn:custodes:gallery:another"])),
    "nothing but passing on": ("odrl-nothing", lambda d: d.update(permission=[d["permission"][-1]])),
    "no rule": ("odrl-nothing", lambda d: d.update(permission=[])),
    "a rule that is text": ("odrl-malformed", lambda d: d.update(permission=["x"])),
    "one member under two names": ("odrl-malformed", lambda d: d.update({"type": "Agreement"})),
    "a similarity above all": ("odrl-value", lambda d: also(d, similarity("101"))),
    "a similarity that is none": ("odrl-value", lambda d: also(d, similarity("nan"))),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSALS)
def test_what_no_licence_of_ours_can_say_is_refused_by_name(name: str) -> None:
    expected, change = REFUSALS[name]
    assert code(edited(change)) == expected


def test_documents_that_are_no_policy_are_refused() -> None:
    for rubbish in (None, [], "policy", 7, {}, {"@context": 7}, {"@context": ["http://www.w3.org/ns/odrl.jsonld", 7]}):
        assert code(rubbish).startswith("odrl-")


leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.just([]) | st.just({}) | st.just({"@id": 5})


@settings(max_examples=500, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_rubbish_anywhere_in_a_policy_raises_our_error_or_is_read_and_nothing_else(data: st.DataObject) -> None:
    document: Any = policy()
    node, parent, key = document, None, None
    while isinstance(node, dict | list) and node and (parent is None or data.draw(st.booleans())):
        parent = node
        key = data.draw(st.sampled_from(sorted(node)) if isinstance(node, dict) else st.integers(0, len(node) - 1))
        node = parent[key]
    parent[key] = data.draw(leaves)
    try:
        read_policy(document, WORDS, DPV)
    except OdrlRefused as refused:
        assert refused.code.startswith("odrl-")
