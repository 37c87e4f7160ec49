"""Promise 7: no recogniser serves without a dated evaluation of its false matches per demographic group, on the running service."""

import base64
import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from engine.evaluation.record import BELIEVED, from_record, seal, shipped_record
from gateway.cli.demo.cast import NGO
from gateway.enforcement.fitness import digest_of
from tests.stories.town import Town, running_town

pytestmark = pytest.mark.anyio


def empty(folder: Path) -> None:
    for path in folder.glob("*.json"):
        path.unlink()


def rewrite(folder: Path, anew: Callable[[bytes], bytes]) -> None:
    for path in folder.glob("*.json"):
        path.write_bytes(anew(path.read_bytes()))


def with_fewer_errors(sealed: bytes) -> bytes:
    document = json.loads(sealed)
    document["record"] = document["record"].replace('"errors":29', '"errors":9')
    return json.dumps(document).encode()


@pytest.fixture
def records(town: Town):
    """Lend the folder of evaluations, and put everything back."""
    folder = town.house.settings.home.evaluations
    held = {path: path.read_bytes() for path in folder.glob("*.json")}
    yield folder
    empty(folder)
    for path, content in held.items():
        path.write_bytes(content)


async def refused(town: Town, code: str) -> str:
    """Ask for what was permitted a moment ago; return the sentence of the refusal, which the log must hold and no worker hear of."""
    calls = town.calls
    answer = await town.search()
    assert (answer.status_code, answer.json()["type"]) == (503, f"urn:custodes:problem:{code}")
    assert town.calls == calls
    entry = town.entry(answer.json()["log_index"])
    assert (entry["kind"], entry["answer"]["code"]) == ("denial", code)
    ready = await town.get("/health/ready")
    assert ready.status_code == 503
    assert code in ready.text
    sentence: str = answer.json()["detail"]
    assert "Next step: " in sentence
    return sentence


async def test_7_the_shipped_recogniser_serves_under_its_shipped_evaluation_and_the_log_says_since_when(town: Town) -> None:
    assert (await town.search()).status_code == 202
    (adopted,) = town.entries("evaluation-change")
    assert adopted["digest"] == digest_of(from_record(shipped_record()))
    ready = (await town.get("/health/ready")).json()
    assert ready["parts"]["evaluation"]["digest"] == adopted["digest"]


async def test_7_a_recogniser_whose_evaluation_is_taken_away_serves_nobody_from_the_next_request_on(town: Town, records: Path) -> None:
    empty(records)
    assert "no evaluation" in await refused(town, "evaluation-absent")
    prohibited = await town.search(purpose="mass_surveillance")
    assert prohibited.json()["type"] == "urn:custodes:problem:purpose-prohibited"


async def test_7_an_evaluation_that_another_key_signed_is_not_believed(town: Town, records: Path) -> None:
    rewrite(records, lambda _: seal(from_record(shipped_record()), Ed25519PrivateKey.generate().sign))
    await refused(town, "evaluation-forged")


async def test_7_an_evaluation_that_was_touched_is_not_believed(town: Town, records: Path) -> None:
    rewrite(records, with_fewer_errors)
    await refused(town, "evaluation-forged")


async def test_7_an_evaluation_of_another_recogniser_does_not_serve(town: Town, records: Path) -> None:
    empty(records)
    record = shipped_record().decode()
    mine = from_record(record.encode())
    town.house.readiness.gate.evaluations.keep(from_record(record.replace(mine.recogniser, "f" * 64).encode()))
    await refused(town, "evaluation-other")


async def test_7_an_evaluation_expires_without_a_restart(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (await town.search()).status_code == 202
    gate = town.house.readiness.gate
    too_late = from_record(shipped_record()).at + BELIEVED + timedelta(seconds=1)
    with monkeypatch.context() as late:
        late.setattr(type(gate), "current", lambda self: self.evaluations.current(self.workers.state().binding, too_late))
        await refused(town, "evaluation-stale")
    assert (await town.search()).status_code == 202


async def test_7_what_was_measured_reaches_the_rules_and_nobody_else_can_say_it(town: Town) -> None:
    answer = await town.search()
    intent = next(entry for entry in reversed(town.entries("intent")) if entry["decision_id"] == answer.json()["decision_id"])
    held = intent["facts"]["request"]["evidence"]
    assert held["evaluated_for_minors"] is True
    assert 1 < float(held["fmr_ratio"]) <= 6
    assert float(held["false_match_rate_minors"]) < 0.002


async def test_7_a_home_that_lost_its_evaluation_starts_and_is_not_ready(tmp_path: Path) -> None:
    async with running_town(tmp_path, CUSTODES_WORKERS="1"):
        pass
    empty(tmp_path / "evaluations")
    async with running_town(tmp_path, CUSTODES_WORKERS="1") as again:
        assert (await again.search(NGO)).json()["type"] == "urn:custodes:problem:evaluation-absent"


def test_a_signature_covers_the_record_and_what_it_is() -> None:
    key = Ed25519PrivateKey.generate()
    sealed = json.loads(seal(from_record(shipped_record()), key.sign))
    with pytest.raises(InvalidSignature):
        key.public_key().verify(base64.b64decode(sealed["signature"]), sealed["record"].encode())
