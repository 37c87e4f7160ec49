"""Measure what governing a search costs: through the gateway, over HTTP, against the same worker process called directly, in turns.

`python -m bench.governed [--pairs N]`. Both sides search the same gallery for the same picture under sealed orders of one kind; only
the one asked through the gateway has a caller, a decision, an intent and an outcome in the log. One connection, one question at a time."""

import argparse
import asyncio
import os
import platform
import sys
import tempfile
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import uvloop

from bench.load import request_bytes
from engine.faces import Answer
from engine.orders import GalleryState, Operation, SearchLimits, seal
from gateway.assembly.request_path import Assembly
from gateway.cli.demo.cast import CASE, GALLERY, NGO, PORTRAITS, PROBE, Seeding
from gateway.cli.demo.scenes import STILL
from gateway.cli.service import running
from gateway.enforcement.images import Images
from gateway.enforcement.orders import Work, order_for
from gateway.settings import read_settings

SOUGHT: Final = {
    "Content-Type": "image/jpeg",
    "Custodes-Purpose": "missing_person",
    "Custodes-Case": f'"{CASE}"',
    "Custodes-Gallery": f'"{GALLERY}"',
    "Custodes-Capture": STILL,
}
WARM_UP: Final = 5
# Far above every log index of a run, so that no order of ours is taken for one that the gateway gave.
FIRST_INTENT: Final = 10**9


@dataclass(slots=True)
class Direct:
    """Asks the worker pool itself, with orders that nobody decided on."""

    house: Assembly
    asked: int = 0

    async def search(self, probe: bytes) -> Answer:
        """Have one search done."""
        execution, self.asked = self.house.pipeline.execution, self.asked + 1
        generation = await asyncio.to_thread(lambda: execution.galleries.record(GALLERY).generation)
        limits = SearchLimits(max_faces=1, max_candidates=5, min_similarity=99.99, person_similarity=99.9)
        work = Work(Operation.IDENTIFY, limits, execution.order_seconds, GalleryState(GALLERY, generation))
        order = order_for(
            work,
            Images(probe),
            boot=execution.boot,
            order_id=uuid.uuid4().hex,
            intent_index=FIRST_INTENT + self.asked,
            now=execution.clock.now(),
        )
        return await execution.workers.run(seal(order, execution.order_seal), probe)


@dataclass(slots=True)
class Line:
    """One connection to the gateway."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def ask(self, request: bytes) -> tuple[bytes, bytes]:
        """Send a request; return the status line and the body."""
        self.writer.write(request)
        head = await self.reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        return head.partition(b"\r\n")[0], await self.reader.readexactly(length)


@dataclass(slots=True)
class Tally:
    """The seconds that each answer took."""

    governed: list[float] = field(default_factory=list)
    direct: list[float] = field(default_factory=list)

    def report(self) -> str:
        """Say it in three lines."""
        ours, theirs = (sorted(times)[len(times) // 2] * 1e3 for times in (self.governed, self.direct))
        return (
            f"p50 of {len(self.governed)} searches each: governed {ours:.2f} ms, the worker pool alone {theirs:.2f} ms\n"
            f"ratio {ours / theirs:.3f}   floor 1.05, goal 1.01\n"
            f"{platform.platform()}, {os.cpu_count()} cores, Python {platform.python_version()}"
        )


async def measure(home: Path, port: int, pairs: int) -> Tally:
    """Ask both in turns, after a short warm-up."""
    tally, probe = Tally(), (PORTRAITS / PROBE).read_bytes()
    async with running(read_settings({}, home=home, port=port)) as (house, _server, _task):
        seeding = Seeding(house)
        await seeding.everyone()
        # Only invented faces are in the gallery: nobody is found, so nothing waits for people.
        await seeding.gallery()
        headers = {"Authorization": f"Bearer {house.registry.issuer.mint(NGO).access_token}", **SOUGHT}
        request = request_bytes("/v1/searches", probe, headers)
        line, direct = Line(*await asyncio.open_connection("127.0.0.1", port)), Direct(house)
        for number in range(pairs + WARM_UP):
            begun = time.perf_counter()
            status, body = await line.ask(request)
            between = time.perf_counter()
            answer = await direct.search(probe)
            ended = time.perf_counter()
            if not status.startswith(b"HTTP/1.1 200") or answer.candidates:
                raise RuntimeError(f"the two did not do the same: {status!r} {body[:300]!r}, {len(answer.candidates)} candidates")
            if number >= WARM_UP:
                tally.governed.append(between - begun)
                tally.direct.append(ended - between)
        line.writer.close()
    return tally


def main() -> int:
    """Print both medians and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=60)
    parser.add_argument("--port", type=int, default=18433)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as place, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        print(runner.run(measure(Path(place), given.port, given.pairs)).report())
    return 0


if __name__ == "__main__":
    sys.exit(main())
