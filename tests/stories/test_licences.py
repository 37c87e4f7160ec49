"""A licence is applied for, granted by somebody else, passed on in part, suspended, and taken away as a file that proves itself.

Long because a licence has many ways to be too wide, and each of them is one story."""

import json
import uuid
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
from typer.testing import CliRunner

from gateway.cli.demo.cast import AUDITOR, REGISTRARS
from gateway.cli.licences import app as licences_command
from gateway.clock import iso
from gateway.registry.acknowledgements import shipped
from gateway.registry.clients import NewClient
from tests.stories.town import GALLERY, NGO, POLICE, SEEKING, Town

pytestmark = pytest.mark.anyio
ALL = list(shipped().all())
ONE, TWO = REGISTRARS


def terms(town: Town, **changes: Any) -> dict[str, Any]:
    now = town.house.clock.now()
    good = {
        "grants": ["missing_person:identify", "missing_person:verify"],
        "galleries": [GALLERY],
        "places": ["US-WA"],
        "valid_from": iso(now - timedelta(minutes=1)),
        "valid_to": iso(now + timedelta(days=30)),
        "quota_day": 100,
        "quota_case": 50,
        "thresholds": {"identify": 99.9},
        "may_sublicense": True,
    }
    return good | changes


async def patch(town: Town, licence: str, who: str, **said: str) -> httpx2.Response:
    return await town.web.patch(f"/v1/licences/{licence}", headers={"authorization": f"Bearer {town.token(who)}"}, json=said)


async def apply(town: Town, who: str, said: object, acknowledgements: object = ALL, **more: str) -> httpx2.Response:
    return await town.post("/v1/licences", who, {"terms": said, "acknowledgements": acknowledgements, **more})


async def granted(town: Town, client: str, **changes: Any) -> dict[str, Any]:
    applied = await apply(town, client, terms(town, **changes))
    assert applied.status_code == 201, applied.text
    done = await patch(town, applied.json()["id"], ONE, state="granted")
    assert done.status_code == 200, done.text
    return done.json()


def client(town: Town) -> str:
    """A client nobody knew before, in the same place as the others."""
    name = f"client-{uuid.uuid4().hex[:8]}"
    town.house.registry.clients.register(NewClient(name, name, "ngo_victim", place="US-WA"), ONE)
    return name


async def check(town: Town, who: str, operation: str = "verify") -> dict[str, Any]:
    said = {
        "operation": operation,
        "purpose": "missing_person",
        "gallery": {"id": GALLERY},
        "target": {"kind": "specific_person", "role": "missing"},
        "capture": {"source": "upload", "device": "none", "space": "none", "age_s": 86400},
    }
    answer = await town.post("/v1/decisions:check", who, said)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_a_licence_goes_from_application_to_grant_to_suspension_to_its_end_and_each_step_stands_in_the_log(town: Town) -> None:
    who = client(town)
    before = len(town.entries("licence-change"))
    applied = await apply(town, who, terms(town))
    licence = applied.json()["id"]
    assert (applied.status_code, applied.json()["state"], applied.headers["location"]) == (201, "applied", f"/v1/licences/{licence}")
    assert (await check(town, who))["code"] == "licence-applied"
    assert (await patch(town, licence, ONE, state="granted")).json()["state"] == "granted"
    assert (await check(town, who))["decision"] == "permit"
    assert (await patch(town, licence, ONE, state="suspended", reason="a complaint")).json()["state"] == "suspended"
    assert (await check(town, who))["code"] == "licence-suspended"
    assert (await patch(town, licence, TWO, state="granted", reason="settled")).json()["state"] == "granted"
    assert (await check(town, who))["decision"] == "permit"
    ended = await patch(town, licence, ONE, state="revoked", reason="misuse")
    assert (await check(town, who))["code"] == "licence-revoked"
    acts = [entry["act"] for entry in town.entries("licence-change")[before:]]
    assert acts == ["applied", "granted", "suspended", "reinstated", "revoked"]
    assert town.entry(ended.json()["log_index"])["licence"] == licence
    # The sealed document is named by its digest, and what it grants is said.
    told = town.entries("licence-change")[before + 1]
    assert told["terms"]["grants"] == ["missing_person:identify", "missing_person:verify"]
    assert len(told["document_sha256"]) == 64


