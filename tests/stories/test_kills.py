"""The service is killed, and told to stop, while it is at work: what was answered stays answered. bench/service_kills.py does it often."""

import pytest

from bench.service_kills import run


@pytest.mark.anyio
async def test_a_service_that_is_killed_under_load_loses_no_answer_and_leaves_no_intent_open() -> None:
    """Two kills and one SIGTERM: every receipt holds, every intent is closed once, the log verifies, the service comes back."""
    seen = await run(count=2, dice_seed=3)
    assert seen.faults == []
    assert seen.acknowledged > 0
    assert seen.intents > 0
    assert seen.verified == len(seen.ready_after) + 1
