"""A person asks to be forgotten: over HTTP, on a house at work, and then no file of it holds their values, and every proof stands."""

from pathlib import Path

import pytest

from gateway.audit.export import write_export
from gateway.audit.note import VerifierKey
from gateway.audit.tlogproof import TlogProof
from gateway.audit.verify import verify_export
from gateway.cli.demo.cast import AUDITOR, REGISTRARS
from gateway.registry.rulebook import text_of
from tests.stories.town import CASE, NGO, POLICE, REVIEWER, Town, running_town

pytestmark = pytest.mark.anyio

SAID = 'justification="CANARY-WORDS-4711"'


def files_with(home: Path, text: str) -> list[str]:
    return [str(path.relative_to(home)) for path in home.rglob("*") if path.is_file() and text.encode() in path.read_bytes()]


async def test_a_case_is_forgotten_in_every_file_and_every_receipt_stands(tmp_path: Path) -> None:
    home = tmp_path / "home"
    async with running_town(home) as town:
        key, log = VerifierKey.parse(town.house.verifier_key), town.house.log
        answers = [(await town.search(context=SAID)).json(), (await town.search(purpose="mass_surveillance", context=SAID)).json()]
        older = log.checkpoint()
        await town.get(f"/v1/audit/entries?case_ref={CASE}", AUDITOR)
        assert files_with(home, "CANARY-WORDS-4711")
        asked = {"why": "data-subject-request", "case_ref": CASE}
        assert (await town.post("/v1/audit/erasures", REGISTRARS[0], asked)).json()["type"].endswith("state-forbids")
        town.house.registry.cases.close(NGO, CASE, "over")
        erased = await town.post("/v1/audit/erasures", REGISTRARS[0], asked)
        assert erased.status_code == 200, erased.text
        assert files_with(home, CASE) == files_with(home, "CANARY-WORDS-4711") == []
        TlogProof.parse(erased.json()["receipt"]).verify(log.entry(erased.json()["log_index"]), key)
        for answer in answers:
            TlogProof.parse(answer["receipt"]).verify(log.entry(answer["log_index"]), key)
        write_export(log, tmp_path / "export", key, rulebook=text_of(town.house.registry.rulebooks))
        report = verify_export(tmp_path / "export", key, older)
        assert (report.findings, report.since) == ((), int(older.split(b"\n")[1]))
        assert (await town.post("/v1/audit/erasures", REGISTRARS[0], asked)).status_code == 404
        assert (await town.get(f"/v1/searches/{answers[0]['decision_id']}", NGO)).json()["status"] == "destroyed"
    assert files_with(home, CASE) == []


async def test_only_registrars_and_operators_erase_and_who_else_tries_is_in_the_log(town: Town) -> None:
    for who in (NGO, POLICE, AUDITOR, REVIEWER):
        size = town.house.log.size
        assert (await town.post("/v1/audit/erasures", who, {"why": "court-order", "subject": "s"})).status_code == 403
        assert town.entry(size)["kind"] == "access-denied"


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({}, "why"),
        ({"why": "because", "subject": "s"}, "why"),
        ({"why": "court-order"}, "case_ref"),
        ({"why": "court-order", "subject": "s", "case_ref": "c"}, "case_ref"),
        ({"why": "court-order", "subject": 7}, "subject"),
        ({"why": "court-order", "decision_id": "7"}, "decision_id"),
        ({"why": "court-order", "subject": "s", "client": ""}, "client"),
        ({"why": "court-order", "everything": True}, "everything"),
    ],
)
async def test_an_erasure_that_cannot_be_read_is_refused_by_its_field(town: Town, said: dict[str, object], field: str) -> None:
    answer = await town.post("/v1/audit/erasures", REGISTRARS[0], said)
    assert (answer.status_code, answer.json()["field"]) == (422, field)
