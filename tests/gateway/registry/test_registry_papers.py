"""A paper counts when two people vouch for it, for exactly what it says, and it says which when it does not fit."""

from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from gateway.identity.seals import STATEMENT
from gateway.identity.tokens import SigningKey
from gateway.registry.authorisations import Authorisation, Invocation, check
from gateway.registry.errors import AlreadyOnRecord, AuthorisationRefused, Malformed, NotOnRecord, SamePerson, StateForbids
from gateway.registry.evidence import Evidence, shown
from tests.gateway.registry.conftest import NOON, Register

USE = Invocation("ngo", "MP-1", "US-WA-SEATTLE", "missing_person", "live_identify")


def granted(register: Register, **changes: Any) -> Authorisation:
    return register.authorisations.confirm(register.authorisations.record(register.paper(**changes), by="ann").id, by="bob")


def misfit(register: Register, paper: Authorisation, **changes: Any) -> str:
    use = Invocation(**{**{name: getattr(USE, name) for name in Invocation.__slots__}, **changes})
    with pytest.raises(AuthorisationRefused) as caught:
        check(paper, use, register.clock.now())
    return caught.value.code


def test_a_recorded_paper_counts_only_when_another_person_confirmed_it(register: Register) -> None:
    recorded = register.authorisations.record(register.paper(), by="ann")
    assert recorded.to_json()["status"] == "requested"
    assert misfit(register, recorded) == "authorisation-requested"
    with pytest.raises(SamePerson):
        register.authorisations.confirm(recorded.id, by="ann")
    check(register.authorisations.confirm(recorded.id, by="bob"), USE, NOON)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"client_id": "police"}, "authorisation-other-client"),
        ({"case_ref": "MP-2"}, "authorisation-other-case"),
        ({"case_ref": None}, "authorisation-other-case"),
        ({"place": "US-OR"}, "authorisation-other-place"),
        ({"place": "US"}, "authorisation-other-place"),
        ({"purpose": "criminal_investigation"}, "authorisation-other-purpose"),
        ({"operation": "identify"}, "authorisation-other-operation"),
    ],
)
def test_a_paper_used_for_anything_else_is_refused_and_says_which(register: Register, changes: dict[str, Any], code: str) -> None:
    assert misfit(register, granted(register), **changes) == code


def test_a_paper_is_refused_before_its_beginning_and_from_its_end_on(register: Register) -> None:
    paper = granted(register)
    register.clock.at = paper.paper.valid_from - timedelta(seconds=1)
    assert misfit(register, paper) == "authorisation-not-yet-valid"
    register.clock.at = paper.paper.valid_to
    assert misfit(register, paper) == "authorisation-ended"


def test_a_paper_for_no_case_in_particular_serves_each_case_of_its_client(register: Register) -> None:
    check(granted(register, case_ref=None), USE, NOON)


def test_a_revoked_or_rejected_paper_is_refused_at_the_next_request(register: Register) -> None:
    paper = granted(register)
    register.authorisations.revoke(paper.id, "set aside on appeal")
    assert misfit(register, register.lookups.now().authorisation(paper.id)) == "authorisation-revoked"
    other = register.authorisations.record(register.paper(case_ref="MP-7"), by="ann")
    register.authorisations.reject(other.id, "the judge said no")
    assert misfit(register, register.lookups.now().authorisation(other.id)) == "authorisation-rejected"
    for step in (register.authorisations.revoke, register.authorisations.reject):
        with pytest.raises(StateForbids):
            step(paper.id, "again")


def test_one_paper_is_not_entered_for_a_second_case_or_client_nor_twice_for_the_same(register: Register) -> None:
    digest = "ab" * 32
    first = register.authorisations.record(register.paper(paper_digest=digest), by="ann")
    register.authorisations.record(register.paper(paper_digest=digest, operation="identify"), by="ann")
    for changes in ({}, {"case_ref": "MP-2"}, {"client_id": "police"}, {"case_ref": None}):
        with pytest.raises(AlreadyOnRecord):
            register.authorisations.record(register.paper(paper_digest=digest, **changes), by="ann")
    register.authorisations.reject(first.id, "recorded in error")
    register.authorisations.record(register.paper(paper_digest=digest), by="ann")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("type", "letter"),
        ("issuer", "The Court"),
        ("place", "Seattle"),
        ("purpose", "fun"),
        ("operation", "fly"),
        ("case_ref", "../1"),
        ("paper_digest", "AB" * 32),
        ("paper_digest", "ab" * 31),
    ],
)
def test_a_malformed_paper_is_refused_with_the_field(register: Register, field: str, value: Any) -> None:
    with pytest.raises(Malformed) as caught:
        register.authorisations.record(register.paper(**{field: value}), by="ann")
    assert caught.value.field == field


