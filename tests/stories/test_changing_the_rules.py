"""A rulebook's way from a draft to power and back, over HTTP: one writes, the gateway finds out, another approves, and then it decides."""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

import httpx2
import pytest

from tests.stories.town import NGO, Town, running_town

pytestmark = pytest.mark.anyio

ANN, AMY, BOB, BEA, VERA = "ann", "amy", "bob", "bea", "vera"
ROLES = {
    ANN: ("policy_author",),
    AMY: ("policy_author", "policy_approver"),
    BOB: ("policy_approver",),
    BEA: ("policy_approver",),
    VERA: ("auditor",),
}
STRICTER = {
    "rule": "OWN-1",
    "effect": "deny",
    "client": "ngo_victim",
    "purpose": "missing_person",
    "sentence": "Aid organisations do not look for missing persons here.",
}
EXPECTED = {
    "id": "own-ngo",
    "kind": "request",
    "at": "2026-11-24T00:00:00Z",
    "request": {"client": {"kind": "ngo_victim"}, "operation": "detect", "purpose": "missing_person", "place": "US"},
    "expect": {"decision": "deny", "rule": ["OWN-1"]},
}
STRICT: Mapping[str, Any] = {"title": "Not for aid organisations", "packs": {"baseline": {}}, "rules": [STRICTER], "vectors": [EXPECTED]}


@pytest.fixture(scope="module")
async def town(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Town]:
    """A town of its own, for its rules change; with people who write them and people who approve."""
    async with running_town(tmp_path_factory.mktemp("rules")) as running:
        staff = running.house.registry.staff
        for person, roles in ROLES.items():
            staff.redeem(staff.invite(person, person, roles, "test").secret)
        yield running


async def send(town: Town, method: str, path: str, who: str, document: object = None, **headers: str) -> httpx2.Response:
    said = {"authorization": f"Bearer {town.token(who)}", **{name.replace("_", "-"): value for name, value in headers.items()}}
    return await town.web.request(method, f"/v1/rulebooks{path}", headers=said, json=document if document is not None else {})


async def drafted(town: Town, document: Mapping[str, Any], who: str = ANN) -> str:
    answer = await send(town, "POST", "/drafts", who, document)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["draft"])


async def reported(town: Town, draft: str, who: str = ANN) -> dict[str, Any]:
    asked = await send(town, "POST", f"/drafts/{draft}/report", who)
    assert (asked.status_code, asked.json()["state"]) == (202, "working"), asked.text
    async with asyncio.timeout(180):
        while (answer := await send(town, "GET", f"/drafts/{draft}/report", who)).status_code == 202:  # noqa: ASYNC110  (as a client asks)
            await asyncio.sleep(0.1)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def lived(town: Town, draft: str, author: str = ANN) -> str:
    report = await reported(town, draft, author)
    assert report["passed"], report["content"]["stops"]
    assert (await send(town, "POST", f"/drafts/{draft}/approve", BOB, {"report": report["digest"]})).status_code == 200
    assert (await send(town, "POST", f"/drafts/{draft}/activate", BOB)).status_code == 200
    return str(report["rulebook"])


async def decision(town: Town, who: str = NGO) -> dict[str, Any]:
    asked = {"operation": "identify", "purpose": "missing_person", "gallery": {"id": "missing-persons"}, "place": "US-WA"}
    return dict((await town.post("/v1/decisions:check", who, asked)).json())


