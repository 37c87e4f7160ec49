"""Clients, cases, galleries and issuers: what may be put on record, and who may see it."""

from typing import Any

import pytest

from gateway.registry.acknowledgements import shipped
from gateway.registry.cases import Case, Target
from gateway.registry.clients import NewClient
from gateway.registry.errors import AlreadyOnRecord, Malformed, NotOnRecord, StateForbids
from gateway.registry.galleries import Gallery
from gateway.registry.identities import Identity
from gateway.registry.issuers import IssuerRecord, Issuers
from tests.gateway.registry.conftest import Register

CHILD = Case("ngo", "MP-1", Target("specific_person", "missing", True), {"offence": "abduction", "max_penalty_years": 8})


def test_a_case_is_kept_as_the_rules_want_to_see_it(register: Register) -> None:
    case = register.cases.open(CHILD, by="ngo")
    assert case.to_json() == {"ref": "MP-1", "offence": "abduction", "max_penalty_years": 8}
    assert case.target.to_json() == {"kind": "specific_person", "role": "missing", "minor": True}
    assert register.lookups.now().case("ngo", "MP-1") == case


def test_an_absent_a_foreign_and_an_ill_formed_object_look_the_same_to_a_client(register: Register) -> None:
    register.cases.open(CHILD, by="ngo")
    register.galleries.create(Gallery("missing", "ngo", "missing_person_reports", (), ("missing_person",), 30))
    view, said = register.lookups.now(), {}
    asked = {
        "case": [lambda name: register.cases.get("police", name), lambda name: view.case("police", name)],
        "gallery": [lambda name: register.galleries.get("police", name), lambda name: view.gallery("police", name)],
    }
    for noun, (service, lookup) in asked.items():
        for name in ("MP-1" if noun == "case" else "missing", "absent", "../..", "\0", "x" * 10_000):
            for ask in (service, lookup):
                with pytest.raises(NotOnRecord) as caught:
                    ask(name)
                said.setdefault(noun, set()).add((caught.value.code, str(caught.value)))
    assert {noun: len(answers) for noun, answers in said.items()} == {"case": 1, "gallery": 1}


def test_nothing_is_put_on_record_for_a_client_that_is_not(register: Register) -> None:
    for put in (
        lambda: register.cases.open(Case("nobody", "MP-1", Target("specific_person")), by="nobody"),
        lambda: register.galleries.create(Gallery("g", "nobody", "consented", (), (), 30)),
        lambda: register.licences.apply("nobody", register.terms(), list(shipped().all()), by="nobody"),
        lambda: register.authorisations.record(register.paper(client_id="nobody"), by="ann"),
    ):
        with pytest.raises(NotOnRecord) as caught:
            put()
        assert caught.value.code == "unknown-client"


def test_two_clients_may_use_one_reference_without_knowing_it(register: Register) -> None:
    register.cases.open(CHILD, by="ngo")
    mine = register.cases.open(Case("police", "MP-1", Target("unknown_suspect")), by="police")
    assert register.cases.get("police", "MP-1") == mine
    assert [case.reference for case in register.cases.all("police")] == ["MP-1"]
    register.cases.suspend("police", "MP-1", "tripwire")
    register.cases.get("ngo", "MP-1").must_be_open()


def test_a_suspended_case_is_refused_at_the_next_request_and_a_closed_one_for_good(register: Register) -> None:
    register.cases.open(CHILD, by="ngo")
    register.lookups.now().case("ngo", "MP-1").must_be_open()
    register.cases.suspend("ngo", "MP-1", "too many faces")
    with pytest.raises(StateForbids) as caught:
        register.lookups.now().case("ngo", "MP-1").must_be_open()
    assert caught.value.code == "case-suspended"
    register.cases.resume("ngo", "MP-1", "looked at")
    register.cases.close("ngo", "MP-1", "found")
    for step in (register.cases.resume, register.cases.suspend, register.cases.close):
        with pytest.raises(StateForbids):
            step("ngo", "MP-1", "again")


def test_the_reference_face_is_noted_for_an_open_case_only(register: Register) -> None:
    register.cases.open(CHILD, by="ngo")
    assert register.cases.register_face("ngo", "MP-1").reference_face
    register.cases.close("ngo", "MP-1", "found")
    with pytest.raises(StateForbids):
        register.cases.register_face("ngo", "MP-1")


