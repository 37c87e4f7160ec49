"""A licence is a sealed document: it allows what it says, while it stands, and nobody can widen it."""

import sqlite3
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.registry.acknowledgements import shipped
from gateway.registry.coverage import Use, covering
from gateway.registry.errors import LicenceRefused, Malformed, NotOnRecord, SamePerson, StateForbids
from gateway.registry.galleries import Gallery
from gateway.registry.licences import Licence
from gateway.registry.terms import OWN, Terms, pairs
from tests.gateway.registry.conftest import NOON, Register

ALL = list(shipped().all())
SEARCH = Use("missing_person", "identify", "US-WA-SEATTLE")


def refusal(register: Register, use: Use, client: str = "ngo") -> str:
    with pytest.raises(LicenceRefused) as caught:
        covering(register.lookups.now().licences(client), use, register.clock.now())
    return caught.value.code


def test_an_application_allows_nothing_until_the_registrar_grants_it(register: Register) -> None:
    applied = register.licences.apply("ngo", register.terms(), ALL, by="ngo")
    assert (applied.state, refusal(register, SEARCH)) == ("applied", "licence-applied")
    register.licences.grant(applied.id, by="registrar")
    assert covering(register.lookups.now().licences("ngo"), SEARCH, register.clock.now())[0].id == applied.id


def test_an_application_must_make_every_promise_that_is_asked_for(register: Register) -> None:
    with pytest.raises(Malformed, match="no_mass_surveillance") as caught:
        register.licences.apply("ngo", register.terms(), [promise for promise in ALL if promise != "no_mass_surveillance"], by="ngo")
    assert caught.value.field == "acknowledgements"


def test_whoever_applied_does_not_grant(register: Register) -> None:
    applied = register.licences.apply("ngo", register.terms(), ALL, by="ann")
    with pytest.raises(SamePerson):
        register.licences.grant(applied.id, by="ann")


@pytest.mark.parametrize(
    ("use", "code"),
    [
        (Use("access_control", "identify", "US-WA"), "licence-purpose"),
        (Use("missing_person", "live_identify", "US-WA"), "licence-operation"),
        (Use("missing_person", "identify", "US-OR"), "licence-place"),
        (Use("missing_person", "identify", "US"), "licence-place"),
        (Use("missing_person", "identify", "US-WAX"), "licence-place"),
        (Use("missing_person", "identify", ""), "licence-place"),
        (Use("missing_person", "identify", "US-WA", Gallery("g", "police", "consented", (), (), 1)), "licence-gallery"),
        (Use("Missing_Person", "identify", "US-WA"), "licence-purpose"),
    ],
)
def test_a_use_that_the_licence_does_not_name_is_refused_and_it_says_which(register: Register, use: Use, code: str) -> None:
    register.licence()
    assert refusal(register, use) == code


def test_two_grants_never_add_up_to_a_third(register: Register) -> None:
    register.licence(grants=("missing_person:identify", "access_control:verify"))
    assert refusal(register, Use("access_control", "identify", "US-WA")) == "licence-operation"


def test_a_client_without_a_licence_is_told_to_apply(register: Register) -> None:
    assert refusal(register, SEARCH) == "licence-missing"


def test_suspension_revocation_and_expiry_each_act_on_the_next_request(register: Register) -> None:
    licence = register.licence()
    register.licences.suspend(licence.id, "inquiry")
    assert refusal(register, SEARCH) == "licence-suspended"
    register.licences.resume(licence.id, "inquiry over")
    covering(register.lookups.now().licences("ngo"), SEARCH, register.clock.now())
    register.clock.at = licence.terms.valid_to - timedelta(microseconds=1)
    covering(register.lookups.now().licences("ngo"), SEARCH, register.clock.now())
    register.clock.at = licence.terms.valid_to
    assert refusal(register, SEARCH) == "licence-expired"
    register.clock.at = licence.terms.valid_from - timedelta(seconds=1)
    assert refusal(register, SEARCH) == "licence-not-yet-valid"
    register.clock.at = NOON
    register.licences.revoke(licence.id, "misuse")
    assert refusal(register, SEARCH) == "licence-revoked"


def test_a_second_licence_that_covers_wins_over_one_that_does_not(register: Register) -> None:
    old = register.licence()
    register.licences.revoke(old.id, "replaced")
    new = register.licence()
    assert covering(register.lookups.now().licences("ngo"), SEARCH, register.clock.now())[0].id == new.id


@pytest.mark.parametrize(
    ("begin", "step"), [("revoked", "resume"), ("revoked", "suspend"), ("revoked", "grant"), ("suspended", "grant"), ("granted", "resume")]
)
def test_a_step_that_the_state_does_not_allow_is_refused(register: Register, begin: str, step: str) -> None:
    licence = register.licence()
    if begin != "granted":
        {"revoked": register.licences.revoke, "suspended": register.licences.suspend}[begin](licence.id, "reason")
    with pytest.raises(StateForbids):
        {"resume": register.licences.resume, "suspend": register.licences.suspend, "grant": register.licences.grant}[step](
            licence.id, "reason"
        )


