"""Staff and rulebooks: where it takes a second person, one person is not enough."""

import hashlib
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.registry.errors import Malformed, NotOnRecord, SamePerson, StateForbids
from gateway.registry.staff import FIRST_PERSON
from tests.gateway.registry.conftest import Register


def test_the_first_link_comes_until_somebody_used_it_and_never_again(register: Register) -> None:
    first, second = register.staff.first_link(), register.staff.first_link()
    assert first is not None
    assert second is not None
    with pytest.raises(NotOnRecord):
        register.staff.redeem(first.secret)
    person = register.staff.redeem(second.secret)
    assert (person.id, person.roles, person.state) == (FIRST_PERSON, frozenset({"operator", "registrar"}), "active")
    assert register.staff.first_link() is None
    with pytest.raises(NotOnRecord):
        register.staff.redeem(second.secret)


def test_a_link_is_worthless_after_a_day_after_a_newer_one_and_when_guessed(register: Register) -> None:
    old = register.staff.invite("ann", "Ann", ("auditor",), by="registrar")
    new = register.staff.relink("ann", by="registrar")
    for secret in (old.secret, "", "guess", new.secret + "x"):
        with pytest.raises(NotOnRecord):
            register.staff.redeem(secret)
    register.clock.advance(timedelta(hours=24).total_seconds())
    with pytest.raises(NotOnRecord):
        register.staff.redeem(new.secret)


def test_no_link_can_be_read_out_of_the_database(register: Register, registry_path: Path) -> None:
    secret = register.staff.invite("ann", "Ann", ("auditor",), by="registrar").secret
    files = b"".join(path.read_bytes() for path in registry_path.parent.glob("registry.db*"))
    assert secret.encode() not in files
    assert hashlib.sha256(secret.encode()).hexdigest().encode() in files


def test_nobody_gives_roles_or_links_to_themselves(register: Register) -> None:
    register.staff.redeem(register.staff.invite("ann", "Ann", ("registrar",), by="installation").secret)
    with pytest.raises(SamePerson):
        register.staff.set_roles("ann", ("registrar", "policy_approver"), by="ann")
    with pytest.raises(SamePerson):
        register.staff.relink("ann", by="ann")
    with pytest.raises(SamePerson):
        register.staff.invite("ann", "Ann", ("auditor",), by="ann")
    assert register.staff.set_roles("ann", ("auditor",), by="bob").roles == {"auditor"}
    with pytest.raises(Malformed):
        register.staff.set_roles("ann", ("emperor",), by="bob")


def test_whoever_left_has_no_role_and_no_link(register: Register) -> None:
    link = register.staff.invite("ann", "Ann", ("auditor",), by="bob")
    assert register.staff.leave("ann").roles == frozenset()
    with pytest.raises(NotOnRecord):
        register.staff.redeem(link.secret)
    with pytest.raises(StateForbids):
        register.staff.relink("ann", by="bob")


def approved(register: Register, text: str, author: str = "ann", approver: str = "bob") -> str:
    proposal = register.rulebooks.propose(text, by=author)
    report = register.rulebooks.report(proposal.id, f"report on {text}")
    register.rulebooks.approve(proposal.id, report.report_digest or "", by=approver)
    return proposal.id


def test_a_rulebook_goes_live_only_on_a_second_persons_approval_of_that_very_report(register: Register) -> None:
    register.rulebooks.install("first")
    register.clock.advance(1)
    proposal = register.rulebooks.propose("second", by="ann")
    with pytest.raises(StateForbids):
        register.rulebooks.make_live(proposal.id)
    old = register.rulebooks.report(proposal.id, "twelve answers change")
    with pytest.raises(SamePerson):
        register.rulebooks.approve(proposal.id, old.report_digest or "", by="ann")
    new = register.rulebooks.report(proposal.id, "thirteen answers change")
    with pytest.raises(Malformed):
        register.rulebooks.approve(proposal.id, old.report_digest or "", by="bob")
    register.rulebooks.approve(proposal.id, new.report_digest or "", by="bob")
    assert register.rulebooks.make_live(proposal.id).text == "second"
    assert register.lookups.now().live_rulebook() == hashlib.sha256(b"second").hexdigest() == register.rulebooks.live().digest
    assert [(one.state, one.approved_by) for one in register.rulebooks.proposals()] == [("superseded", None), ("live", "bob")]


def test_a_new_report_makes_the_approval_of_the_old_one_void(register: Register) -> None:
    register.rulebooks.install("first")
    proposal = approved(register, "second")
    register.rulebooks.report(proposal, "another report")
    with pytest.raises(StateForbids):
        register.rulebooks.make_live(proposal)


def test_the_author_cannot_approve_a_rulebook_that_somebody_else_proposes_for_them(register: Register) -> None:
    register.rulebooks.install("first")
    register.rulebooks.propose("second", by="ann")
    again = register.rulebooks.propose("second", by="carl")
    report = register.rulebooks.report(again.id, "report")
    for person in ("ann", "carl"):
        with pytest.raises(SamePerson):
            register.rulebooks.approve(again.id, report.report_digest or "", by=person)


def test_a_roll_back_is_a_new_approval_of_an_old_rulebook_and_nothing_is_forgotten(register: Register) -> None:
    first = register.rulebooks.install("first")
    register.rulebooks.make_live(approved(register, "second"))
    register.rulebooks.make_live(approved(register, "first", author="carl"))
    assert register.rulebooks.live() == first
    assert register.rulebooks.get(hashlib.sha256(b"second").hexdigest()).text == "second"
    assert register.rulebooks.install("third") == first


def test_a_withdrawn_proposal_is_over(register: Register) -> None:
    register.rulebooks.install("first")
    proposal = register.rulebooks.propose("second", by="ann")
    register.rulebooks.withdraw(proposal.id)
    with pytest.raises(StateForbids):
        register.rulebooks.report(proposal.id, "late")
    with pytest.raises(NotOnRecord):
        register.rulebooks.report("prop-absent", "late")
    with pytest.raises(NotOnRecord):
        register.rulebooks.get("0" * 64)


def test_before_the_first_start_no_rulebook_is_live(register: Register) -> None:
    assert register.lookups.now().live_rulebook() is None
    with pytest.raises(NotOnRecord):
        register.rulebooks.live()