@pytest.mark.parametrize(
    ("field", "case"),
    [
        ("reference", Case("ngo", "", Target("specific_person"))),
        ("reference", Case("ngo", "MP 1", Target("specific_person"))),
        ("reference", Case("ngo", "MP-\u0661", Target("specific_person"))),
        ("target.kind", Case("ngo", "MP-1", Target("everybody"))),
        ("target.role", Case("ngo", "MP-1", Target("specific_person", "Missing Child"))),
        ("target.minor", Case("ngo", "MP-1", Target("specific_person", minor=1))),  # type: ignore[arg-type]  # the fault under test
        ("offence", Case("ngo", "MP-1", Target("specific_person"), {str(n): 1 for n in range(40)})),
        ("offence.offence", Case("ngo", "MP-1", Target("specific_person"), {"offence": ["theft"]})),
        ("offence", Case("ngo", "MP-1", Target("specific_person"), {"Off ence": 1})),
    ],
)
def test_a_malformed_case_is_refused_with_the_field(register: Register, field: str, case: Case) -> None:
    with pytest.raises(Malformed) as caught:
        register.cases.open(case, by="ngo")
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("id", {"id": "NGO"}),
        ("id", {"id": ""}),
        ("id", {"id": "a" * 64}),
        ("name", {"name": " "}),
        ("name", {"name": "a\u202eb"}),
        ("kind", {"kind": "superpolice"}),
        ("acts_for", {"acts_for": "nobody"}),
        ("place", {"place": "Washington"}),
        ("key", {"keys": ({"kty": "oct", "k": "AA"},)}),
    ],
)
def test_a_malformed_client_is_refused_with_the_field(register: Register, field: str, changes: dict[str, Any]) -> None:
    good: dict[str, Any] = {"id": "new", "name": "New", "kind": "company"}
    with pytest.raises(Malformed) as caught:
        register.clients.register(NewClient(**{**good, **changes}), by="registrar")
    assert caught.value.field == field
    assert [client.id for client in register.clients.all()] == ["ngo", "police"]


def test_a_client_and_a_member_of_staff_never_share_a_name(register: Register) -> None:
    register.staff.invite("ann", "Ann", ("reviewer",), by="registrar")
    with pytest.raises(AlreadyOnRecord):
        register.clients.register(NewClient("ann", "Ann & Co", "company"), by="registrar")
    with pytest.raises(AlreadyOnRecord):
        register.staff.invite("ngo", "N. Go", ("registrar",), by="registrar")


def test_a_closed_client_never_acts_again(register: Register) -> None:
    register.clients.close("ngo", "wound up")
    with pytest.raises(StateForbids):
        register.clients.resume("ngo", "please")
    with pytest.raises(AlreadyOnRecord):
        register.clients.register(NewClient("ngo", "Find Them", "ngo_victim"), by="registrar")


def test_a_subject_is_bound_once_and_unbound_at_once(register: Register) -> None:
    register.identities.bind("idp", "abc", Identity("client", "ngo"))
    with pytest.raises(AlreadyOnRecord):
        register.identities.bind("idp", "abc", Identity("client", "police"))
    assert register.lookups.now().identity("idp", "abc") == Identity("client", "ngo")
    assert register.identities.of("ngo") == (("built-in", "ngo"), ("idp", "abc"))
    register.identities.unbind("idp", "abc")
    assert register.lookups.now().identity("idp", "abc") is None


def test_an_issuer_is_trusted_under_one_name_and_from_one_source(register: Register) -> None:
    issuers = Issuers(register.database)
    issuers.add(IssuerRecord("idp", "https://idp.example", "us", jwks_url="https://idp.example/jwks"))
    for name, issuer in (("idp", "https://other.example"), ("again", "https://idp.example")):
        with pytest.raises(AlreadyOnRecord):
            issuers.add(IssuerRecord(name, issuer, "us", jwks_file="/keys.json"))
    for record in (
        IssuerRecord("built-in", "https://x.example", "us", jwks_file="/k"),
        IssuerRecord("x", "https://x.example", "us"),
        IssuerRecord("x", "https://x.example", "us", jwks_file="/k", jwks_url="https://x.example/k"),
        IssuerRecord("x", "", "us", jwks_file="/k"),
    ):
        with pytest.raises(Malformed):
            issuers.add(record)
    assert [record.name for record in register.lookups.now().issuers()] == ["idp"]
    issuers.remove("idp")
    assert register.lookups.now().issuers() == ()
    with pytest.raises(NotOnRecord):
        issuers.remove("idp")


def test_a_gallery_is_closed_by_its_owner_alone_and_its_name_is_never_given_again(register: Register) -> None:
    gallery = Gallery("missing", "ngo", "missing_person_reports", ("child",), ("missing_person",), 30, deployment="OP-1")
    assert register.galleries.create(gallery) == gallery
    with pytest.raises(NotOnRecord):
        register.galleries.close("police", "missing")
    assert register.galleries.close("ngo", "missing").state == register.lookups.now().gallery("ngo", "missing").state == "closed"
    with pytest.raises(AlreadyOnRecord):
        register.galleries.create(gallery)
    for changes in ({"provenance": "found"}, {"purposes": ("fun",)}, {"retention_days": 0}, {"categories": ("A B",)}):
        good: dict[str, Any] = {name: getattr(gallery, name) for name in Gallery.__slots__} | {"id": "another"}
        with pytest.raises(Malformed):
            register.galleries.create(Gallery(**{**good, **changes}))
