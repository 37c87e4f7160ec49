"""What people change in the registry is in the log before it is true, whatever fails or dies in between."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from gateway.assembly.commands import changing
from gateway.assembly.homes import open_log
from gateway.assembly.registers import Registry, open_registrar
from gateway.audit.export import write_export
from gateway.audit.failures import LogUnavailable
from gateway.audit.verify import verify_export
from gateway.clock import SystemClock
from gateway.enforcement.answers import AuditUnavailable, NotReady
from gateway.enforcement.registrar import INSTALLATION, Actor, Registrar
from gateway.identity.errors import CallerRefused, RoleMissing
from gateway.registry.clients import NewClient
from gateway.registry.errors import AlreadyOnRecord, Malformed, NotOnRecord, SamePerson, StateForbids
from gateway.settings import Settings, read_settings
from tests.gateway.enforcement.registering import POINTS

RITA, REX, VERA = Actor("staff", "rita"), Actor("staff", "rex"), Actor("staff", "vera")
KNOWN = {"client": "known", "reason": "under inquiry"}


@pytest.fixture(scope="module")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with two registrars, a reviewer and one client, to be copied."""
    chosen = read_settings({}, home=tmp_path_factory.mktemp("furnished"))
    with changing(chosen, SystemClock()) as (registry, _):
        for person, role in (("rita", "registrar"), ("rex", "registrar"), ("vera", "reviewer")):
            registry.staff.redeem(registry.staff.invite(person, person, (role,), "test").secret)
        registry.clients.register(NewClient("known", "Known", "ngo_victim"), "test")
    return chosen.home.root


@pytest.fixture
def settings(furnished: Path, tmp_path: Path) -> Settings:
    shutil.copytree(furnished, tmp_path / "home")
    return read_settings({}, home=tmp_path / "home")


@pytest.fixture
def house(settings: Settings) -> Iterator[tuple[Registry, Registrar]]:
    with changing(settings, SystemClock()) as opened:
        yield opened


def written(settings: Settings) -> list[dict[str, Any]]:
    log = open_log(settings)
    try:
        return [json.loads(raw) for raw in log.entries(0, log.size)]
    finally:
        log.close()


def register(
    house: tuple[Registry, Registrar], actor: Actor = RITA, client: str = "new", kind: str = "ngo_victim", role: str = "registrar"
):
    registry, registrar = house
    return registrar.give(
        actor,
        role,
        "client-change",
        "registered",
        lambda: registry.clients.register(NewClient(client, "New", kind), actor.name),
        lambda made: {"client": made.id, "client_kind": made.kind},
    )


def test_a_change_is_true_and_its_entry_says_what_but_not_in_the_clear_who_or_why(house, settings):
    registry, registrar = house
    done = register(house)
    taken = registrar.take(RITA, "registrar", "client-change", "suspended", {"client": "new", "reason": "unpaid debts"})
    assert registry.clients.get("new").state == "suspended"
    entry, later = written(settings)[-2:]
    assert (entry["kind"], entry["act"], entry["client"], entry["client_kind"]) == ("client-change", "registered", "new", "ngo_victim")
    assert (later["kind"], later["act"]) == ("client-change", "suspended")
    assert entry["by"].startswith("commitment:")
    assert later["reason"].startswith("commitment:")
    assert (done.receipt.index, taken.receipt.index) == (1, 2)
    assert list(settings.home.unsettled.iterdir()) == []


def test_nothing_is_logged_and_nothing_changes_when_the_change_is_malformed_or_its_state_forbids_it(house, settings):
    registry, registrar = house
    before = len(written(settings))
    with pytest.raises(Malformed):
        register(house, kind="circus")
    with pytest.raises(AlreadyOnRecord):
        register(house, client="known")
    with pytest.raises(NotOnRecord):
        registrar.take(RITA, "registrar", "client-change", "suspended", {"client": "nobody", "reason": "x"})
    registrar.take(RITA, "registrar", "client-change", "closed", KNOWN)
    with pytest.raises(StateForbids):
        registrar.take(RITA, "registrar", "client-change", "suspended", KNOWN)
    assert len(written(settings)) == before + 1
    assert [client.id for client in registry.clients.all()] == ["known"]


def test_a_change_whose_entry_would_be_too_long_does_not_happen(house, settings):
    registry, registrar = house
    with pytest.raises(Malformed):
        registrar.give(
            RITA,
            "registrar",
            "client-change",
            "registered",
            lambda: registry.clients.register(NewClient("new", "New", "ngo_victim"), "rita"),
            lambda _: {"long": "x" * 9000},
        )
    with pytest.raises(NotOnRecord):
        registry.clients.get("new")


@pytest.mark.parametrize(
    ("actor", "refused"),
    [
        (VERA, RoleMissing),
        (Actor("staff", "nobody"), CallerRefused),
        (Actor("client", "known"), CallerRefused),
        (INSTALLATION, RoleMissing),
    ],
)
def test_who_does_not_hold_the_role_changes_nothing_and_stands_in_the_log(house, settings, actor, refused):
    with pytest.raises(refused):
        register(house, actor)
    with pytest.raises(NotOnRecord):
        house[0].clients.get("new")
    entry = written(settings)[-1]
    assert (entry["kind"], entry["asked"]) == ("access-denied", "client-change registered")


