"""Silence shows: an idle service writes a heartbeat, and a busy one does not need to."""

import asyncio
import json
from pathlib import Path

import pytest

from gateway.assembly.service import assemble
from gateway.settings import read_settings

pytestmark = pytest.mark.anyio


async def test_an_idle_service_says_so_in_the_log_and_names_its_engines_count(tmp_path: Path) -> None:
    async with assemble(read_settings({"CUSTODES_HEARTBEAT_SECONDS": "1"}, home=tmp_path, port=8080)) as house:
        size = house.log.size
        assert await asyncio.wait_for(house.log.wait_for(size + 1), 10) > size
        entry = json.loads(house.log.entry(size))
    assert (entry["kind"], entry["calls"]) == ("heartbeat", 0)