async def test_a_looser_rulebook_is_drafted_shown_for_what_it_is_approved_by_another_obeyed_and_taken_back(town: Town) -> None:
    loose = town.house.bench.judge().rulebook.digest
    # 1 A stricter rulebook goes live, and refuses what the organisation asks.
    strict = await lived(town, await drafted(town, STRICT))
    calls = town.calls
    refused = await town.search(NGO)
    assert (refused.status_code, refused.json()["reasons"][0]["rule"]) == (403, "OWN-1")
    assert refused.json()["rulebook"] == strict
    assert town.calls == calls
    asked = await decision(town)
    assert (asked["decision"], asked["rulebook"]) == ("refusal", strict)

    # 2 Now somebody wants it back as it was. The live rulebook's expectation stands in the way until it is restated.
    forgetful = await drafted(town, {"title": "As before", "packs": {"baseline": {}}})
    report = await reported(town, forgetful)
    assert not report["passed"]
    assert report["content"]["expectations"]["live"]["failures"][0]["id"] == "own-ngo"
    failed = await send(town, "POST", f"/drafts/{forgetful}/approve", BOB, {"report": report["digest"]})
    assert (failed.status_code, failed.json()["type"]) == (409, "urn:custodes:problem:report-failed")
    restated = {**EXPECTED, "expect": {"decision": "allow"}}
    draft = await drafted(town, {"title": "As before", "packs": {"baseline": {}}, "vectors": [restated]}, AMY)
    report = await reported(town, draft, AMY)
    assert report["passed"], report["content"]["stops"]
    content = report["content"]
    assert [(change["what"], change["name"]) for change in content["restated"]] == [("expectation", "own-ngo")]
    assert content["changes"]["counts"]["newly-allowed"] > 0
    assert content["past"]["counts"]["newly-allowed"] == 1
    group = content["past"]["groups"][0]
    assert (group["change"], group["purpose"], group["client"]) == ("newly-allowed", "missing_person", "ngo_victim")
    assert town.entry(group["links"][0]["index"])["decision_id"] == refused.json()["decision_id"]

    # 3 Who wrote it does not approve it, whichever role they hold; another does, and exactly that report.
    own = await send(town, "POST", f"/drafts/{draft}/approve", AMY, {"report": report["digest"]})
    assert (own.status_code, own.json()["type"]) == (409, "urn:custodes:problem:same-person")
    assert town.entries("access-denied")[-1]["why"] == "same-person"
    early = await send(town, "POST", f"/drafts/{draft}/activate", BOB)
    assert (early.status_code, early.json()["type"]) == (409, "urn:custodes:problem:not-approved")
    approved = await send(town, "POST", f"/drafts/{draft}/approve", BOB, {"report": report["digest"]})
    assert (approved.status_code, approved.json()["approved_by"]) == (200, BOB)
    live = await send(town, "POST", f"/drafts/{draft}/activate", BOB)
    assert live.status_code == 200
    entry = town.entry(live.json()["log_index"])
    assert (entry["kind"], entry["act"], entry["way"]) == ("policy-change", "live", "forward")
    assert (entry["rulebook"], entry["replaces"], entry["report"]) == (loose, strict, report["digest"])
    assert (await decision(town))["rulebook"] == loose

    # 4 And back: an old rulebook, a new report, a new approval.
    back = await send(town, "POST", f"/{strict}/rollback", ANN, {"title": "It was better before"})
    assert back.status_code == 201
    await lived(town, back.json()["draft"])
    assert (await decision(town))["rulebook"] == strict
    assert town.entries("policy-change")[-1]["way"] == "rolled-back"
    reigns = (await send(town, "GET", "", NGO)).json()["rulebooks"]
    assert [reign["digest"] for reign in reigns] == [strict, loose, strict, loose]
    text = await town.get(f"/audit/rulebooks/{strict}.json")
    assert hashlib.sha256(text.content).hexdigest() == strict
    # 5 Nobody who acted is named in the log.
    log = b"".join(json.dumps(entry).encode() for entry in town.entries("policy-change"))
    assert not any(f'"{person}"'.encode() in log for person in ROLES)


async def test_a_draft_is_overwritten_only_by_whoever_read_its_newest_edition(town: Town) -> None:
    draft = await drafted(town, {"title": "One", "packs": {"baseline": {}}})
    read = await send(town, "GET", f"/drafts/{draft}", BOB)
    assert read.headers["etag"] == '"1"'
    document = {"title": "Two", "packs": {"baseline": {}, "vendor-ibm-exit": {}}}
    unseen = await send(town, "PUT", f"/drafts/{draft}", ANN, document)
    assert (unseen.status_code, unseen.json()["type"]) == (428, "urn:custodes:problem:edition-missing")
    written = await send(town, "PUT", f"/drafts/{draft}", ANN, document, if_match='"1"')
    assert (written.status_code, written.headers["etag"]) == (200, '"2"')
    late = await send(town, "PUT", f"/drafts/{draft}", AMY, {"title": "Three", "packs": {"baseline": {}}}, if_match='"1"')
    assert (late.status_code, late.json()["type"]) == (412, "urn:custodes:problem:draft-changed")
    assert (await send(town, "GET", f"/drafts/{draft}", VERA)).json()["document"]["title"] == "Two"
    assert (await send(town, "DELETE", f"/drafts/{draft}", ANN, if_match='"2"')).status_code == 200
    over = await send(town, "PUT", f"/drafts/{draft}", ANN, document, if_match='"2"')
    assert (over.status_code, over.json()["type"]) == (409, "urn:custodes:problem:state-forbids")


