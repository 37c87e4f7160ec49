"""A purpose may demand that witnesses vouch for the log: without a fresh quorum nobody is served for it. Strangers see the cosignatures."""

from contextlib import closing
from pathlib import Path

import pytest

from gateway.audit.note import Cosigner, Note, NoteSigner, VerifierKey
from gateway.clock import SystemClock
from gateway.registry.rulebook import Rulebooks
from gateway.settings import read_settings
from gateway.store.migrate import upgrade
from gateway.store.sessions import Database
from policies.facts import Facts
from policies.judge import Judge
from policies.rulebook import build
from tests.gateway.witnessing.serving import honest
from tests.stories.town import Town, running_town

DEMAND = {
    "rule": "OWN-1",
    "on": "request",
    "effect": "deny",
    "purpose": "missing_person",
    "operation": "identify",
    "when": "!witnessed",
    "sentence": "A search for a missing person needs a log that witnesses vouch for.",
}


async def ask_now(town: Town) -> None:
    for standing in town.house.cosigning._standings.values():
        standing.due_at = 0.0
    await town.house.cosigning.round(3600)


@pytest.mark.anyio
async def test_a_purpose_that_demands_witnesses_is_refused_until_a_quorum_has_cosigned_the_log(tmp_path: Path) -> None:
    cosigner = Cosigner.generate("witness.test/w1")
    home = read_settings({}, home=tmp_path / "home").home
    home.make()
    watched: dict[str, list[VerifierKey]] = {}
    signer = NoteSigner.generate("custodes.local/log")
    (home.keys / "log.key").write_text(signer.reveal())
    rulebook = build(["baseline"], own_rules=[DEMAND])
    upgrade(home)
    with closing(Database.open(home.registry)) as database:
        Rulebooks(database, SystemClock()).install(rulebook.text())
    async with honest(tmp_path, cosigner, [], watched) as url:
        home.witnesses.write_text(f"witness w1 {cosigner.key.text()} {url}\nquorum w1\n")
        # Asked once an hour: in this story the witness is asked when we say so.
        async with running_town(tmp_path / "home", CUSTODES_WITNESS_SECONDS="3600") as town:
            await ask_now(town)
            assert (await town.get("/health/ready")).json()["parts"]["witnesses"]["witnesses"]["w1"]["state"] == "log-unknown"
            # 1 nobody has cosigned yet
            refused = await town.search()
            assert refused.status_code == 403, refused.text
            assert refused.json()["needed"] == ["witnessed"]
            assert [reason["rule"] for reason in refused.json()["reasons"]] == ["OWN-1"]
            assert (
                await town.post("/v1/decisions:check", "reunite", {"operation": "identify", "log": {"witnessed_at": "x"}})
            ).status_code == 400
            # 2 the witness learns of the log
            watched[signer.key.name] = [signer.key]
            await ask_now(town)
            assert (await town.search()).status_code == 202
            # 3 everybody sees the cosignatures
            ready = (await town.get("/health/ready")).json()["parts"]["witnesses"]
            assert (ready["fresh"], ready["witnesses"]["w1"]["state"]) == (True, "cosigns")
            checkpoint = (await town.get("/audit/checkpoint")).content
            assert [one.key for one in Note.parse(checkpoint).verified_by([signer.key, cosigner.key])] == [signer.key, cosigner.key]
            receipt = (await town.get("/v1/receipts/0")).json()["receipt"]
            assert cosigner.key.name in receipt
            # 4 both decisions can be derived again from their entries
            denial, intent = town.entries("denial")[-1], town.entries("intent")[-1]
            for entry, decision in ((denial, "refusal"), (intent, "permit")):
                again = Judge(rulebook).decide(Facts.from_record(entry["facts"]))
                assert (entry["rulebook"], entry["answer"]["decision"], type(again).__name__.lower()) == (
                    rulebook.digest,
                    decision,
                    decision,
                )
            assert "log" not in denial["facts"]["request"]
            assert "witnessed_at" in intent["facts"]["request"]["log"]