def test_a_role_that_was_taken_a_moment_ago_is_gone(house):
    register(house, REX, "first")
    house[1].take(RITA, "registrar", "staff-change", "roles-set", {"person": "rex", "roles": "reviewer"})
    with pytest.raises(RoleMissing):
        register(house, REX, "second")


def test_nobody_changes_their_own_roles_and_the_attempt_stands_in_the_log(house, settings):
    with pytest.raises(SamePerson):
        house[1].take(RITA, "registrar", "staff-change", "roles-set", {"person": "rita", "roles": "registrar operator"})
    assert (written(settings)[-1]["kind"], written(settings)[-1]["why"]) == ("access-denied", "same-person")


class FailingLog:
    """A real log that answers every append with what a full disk gets."""

    def __init__(self, log, writes_first):
        self._log = log
        self._writes_first = writes_first

    def append_blocking(self, entry, openings):
        if self._writes_first:
            self._log.append_blocking(entry, openings)
        raise LogUnavailable("the disk is full")


@pytest.mark.parametrize("writes_first", [False, True])
def test_when_the_log_cannot_say_that_it_wrote_nothing_is_given_and_what_was_taken_is_taken_once_it_can(settings, writes_first):
    with changing(settings, SystemClock()) as (registry, _):
        log = open_log(settings)
        broken = open_registrar(settings, SystemClock(), registry, FailingLog(log, writes_first))
        with pytest.raises(AuditUnavailable):
            register((registry, broken))
        with pytest.raises(NotOnRecord):
            registry.clients.get("new")
        with pytest.raises(AuditUnavailable):
            broken.take(RITA, "registrar", "client-change", "suspended", KNOWN)
        assert registry.clients.get("known").state == "active"
        whole = open_registrar(settings, SystemClock(), registry, log)
        assert whole.settle() == 1
        log.close()
        # The broken log could not even settle the giving, so the taking was refused before it left anything.
        assert registry.clients.get("known").state == "active"
        entry = written(settings)[-1]
        assert (entry["act"], entry["void"]) == ("void", "registered")


def test_a_taking_that_the_log_could_not_confirm_is_done_as_soon_as_it_can(settings):
    with changing(settings, SystemClock()) as (registry, registrar):
        log = open_log(settings)
        with pytest.raises(AuditUnavailable, match="the step is kept"):
            open_registrar(settings, SystemClock(), registry, FailingLog(log, False)).take(
                RITA, "registrar", "client-change", "suspended", KNOWN
            )
        log.close()
        assert registry.clients.get("known").state == "active"
        assert registrar.settle() == 1
        assert registry.clients.get("known").state == "suspended"
        entry = written(settings)[-1]
        assert (entry["kind"], entry["act"], entry["client"], entry["resumed"]) == ("client-change", "suspended", "known", True)


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("what", ["give", "take"])
def test_whatever_the_point_at_which_a_process_dies_log_and_registry_agree_afterwards(settings, what, point, repository):
    script = Path(__file__).with_name("registering.py")
    died = subprocess.run([sys.executable, script, settings.home.root, what, point], cwd=repository, env={"PYTHONPATH": str(repository)})
    assert died.returncode == 9
    with changing(settings, SystemClock()) as (registry, _):
        entries = [entry for entry in written(settings) if entry["kind"] == "client-change"]
        if what == "give":
            there = any(client.id == "given" for client in registry.clients.all())
            assert there == (point == "after the commit")
            if point in ("after the note", "after the entry", "before the commit"):
                assert (entries[-1]["act"], entries[-1]["void"]) == ("void", "registered")
        else:
            assert (registry.clients.get("known").state == "suspended") == (point != "before the note")
            assert [entry["act"] for entry in entries] in ([], ["suspended"], ["suspended", "suspended"])
            assert bool(entries) == (point != "before the note")
        assert list(settings.home.unsettled.iterdir()) == []
    log = open_log(settings)
    write_export(log, settings.home.root / "export", log.verifier_keys[0])
    assert verify_export(settings.home.root / "export", log.verifier_keys[0]).ok
    log.close()


def test_an_unsettled_change_that_cannot_be_read_stops_every_change_until_somebody_looks(house, settings):
    (settings.home.unsettled / "torn.json").write_text("{")
    with pytest.raises(NotReady):
        register(house)


def test_sixteen_changes_at_once_from_two_openings_of_one_home_all_happen_once_in_the_order_of_the_log(settings):
    with changing(settings, SystemClock()) as one, changing(settings, SystemClock()) as other, ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda n: register(one if n % 2 else other, client=f"c-{n}"), range(16)))
        assert len(one[0].clients.all()) == 17
    made = [entry["client"] for entry in written(settings) if entry.get("act") == "registered"]
    assert sorted(made) == sorted(f"c-{n}" for n in range(16))
