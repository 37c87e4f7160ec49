"""A small month: the report says what the log says, every planted lie is caught, and honest work goes on.

bench/month.py lives a large one."""

from pathlib import Path

import pytest

from bench.month import LIES, differences, run
from gateway.records.tally import tally
from tests.gateway.records.test_tally import LOG


@pytest.mark.anyio
async def test_a_month_is_reported_as_it_was_and_every_lie_in_it_is_caught(tmp_path: Path) -> None:
    month = await run(150, 3, tmp_path)
    assert month.differences == ()
    assert month.planted == dict.fromkeys(LIES, 1)
    assert month.caught == month.planted
    assert month.false_alarms == {}


def test_the_second_count_would_notice_a_wrong_report(monkeypatch: pytest.MonkeyPatch) -> None:
    assert list(differences(LOG)) == []
    monkeypatch.setattr("bench.month.tally", lambda bodies: tally(bodies[:-6]))
    assert list(differences(LOG))