@pytest.mark.parametrize(
    ("who", "method", "path", "code"),
    [
        (BOB, "POST", "/drafts", "role-missing"),
        (VERA, "POST", "/drafts", "role-missing"),
        (NGO, "POST", "/drafts", "staff-needed"),
        (ANN, "POST", "/drafts/draft-x/approve", "role-missing"),
        (ANN, "POST", "/drafts/draft-x/activate", "role-missing"),
        (NGO, "GET", "/drafts", "staff-needed"),
        (BOB, "POST", f"/{'0' * 64}/rollback", "role-missing"),
    ],
)
async def test_who_does_not_hold_the_role_is_refused_and_the_attempt_is_in_the_log(
    town: Town, who: str, method: str, path: str, code: str
) -> None:
    before = len(town.entries("access-denied"))
    answer = await send(town, method, path, who, {"report": "0" * 64})
    assert (answer.status_code, answer.json()["type"]) == (403, f"urn:custodes:problem:{code}")
    assert len(town.entries("access-denied")) == before + 1


HEADER = "rule,on,effect,client,purpose,operation,place,when,from,to,obligations,sentence"
BAD: Mapping[str, tuple[Mapping[str, Any], str, int, str]] = {
    "an unknown purpose in a row": ({"rules": [STRICTER, {**STRICTER, "purpose": "mising_person"}]}, "rules", 2, ""),
    "a line of CSV with a wrong effect": (
        {"rules": HEADER + "\n\nOWN-1,request,Deny,*,*,*,*,,,,,No.\n"},
        "rules",
        3,
        "",
    ),
    "an allow for every purpose": (
        {"rules": [{**STRICTER, "effect": "allow", "purpose": "*", "when": "licensed", "to": "2027-01-01"}]},
        "rules",
        1,
        "wildcard-purpose",
    ),
    "a bad line of vectors": ({"vectors": json.dumps(EXPECTED) + "\n{nonsense\n"}, "vectors", 2, "vector-malformed"),
    "an unknown pack": ({"packs": {"baseline": {}, "vendor-nobody": {}}}, "packs", 0, "unknown-pack"),
    "no baseline": ({"packs": {"vendor-ibm-exit": {}}}, "packs", 0, "constitution-broken"),
    "an unknown option": ({"packs": {"baseline": {}, "vendor-amazon": {"options": {"anything": True}}}}, "vendor-amazon", 0, ""),
    "an exempt purpose that nothing may open": (
        {"packs": {"baseline": {}, "vendor-amazon": {"options": {"exempt_purposes": ["mass_surveillance"]}}}},
        "rulebook",
        0,
        "constitution-broken",
    ),
    "a window that lets the living pass as old": ({"settings": {"live_window_s": 60}}, "settings", 0, "constitution-broken"),
    "a constitution that ends": ({"packs": {"baseline": {"to": "2027-01-01"}}}, "baseline", 0, "constitution-broken"),
    "a property that is none": ({"never": "[[never]]\nname = 1\n"}, "never", 1, ""),
    "an unknown member": ({"rule": []}, "draft", 0, "unknown-member"),
}


@pytest.mark.parametrize("what", BAD)
async def test_a_draft_with_a_fault_is_refused_whole_with_its_line_and_the_live_rulebook_stays(town: Town, what: str) -> None:
    changes, where, line, code = BAD[what]
    live, drafts = town.house.bench.judge().rulebook.digest, town.house.registry.drafts.all()
    answer = await send(town, "POST", "/drafts", ANN, {"title": "Bad", "packs": {"baseline": {}}, **changes})
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:custodes:problem:draft-refused"), answer.text
    found = [fault for fault in answer.json()["faults"] if (fault["where"], fault["line"]) == (where, line)]
    assert found, answer.json()
    assert code in {"", *(fault["code"] for fault in found)}
    assert all(fault["sentence"] and fault["mend"] for fault in found)
    assert town.house.bench.judge().rulebook.digest == live
    assert town.house.registry.drafts.all() == drafts


async def test_the_catalogue_says_which_packs_are_on_and_since_when(town: Town) -> None:
    packs = {pack["name"]: pack for pack in (await town.get("/v1/packs")).json()["packs"]}
    assert packs["baseline"]["on"] is True
    assert packs["baseline"]["since"] is not None
    assert (packs["vendor-amazon"]["on"], packs["vendor-amazon"]["since"]) == (False, None)
    assert packs["vendor-amazon"]["options"][0]["sentence"]
