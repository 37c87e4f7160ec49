"""Somebody complains: an ombudsman asks whether they were searched, gets an answer that proves itself, and the asking is in the log."""

import base64
import copy
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gateway.audit.note import VerifierKey
from gateway.cli.demo.cast import AUDITOR, REGISTRARS
from gateway.cli.main import app
from gateway.records.questions import check_answer
from gateway.records.tags import Tags
from tests.stories.town import CASE, GALLERY, NGO, POLICE, REVIEWER, Town, running_town

pytestmark = pytest.mark.anyio

WHO, SECOND = "ombudsman-1", "ombudsman-2"
OF_THE_CASE = {"complaint": "O-2026-17", "client": NGO, "case_ref": CASE}


@pytest.fixture(scope="module")
async def alone(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Town]:
    async with running_town(tmp_path_factory.mktemp("asked"), CUSTODES_QUESTIONS_A_DAY="12") as town:
        staff = town.house.registry.staff
        staff.redeem(staff.invite(SECOND, "Ombudsman", ("ombudsman",), REGISTRARS[0]).secret)
        yield town


async def ask(town: Town, who: str = WHO, **about: str):
    return await town.post("/v1/ombudsman/questions", who, {"complaint": "O-2026-17", **about})


def faults(town: Town, answer: object) -> list[str]:
    return check_answer(answer, VerifierKey.parse(town.house.verifier_key))


async def test_a_person_who_was_found_is_told_so_with_proofs_and_the_question_is_in_the_log(alone: Town) -> None:
    town = alone
    before = (await ask(town, **{name: OF_THE_CASE[name] for name in ("client", "case_ref")})).json()
    decision = (await town.search()).json()["decision_id"]
    await town.confirm(decision)
    (person,) = {one["subject"] for one in (await town.get(f"/v1/searches/{decision}", NGO)).json()["candidates"]}
    answer = (await ask(town, gallery=GALLERY, subject=person)).json()
    assert answer["searched"] is True
    found = next(one for one in answer["entries"] if one["as"] == "found")
    assert json.loads(base64.b64decode(found["entry"]))["decision_id"] == decision
    assert found["released"] is True
    assert faults(town, answer) == []
    entry = town.entry(answer["log_index"])
    assert (entry["kind"], entry["about"], entry["count"]) == ("question", "subject", answer["count"])
    assert not {person, WHO, "O-2026-17", answer["tag"]} & set(json.dumps(entry).split('"'))
    after = (await ask(town, client=NGO, case_ref=CASE)).json()
    assert (after["count"], {one["as"] for one in after["entries"]}) == (before["count"] + 1, {"sought"})


async def test_who_was_never_searched_and_who_was_never_here_get_the_same_answer(alone: Town) -> None:
    answers = [
        (await ask(alone, SECOND, **about)).json()
        for about in (
            {"gallery": GALLERY, "subject": "nobody"},
            {"gallery": "no-such", "subject": "x"},
            {"client": POLICE, "case_ref": CASE},
        )
    ]
    assert {(one["searched"], one["count"], len(one["entries"])) for one in answers} == {(False, 0, 0)}
    assert [faults(alone, one) for one in answers] == [[], [], []]


async def test_an_answer_that_was_tampered_with_does_not_hold(alone: Town) -> None:
    await alone.search()
    answer = (await ask(alone, client=NGO, case_ref=CASE)).json()
    assert answer["count"]
    for change in (
        lambda one: one.update(searched=False),
        lambda one: one["entries"].pop(),
        lambda one: one.update(entries=[*one["entries"], one["entries"][0]], count=one["count"] + 1),
        lambda one: one["entries"][0].update(path="/tags/99"),
        lambda one: one["entries"][0].update(path="/tags/-1"),
        lambda one: one["entries"][0].update(path=7),
        lambda one: one["entries"][0].update(nonce=7),
        lambda one: one.update(tag="tag:" + "0" * 64),
        lambda one: one["entries"][0].update(nonce="00" * 32),
        lambda one: one["entries"][0].update(index=one["entries"][0]["index"] + 1),
        lambda one: one["entries"][0].update(entry=base64.b64encode(b"{}").decode()),
        lambda one: one["entries"][0].update(receipt=one["receipt"]),
        lambda one: one.update(question=base64.b64encode(b"{}").decode()),
        lambda one: one.clear(),
    ):
        forged = copy.deepcopy(answer)
        change(forged)
        assert faults(alone, forged)
    assert faults(alone, None)
    assert faults(alone, [])


