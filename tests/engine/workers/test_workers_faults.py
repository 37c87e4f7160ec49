"""Whatever happens to a worker, the caller hears of it, the service lives on, and the next order is carried out.

Long because each way to fail has its own story."""

import asyncio
import io
import os
import resource
import signal
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from engine.errors import EngineBusy, EngineFailed, ModelRefused
from engine.faces import Answer
from engine.orders import HostSeal, Operation, seal
from engine.workers.plan import MIB, Limits
from engine.workers.pool import Workers

pytestmark = pytest.mark.anyio

# Says that it is ready, as a worker would, and answers each job with what is in its place here.
IMPOSTOR = """
import socket, sys
from engine.workers.wire import Ready, frame, read_charge, read_job
channel = socket.socket(fileno=int(sys.argv[1]))
read_charge(channel)
channel.sendall(frame(Ready("r", "c", None)))
job = read_job(channel)
"""


@pytest.fixture(scope="module")
async def pool(desk) -> AsyncIterator[Workers]:
    """Two workers for all tests that leave a pool as they found it: with fresh workers in the place of those that they killed."""
    pool = await Workers.start(replace(desk.plan, count=2))
    yield pool
    await pool.close()


@pytest.fixture
def image(photo):
    return photo("astronaut.png")


async def detect(pool, desk, image):
    return await pool.run(desk.sealed(Operation.DETECT, image), image)


async def failed(pool, desk, image) -> EngineFailed:
    with pytest.raises(EngineFailed) as caught:
        await detect(pool, desk, image)
    return caught.value


async def eventually(condition, seconds: float = 60) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - another process brings it about, and sets no event
            await asyncio.sleep(0.01)


def of_process(pid: int | str, name: str) -> bytes:
    return Path(f"/proc/{pid}/{name}").read_bytes()


