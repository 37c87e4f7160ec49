"""The promises of the design, each as a story on the running service."""

import hashlib
import re
from datetime import timedelta
from pathlib import Path

import pytest

from engine.errors import OrderRefused
from engine.orders import LocalSeal, Operation, SearchLimits, WorkOrder, seal
from gateway.audit.export import write_export
from gateway.audit.failures import LogUnavailable
from gateway.audit.note import VerifierKey
from gateway.audit.tlogproof import TlogProof
from gateway.audit.verify import verify_export
from gateway.registry.rulebook import text_of
from tests.stories.town import LIVE, NGO, POLICE, Town

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("who", [NGO, POLICE])
@pytest.mark.parametrize("changes", [{}, {"capture": LIVE, "operation": "live_identify", "target": "kind=anyone"}, {"operation": "track"}])
async def test_1_mass_surveillance_is_refused_to_every_client_whatever_papers_it_shows(
    town: Town, who: str, changes: dict[str, str]
) -> None:
    calls = town.calls
    refused = await town.search(who, purpose="mass_surveillance", **changes)
    assert refused.status_code == 403
    problem = refused.json()
    assert problem["type"] == "urn:custodes:problem:purpose-prohibited"
    assert any(reason["rule"] == "BASE-1" and reason["pack"] == "baseline" for reason in problem["reasons"])
    assert town.calls == calls
    assert town.entry(problem["log_index"])["kind"] == "denial"


async def test_2_a_missing_child_case_passes_and_a_human_looks_before_the_result_is_released(town: Town) -> None:
    held = await town.search()
    assert held.status_code == 202
    decision = held.json()["decision_id"]
    assert "candidates" not in held.json()
    waiting = await town.get(held.json()["result"], NGO)
    assert (waiting.status_code, waiting.json()["status"]) == (202, "waiting-for-review")
    assert (await town.confirm(decision)).json()["state"] == "released"
    result = await town.get(held.json()["result"], NGO)
    assert result.status_code == 200
    assert result.json()["candidates"][0]["subject"] == "test-subject-1"
    assert result.json()["candidates"][0]["similarity"] > 99.9
    assert result.json()["label"].startswith("A lead")


async def test_2_what_the_human_does_not_confirm_is_never_released(town: Town) -> None:
    held = (await town.search()).json()
    assert (await town.confirm(held["decision_id"], "different")).json()["state"] == "withheld"
    result = await town.get(held["result"], NGO)
    assert result.json() == {"decision_id": held["decision_id"], "status": "withheld"}


async def test_2_nobody_but_the_client_learns_that_a_result_exists(town: Town) -> None:
    held = (await town.search()).json()
    foreign, absent = await town.get(held["result"], POLICE), await town.get("/v1/searches/none-at-all", POLICE)
    assert (foreign.status_code, foreign.json()) == (404, absent.json())


async def test_3_no_search_runs_when_the_audit_log_cannot_write(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    calls, size = town.calls, town.house.log.size

    async def full(*_entry: object) -> None:
        raise LogUnavailable("the disk is full")

    with monkeypatch.context() as broken:
        broken.setattr(type(town.house.log), "append", full)
        answer = await town.search()
    assert answer.status_code == 503
    assert answer.json()["type"] == "urn:custodes:problem:audit-unavailable"
    assert (town.calls, town.house.log.size) == (calls, size)


async def test_3_no_result_leaves_without_a_durable_outcome_and_the_intent_is_closed_afterwards(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    append = type(town.house.log).append

    async def refuses_outcomes(log: object, entry: bytes, *openings: object) -> object:
        if b'"kind":"outcome"' in entry:
            raise LogUnavailable("the disk is full")
        return await append(log, entry, *openings)  # type: ignore[arg-type]  # passed through as they came

    with monkeypatch.context() as broken:
        broken.setattr(type(town.house.log), "append", refuses_outcomes)
        answer = await town.search()
    assert answer.status_code == 503
    assert "candidates" not in answer.text
    await town.search(purpose="mass_surveillance")
    assert town.house.explorer.open_intents() == []
    assert town.entries("abandoned")[-1]["why"] == "outcome-not-recorded"


async def test_4_an_outsider_verifies_the_log_and_every_receipt_without_our_service(town: Town, tmp_path: Path) -> None:
    receipts = [(await town.search(purpose="mass_surveillance")).json(), (await town.search()).json()]
    key = VerifierKey.parse((await town.get("/audit/log.vkey")).text.strip())
    write_export(town.house.log, tmp_path / "export", key, rulebook=text_of(town.house.registry.rulebooks))
    report = verify_export(tmp_path / "export", key)
    assert report.ok, report.findings
    for answer in receipts:
        proof = TlogProof.parse(answer["receipt"])
        assert proof.index == answer["log_index"]
        proof.verify(town.house.log.entry(answer["log_index"]), key)
    fresh = (await town.get(f"/v1/receipts/{receipts[0]['log_index']}")).json()
    TlogProof.parse(fresh["receipt"]).verify(town.house.log.entry(receipts[0]["log_index"]), key)


async def test_6_the_recogniser_refuses_work_that_no_durable_entry_ordered(town: Town) -> None:
    calls = town.calls
    execution = town.house.pipeline.execution
    image = b"whatever it is: nobody will look at it"
    now = town.house.clock.now()
    order = WorkOrder(
        boot=execution.boot,
        intent_index=town.house.log.size + 1000,
        operation=Operation.DETECT,
        image_sha256=hashlib.sha256(image).hexdigest(),
        limits=SearchLimits(max_faces=1, max_candidates=0, min_similarity=0),
        issued_at=now,
        expires_at=now + timedelta(seconds=5),
    )
    with pytest.raises(OrderRefused) as refused:
        await execution.workers.run(seal(order, LocalSeal.fresh()), image)
    assert refused.value.code == "order-forged"
    assert town.calls == calls


async def test_every_intent_is_durable_before_the_engine_is_called_and_closed_exactly_once(town: Town) -> None:
    for _ in range(3):
        await town.search()
    intents = [index for index, entry in enumerate(town.entries()) if entry["kind"] == "intent"]
    closed = [entry["intent"] for entry in town.entries() if entry["kind"] in ("outcome", "abandoned")]
    assert sorted(closed) == intents
    numbers = [entry["engine"]["call"] for entry in town.entries("outcome") if "engine" in entry]
    assert numbers == sorted(set(numbers))
    assert numbers[-1] <= len(intents)


async def test_no_image_no_template_and_no_personal_value_stands_in_the_log(town: Town) -> None:
    await town.search(context='justification="Canary Sentence 4711"')
    text = b"\n".join(town.house.log.entries(0, town.house.log.size)).decode()
    for value in ("MP-2026-0142", "Canary Sentence 4711", "test-subject-1", "reviewer-1", "JFIF"):
        assert value not in text
    assert re.search(r"commitment:[0-9a-f]{64}", text)
