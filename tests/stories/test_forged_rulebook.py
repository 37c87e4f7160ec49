"""Whoever can write the registry's database cannot slip in another rulebook: the log must name it, and the baseline must be in it."""

import hashlib
import sqlite3
from pathlib import Path

import pytest

from gateway.enforcement.answers import NotReady
from gateway.records import entries
from policies.rulebook import build
from tests.stories.town import NGO, Town, running_town

pytestmark = pytest.mark.anyio


def slip_in(town: Town, text: str) -> str:
    """Write a rulebook into the registry and point to it, as an insider with the database's file would; return its digest."""
    digest = hashlib.sha256(text.encode()).hexdigest()
    with sqlite3.connect(town.house.settings.home.registry) as insider:
        columns = [row[1] for row in insider.execute("PRAGMA table_info(rulebooks)")]
        known = dict(zip(columns, insider.execute("SELECT * FROM rulebooks").fetchone(), strict=True)) | {"digest": digest, "text": text}
        marks = ", ".join("?" for _ in columns)
        insider.execute(f"INSERT INTO rulebooks VALUES ({marks})", [known[column] for column in columns])
        insider.execute("UPDATE rulebook_pointer SET digest = ?", [digest])
    insider.close()
    return digest


async def test_a_rulebook_that_came_past_the_log_serves_nobody_raises_one_alarm_and_is_not_made_true_by_a_restart(tmp_path: Path) -> None:
    async with running_town(tmp_path) as town:
        right = town.house.bench.judge().rulebook.digest
        before = await town.search(NGO)
        # The very baseline, and one more pack of the house: everything in it is sound, but nobody approved it.
        forged = slip_in(town, build(["baseline", "vendor-amazon"]).text())
        calls = town.calls
        for _ in range(2):
            answer = await town.search(NGO)
            assert (answer.status_code, answer.json()["type"]) == (503, "urn:custodes:problem:not-ready")
            assert forged in answer.json()["detail"]
        assert town.calls == calls
        ready = await town.get("/health/ready")
        assert (ready.status_code, ready.json()["parts"]["rulebook"]["ready"], ready.json()["parts"]["judge"]["alarms"]) == (503, False, 1)
        assert [forged in entry["what"] and right in entry["what"] for entry in town.entries("alarm")] == [True]
    async with running_town(tmp_path) as town:
        assert (await town.search(NGO)).status_code == 503
        assert [entry["rulebook"] for entry in town.entries("policy-change") if entry["act"] == "live"] == [right]
        # Pointed back to what the log says, by whomever: then it is what two people made live.
        with sqlite3.connect(town.house.settings.home.registry) as insider:
            insider.execute("UPDATE rulebook_pointer SET digest = ?", [right])
        insider.close()
        assert (await town.search(NGO)).status_code == before.status_code != 503


async def test_a_rulebook_without_the_baseline_serves_nobody_even_if_the_log_names_it(tmp_path: Path) -> None:
    async with running_town(tmp_path) as town:
        forged = slip_in(town, build(["vendor-amazon"]).text())
        at = town.house.clock.now()
        await town.house.journal.write(entries.change("policy-change", at=at, by="insider", act="live", more={"rulebook": forged}))
        calls = town.calls
        answer = await town.search(NGO, purpose="mass_surveillance")
        assert (answer.status_code, answer.json()["type"]) == (503, "urn:custodes:problem:not-ready")
        assert "BASE-1" in answer.json()["detail"]
        assert town.calls == calls
        assert (await town.get("/health/ready")).status_code == 503
        with pytest.raises(NotReady):
            town.house.bench.judge()