WIDENINGS = {
    "terms": "UPDATE licences SET terms = json_set(terms, '$.grants', json('[\"mass_surveillance:identify\"]'))",
    "document": "UPDATE licences SET document = replace(document, '.', '.e')",
    "owner": "UPDATE licences SET client_id = 'police'",
    "no document": "UPDATE licences SET document = NULL",
    "an application made granted": "UPDATE licences SET state = 'granted', document = NULL",
}


@pytest.mark.parametrize("widening", WIDENINGS)
def test_whoever_edits_the_database_can_take_a_licence_away_but_never_widen_it(
    register: Register, registry_path: Path, widening: str
) -> None:
    register.licence()
    shell = sqlite3.connect(registry_path)
    shell.execute(WIDENINGS[widening])
    shell.commit()
    surveillance = Use("mass_surveillance", "identify", "US-WA")
    for client in ("ngo", "police"):
        with pytest.raises(LicenceRefused):
            covering(register.lookups.now().licences(client), surveillance, register.clock.now())
    states = {licence.state for client in ("ngo", "police") for licence in register.lookups.now().licences(client)}
    assert states == ({"granted"} if widening == "terms" else {"damaged"})


def test_a_licence_that_cannot_be_read_is_damaged_and_does_not_stop_the_others(register: Register, registry_path: Path) -> None:
    unreadable, good = register.licences.apply("ngo", register.terms(), ALL, by="ngo"), register.licence()
    shell = sqlite3.connect(registry_path)
    for terms in ("{}", "[]", '"x"', '{"grants": ["forgotten_purpose:identify"]}'):
        shell.execute("UPDATE licences SET terms = ? WHERE id = ?", (terms, unreadable.id))
        shell.commit()
        assert {licence.id: licence.state for licence in register.lookups.now().licences("ngo")} == {
            unreadable.id: "damaged",
            good.id: "granted",
        }
    shell.execute("UPDATE licences SET client_id = 'police' WHERE id = ?", (unreadable.id,))
    shell.commit()
    assert refusal(register, SEARCH, "police") == "licence-damaged"


def test_a_document_sealed_for_one_licence_does_not_serve_as_another(register: Register, registry_path: Path) -> None:
    wide, narrow = register.licence("police"), register.licence("ngo", grants=("missing_person:verify",))
    shell = sqlite3.connect(registry_path)
    shell.execute("UPDATE licences SET document = ? WHERE id = ?", (wide.document, narrow.id))
    shell.commit()
    assert refusal(register, SEARCH) == "licence-damaged"


def test_a_holder_passes_on_a_narrower_and_shorter_licence(register: Register) -> None:
    register.galleries.create(Gallery("missing", "ngo", "missing_person_reports", (), ("missing_person",), 30))
    parent = register.licence(may_sublicense=True)
    narrow = register.terms(
        grants=("missing_person:identify",), galleries=("missing",), places=("US-WA-SEATTLE",), quota_day=5, quota_case=2
    )
    child = register.licences.sublicense("ngo", parent.id, "police", narrow, ALL)
    gallery = register.lookups.now().gallery("police", "missing")
    (found,) = covering(register.lookups.now().licences("police"), Use("missing_person", "identify", "US-WA-SEATTLE", gallery), NOON)
    assert ([holder.id for holder in found.holders], child.state) == ([child.id, parent.id], "granted")


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("grants", ("missing_person:identify", "access_control:verify")),
        ("galleries", (OWN,)),
        ("galleries", ("missing", "another")),
        ("places", ("US",)),
        ("places", ("FR", "DE")),
        ("valid_from", NOON - timedelta(days=2)),
        ("valid_to", NOON + timedelta(days=31)),
        ("quota_day", 101),
        ("quota_case", 11),
        ("thresholds", (("identify", 98.9),)),
        ("thresholds", ()),
    ],
)
def test_a_sublicence_that_goes_beyond_its_parent_is_refused_and_it_says_where(register: Register, member: str, value: Any) -> None:
    register.galleries.create(Gallery("missing", "ngo", "missing_person_reports", (), (), 30))
    parent = register.licence(may_sublicense=True, thresholds=(("identify", 99.0),))
    narrow = register.terms(**{"galleries": ("missing",), "thresholds": (("identify", 99.5),), member: value})
    with pytest.raises(Malformed) as caught:
        register.licences.sublicense("ngo", parent.id, "police", narrow, ALL)
    assert caught.value.field == member