def exists(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def signal_all(pids: tuple[int, ...], number: signal.Signals) -> None:
    for pid in pids:
        os.kill(pid, number)


async def everybody(pool) -> tuple[int, ...]:
    """The processes of a pool of two, once both are there."""
    await eventually(lambda: pool.state().up == 2)
    return pool.state().pids


async def pid_of(pool) -> int:
    await eventually(lambda: pool.state().up > 0)
    return pool.state().pids[0]


async def test_a_killed_worker_fails_one_order_and_the_next_is_served_by_a_fresh_one(pool, desk, image):
    first, before = await everybody(pool), pool.calls
    signal_all(first, signal.SIGSTOP)
    asked = asyncio.create_task(detect(pool, desk, image))
    await asyncio.sleep(0.05)
    signal_all(first, signal.SIGKILL)
    with pytest.raises(EngineFailed) as caught:
        await asked
    assert (caught.value.code, caught.value.detail, caught.value.call) == ("engine-failed", "crashed", None)
    await eventually(lambda: not set(pool.state().pids) & set(first))
    assert (await detect(pool, desk, image)).call == before + 1


async def test_workers_that_died_while_nobody_asked_cost_nobody_an_order(pool, desk, image):
    before = pool.calls
    signal_all(await everybody(pool), signal.SIGKILL)
    await eventually(lambda: pool.state().up == 0)
    assert (await detect(pool, desk, image)).call == before + 1


async def test_twenty_workers_killed_under_load_leave_no_order_unanswered_and_nothing_behind(pool, desk, image):
    await everybody(pool)
    descriptors, calls = open_descriptors(), pool.calls
    for _ in range(10):
        asked = [asyncio.create_task(detect(pool, desk, image)) for _ in range(4)]
        await asyncio.sleep(0.02)
        killed = await everybody(pool)
        signal_all(killed, signal.SIGKILL)
        outcomes = await asyncio.gather(*asked, return_exceptions=True)
        assert all(isinstance(outcome, EngineFailed | Answer) for outcome in outcomes)
        calls += sum(outcome.call is not None for outcome in outcomes)
        # One that had no order in hand may be dead before the pool has noticed.
        await eventually(lambda killed=killed: not set(killed) & set(pool.state().pids))
    await everybody(pool)
    assert pool.calls == calls, "every order that the engine counted came back under its number"
    assert (await detect(pool, desk, image)).call == calls + 1
    assert open_descriptors() <= descriptors


async def test_a_worker_that_dies_in_the_middle_of_an_order_names_the_call_that_was_lost(pool, desk, photo):
    before, image = pool.calls, photo("obama3.jpg")
    asked = asyncio.create_task(detect(pool, desk, image))
    await eventually(lambda: pool.calls == before + 1)
    signal_all(pool.state().pids, signal.SIGKILL)
    with pytest.raises(EngineFailed) as caught:
        await asked
    assert caught.value.call == before + 1


async def test_a_worker_that_hangs_is_stopped_at_the_deadline(desk, image):
    pool = await Workers.start(replace(desk.plan, limits=Limits(order_seconds=2)))
    stuck = await pid_of(pool)
    os.kill(stuck, signal.SIGSTOP)
    began = time.monotonic()
    assert (await failed(pool, desk, image)).detail == "hung"
    assert 1.9 < time.monotonic() - began < 6
    await eventually(lambda: not exists(stuck))
    assert (await detect(pool, desk, image)).call == 1
    await pool.close()


async def test_a_worker_that_needs_more_memory_than_it_may_have_fails_that_order_alone(pool, desk, image):
    out = io.BytesIO()
    Image.new("RGB", (3000, 4000), "grey").save(out, "PNG")  # twelve million pixels, 36 MB once they are decoded
    before = pool.calls
    for pid in await everybody(pool):
        held = int(of_process(pid, "statm").split()[0]) * resource.getpagesize()
        resource.prlimit(pid, resource.RLIMIT_AS, (held + 8 * MIB, held + 8 * MIB))
    failure = await failed(pool, desk, out.getvalue())
    assert (failure.detail, failure.call) == ("out-of-memory", before + 1)
    signal_all(pool.state().pids, signal.SIGKILL)
    await eventually(lambda: pool.state().up == 0)
    assert (await detect(pool, desk, image)).call == before + 2


@pytest.mark.parametrize(
    "reply",
    [
        b"\0\0\0\x04rub!",
        b"\xff\xff\xff\xff",
        b"\0\0\0\x01\xc0",
        b"frame(Ready('r', 'c', None))",
        b"frame(Loading(1)) + frame(Loading(1))",
        b"frame(Refused(job.ticket, 'SystemExit', 'x', 'x'))",
        b"frame(Refused(job.ticket + 1, 'ImageRefused', 'x', 'x'))",
        b"frame(Refused(job.ticket, 'ImageRefused', 'x', 'x', 7))",
        b"cPickle",
    ],
)
async def test_an_answer_of_a_wrong_shape_is_thrown_away_and_its_worker_with_it(desk, image, reply):
    says = f"eval({reply.decode()!r})" if reply.startswith(b"frame") else repr(reply + bytes(64))
    program = (sys.executable, "-c", f"{IMPOSTOR}\nfrom engine.workers.wire import *\nchannel.sendall({says})\nread_job(channel)")
    pool = await Workers.start(replace(desk.plan, program=program))
    assert (await failed(pool, desk, image)).detail == "wrong-shape"
    await eventually(lambda: pool.state().up == 1)
    await pool.close()


async def test_a_fault_in_a_worker_is_told_by_its_kind_alone(desk, image):
    program = (sys.executable, "-c", f"{IMPOSTOR}\nfrom engine.workers.wire import *\nchannel.sendall(frame(Broken('KeyError')))")
    pool = await Workers.start(replace(desk.plan, program=program))
    assert (await failed(pool, desk, image)).detail == "fault"
    await pool.close()


async def test_a_full_queue_says_so_at_once_with_a_time_to_come_back(desk, image):
    pool = await Workers.start(replace(desk.plan, queue=2))
    os.kill(await pid_of(pool), signal.SIGSTOP)
    waiting = [asyncio.create_task(detect(pool, desk, image)) for _ in range(3)]
    await eventually(lambda: pool.state().waiting == 2)
    began = time.monotonic()
    with pytest.raises(EngineBusy) as caught:
        await detect(pool, desk, image)
    assert time.monotonic() - began < 0.5
    assert caught.value.retry_after >= 1
    os.kill(await pid_of(pool), signal.SIGCONT)
    assert sorted(answer.call for answer in await asyncio.gather(*waiting)) == [1, 2, 3]
    await pool.close()


async def test_who_waits_too_long_is_told_that_the_engine_is_busy(desk, image):
    pool = await Workers.start(replace(desk.plan, limits=Limits(queue_seconds=0.2, order_seconds=60)))
    os.kill(await pid_of(pool), signal.SIGSTOP)
    first = asyncio.create_task(detect(pool, desk, image))
    await eventually(lambda: pool.state().busy == 1)
    with pytest.raises(EngineBusy):
        await detect(pool, desk, image)
    assert pool.state().waiting == 0
    os.kill(await pid_of(pool), signal.SIGCONT)
    assert (await first).call == 1
    await pool.close()


async def test_a_caller_that_goes_away_neither_loses_the_worker_nor_mixes_up_the_answers(pool, desk, image, photo):
    await everybody(pool)
    before, failures = pool.calls, pool.state().failures
    gone = [asyncio.create_task(detect(pool, desk, photo("obama3.jpg"))) for _ in range(2)]
    waiting = asyncio.create_task(detect(pool, desk, image))
    await eventually(lambda: pool.calls == before + 2)
    for task in (*gone, waiting):
        task.cancel()
    answer = await detect(pool, desk, image)
    assert (answer.call, answer.capture.format) == (before + 3, "PNG")
    await eventually(lambda: pool.state().busy == 0)
    assert (pool.state().waiting, pool.state().failures) == (0, failures)


async def test_a_worker_retires_after_its_orders_and_its_successor_serves_the_next(desk, image):
    pool = await Workers.start(replace(desk.plan, limits=Limits(orders_each=2, order_seconds=60)))
    first = await pid_of(pool)
    calls = [(await detect(pool, desk, image)).call for _ in range(3)]
    assert calls == [1, 2, 3]
    assert await pid_of(pool) != first
    assert pool.state().failures == 0
    await pool.close()


async def test_a_worker_that_has_grown_too_large_is_replaced(desk, image, photo):
    pool = await Workers.start(replace(desk.plan, limits=Limits(growth_bytes=1, order_seconds=60)))
    first = await pid_of(pool)
    await detect(pool, desk, photo("obama3.jpg"))
    assert await pid_of(pool) != first
    await pool.close()


async def test_two_workers_share_the_count_and_no_order_is_carried_out_by_both(pool, desk, image):
    await everybody(pool)
    sealed, before = desk.sealed(Operation.DETECT, image), pool.calls
    outcomes = await asyncio.gather(*(pool.run(sealed, image) for _ in range(6)), return_exceptions=True)
    assert [outcome.call for outcome in outcomes if not isinstance(outcome, Exception)] == [before + 1]
    assert {outcome.code for outcome in outcomes if isinstance(outcome, Exception)} == {"order-used"}
    answers = await asyncio.gather(*(detect(pool, desk, image) for _ in range(6)))
    assert sorted(answer.call for answer in answers) == list(range(before + 2, before + 8))


async def test_a_pool_that_is_closed_refuses_and_leaves_no_process(desk, image):
    pool = await Workers.start(desk.plan)
    pid = await pid_of(pool)
    running, waiting = (asyncio.create_task(detect(pool, desk, image)) for _ in range(2))
    await eventually(lambda: pool.state().waiting == 1)
    await pool.close()
    for asked in (running, waiting):
        with pytest.raises(EngineFailed):
            await asked
    assert not exists(pid)
    assert (await failed(pool, desk, image)).detail == "closed"


async def test_a_pool_whose_models_are_not_the_pinned_ones_does_not_start(desk, tmp_path):
    from engine.recognisers.onnx import MODEL_NAME

    (tmp_path / MODEL_NAME).write_bytes(b"another model")
    with pytest.raises(ModelRefused):
        await Workers.start(replace(desk.plan, models=tmp_path, count=2))


async def test_a_pool_whose_program_does_not_speak_does_not_start(desk):
    with pytest.raises(EngineFailed) as caught:
        await Workers.start(replace(desk.plan, program=(sys.executable, "-c", "")))
    assert caught.value.detail == "crashed"


async def test_a_worker_under_an_ed25519_seal_serves_orders_that_it_could_not_have_made(desk, image):
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    ours = HostSeal(Ed25519PrivateKey.generate())
    pool = await Workers.start(replace(desk.plan, check=ours.check()))
    assert (await pool.run(seal(desk.order(Operation.DETECT, image), ours), image)).call == 1
    await pool.close()


async def test_the_worker_sees_no_secret_of_the_services_environment_and_can_leave_no_core(pool, desk, image, monkeypatch):
    monkeypatch.setenv("CUSTODES_DATABASE_PASSWORD", "canary-in-the-environment")
    old = await everybody(pool)
    signal_all(old, signal.SIGKILL)
    await eventually(lambda: pool.state().up == 0)
    await detect(pool, desk, image)
    for pid in await everybody(pool):
        assert pid not in old
        assert b"canary" not in of_process(pid, "environ")
        assert desk.seal.key not in of_process(pid, "cmdline")
        limits = of_process(pid, "limits").decode()
        assert [line.split()[-3:-1] for line in limits.splitlines() if line.startswith("Max core")] == [["0", "0"]]
