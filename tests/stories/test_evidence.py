"""Evidence leaves the house for those whom it concerns, proves itself, and takes nobody else's values along."""

import io
import json
import zipfile
from pathlib import Path

import pytest

from gateway.audit.note import VerifierKey
from gateway.audit.source import verify_source
from gateway.cli.demo.cast import AUDITOR
from gateway.records.rederiving import Rederived
from tests.stories.town import CASE, NGO, POLICE, REVIEWER, Town

pytestmark = pytest.mark.anyio


async def bundle(town: Town, decision: str, who: str, folder: Path) -> dict[str, bytes]:
    answer = await town.get(f"/v1/audit/bundles/{decision}", who)
    assert answer.status_code == 200, answer.text
    path = folder / f"{who}.zip"
    path.write_bytes(answer.content)
    report = verify_source(str(path), town.house.verifier_key, rederive=Rederived)
    assert (report.exit_status, report.findings) == (0, ())
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def kinds(files: dict[str, bytes]) -> list[str]:
    return [json.loads(content)["kind"] for name, content in sorted(files.items()) if name.startswith("entries/")]


async def test_a_refused_client_gets_the_proof_of_its_refusal_with_its_rules_and_its_own_reference(town: Town, tmp_path: Path) -> None:
    refused = (await town.search(NGO, purpose="mass_surveillance")).json()
    files = await bundle(town, refused["decision_id"], NGO, tmp_path)
    assert kinds(files) == ["policy-change", "denial"]
    assert f"rulebooks/{refused['rulebook']}.json" in files
    opened = {
        path: one["value"] for name, content in files.items() if name.startswith("openings/") for path, one in json.loads(content).items()
    }
    assert opened.get("/facts/request/case/ref") == CASE
    assert {path for path, value in opened.items() if value != CASE} <= {"/facts/request/context/justification"}


async def test_a_client_does_not_see_what_waits_for_people_and_an_auditor_does(town: Town, tmp_path: Path) -> None:
    held = (await town.search(NGO)).json()
    assert held["status"] == "waiting-for-review"
    mine = await bundle(town, held["decision_id"], NGO, tmp_path)
    assert kinds(mine) == ["policy-change", "intent"]
    # Another story in this town may have left a refusal behind, to which a tripwire links this request: also not for the client.
    story = [entry["kind"] for entry in town.entries() if entry.get("decision_id") == held["decision_id"]]
    assert {"intent", "outcome"} <= set(story) <= {"tripwire", "intent", "outcome"}
    assert json.loads(mine["manifest.json"])["kept_back"] == len(story) - 1
    assert b"/candidates/" not in b"".join(mine.values())
    theirs = await bundle(town, held["decision_id"], AUDITOR, tmp_path)
    assert kinds(theirs) == ["policy-change", *story]
    digests = json.loads(theirs["digests.json"])
    assert len(digests["recogniser"]) == len(digests["calibration"]) == 1
    assert any("/candidates/0/subject" in content.decode() for name, content in theirs.items() if name.startswith("openings/"))


async def test_nobody_else_gets_it_and_each_reading_is_in_the_log(town: Town) -> None:
    decision = (await town.search(NGO, purpose="mass_surveillance")).json()["decision_id"]
    path = f"/v1/audit/bundles/{decision}"
    foreign = await town.get(path, POLICE)
    absent = await town.get("/v1/audit/bundles/00000000-0000-4000-8000-000000000000", POLICE)
    assert foreign.status_code == absent.status_code == 404
    assert foreign.json() == absent.json()
    assert (await town.get(path)).status_code == 401
    size = town.house.log.size
    assert (await town.get(path, REVIEWER)).status_code == 403
    assert town.entry(size)["kind"] == "access-denied"
    assert (await town.get("/v1/audit/bundles/1", AUDITOR)).json()["field"] == "decision_id"
    size = town.house.log.size
    await town.get(path, NGO)
    assert (town.entry(size)["kind"], town.entry(size)["what"], town.entry(size)["asked"]) == (
        "log-read", {"evidence": "client"}, {"decision_id": decision},
    )  # fmt: skip


async def test_the_key_in_the_bundle_is_the_log_s(town: Town, tmp_path: Path) -> None:
    refused = (await town.search(POLICE, purpose="mass_surveillance")).json()
    files = await bundle(town, refused["decision_id"], AUDITOR, tmp_path)
    assert VerifierKey.parse(files["log.vkey"].decode().strip()) == VerifierKey.parse(town.house.verifier_key)
