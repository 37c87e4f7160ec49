"""The pool serves under uvloop, which is what the service runs on, as it does under asyncio's own loop."""

import asyncio
import os
import signal

import pytest
import uvloop

from engine.errors import EngineFailed
from engine.orders import Operation
from engine.workers.pool import Workers

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def anyio_backend():
    return "asyncio", {"use_uvloop": True}


async def test_orders_are_answered_and_a_killed_worker_is_replaced_under_uvloop(desk, photo):
    assert isinstance(asyncio.get_running_loop(), uvloop.Loop)
    image = photo("obama3.jpg")
    pool = await Workers.start(desk.plan)
    assert (await pool.run(desk.sealed(Operation.DETECT, image), image)).call == 1
    asked = asyncio.create_task(pool.run(desk.sealed(Operation.DETECT, image), image))
    while pool.calls < 2:  # noqa: ASYNC110 - another process brings it about, and sets no event
        await asyncio.sleep(0.001)
    os.kill(pool.state().pids[0], signal.SIGKILL)
    with pytest.raises(EngineFailed):
        await asked
    assert (await pool.run(desk.sealed(Operation.DETECT, image), image)).call == 3
    await pool.close()
