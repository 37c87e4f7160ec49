"""Measure a refused request, governed and durable, against a FastAPI route that does nothing; both in one run, in turns.

`python -m bench.http [--seconds S] [--rounds N]`. Traffic stays on loopback, is bounded, and ends by itself."""

import argparse
import asyncio
import os
import platform
import statistics
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import fastapi
import uvicorn
import uvloop
from pydantic import BaseModel

from bench.load import load, request_bytes
from gateway.app import create_app
from gateway.assembly.service import assemble
from gateway.cli.demo.cast import GALLERY, POLICE, Seeding
from gateway.settings import read_settings

CONNECTIONS = 32
REFUSED = {
    "Custodes-Operation": "live_identify",
    "Custodes-Purpose": "mass_surveillance",
    "Custodes-Capture": "source=live_feed, device=fixed, space=public, age_s=0",
    "Custodes-Target": "kind=anyone",
    "Custodes-Gallery": f'"{GALLERY}"',
}
SAID = (
    b'{"operation":"live_identify","purpose":"mass_surveillance","capture":{"source":"live_feed","device":"fixed","space":"public",'
    b'"age_s":0},"target":{"kind":"anyone"},"gallery":{"id":"missing-persons"}}'
)
IMAGE = b"\xff\xd8\xff" + b"x" * 1021


class Question(BaseModel):
    """What the empty route takes: the same words, as a JSON body."""

    operation: str
    purpose: str
    capture: dict[str, str | int | bool]
    target: dict[str, str]
    gallery: dict[str, str]


class Nothing(BaseModel):
    """What the empty route says."""

    decision: str


def empty_app() -> fastapi.FastAPI:
    """Return the yardstick: FastAPI, a pydantic body, a pydantic answer, no work."""
    app = fastapi.FastAPI()

    @app.post("/nothing")
    async def nothing(question: Question) -> Nothing:
        return Nothing(decision="refusal")

    return app


@asynccontextmanager
async def serving(app: fastapi.FastAPI, port: int) -> AsyncIterator[None]:
    """Serve an app in this process's loop."""
    config = uvicorn.Config(
        app, host="127.0.0.1", port=port, http="httptools", lifespan="off", access_log=False, log_level="error", ws="none"
    )
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110  (uvicorn offers a flag, not an event)
        await asyncio.sleep(0.01)
    yield
    server.should_exit = True
    await task


async def serve(home: Path, ports: tuple[int, int], token_file: Path) -> None:
    """The server's side: both apps in one process, so that they share every circumstance."""
    settings = read_settings({}, home=home, port=ports[0])
    async with assemble(settings) as house:
        seeding = Seeding(house)
        await seeding.everyone()
        await seeding.gallery()
        await asyncio.to_thread(token_file.write_text, house.registry.issuer.mint(POLICE).access_token)
        async with serving(create_app(house), ports[0]), serving(empty_app(), ports[1]):
            await asyncio.to_thread(token_file.rename, token_file.with_suffix(".ready"))
            await asyncio.to_thread(sys.stdin.read)


@dataclass
class Tally:
    """What the rounds gave."""

    ratios: list[float] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    wrong: int = 0

    def report(self) -> str:
        """Say it in three lines."""
        times = sorted(self.times)
        half, late = (times[len(times) * part // 100] * 1e3 for part in (50, 99))
        return (
            f"ratio (median of {len(self.ratios)}): {statistics.median(self.ratios):.2f}   floor 0.6, goal 1.5\n"
            f"wrong answers: {self.wrong}\n"
            f"governed refusal at {CONNECTIONS} connections: p50 {half:.2f} ms, p99 {late:.2f} ms\n"
            f"{platform.platform()}, {os.cpu_count()} cores, Python {platform.python_version()}, "
            f"FastAPI {fastapi.__version__}, uvicorn {uvicorn.__version__}"
        )


async def measure(ports: tuple[int, int], refused: bytes, nothing: bytes, seconds: float, rounds: int) -> Tally:
    """Ask both in turns, after a short warm-up."""
    tally = Tally()
    for number in range(rounds + 1):
        span = seconds if number else 0.5
        ours, times, bad = await load(ports[0], refused, b"403", span, CONNECTIONS)
        theirs, _times, worse = await load(ports[1], nothing, b"200", span, CONNECTIONS)
        tally.wrong += bad + worse
        if number:
            tally.ratios.append(ours / theirs)
            tally.times += times
            print(f"round {number}: governed refusals {ours:,.0f}/s, empty FastAPI route {theirs:,.0f}/s, ratio {ours / theirs:.2f}")
    return tally


async def compare(place: Path, ports: tuple[int, int], seconds: float, rounds: int) -> int:
    """Start the server's side as a process of its own, and measure it."""
    ready = place / "token.ready"
    command = (sys.executable, "-m", "bench.http", "--serve", str(place / "home"), "--ports", f"{ports[0]},{ports[1]}")
    server = await asyncio.create_subprocess_exec(*command, stdin=asyncio.subprocess.PIPE)
    try:
        while not ready.exists():
            if server.returncode is not None:
                return 1
            await asyncio.sleep(0.05)
        headers = {"Authorization": f"Bearer {ready.read_text()}", "Content-Type": "image/jpeg", **REFUSED}
        tally = await measure(
            ports,
            request_bytes("/v1/searches", IMAGE, headers),
            request_bytes("/nothing", SAID, {"Content-Type": "application/json"}),
            seconds,
            rounds,
        )
        print(tally.report())
        return 1 if tally.wrong else 0
    finally:
        if server.stdin is not None:
            server.stdin.close()
        await server.wait()


def main() -> int:
    """Run one side or the other."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--ports", default="18431,18432")
    parser.add_argument("--serve", type=Path)
    given = parser.parse_args()
    first, second = (int(port) for port in given.ports.split(","))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        if given.serve is not None:
            runner.run(serve(given.serve, (first, second), given.serve.parent / "token"))
            return 0
        with tempfile.TemporaryDirectory() as place:
            return runner.run(compare(Path(place), (first, second), given.seconds, given.rounds))


if __name__ == "__main__":
    sys.exit(main())
