"""The registry from the command line alone: people come in by links, and clients are put on record and stopped, each with an entry."""

import json
from pathlib import Path

from typer.testing import CliRunner

from gateway.assembly.commands import changing
from gateway.assembly.homes import open_log
from gateway.assembly.registers import desks_of
from gateway.cli import clients, staff
from gateway.clock import SystemClock
from gateway.settings import read_settings


def test_the_first_person_comes_in_by_the_printed_link_invites_another_and_both_work(tmp_path: Path) -> None:
    settings = read_settings({}, home=tmp_path)
    with changing(settings, SystemClock()) as (registry, registrar):
        first = desks_of(registry, registrar).people.first_link()
    assert first is not None

    def run(app: object, *words: str) -> tuple[int, str]:
        ended = CliRunner().invoke(app, [*words, "--home", str(tmp_path)])
        return ended.exit_code, ended.output

    assert run(staff.app, "enter", first.secret)[0] == 0
    assert run(staff.app, "enter", first.secret)[0] == 2
    code, link = run(staff.app, "invite", "rex", "--name", "Rex", "--role", "registrar", "--by", "first-registrar")
    assert code == 0
    assert run(clients.app, "add", "ngo", "--name", "NGO", "--kind", "ngo_victim", "--by", "rex")[0] == 2  # not in yet
    assert run(staff.app, "enter", link.strip())[0] == 0
    assert run(clients.app, "add", "ngo", "--name", "NGO", "--kind", "ngo_victim", "--by", "rex")[0] == 0
    assert run(clients.app, "suspend", "ngo", "--reason", "under inquiry", "--by", "first-registrar")[0] == 0
    assert run(clients.app, "suspend", "ngo", "--reason", "again", "--by", "first-registrar")[0] == 2
    assert run(staff.app, "roles", "rex", "--role", "registrar", "--by", "rex")[0] == 2
    log = open_log(settings)
    acts = [json.loads(raw).get("act", json.loads(raw)["kind"]) for raw in log.entries(0, log.size)]
    log.close()
    assert acts == ["genesis", "invited", "entered", "invited", "access-denied", "entered", "registered", "suspended", "access-denied"]