@pytest.mark.parametrize(
    ("first", "then"),
    [
        (None, {"state": "suspended", "reason": "x"}),
        ("granted", {"state": "granted"}),
        ("granted", {"state": "granted", "reason": "x"}),
        ("revoked", {"state": "granted"}),
        ("revoked", {"state": "suspended", "reason": "x"}),
        ("suspended", {"state": "suspended", "reason": "x"}),
    ],
)
async def test_a_step_that_the_state_does_not_allow_is_a_409(town: Town, first: str | None, then: dict[str, str]) -> None:
    licence = (await apply(town, client(town), terms(town))).json()["id"]
    if first in ("granted", "suspended"):
        await patch(town, licence, ONE, state="granted")
    if first in ("suspended", "revoked"):
        await patch(town, licence, ONE, state=first, reason="x")
    assert (await patch(town, licence, TWO, **then)).status_code == 409


async def test_who_applied_cannot_grant_whoever_that_was(town: Town) -> None:
    own = (await apply(town, client(town), terms(town))).json()["id"]
    filed = await apply(town, ONE, terms(town), client=client(town))
    assert filed.status_code == 201, filed.text
    itself = await patch(town, own, town.house.registry.licences.get(own).client_id, state="granted")
    same = await patch(town, filed.json()["id"], ONE, state="granted")
    assert (itself.status_code, same.status_code) == (403, 409)
    assert same.json()["type"] == "urn:custodes:problem:same-person"
    assert (await patch(town, filed.json()["id"], TWO, state="granted")).status_code == 200
    refused = town.entries("access-denied")[-2:]
    assert [entry["why"] for entry in refused] == ["staff-needed", "same-person"]


async def test_only_registrars_grant_and_only_for_whom_they_name(town: Town) -> None:
    licence = (await apply(town, client(town), terms(town))).json()["id"]
    assert (await patch(town, licence, AUDITOR, state="granted")).status_code == 403
    assert (await apply(town, AUDITOR, terms(town), client=NGO)).status_code == 403
    assert (await apply(town, client(town), terms(town), client=NGO)).status_code == 403
    assert (await apply(town, ONE, terms(town), client="nobody-here")).status_code == 404


async def test_a_suspended_client_gets_nothing_more_in_any_way(town: Town) -> None:
    who, held = client(town), client(town)
    open_application = (await apply(town, who, terms(town))).json()["id"]
    parent = await granted(town, held)
    town.house.registry.clients.suspend(who, "a complaint")
    assert (await apply(town, who, terms(town, quota_day=1000))).status_code == 401
    assert (await apply(town, ONE, terms(town), client=who)).status_code == 409
    assert (await patch(town, open_application, ONE, state="granted")).status_code == 409
    passed = {"client": who, "terms": terms(town, may_sublicense=False), "acknowledgements": ALL}
    assert (await town.post(f"/v1/licences/{parent['id']}/sublicences", held, passed)).status_code == 409


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"grants": ["missing_person"]}, "grants"),
        ({"grants": ["mass_surveillance:dream"]}, "grants"),
        ({"places": ["nowhere"]}, "places"),
        ({"valid_to": "2020-01-01T00:00:00Z"}, "valid_to"),
        ({"quota_day": -1}, "quota_day"),
        ({"quota_case": True}, "quota_case"),
        ({"thresholds": {"identify": 101}}, "thresholds"),
        ({"may_sublicense": "yes"}, "may_sublicense"),
        ({"surprise": 1}, "surprise"),
    ],
)
async def test_a_malformed_application_is_a_422_that_names_the_field(town: Town, changes: dict[str, Any], field: str) -> None:
    answer = await apply(town, NGO, terms(town, **changes))
    assert (answer.status_code, answer.json()["field"]) == (422, field)


