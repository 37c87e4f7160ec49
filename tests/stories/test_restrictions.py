"""A person asks that what is held about them be kept and not used: no search finds them, no result is given out, until another act."""

import asyncio
import os
import signal
from pathlib import Path

import pytest

from engine.faces import Answer
from engine.orders import SubjectReference
from gateway.cli.demo.cast import AUDITOR, REGISTRARS
from gateway.enforcement.restrictions import RestrictedResults, ResultRestricted
from gateway.registry.restrictions import Scope
from tests.stories.town import CASE, GALLERY, NGO, POLICE, REVIEWER, Town, judgement, running_town

pytestmark = pytest.mark.anyio

URN = "urn:custodes:problem:"


@pytest.fixture(scope="module")
async def alone(tmp_path_factory: pytest.TempPathFactory):
    async with running_town(tmp_path_factory.mktemp("restricted")) as town:
        yield town


async def place(town: Town, **scope: str):
    return await town.post("/v1/restrictions", REGISTRARS[0], {"why": "accuracy-contested", **scope})


async def lift(town: Town, restriction: str, who: str = REGISTRARS[1]):
    return await town.post(f"/v1/restrictions/{restriction}/lift", who, {"reason": "the record was corrected"})


def found_in(town: Town, decision_id: str) -> int:
    return next(len(entry["candidates"]) for entry in town.entries("outcome") if entry["decision_id"] == decision_id)


async def test_a_restricted_person_is_passed_over_and_what_was_found_before_is_not_given_out(alone: Town) -> None:
    """1 found and released; 2 restricted; 3 not given out, not found, not compared with; 4 owed an answer; 5 kept; 6 lifted, forgotten."""
    town = alone
    # 1
    before = (await town.search()).json()
    await town.confirm(before["decision_id"])
    released = (await town.get(f"/v1/searches/{before['decision_id']}", NGO)).json()
    (person,) = {candidate["subject"] for candidate in released["candidates"]}
    # 2
    placed = await place(town, gallery=GALLERY, subject=person)
    assert placed.status_code == 201, placed.text
    restriction = placed.json()["id"]
    entry = town.entry(placed.json()["log_index"])
    assert (entry["kind"], entry["act"], entry["subject"][:11]) == ("restriction", "placed", "commitment:")
    assert person not in str(entry)
    # 3
    kept = await town.get(f"/v1/searches/{before['decision_id']}", NGO)
    assert (kept.status_code, kept.json()["type"]) == (403, f"{URN}result-restricted")
    after = await town.search()
    assert found_in(town, after.json()["decision_id"]) == 0
    said = {"custodes-purpose": "missing_person", "custodes-case": f'"{CASE}"', "custodes-gallery": f'"{GALLERY}"'}
    capture = {
        "custodes-capture": "source=upload, device=none, space=none, age_s=86400, subject_involved=?0",
        "custodes-subject": f'"{person}"',
    }
    compared = await town.send("/v1/verifications", NGO, said | capture)
    assert (compared.status_code, compared.json()["type"]) == (403, f"{URN}subject-restricted")
    assert "asked so" in compared.json()["detail"]
    # 4
    town.house.scheduler.round()
    duties = (await town.get("/v1/duties", REGISTRARS[0])).json()["duties"]
    (answer,) = [duty for duty in duties if duty["obligation"] == "answer_restriction_30d"]
    assert (answer["client"], answer["kept_by"]) == (NGO, "person")
    assert 29 * 86400 < answer["seconds_left"] <= 30 * 86400
    # 5
    asked = {"why": "data-subject-request", "subject": person}
    refused = await town.post("/v1/audit/erasures", REGISTRARS[0], asked)
    assert (refused.status_code, refused.json()["type"]) == (409, f"{URN}state-forbids")
    # 6
    assert (await lift(town, restriction, REGISTRARS[0])).json()["type"] == f"{URN}same-person"
    assert (await lift(town, restriction)).json()["state"] == "lifted"
    assert (await lift(town, restriction)).status_code == 409
    assert (await town.get(f"/v1/searches/{before['decision_id']}", NGO)).status_code == 200
    assert found_in(town, (await town.search()).json()["decision_id"]) == 1
    assert (await town.post("/v1/audit/erasures", REGISTRARS[0], asked)).status_code == 200
    assert (await town.get("/v1/restrictions?state=lifted", REGISTRARS[0])).json() == {"restrictions": []}


async def test_under_a_restricted_case_nothing_is_searched_and_no_image_is_read(alone: Town) -> None:
    town = alone
    held = (await town.search()).json()
    placed = (await place(town, client=NGO, case_ref=CASE)).json()
    review = next(one for one in (await town.get("/v1/reviews", REVIEWER)).json()["reviews"] if one["decision_id"] == held["decision_id"])
    claimed = await town.post(f"/v1/reviews/{review['review']}/claim", REVIEWER, {})
    assert (claimed.status_code, claimed.json()["type"]) == (403, f"{URN}result-restricted")
    calls = town.calls
    refused = await town.search()
    assert (refused.status_code, refused.json()["type"], town.calls) == (403, f"{URN}case-restricted", calls)
    assert town.entries("denial")[-1]["answer"]["code"] == "case-restricted"
    assert (await place(town, client=NGO, case_ref=CASE)).status_code == 409
    assert (await lift(town, placed["id"])).status_code == 200
    assert (await town.search()).status_code == 202


