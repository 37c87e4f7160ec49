"""Measure what recognition costs the event loop, how many workers are worth having, and what a killed worker leaves behind.
Knows the engine alone, and no request.

  python -m bench.workers stall [--turns 3] [--seconds 4]
  python -m bench.workers count [--seconds 4]
  python -m bench.workers kills [--count 500]

stall  the longest time that an event loop could not run while recognition was saturated: with our workers, and with a thread
       pool that runs face_recognition directly, in turns, each in a fresh process of its own
count  orders a second, and their median time, with one worker and with two
kills  workers killed under load: each order must come back as an answer or as engine-failed, and memory must stay flat"""

import argparse
import asyncio
import contextlib
import hashlib
import itertools
import json
import os
import platform
import resource
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from engine.orders import LocalSeal, Operation, SearchLimits, WorkOrder, seal
from engine.workers.plan import WorkerPlan
from engine.workers.pool import Workers

ROOT = Path(__file__).parents[1]
PORTRAIT = ROOT / "engine" / "data" / "portraits" / "obama2.jpg"
BOOT = "be"
FLOOR, GOAL = 3.0, 10.0  # times lower than the thread pool's
TICK = 0.001
NOTICED = 0.02  # seconds: a stall that a request behind it would feel

Recognise = Callable[[], Coroutine[Any, Any, object]]


@contextlib.asynccontextmanager
async def ordered(count: int) -> AsyncIterator[tuple[Workers, Recognise]]:
    """Start a pool, and lend it with a way to have the portrait recognised: a fresh order each, verified against itself."""
    image, boot_seal, intents = PORTRAIT.read_bytes(), LocalSeal.fresh(), itertools.count()
    digest = hashlib.sha256(image).hexdigest()
    with tempfile.TemporaryDirectory() as home:
        place = Path(home)
        pool = await Workers.start(
            WorkerPlan(BOOT, boot_seal, place / "galleries", place / "keys", place / "models", count=count, queue=64)
        )

        async def recognise() -> object:
            now = datetime.now(UTC)
            limits = SearchLimits(1, 1, 99.9)
            order = WorkOrder(BOOT, next(intents), Operation.VERIFY, digest, limits, now, now + timedelta(seconds=60), second_sha256=digest)
            return await pool.run(seal(order, boot_seal), image, image)

        try:
            yield pool, recognise
        finally:
            await pool.close()


@contextlib.asynccontextmanager
async def threaded(count: int) -> AsyncIterator[tuple[None, Recognise]]:
    """Lend the obvious way: face_recognition in a thread pool of the serving process."""
    from engine.recognisers.dlib import FaceFinder, ReferenceRecogniser

    ReferenceRecogniser(FaceFinder())  # imports face_recognition with its traps disarmed
    import face_recognition

    def both_images() -> None:
        for _ in range(2):
            face_recognition.face_encodings(face_recognition.load_image_file(PORTRAIT))

    with ThreadPoolExecutor(count) as threads:

        async def recognise() -> object:
            return await asyncio.get_running_loop().run_in_executor(threads, both_images)

        yield None, recognise


async def saturate(recognise: Recognise, clients: int, seconds: float) -> tuple[list[float], list[float]]:
    """Keep so many clients asking, and return what each order took and by how much each tick of the loop was late."""
    loop = asyncio.get_running_loop()
    took: list[float] = []
    late: list[float] = []
    end = loop.time() + seconds

    async def client() -> None:
        while loop.time() < end:
            began = loop.time()
            await recognise()
            took.append(loop.time() - began)

    async def ticker() -> None:
        while loop.time() < end:
            began = loop.time()
            await asyncio.sleep(TICK)
            late.append(loop.time() - began - TICK)

    await asyncio.gather(ticker(), *(client() for _ in range(clients)))
    return took, late


async def turn(kind: str, count: int, seconds: float) -> dict[str, float]:
    """One contestant's turn."""
    contestant = ordered(count) if kind == "workers" else threaded(count)
    async with contestant as (_, recognise):
        await recognise()
        took, late = await saturate(recognise, 2 * count, seconds)
    return {
        "worst_stall_ms": round(1000 * max(late), 2),
        "share_of_time_stalled": round(sum(delay for delay in late if delay > NOTICED) / seconds, 4),
        "orders_per_second": round(len(took) / seconds, 1),
        "median_ms": round(1000 * statistics.median(took), 1),
    }


def turn_apart(kind: str, count: int, seconds: float) -> dict[str, float]:
    """Have a turn in a fresh process: what one contestant leaves behind must not slow the other, and dlib may crash under threads."""
    command = [sys.executable, "-m", "bench.workers", "turn", kind, "--count", str(count), "--seconds", str(seconds)]
    found: dict[str, float] = json.loads(subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, timeout=120).stdout)
    return found


def stall(turns: int, seconds: float) -> None:
    """Print the stalls of both contestants."""
    found: dict[str, list[dict[str, float]]] = {"workers": [], "threads": []}
    for number in range(turns):
        for kind in ("workers", "threads") if number % 2 else ("threads", "workers"):
            found[kind].append(turn_apart(kind, 2, seconds))
            print(f"  {kind}: {found[kind][-1]}")
    ours, theirs = (statistics.median(row["worst_stall_ms"] for row in found[kind]) for kind in ("workers", "threads"))
    print(f"worst stall, median of {turns} turns: workers {ours} ms, threads {theirs} ms: {theirs / ours:.1f} times lower")
    print(f"floor {FLOOR}, goal {GOAL} times lower")


def count_workers(seconds: float) -> None:
    """Print the throughput of one worker and of two."""
    for _ in range(2):
        for count in (1, 2):
            print(f"  {count} worker(s): {turn_apart('workers', count, seconds)}")


async def kill(count: int) -> None:
    """Kill workers under load and print what came of it."""
    outcomes: list[object] = []
    async with ordered(2) as (pool, recognise):
        await recognise()
        first_memory, first_files, began = _memory(), _open_files(), time.monotonic()
        killed = 0

        async def client() -> None:
            while killed < count:
                outcomes.extend(await asyncio.gather(recognise(), return_exceptions=True))

        async def killer() -> None:
            nonlocal killed
            while killed < count:
                await asyncio.sleep(0.05)
                for pid in pool.state().pids[:1]:
                    os.kill(pid, signal.SIGKILL)
                    killed += 1

        await asyncio.gather(killer(), *(client() for _ in range(4)))
        outcomes.append(await recognise())
        seconds = time.monotonic() - began
        kinds = dict(Counter(type(outcome).__name__ for outcome in outcomes))
        print(f"{killed} workers killed in {seconds:.0f} s; orders: {kinds}; the last one was served as call {pool.calls}")
        print(f"resident memory {first_memory} -> {_memory()} MB, open files {first_files} -> {_open_files()}")


def _memory() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() // 2**20


def _open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("stall", "count", "kills", "turn"))
    parser.add_argument("kind", nargs="?", choices=("workers", "threads"))
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--count", type=int, default=500)
    given = parser.parse_args()
    match given.what:
        case "turn":
            print(json.dumps(asyncio.run(turn(given.kind, given.count, given.seconds))))
            return
        case "stall":
            stall(given.turns, given.seconds)
        case "count":
            count_workers(given.seconds)
        case "kills":
            asyncio.run(kill(given.count))
    print(f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; Python {platform.python_version()}")


if __name__ == "__main__":
    main()