async def test_entries_of_one_person_cannot_be_told_to_be_and_no_reader_is_given_a_tag(alone: Town) -> None:
    town = alone
    await town.search()
    await town.search()
    tags = [tag for entry in town.entries() for tag in entry.get("tags", ())]
    assert len(tags) == len(set(tags)) >= 4
    decision = town.entries("intent")[-1]["decision_id"]
    for who in (NGO, AUDITOR, WHO):
        bundle = await town.get(f"/v1/audit/bundles/{decision}", who)
        assert bundle.status_code == 200, (who, bundle.text)
        assert b"tag:" not in bundle.content
    key = (town.house.settings.home.keys / "tags.key").read_text("ascii").strip()
    home = town.house.settings.home
    stores = [path for path in home.root.rglob("*") if path.is_file() and home.keys not in path.parents]
    assert not [path for path in stores if key.encode() in path.read_bytes() or bytes.fromhex(key) in path.read_bytes()]


async def test_what_retention_shreds_can_still_be_asked_for_and_what_a_person_has_erased_cannot(tmp_path: Path) -> None:
    async with running_town(tmp_path / "home") as town:
        decision = (await town.search()).json()["decision_id"]
        outcome = next(n for n, entry in enumerate(town.entries()) if entry["kind"] == "outcome" and entry["decision_id"] == decision)
        person = town.house.log.openings(outcome)["/candidates/0/subject"].value.decode()
        about = {"gallery": GALLERY, "subject": person}
        counted = (await ask(town, **about)).json()["count"]
        town.house.scheduler.shredder.decision(decision)
        assert "/candidates/0/subject" not in town.house.log.openings(outcome)
        assert (await ask(town, **about)).json()["count"] == counted
        erased = await town.post("/v1/audit/erasures", REGISTRARS[0], {"why": "data-subject-request", "subject": person})
        assert erased.status_code == 200, erased.text
        answer = (await ask(town, **about)).json()
        assert (answer["searched"], answer["count"]) == (False, 0)
        # Erasing the case takes its own tags, and leaves those of nobody else.
        assert (await ask(town, client=NGO, case_ref=CASE)).json()["searched"]
        town.house.registry.cases.close(NGO, CASE, "over")
        assert (await town.post("/v1/audit/erasures", REGISTRARS[0], {"why": "court-order", "case_ref": CASE})).status_code == 200
        assert not (await ask(town, client=NGO, case_ref=CASE)).json()["searched"]
        assert town.house.log.check()


async def test_only_an_ombudsman_asks_only_so_much_a_day_and_about_one_at_a_time(alone: Town) -> None:
    town = alone
    for who in (NGO, AUDITOR, REVIEWER, REGISTRARS[0]):
        size = town.house.log.size
        assert (await ask(town, who, client=NGO, case_ref=CASE)).status_code == 403
        assert town.entry(size)["kind"] == "access-denied"
    for about in (
        {},
        {"client": NGO},
        {"gallery": GALLERY},
        OF_THE_CASE | {"gallery": GALLERY, "subject": "s"},
        {"complaint": "a b", "client": NGO, "case_ref": CASE},
    ):
        size = town.house.log.size
        assert (await ask(town, **about)).status_code == 422
        assert town.house.log.size == size
    answers = [await ask(town, SECOND, gallery=GALLERY, subject=f"guess-{n}") for n in range(13)]
    spent = next(answer for answer in answers if answer.status_code != 200)
    assert (spent.status_code, spent.json()["type"], spent.headers["retry-after"]) == (429, "urn:custodes:problem:questions-spent", "3600")
    assert len(town.entries("question")) <= 24


async def test_who_looks_into_complaints_has_no_other_part_in_the_house(alone: Town) -> None:
    said = {"id": "both", "name": "Both", "roles": ["ombudsman", "auditor"]}
    refused = await alone.post("/v1/staff", REGISTRARS[0], said)
    assert (refused.status_code, refused.json()["field"]) == (422, "roles")


async def test_the_command_line_asks_and_checks_as_the_api_does(alone: Town, tmp_path: Path) -> None:
    await alone.search()
    home, run = str(alone.house.settings.home.root), CliRunner().invoke
    asked = ["ombudsman", "ask", "--home", home, "--complaint", "O-1", "--client", NGO, "--case", CASE, "--json"]
    assert run(app, [*asked, "--by", AUDITOR]).exit_code == 2
    answered = run(app, [*asked, "--by", WHO])
    assert answered.exit_code == 0, answered.output
    file = tmp_path / "answer.json"
    file.write_text(answered.stdout)
    assert run(app, ["ombudsman", "check", str(file), "--key", alone.house.verifier_key]).exit_code == 0
    file.write_text(answered.stdout.replace('"searched": true', '"searched": false'))
    assert run(app, ["ombudsman", "check", str(file), "--key", alone.house.verifier_key]).exit_code == 1
    file.write_text("{")
    assert run(app, ["ombudsman", "check", str(file), "--key", alone.house.verifier_key]).exit_code == 2


def test_no_two_names_share_a_tag() -> None:
    tags = Tags(b"k" * 32)
    assert (
        len({tags.case("a", "bc"), tags.case("ab", "c"), tags.subject("a", "bc"), tags.case("", "abc"), Tags(b"l" * 32).case("a", "bc")})
        == 5
    )
