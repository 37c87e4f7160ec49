"""A court asks for the file of a case: every entry of it, each with its proof and what opens it, and the reading is in the log."""

import hashlib
import hmac

import pytest

from gateway.audit.note import VerifierKey
from gateway.audit.tlogproof import TlogProof
from gateway.cli.demo.cast import AUDITOR, REGISTRARS
from gateway.records.canonical import canonical
from tests.stories.town import CASE, NGO, POLICE, Town

pytestmark = pytest.mark.anyio


async def test_the_file_of_a_case_proves_itself_and_holds_no_other_case(town: Town) -> None:
    decision = (await town.search()).json()["decision_id"]
    file = (await town.get(f"/v1/audit/case-file?client={NGO}&case_ref={CASE}", AUDITOR)).json()
    assert (town.entries("log-read")[-1]["what"], file["case"]) == ({"case-file": True}, CASE)
    assert {"intent", "outcome"} <= {one["entry"]["kind"] for one in file["entries"] if one["entry"].get("decision_id") == decision}
    key = VerifierKey.parse(file["key"])
    for one in file["entries"][-6:]:
        TlogProof.parse(one["receipt"]).verify(canonical(one["entry"]), key)
        for path, value in one["openings"].items():
            nonce = bytes.fromhex(one["nonces"][path])
            assert f"commitment:{hmac.digest(nonce, value.encode(), hashlib.sha256).hex()}" in str(one["entry"])
    other = (await town.get(f"/v1/audit/case-file?client={POLICE}&case_ref={CASE}", AUDITOR)).json()["entries"]
    assert not {one["index"] for one in other} & {one["index"] for one in file["entries"]}, "another client's case of the same name"


async def test_a_years_report_counts_what_the_public_one_hides_and_is_for_auditors(town: Town) -> None:
    await town.search()
    year = town.entries("intent")[-1]["at"][:4]
    report = (await town.get(f"/v1/audit/report?period={year}&client={NGO}", AUDITOR)).json()
    assert report["hidden_below"] == 0
    assert report["tables"]["requests by purpose"]["missing_person"] >= 1
    assert (await town.get(f"/v1/audit/report?period={year}", REGISTRARS[0])).status_code == 403
    for wrong in ("", "?period=26", "?period=2026-Q5", "?period=2026&x=1"):
        assert (await town.get(f"/v1/audit/report{wrong}", AUDITOR)).status_code == 422
    for wrong in ("", "?client=x", "?client=x&case_ref="):
        assert (await town.get(f"/v1/audit/case-file{wrong}", AUDITOR)).status_code == 422