async def test_a_result_that_is_restricted_after_it_was_claimed_takes_no_judgement_and_the_log_has_none(alone: Town) -> None:
    town = alone
    held = (await town.search()).json()
    review = next(one for one in (await town.get("/v1/reviews", REVIEWER)).json()["reviews"] if one["decision_id"] == held["decision_id"])
    path = f"/v1/reviews/{review['review']}"
    claimed = (await town.post(f"{path}/claim", REVIEWER, {})).json()
    placed = (await place(town, client=NGO, case_ref=CASE)).json()
    size = town.house.log.size
    refused = await town.post(f"{path}/judgements", REVIEWER, judgement(claimed["candidates"]))
    assert (refused.status_code, refused.json()["type"]) == (403, f"{URN}result-restricted")
    assert town.house.log.size == size
    assert (await lift(town, placed["id"])).status_code == 200
    assert (await town.post(f"{path}/judgements", REVIEWER, judgement(claimed["candidates"]))).status_code == 200


def test_that_nobody_was_alike_is_not_given_out_either_once_whoever_was_compared_is_restricted(alone: Town) -> None:
    registry, at = alone.house.registry, alone.house.clock.now()
    nobody = Answer("order", "verify", "boot", 1, "recogniser", None, (), (), at, at, gallery=GALLERY, verified=False)
    results, whom = RestrictedResults(registry.restrictions), SubjectReference(GALLERY, "compared", 1)
    results.must_not_reach(f"{NGO}/C", nobody, whom)
    registry.restrictions.place("restriction-compared", Scope(gallery=GALLERY, subject="compared"), "court-order", "rita", at)
    with pytest.raises(ResultRestricted):
        results.must_not_reach(f"{NGO}/C", nobody, whom)
    registry.restrictions.lift("restriction-compared", "ruth", at)


async def test_a_restriction_that_is_placed_while_a_face_is_compared_keeps_the_answer_back(alone: Town) -> None:
    """The workers are halted in the middle, for as long as it takes to place it."""
    town, intents = alone, len(alone.entries("intent"))
    said = {"custodes-purpose": "missing_person", "custodes-case": f'"{CASE}"', "custodes-gallery": f'"{GALLERY}"'}
    capture = {"custodes-capture": "source=upload, device=none, space=none, age_s=86400, subject_involved=?0"}
    pids = town.house.readiness.workers.state().pids
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        compared = asyncio.create_task(town.send("/v1/verifications", NGO, said | capture | {"custodes-subject": '"test-subject-1"'}))
        async with asyncio.timeout(60):
            while len(town.entries("intent")) == intents:  # noqa: ASYNC110  (nothing tells of it)
                await asyncio.sleep(0.01)
        placed = (await place(town, gallery=GALLERY, subject="test-subject-1")).json()["id"]
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
    answer = await compared
    assert (answer.status_code, answer.json()["type"]) == (403, f"{URN}result-restricted")
    outcome = town.entries("outcome")[-1]
    assert (outcome["decision_id"], outcome["status"]) == (answer.json()["decision_id"], "withheld")
    assert (await lift(town, placed)).status_code == 200


async def test_who_sees_restrictions_and_who_may_not_place_them(alone: Town) -> None:
    town = alone
    placed = (await place(town, gallery=GALLERY, subject="somebody")).json()
    assert [one["id"] for one in (await town.get("/v1/restrictions", NGO)).json()["restrictions"]] == [placed["id"]]
    assert (await town.get("/v1/restrictions", POLICE)).json() == {"restrictions": []}
    assert (await town.get(f"/v1/restrictions/{placed['id']}", POLICE)).status_code == 404
    assert (await town.get(f"/v1/restrictions/{placed['id']}", AUDITOR)).status_code == 200
    assert (await town.get("/v1/restrictions", REVIEWER)).status_code == 403
    for who in (NGO, AUDITOR, REVIEWER):
        said = {"why": "court-order", "gallery": GALLERY, "subject": "other"}
        assert (await town.post("/v1/restrictions", who, said)).status_code == 403
    assert (await lift(town, placed["id"], NGO)).json()["type"] == f"{URN}staff-needed"


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ({}, 422),
        ({"why": "because", "gallery": GALLERY, "subject": "s"}, 422),
        ({"why": "court-order"}, 422),
        ({"why": "court-order", "gallery": GALLERY}, 422),
        ({"why": "court-order", "gallery": GALLERY, "subject": "s", "case_ref": CASE, "client": NGO}, 422),
        ({"why": "court-order", "gallery": GALLERY, "subject": "no name\n"}, 422),
        ({"why": "court-order", "gallery": "no-such", "subject": "s"}, 404),
        ({"why": "court-order", "client": NGO, "case_ref": "NONE"}, 404),
        ({"why": "court-order", "subject": 7, "gallery": GALLERY}, 422),
    ],
)
async def test_a_restriction_that_cannot_be_read_is_refused_and_nothing_is_recorded(
    alone: Town, said: dict[str, object], status: int
) -> None:
    size = alone.house.log.size
    assert (await alone.post("/v1/restrictions", REGISTRARS[0], said)).status_code == status
    assert alone.house.log.size == size


async def test_a_restriction_whose_process_died_before_its_duty_is_owed_an_answer_all_the_same(alone: Town, tmp_path: Path) -> None:
    registry = alone.house.registry
    registry.restrictions.place("restriction-crashed", Scope(gallery=GALLERY, subject="x"), "court-order", "rita", alone.house.clock.now())
    alone.house.scheduler.round()
    alone.house.scheduler.round()
    owed = [duty for duty in registry.duties.all() if duty.about.get("restriction") == "restriction-crashed"]
    assert len(owed) == 1
