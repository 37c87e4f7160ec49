"""The registry from the command line alone: people come in by links, and clients are put on record and stopped, each with an entry."""

import hashlib
import json
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from typer.testing import CliRunner

from gateway.assembly.commands import changing
from gateway.assembly.homes import open_log
from gateway.assembly.registers import desks_of
from gateway.cli import clients, staff
from gateway.cli.main import app
from gateway.clock import SystemClock
from gateway.settings import read_settings
from tests.stories.keys import jwk_of, signed


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


def test_who_acts_need_not_be_named_where_one_person_alone_holds_the_role(tmp_path: Path) -> None:
    settings = read_settings({}, home=tmp_path)
    with changing(settings, SystemClock()) as (registry, registrar):
        first = desks_of(registry, registrar).people.first_link()
    assert first is not None

    def run(app: object, *words: str) -> tuple[int, str]:
        ended = CliRunner().invoke(app, [*words, "--home", str(tmp_path)])
        return ended.exit_code, ended.output

    ngo = ("add", "ngo", "--name", "NGO", "--kind", "ngo_victim")
    code, said = run(clients.app, *ngo)
    assert code == 2
    assert "nobody here holds the role registrar yet" in said
    run(staff.app, "enter", first.secret)
    assert run(clients.app, *ngo)[0] == 0
    _code, link = run(staff.app, "invite", "rex", "--name", "Rex", "--role", "registrar")
    run(staff.app, "enter", link.strip())
    code, said = run(clients.app, "suspend", "ngo", "--reason", "under inquiry")
    assert code == 2
    assert "it may be first-registrar, rex" in said


def test_papers_authorities_evidence_and_keys_are_kept_from_the_command_line_and_bad_input_is_refused(tmp_path: Path) -> None:
    settings = read_settings({}, home=tmp_path)
    with changing(settings, SystemClock()) as (registry, registrar):
        first = desks_of(registry, registrar).people.first_link()
    assert first is not None

    def run(*words: str) -> tuple[int, str]:
        ended = CliRunner().invoke(app, [*words, "--home", str(tmp_path)])
        return ended.exit_code, ended.output

    def told(*words: str) -> dict[str, Any]:
        code, said = run(*words, "--json")
        assert code == 0, said
        document: dict[str, Any] = json.loads(said)
        return document

    one, two = ("--by", "first-registrar"), ("--by", "rex")
    run("staff", "enter", first.secret)
    _code, link = run("staff", "invite", "rex", "--name", "Rex", "--role", "registrar", *one)
    run("staff", "enter", link.strip())
    told("clients", "add", "force", "--name", "Force", "--kind", "police_state", "--place", "FR", *one)
    told("cases", "open", "force", "F-1", "--target", "specific_person", "--role", "missing", *one)
    # 1 a paper, by two people
    (tmp_path / "paper.pdf").write_bytes(b"%PDF-1.7 an invented order")
    paper = ("authorisations", "record", "force", "--type", "judicial_authorisation", "--issuer", "court", "--place", "FR")
    term = ("--from", "2026-01-01T00:00:00Z", "--until", "2030-01-01T00:00:00Z")
    for_what = ("--purpose", "missing_person", "--operation", "live_identify", "--case", "F-1", *term)
    assert run(*paper, *for_what, *one)[0] == 2  # neither the document nor its digest
    assert run(*paper, *for_what, "--digest", "abc", *one)[0] == 2
    recorded = told(*paper, *for_what, "--paper", str(tmp_path / "paper.pdf"), *one)
    assert recorded["paper_digest"] == hashlib.sha256(b"%PDF-1.7 an invented order").hexdigest()
    assert run("authorisations", "confirm", recorded["id"], *one)[0] == 2  # whoever recorded it
    assert told("authorisations", "confirm", recorded["id"], *two)["status"] == "granted"
    # 2 its authority's signature
    key = ec.generate_private_key(ec.SECP256R1())
    jwk = jwk_of(key, "c1")
    (tmp_path / "court.json").write_text(json.dumps(jwk))
    told("authorities", "register", "tribunal", "--kind", "court", "--place", "FR", "--key", str(tmp_path / "court.json"), *one)
    (tmp_path / "seal").write_text(signed(key, "c1", None, None, document=recorded["statement"], kind="custodes-authorisation+jws"))
    countersign = ("authorisations", "countersign", recorded["id"], "--authority", "tribunal", "--signature", str(tmp_path / "seal"))
    assert told(*countersign, *one)["authority"] == "tribunal"
    # 3 evidence and keys
    shown = told("evidence", "record", "force", "fria", *term, *one)
    assert told("evidence", "withdraw", "force", shown["id"], *one)["withdrawn"] is True
    told("clients", "add-key", "force", str(tmp_path / "court.json"), *one)
    told("clients", "revoke-key", "force", "c1", *one)
    assert run("cases", "list", "nobody")[0] == 2
    (tmp_path / "not.json").write_text("{")
    assert run("clients", "add-key", "force", str(tmp_path / "not.json"), *one)[0] == 2
    # 4 issuers and tokens
    assert run("issuers", "add", "idp", "--issuer", "http://idp.test", "--audience", "us", "--discovery", *one)[0] == 2  # no https
    assert run("issuers", "add", "idp", "--issuer", "https://idp.test", "--audience", "us", *one)[0] == 2  # neither file nor discovery
    (tmp_path / "keys.json").write_text(json.dumps({"keys": [jwk]}))
    keys = ("--jwks", str(tmp_path / "keys.json"))
    told("issuers", "add", "idp", "--issuer", "https://idp.test", "--audience", "us", *keys, *one)
    assert told("issuers", "bind", "idp", "f|1", "--client", "force", *two)["holder"] == "force"
    told("issuers", "unbind", "idp", "f|1", *two)
    told("issuers", "remove", "idp", *one)
    told("issuers", "rotate-key", *one)
    told("tokens", "revoke", "0f0f", "--reason", "stolen", *one)
    assert "0f0f" in run("tokens", "list")[1]
    told(
        "galleries",
        "open",
        "found",
        "force",
        "--provenance",
        "missing_person_reports",
        "--purpose",
        "missing_person",
        "--retention-days",
        "9",
        *one,
    )
    assert run("galleries", "confirm", "found", *one)[0] == 2  # whoever opened it
    assert told("galleries", "confirm", "found", *two)["provenance_confirmed"] is True