async def test_an_application_has_to_name_every_promise(town: Town) -> None:
    asked = (await town.get("/v1/acknowledgements")).json()["acknowledgements"]
    assert [promise["name"] for promise in asked] == ALL
    answer = await apply(town, NGO, terms(town), ALL[1:])
    assert (answer.status_code, answer.json()["field"]) == (422, "acknowledgements")
    assert ALL[0] in answer.json()["detail"]


async def test_another_clients_licence_is_as_absent_as_none(town: Town) -> None:
    licence = (await granted(town, client(town)))["id"]
    for path in ("", "/document", "/odrl"):
        foreign, absent = [await town.get(f"/v1/licences/{name}{path}", POLICE) for name in (licence, "lic-none")]
        assert (foreign.status_code, foreign.content) == (404, absent.content)
    for said in ({"state": "revoked", "reason": "x"}, {"state": "suspended", "reason": "x"}):
        foreign, absent = [await patch(town, name, POLICE, **said) for name in (licence, "lic-none")]
        assert (foreign.status_code, foreign.content) == (404, absent.content)
    passed = {"client": NGO, "terms": terms(town), "acknowledgements": ALL}
    foreign, absent = [await town.post(f"/v1/licences/{name}/sublicences", POLICE, passed) for name in (licence, "lic-none")]
    assert (foreign.status_code, foreign.content) == (404, absent.content)
    assert licence not in (await town.get("/v1/licences", POLICE)).text


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"grants": ["missing_person:detect"]}, "grants"),
        ({"galleries": ["another"]}, "galleries"),
        ({"galleries": ["own"]}, "galleries"),
        ({"places": ["US"]}, "places"),
        ({"quota_day": 101}, "quota_day"),
        ({"quota_case": 51}, "quota_case"),
        ({"thresholds": {}}, "thresholds"),
        ({"thresholds": {"identify": 99.8}}, "thresholds"),
    ],
)
async def test_a_sub_licence_is_wider_in_nothing(town: Town, changes: dict[str, Any], field: str) -> None:
    holder, other = client(town), client(town)
    parent = await granted(town, holder)
    said = {"client": other, "terms": parent["terms"] | {"may_sublicense": False} | changes, "acknowledgements": ALL}
    answer = await town.post(f"/v1/licences/{parent['id']}/sublicences", holder, said)
    assert (answer.status_code, answer.json()["field"]) == (422, field), answer.text


async def test_a_sub_licence_ends_no_later_and_begins_no_earlier(town: Town) -> None:
    holder, other = client(town), client(town)
    parent, now = await granted(town, holder), town.house.clock.now()
    for changes, field in (
        ({"valid_to": iso(now + timedelta(days=31))}, "valid_to"),
        ({"valid_from": iso(now - timedelta(days=1))}, "valid_from"),
    ):
        said = {"client": other, "terms": terms(town, may_sublicense=False, **changes), "acknowledgements": ALL}
        answer = await town.post(f"/v1/licences/{parent['id']}/sublicences", holder, said)
        assert (answer.status_code, answer.json()["field"]) == (422, field)


