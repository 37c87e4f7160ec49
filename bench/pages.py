"""Measure how long the console's pages take over HTTP on a long log. Asks a real service, signed in as an auditor, and nothing beyond it.

    nice python -m bench.pages [--count 1000000] [--asked 40] [--directory DIR] [--json]

The log is that of bench.explorer, written through the service's own log. The floor: p95 of every page under 300 ms."""

import argparse
import asyncio
import json
import platform
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx2
import uvicorn

from bench.explorer import CLIENTS, GOAL_MS, write
from gateway.app import create_app
from gateway.assembly.service import assemble
from gateway.settings import read_settings
from tests.audit.honest import moment

PAGES = {
    "first page": "/console/audit",
    "denials": "/console/audit?kind=denial",
    "a client's refusals": f"/console/audit?client=client-{CLIENTS - 1}&decision=refusal",
    "a purpose": "/console/audit?purpose=border_control",
    "a rare rule of one client": "/console/audit?rule=RARE-1&client=client-0",
    "a case": "/console/audit?case_ref=MP-7",
    "a window of time": f"/console/audit?since={moment(1_000_000)}&until={moment(2_000_000)}",
    "a page deep down": "/console/audit?before=1000",
    "an entry": "/console/audit/entries/10",
    "a filter that finds nothing": "/console/audit?client=nobody&kind=denial",
}


async def measure(count: int, asked: int, home: Path, port: int) -> dict[str, float]:
    """Return the p95 of each page in milliseconds, over `asked` requests one after another."""
    async with assemble(read_settings({}, home=home, port=port)) as house:
        await asyncio.to_thread(write, house.log, count)
        await asyncio.to_thread(house.explorer.catch_up)
        server = uvicorn.Server(uvicorn.Config(create_app(house), port=port, lifespan="off", log_level="warning"))
        serving = asyncio.create_task(server.serve())
        while not server.started:  # noqa: ASYNC110  (uvicorn offers a flag, not an event)
            await asyncio.sleep(0.01)
        house.registry.staff.invite("reader", "A reader", ("auditor",), by="installation")
        secret = house.registry.staff.relink("reader", by="installation").secret
        async with httpx2.AsyncClient(base_url=house.settings.url, headers={"origin": house.settings.url}, timeout=60) as web:
            entered = await web.post("/console/enter", data={"secret": secret})
            if entered.status_code != 303:
                raise SystemExit(f"could not sign in: {entered.status_code}")
            found = {name: await _p95(web, path, asked) for name, path in PAGES.items()}
        server.should_exit = True
        await serving
    return found


async def _p95(web: httpx2.AsyncClient, path: str, asked: int) -> float:
    times = []
    for _ in range(asked):
        begun = time.perf_counter()
        answer = await web.get(path)
        times.append((time.perf_counter() - begun) * 1000)
        if answer.status_code != 200:
            raise SystemExit(f"{path}: {answer.status_code}")
    return sorted(times)[int(len(times) * 0.95)]


def main() -> int:
    """Print the figures; exit status 1 if a page takes longer than the goal."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--count", type=int, default=1_000_000)
    options.add_argument("--asked", type=int, default=40)
    options.add_argument("--port", type=int, default=28_417)
    options.add_argument("--directory", type=Path)
    options.add_argument("--json", action="store_true")
    given = options.parse_args()
    if given.directory is not None:
        given.directory.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=given.directory) as place:
        found: dict[str, Any] = asyncio.run(measure(given.count, given.asked, Path(place), given.port))
    worst = max(found.values())
    if given.json:
        print(json.dumps({"count": given.count, "p95_ms": found}))
    else:
        for name, time_ms in found.items():
            print(f"  {time_ms:8.1f} ms  {name}")
        print(f"  {given.count} entries; worst p95 {worst:.0f} ms; goal under {GOAL_MS} ms; Python {platform.python_version()}")
    return 0 if worst < GOAL_MS else 1


if __name__ == "__main__":
    sys.exit(main())