def test_a_paper_that_ends_before_it_begins_is_refused(register: Register) -> None:
    with pytest.raises(Malformed) as caught:
        register.authorisations.record(register.paper(valid_to=NOON - timedelta(days=2)), by="ann")
    assert caught.value.field == "valid_to"


def test_the_issuing_court_may_countersign_exactly_what_is_on_record(register: Register) -> None:
    pem = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    court = SigningKey(pem)
    register.authorities.register("king-county", "court", "US-WA", court.public.jwk, by="registrar")
    register.authorities.register("portland", "court", "US-OR", court.public.jwk, by="registrar")
    paper = granted(register)
    sealed = court.sign(paper.statement(), STATEMENT)
    for authority, said in (
        ("king-county", court.sign({**paper.statement(), "place": "US"}, STATEMENT)),
        ("king-county", court.sign(paper.statement(), "at+jwt")),
        ("king-county", sealed[:-4] + "AAAA"),
        ("portland", sealed),
    ):
        with pytest.raises(Malformed):
            register.authorisations.countersign(paper.id, authority, said)
    with pytest.raises(NotOnRecord):
        register.authorisations.countersign(paper.id, "nobody", sealed)
    assert register.authorisations.countersign(paper.id, "king-county", sealed).authority == "king-county"


def test_a_view_shows_a_cases_papers_and_those_for_any_case_and_nobody_elses(register: Register) -> None:
    mine, any_case = granted(register), granted(register, case_ref=None)
    granted(register, case_ref="MP-2")
    granted(register, client_id="police")
    assert {paper.id for paper in register.lookups.now().authorisations("ngo", "MP-1")} == {mine.id, any_case.id}


def test_the_rules_see_a_paper_in_their_own_shape(register: Register) -> None:
    assert granted(register).to_json() == {
        "type": "court_order",
        "issuer": "court",
        "place": "US-WA",
        "status": "granted",
        "valid_from": "2026-11-22T12:00:00.000000Z",
        "valid_to": "2026-12-23T12:00:00.000000Z",
        "purpose": "missing_person",
        "operation": "live_identify",
        "case_ref": "MP-1",
    }


def test_evidence_counts_within_its_time_place_and_purpose_and_not_elsewhere(register: Register) -> None:
    begins, ends = NOON - timedelta(days=1), NOON + timedelta(days=1)
    register.evidence.record(Evidence("ngo", "dpia", True, begins, ends), by="ann")
    register.evidence.record(Evidence("ngo", "national_rbi_law", True, begins, ends, place="FR", purpose="missing_person"), by="ann")
    register.evidence.record(Evidence("ngo", "min_true_positive_all_groups", 0.985, begins, NOON), by="ann")
    records = register.lookups.now().evidence("ngo")
    assert shown(records, "FR-75", "missing_person", NOON) == {"dpia": True, "national_rbi_law": True}
    assert shown(records, "DE", "missing_person", NOON) == {"dpia": True}
    assert shown(records, "FR", "access_control", NOON) == {"dpia": True}
    assert shown(records, None, None, NOON) == {"dpia": True}
    assert shown(records, "FR", "missing_person", ends) == {}
    assert shown(records, "FR", None, begins) == {"dpia": True, "min_true_positive_all_groups": 0.985}


def test_newer_evidence_of_a_kind_replaces_older_and_withdrawn_evidence_is_not_shown(register: Register) -> None:
    begins, ends = NOON - timedelta(days=2), NOON + timedelta(days=1)
    register.evidence.record(Evidence("ngo", "training_current", True, begins, ends), by="ann")
    newer = register.evidence.record(Evidence("ngo", "training_current", False, begins + timedelta(days=1), ends), by="ann")
    assert shown(register.lookups.now().evidence("ngo"), None, None, NOON) == {"training_current": False}
    with pytest.raises(NotOnRecord):
        register.evidence.withdraw("police", newer.id)
    register.evidence.withdraw("ngo", newer.id)
    assert shown(register.lookups.now().evidence("ngo"), None, None, NOON) == {"training_current": True}


@pytest.mark.parametrize("value", [None, [], {}, "", "a\nb", float("nan"), float("inf"), 2**60, "x" * 201])
def test_evidence_is_a_truth_value_a_number_or_a_line(register: Register, value: Any) -> None:
    with pytest.raises(Malformed):
        register.evidence.record(Evidence("ngo", "dpia", value, NOON, NOON + timedelta(days=1)), by="ann")