def test_only_the_holder_may_pass_on_and_only_what_stands_and_may_be_passed_on(register: Register) -> None:
    closed, open_ = register.licence(), register.licence(may_sublicense=True)
    narrow = register.terms(galleries=())
    with pytest.raises(StateForbids):
        register.licences.sublicense("ngo", closed.id, "police", narrow, ALL)
    with pytest.raises(NotOnRecord):
        register.licences.sublicense("police", open_.id, "ngo", narrow, ALL)
    with pytest.raises(NotOnRecord):
        register.licences.sublicense("ngo", open_.id, "ngo", narrow, ALL)
    register.licences.suspend(open_.id, "inquiry")
    with pytest.raises(StateForbids):
        register.licences.sublicense("ngo", open_.id, "police", narrow, ALL)


def test_what_stops_a_licence_stops_those_derived_from_it(register: Register) -> None:
    parent = register.licence(may_sublicense=True)
    register.licences.sublicense("ngo", parent.id, "police", register.terms(galleries=()), ALL)
    covering(register.lookups.now().licences("police"), SEARCH, NOON)
    register.licences.suspend(parent.id, "inquiry")
    assert refusal(register, SEARCH, "police") == "licence-suspended"
    register.licences.resume(parent.id, "over")
    register.licences.revoke(parent.id, "misuse")
    assert refusal(register, SEARCH, "police") == "licence-revoked"


def test_sublicences_end_after_four_levels(register: Register) -> None:
    from gateway.registry.clients import NewClient

    holder, licence = "ngo", register.licence(may_sublicense=True, galleries=())
    narrow = register.terms(galleries=(), may_sublicense=True)
    for level in range(3):
        register.clients.register(NewClient(f"unit-{level}", "Unit", "police_local"), by="registrar")
        licence, holder = register.licences.sublicense(holder, licence.id, f"unit-{level}", narrow, ALL), f"unit-{level}"
    with pytest.raises(StateForbids):
        register.licences.sublicense(holder, licence.id, "police", narrow, ALL)


def test_terms_survive_the_way_to_json_and_back(register: Register) -> None:
    terms = register.terms(thresholds=(("identify", 99.9),), grants=pairs(("missing_person", "access_control"), ("identify", "verify")))
    assert Terms.from_json(terms.to_json(), register.words) == Terms(
        **{**{name: getattr(terms, name) for name in Terms.__slots__}, "places": ("FR", "US-WA")}
    )


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("grants", "missing_person:identify"),
        ("grants", ["missing_person"]),
        ("grants", ["missing_person:fly"]),
        ("grants", ["*:identify"]),
        ("grants", [1]),
        ("grants", None),
        ("galleries", ["UPPER"]),
        ("galleries", None),
        ("places", ["wa"]),
        ("places", ["US-"]),
        ("places", [None]),
        ("valid_to", "2020-01-01T00:00:00Z"),
        ("valid_to", "tomorrow"),
        ("valid_from", "2026-11-23T10:00:00"),
        ("valid_from", None),
        ("quota_day", -1),
        ("quota_day", True),
        ("quota_case", "10"),
        ("quota_case", 10**9),
        ("thresholds", {"identify": 101}),
        ("thresholds", {"fly": 99}),
        ("thresholds", {"identify": True}),
        ("thresholds", [99]),
        ("may_sublicense", "yes"),
        ("surprise", 1),
    ],
)
def test_malformed_terms_are_refused_with_the_field(register: Register, field: str, value: Any) -> None:
    with pytest.raises(Malformed) as caught:
        Terms.from_json({**register.terms().to_json(), field: value}, register.words)
    assert caught.value.field == field


def test_terms_that_are_no_object_are_refused(register: Register) -> None:
    for rubbish in (None, [], "terms", 7):
        with pytest.raises(Malformed):
            Terms.from_json(rubbish, register.words)


def test_a_licence_is_seen_by_its_own_client_and_by_the_registrar_alone(register: Register) -> None:
    licence = register.licence()
    assert register.licences.get(licence.id).id == register.licences.get(licence.id, "ngo").id == licence.id
    seen: list[str] = []
    for asked in (licence.id, "lic-absent"):
        with pytest.raises(NotOnRecord) as caught:
            register.licences.get(asked, "police")
        seen.append(str(caught.value))
    assert seen[0] == seen[1]
    assert [found.id for found in register.licences.all("police")] == []


def test_a_damaged_chain_of_parents_is_damaged_and_does_not_hang(register: Register, registry_path: Path) -> None:
    licence: Licence = register.licence()
    shell = sqlite3.connect(registry_path)
    shell.execute("UPDATE licences SET parent_id = id")
    shell.commit()
    assert register.lookups.now().licences("ngo")[0].state_at(NOON) == "damaged"
    assert licence.state == "granted"