async def test_what_stops_the_holder_stops_whom_it_passed_a_licence_on_to_at_once(town: Town) -> None:
    holder, other = client(town), client(town)
    parent = await granted(town, holder)
    part = {**parent["terms"], "grants": ["missing_person:verify"], "may_sublicense": False, "quota_day": 5}
    passed = await town.post(f"/v1/licences/{parent['id']}/sublicences", holder, {"client": other, "terms": part, "acknowledgements": ALL})
    assert (passed.status_code, passed.json()["parent"]) == (201, parent["id"])
    child = passed.json()["id"]
    assert (await check(town, other))["decision"] == "permit"
    assert (await check(town, other, "identify"))["code"] == "licence-operation"
    await patch(town, parent["id"], ONE, state="suspended", reason="x")
    assert (await check(town, other))["code"] == "licence-suspended"
    await patch(town, parent["id"], ONE, state="granted", reason="x")
    town.house.registry.clients.suspend(holder, "a complaint")
    assert (await check(town, other))["code"] == "client-suspended"
    town.house.registry.clients.resume(holder, "settled")
    assert (await check(town, other))["decision"] == "permit"
    # The holder sees and takes back what it passed on; the other cannot end the holder's.
    assert child in (await town.get("/v1/licences", holder)).text
    assert (await patch(town, parent["id"], other, state="revoked", reason="x")).status_code == 404
    assert (await patch(town, child, holder, state="revoked", reason="over")).status_code == 200
    assert (await check(town, other))["code"] == "licence-revoked"


async def test_what_the_sub_licence_uses_counts_against_the_holders_quota(town: Town) -> None:
    holder, other = client(town), client(town)
    parent = await granted(town, holder, quota_day=3)
    part = {**parent["terms"], "may_sublicense": False, "grants": ["missing_person:verify"]}
    await town.post(f"/v1/licences/{parent['id']}/sublicences", holder, {"client": other, "terms": part, "acknowledgements": ALL})
    said = {name: value for name, value in SEEKING.items() if name != "custodes-case"} | {
        "custodes-subject": '"test-subject-1"',
        "custodes-target": "kind=specific_person, role=missing",
    }
    codes = [(await town.send("/v1/verifications", who, said)).status_code for who in (holder, other, other, other, holder)]
    assert codes == [200, 200, 200, 429, 429]


async def test_of_two_licences_the_newest_with_room_pays_and_the_request_is_under_that_one_alone(town: Town) -> None:
    who = client(town)
    loose = await granted(town, who, quota_day=1, thresholds={"verify": 50.0})
    strict = await granted(town, who, quota_day=1, thresholds={"verify": 99.95})
    said = {name: value for name, value in SEEKING.items() if name != "custodes-case"} | {
        "custodes-subject": '"test-subject-1"',
        "custodes-target": "kind=specific_person, role=missing",
    }
    answers = [await town.send("/v1/verifications", who, said) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429], [answer.text for answer in answers]
    assert [answer.headers["ratelimit"].split(";t=")[0] for answer in answers] == ['"day";r=0'] * 3
    told = {entry["decision_id"]: entry for entry in town.entries("intent")}
    under = [told[answer.json()["decision_id"]] for answer in answers[:2]]
    assert [entry["licence"] for entry in under] == [strict["id"], loose["id"]]
    assert all(len(entry["document_sha256"]) == 64 for entry in under)
    assert [entry["threshold"] for entry in town.entries("outcome")[-2:]] == ["99.95", "50"]
    assert town.entry(answers[2].json()["log_index"])["licence"] == strict["id"]
    # What stopped the one does not stop the other; the one that was taken away serves nobody.
    await patch(town, strict["id"], ONE, state="suspended", reason="x")
    assert (await check(town, who))["decision"] == "permit"
    await patch(town, loose["id"], ONE, state="revoked", reason="x")
    assert (await check(town, who))["code"] == "licence-suspended"


