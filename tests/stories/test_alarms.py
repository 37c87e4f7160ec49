"""The index and Casbin disagree, because somebody tampered with the one in memory: a refusal, an entry, and a number that people see."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gateway.cli.main import app
from policies.index import Index, Plan
from tests.stories.town import NGO, running_town

pytestmark = pytest.mark.anyio


async def test_a_disagreement_of_index_and_casbin_is_a_refusal_an_entry_and_a_count_that_readiness_and_doctor_show(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Index.plan

    def without_denies(index: Index, *cell: str) -> Plan:
        # Casbin still holds the denies, so that what the index now opens is not confirmed.
        return replace(real(index, *cell), denies=(), answers={})

    async with running_town(tmp_path) as town:
        calls = town.calls
        assert (await town.get("/health/ready")).json()["parts"]["judge"]["alarms"] == 0
        with monkeypatch.context() as tampered:
            tampered.setattr(Index, "plan", without_denies)
            answer = await town.search(NGO, case='"C-NOBODYS"')
        assert (answer.status_code, answer.json()["type"]) == (403, "urn:custodes:problem:judge-disagreement"), answer.text
        assert town.calls == calls
        assert town.entries("denial")[-1]["answer"]["code"] == "judge-disagreement"
        (alarm,) = town.entries("alarm")
        assert "disagree" in alarm["what"]
        ready = await town.get("/health/ready")
        assert (ready.status_code, ready.json()["parts"]["judge"]["alarms"]) == (200, 1)
        assert (await town.search(NGO)).status_code < 300
    looked = CliRunner().invoke(app, ["doctor", "--home", str(tmp_path), "--json"])
    found = {finding["part"]: finding for finding in json.loads(looked.stdout)}
    assert looked.exit_code == 1
    assert (found["judge"]["well"], found["live rulebook"]["well"]) == (False, True)
    assert "alarms in the log: 1," in found["judge"]["state"]
    assert alarm["what"] in found["judge"]["state"]
