"""Staff: where it takes a second person, one person is not enough."""

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