async def test_a_licence_proves_itself_to_whoever_has_the_file_and_the_public_key(town: Town, tmp_path: Path) -> None:
    licence = await granted(town, client(town))
    sealed = await town.get(f"/v1/licences/{licence['id']}/document", licence["client"])
    assert sealed.headers["content-type"] == "application/jose"
    file, keys = tmp_path / "licence.jws", tmp_path / "keys.json"
    file.write_text(sealed.text)
    keys.write_text((await town.get("/v1/registrar/jwks")).text)
    run = CliRunner()
    good = run.invoke(licences_command, ["verify", str(file), "--key", str(keys), "--json"])
    assert (good.exit_code, json.loads(good.output)["licence"]["terms"]) == (0, licence["terms"])
    head, body, seal = sealed.text.split(".")
    file.write_text(f"{head}.{body[:-2]}{'AA' if body[-2:] != 'AA' else 'BB'}.{seal}")
    bad = run.invoke(licences_command, ["verify", str(file), "--key", str(keys), "--json"])
    assert (bad.exit_code, json.loads(bad.output)["holds"]) == (1, False)
    keys.write_text("not json")
    assert run.invoke(licences_command, ["verify", str(file), "--key", str(keys)]).exit_code == 2
    pending = (await apply(town, licence["client"], terms(town))).json()["id"]
    assert (await town.get(f"/v1/licences/{pending}/document", licence["client"])).status_code == 409


async def test_a_licence_leaves_as_odrl_and_the_same_policy_applies_for_the_same_terms(town: Town) -> None:
    licence = await granted(town, client(town))
    policy = await town.get(f"/v1/licences/{licence['id']}/odrl", licence["client"])
    assert (policy.headers["content-type"], policy.json()["conflict"]) == ("application/ld+json", "prohibit")
    again = await apply(town, licence["client"], policy.json())
    assert (again.status_code, again.json()["terms"]) == (201, licence["terms"])
    other = await apply(town, client(town), policy.json())
    assert (other.status_code, other.json()["field"]) == (422, "terms.assignee")
    wider = policy.json() | {"prohibition": [{"action": "sell"}]}
    refused = await apply(town, licence["client"], wider)
    assert (refused.status_code, refused.json()["type"]) == (422, "urn:custodes:problem:odrl-inexpressible")
    await patch(town, licence["id"], ONE, state="suspended", reason="x")
    assert (await town.get(f"/v1/licences/{licence['id']}/odrl", licence["client"])).json()["type"].endswith(":odrl-state")


async def test_the_command_line_does_and_refuses_the_same(town: Town, tmp_path: Path) -> None:
    who, home = client(town), ["--home", str(town.house.settings.home.root)]
    file = tmp_path / "terms.json"
    file.write_text(json.dumps(terms(town)))

    def run(*words: str) -> Any:
        return CliRunner().invoke(licences_command, [*words, *home])

    applied = run("apply", who, "--terms", str(file), "--acknowledge", "all", "--by", ONE, "--json")
    assert applied.exit_code == 0, applied.output
    licence = json.loads(applied.output)["id"]
    assert run("grant", licence, "--by", ONE).exit_code == 2
    assert run("grant", licence, "--by", AUDITOR).exit_code == 2
    assert run("grant", licence, "--by", TWO).exit_code == 0
    assert (await check(town, who))["decision"] == "permit"
    other, part = client(town), tmp_path / "part.json"
    held = json.loads(run("show", licence).output)["terms"]
    part.write_text(json.dumps(held | {"may_sublicense": False, "quota_day": 1}))
    assert run("pass-on", licence, other, "--terms", str(part), "--acknowledge", "all", "--holder", who).exit_code == 0
    assert (await check(town, other))["decision"] == "permit"
    assert run("suspend", licence, "--reason", "x", "--by", ONE).exit_code == 0
    assert (await check(town, other))["code"] == "licence-suspended"
    assert json.loads(run("show", licence).output)["state"] == "suspended"
    assert run("suspend", licence, "--reason", "x", "--by", ONE).exit_code == 2
    assert run("reinstate", licence, "--reason", "x", "--by", ONE).exit_code == 0
    assert json.loads(run("odrl", licence).output)["@type"] == "Agreement"
    assert run("document", licence).output.count(".") == 2
    assert json.loads(run("keys").output)["keys"]
    assert licence in run("list", "--client", who).output
    assert run("revoke", licence, "--reason", "x", "--by", ONE).exit_code == 0
