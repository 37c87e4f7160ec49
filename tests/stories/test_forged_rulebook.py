"""Whoever can write the registry's database cannot slip in a rulebook that opens what nothing may open."""

import hashlib
import sqlite3
from pathlib import Path

import pytest

from gateway.enforcement.answers import NotReady
from policies.rulebook import build
from tests.stories.town import NGO, running_town

pytestmark = pytest.mark.anyio


async def test_a_live_rulebook_without_the_baseline_serves_nobody(tmp_path: Path) -> None:
    text = build(["vendor-amazon"]).text()
    digest = hashlib.sha256(text.encode()).hexdigest()
    async with running_town(tmp_path) as town:
        with sqlite3.connect(town.house.settings.home.registry) as insider:
            columns = [row[1] for row in insider.execute("PRAGMA table_info(rulebooks)")]
            known = dict(zip(columns, insider.execute("SELECT * FROM rulebooks").fetchone(), strict=True)) | {
                "digest": digest,
                "text": text,
            }
            marks = ", ".join("?" for _ in columns)
            insider.execute(f"INSERT INTO rulebooks VALUES ({marks})", [known[column] for column in columns])
            insider.execute("UPDATE rulebook_pointer SET digest = ?", [digest])
        insider.close()
        calls = town.calls
        answer = await town.search(NGO, purpose="mass_surveillance")
        assert (answer.status_code, answer.json()["type"]) == (503, "urn:custodes:problem:not-ready")
        assert "BASE-1" in answer.json()["detail"]
        assert town.calls == calls
        assert (await town.get("/health/ready")).status_code == 503
        with pytest.raises(NotReady):
            town.house.bench.judge()
