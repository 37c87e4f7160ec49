"""Kill the whole service under load, again and again, and look for an answer whose entry is gone. Knows the service only by its doors.

    python -m bench.service_kills [--count 50] [--seed 1] [--directory DIR]

In each round a few connections ask `python -m gateway serve` for searches, refusals and checks, and keep each answer that arrives,
until SIGKILL comes at a random moment. Then the service is started again, and is asked nothing until the log is exported and verified
from the checkpoint that the round before left: every kept answer's receipt must prove the entry that now lies at its index, and every
intent must be closed once. At the very end comes a SIGTERM under load, after which nothing may be lost or left to be tidied up.

Long because it is the load, the killer and the accountant in one."""

import argparse
import asyncio
import json
import random
import shutil
import signal
import socket
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx2

from gateway.app import create_app
from gateway.assembly.homes import open_log
from gateway.assembly.registers import open_registry
from gateway.assembly.service import assemble
from gateway.audit.errors import AuditError
from gateway.audit.export import write_export
from gateway.audit.tlogproof import TlogProof
from gateway.audit.verify import verify_export
from gateway.cli.demo.cast import CASE, GALLERY, NGO, POLICE, PORTRAITS, PROBE, Seeding
from gateway.cli.demo.scenes import LIVE, STILL, Story
from gateway.cli.demo.stage import Stage
from gateway.clock import SystemClock
from gateway.registry.rulebook import text_of
from gateway.settings import Settings, read_settings

CONNECTIONS = 4
START_SECONDS = 240.0
LONGEST_LOAD = 1.2
KILLED_AT_START = 0.1
TWINS_EVERY = 5
SOUGHT = {
    "custodes-purpose": "missing_person",
    "custodes-case": f'"{CASE}"',
    "custodes-gallery": f'"{GALLERY}"',
    "custodes-capture": STILL,
    "content-type": "image/jpeg",
}
SURVEILLED = SOUGHT | {"custodes-purpose": "mass_surveillance", "custodes-capture": LIVE, "custodes-operation": "live_identify"}
ASKED = {"operation": "identify", "purpose": "missing_person", "case": {"ref": CASE}, "gallery": {"id": GALLERY}}


@dataclass(slots=True)
class Tally:
    """What a run has seen."""

    kills: int = 0
    answers: Counter[int] = field(default_factory=Counter)
    acknowledged: int = 0
    intents: int = 0
    abandoned: int = 0
    verified: int = 0
    ready_after: list[float] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def report(self) -> str:
        """Say it in a few lines."""
        times = sorted(self.ready_after)
        kinds = ", ".join(f"{count} x {status}" for status, count in sorted(self.answers.items()))
        return (
            f"{self.kills} kills; {self.acknowledged} answers acknowledged ({kinds}), {len(self.faults)} faults\n"
            f"{self.intents} intents, {self.abandoned} of them abandoned after a crash; {self.verified} verifications passed\n"
            f"ready again after {times[len(times) // 2]:.2f} s (median), {times[-1]:.2f} s (slowest)"
        )


@dataclass(slots=True)
class Service:
    """One run of the service as a process of its own."""

    process: asyncio.subprocess.Process
    settings: Settings

    @classmethod
    async def start(cls, settings: Settings) -> "Service":
        """Start it, without waiting for it."""
        command = (sys.executable, "-m", "gateway", "serve", "--home", str(settings.home.root), "--port", str(settings.port))
        return cls(await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.DEVNULL), settings)

    async def ready(self) -> float:
        """Wait until it says that it is ready; return the seconds that took. Raises RuntimeError if it ends, or takes too long."""
        begun = time.monotonic()
        async with httpx2.AsyncClient(base_url=self.settings.url) as web:
            while time.monotonic() - begun < START_SECONDS and self.process.returncode is None:
                try:
                    if (await web.get("/health/ready")).status_code == 200:
                        return time.monotonic() - begun
                except httpx2.HTTPError:
                    pass
                await asyncio.sleep(0.02)
        raise RuntimeError(f"the service did not become ready (exit code {self.process.returncode})")

    async def end(self, how: signal.Signals) -> int:
        """Send a signal and return the exit code."""
        if self.process.returncode is None:
            self.process.send_signal(how)
        return await self.process.wait()


@dataclass(slots=True)
class Crowd:
    """A few connections that ask until the service is gone, and keep each answer that arrived whole."""

    settings: Settings
    kept: list[dict[str, Any]] = field(default_factory=list)
    first: asyncio.Event = field(default_factory=asyncio.Event)

    async def ask(self, tally: Tally) -> None:
        """Ask until a connection breaks, or the service says that it is closing."""
        tokens = await asyncio.to_thread(tokens_of, self.settings)
        await asyncio.gather(*(self._connection(number, tokens, tally) for number in range(CONNECTIONS)))

    async def _connection(self, number: int, tokens: dict[str, dict[str, str]], tally: Tally) -> None:
        probe = (PORTRAITS / PROBE).read_bytes()
        async with httpx2.AsyncClient(base_url=self.settings.url, timeout=30) as web:
            turn = number
            while True:
                turn += 1
                try:
                    if turn % 3 == 0:
                        answer = await web.post("/v1/searches", headers={**tokens[NGO], **SOUGHT}, content=probe)
                    elif turn % 3 == 1:
                        answer = await web.post("/v1/searches", headers={**tokens[POLICE], **SURVEILLED}, content=probe)
                    else:
                        answer = await web.post("/v1/decisions:check", headers=tokens[NGO], json=ASKED)
                except httpx2.HTTPError:
                    return
                self._keep(answer, tally)

    def _keep(self, answer: httpx2.Response, tally: Tally) -> None:
        tally.answers[answer.status_code] += 1
        document = answer.json()
        if "log_index" in document:
            self.kept.append(document)
            self.first.set()
        elif answer.status_code != 503:
            tally.faults.append(f"an answer without a receipt: {answer.status_code} {answer.text[:200]}")


def tokens_of(settings: Settings) -> dict[str, dict[str, str]]:
    """Return the headers by which each client is known, fresh."""
    registry = open_registry(settings, SystemClock())
    try:
        return {who: {"authorization": f"Bearer {registry.issuer.mint(who).access_token}"} for who in (NGO, POLICE)}
    finally:
        registry.close()


async def seed(settings: Settings) -> None:
    """Put the demo's world into the home, through a service without a socket."""
    async with assemble(settings) as house:
        seeding = Seeding(house)
        await seeding.everyone()
        await seeding.gallery()
        transport = httpx2.ASGITransport(app=create_app(house))
        async with httpx2.AsyncClient(transport=transport, base_url=settings.url) as web:
            await Story(house, web, Stage(as_json=True)).enrol()


@dataclass(slots=True)
class Examiner:
    """Looks at the log that each kill left, as a stranger who keeps the checkpoint and the answers of the time before."""

    settings: Settings
    place: Path
    since: bytes | None = None

    def examine(self, kept: Sequence[dict[str, Any]], tally: Tally) -> None:
        """Export, verify from the last checkpoint on, and hold each kept answer against the entry at its index."""
        log = open_log(self.settings)
        try:
            key = log.verifier_keys[0]
            registry = open_registry(self.settings, SystemClock())
            try:
                write_export(log, self.place, key, rulebook=text_of(registry.rulebooks))
            finally:
                registry.close()
        finally:
            log.close()
        report = verify_export(self.place, key, self.since)
        if report.ok:
            tally.verified += 1
        else:
            tally.faults += report.lines()
        entries = (self.place / "entries.jsonl").read_bytes().splitlines()
        self.since = (self.place / "checkpoint").read_bytes()
        shutil.rmtree(self.place)
        for answer in kept:
            try:
                proof = TlogProof.parse(answer["receipt"])
                proof.verify(entries[proof.index], key)
            except (AuditError, IndexError) as fault:
                tally.faults.append(f"lost: {answer['log_index']} ({fault})")
                continue
            if proof.index != answer["log_index"] or json.loads(entries[proof.index])["decision_id"] != answer["decision_id"]:
                tally.faults.append(f"another entry lies at {proof.index} than the answer says")
        tally.acknowledged += len(kept)
        self._pairs(entries, tally)

    def _pairs(self, entries: Sequence[bytes], tally: Tally) -> None:
        read = [json.loads(entry) for entry in entries]
        closed = Counter(entry["intent"] for entry in read if entry["kind"] in ("outcome", "abandoned"))
        intents = [index for index, entry in enumerate(read) if entry["kind"] == "intent"]
        tally.faults += [f"intent {index} was closed {closed[index]} times" for index in intents if closed[index] != 1]
        tally.intents = len(intents)
        tally.abandoned = sum(entry["kind"] == "abandoned" for entry in read)


async def load_and_end(service: Service, how: signal.Signals, tally: Tally, seconds: float) -> tuple[list[dict[str, Any]], int]:
    """Let the crowd ask for some time after its first answer, then send the signal; return the answers kept, and the exit code."""
    crowd = Crowd(service.settings)
    asking = asyncio.create_task(crowd.ask(tally))
    begun = asyncio.create_task(crowd.first.wait())
    await asyncio.wait((asking, begun), timeout=START_SECONDS, return_when=asyncio.FIRST_COMPLETED)
    begun.cancel()
    await asyncio.sleep(seconds)
    code = await service.end(how)
    await asking
    return crowd.kept, code


async def kill(service: Service, tally: Tally, dice: random.Random) -> list[dict[str, Any]]:
    """Kill it under load; sometimes also the one that is started after it, while it tidies up. Return the answers that were kept."""
    kept, _code = await load_and_end(service, signal.SIGKILL, tally, dice.random() * LONGEST_LOAD)
    tally.kills += 1
    if dice.random() < KILLED_AT_START:
        starting = await Service.start(service.settings)
        await asyncio.sleep(dice.random() * 4.0)
        await starting.end(signal.SIGKILL)
        tally.kills += 1
    return kept


async def run(count: int, dice_seed: int, parent: Path | None = None) -> Tally:
    """Kill at least `count` times, look after each, and return what was seen. The last end is a SIGTERM under load."""
    dice, tally = random.Random(dice_seed), Tally()
    place = Path(tempfile.mkdtemp(dir=parent))
    settings = read_settings({}, home=place / "home", port=free_port())
    try:
        await seed(settings)
        examiner = Examiner(settings, place / "export")
        service = await Service.start(settings)
        try:
            await service.ready()
            while tally.kills < count:
                kept = await kill(service, tally, dice)
                service, twin = await Service.start(settings), None
                if tally.kills % TWINS_EVERY == 1:
                    # Two at once find the same open intents; one of them may close each.
                    twin = await Service.start(replace(settings, port=free_port()))
                tally.ready_after.append(await service.ready())
                if twin is not None:
                    await twin.ready()
                    if (code := await twin.end(signal.SIGTERM)) != 0:
                        tally.faults.append(f"the second service ended with exit code {code}")
                await asyncio.to_thread(examiner.examine, kept, tally)
                if len(left := list(settings.home.boots.glob("*.boot"))) != 1:
                    tally.faults.append(f"{len(left)} boot files lie there while one service runs")
            closed_before = tally.abandoned
            kept, code = await load_and_end(service, signal.SIGTERM, tally, dice.random() * LONGEST_LOAD)
        finally:
            await service.end(signal.SIGKILL)
        await asyncio.to_thread(examiner.examine, kept, tally)
        if code != 0 or tally.abandoned != closed_before or any(settings.home.boots.glob("*.boot")):
            tally.faults.append(f"SIGTERM under load left something undone (exit code {code})")
    finally:
        shutil.rmtree(place, ignore_errors=True)
    return tally


def free_port() -> int:
    """Return a port of this machine that nobody uses now."""
    with socket.socket() as asked:
        asked.bind(("127.0.0.1", 0))
        return int(asked.getsockname()[1])


def main() -> int:
    """Print what was seen; exit status 1 if anything was lost, left open, or did not verify."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--directory", type=Path, help="on the disk to try; a temporary directory is made in it")
    given = parser.parse_args()
    tally = asyncio.run(run(given.count, given.seed, given.directory))
    print(tally.report())
    for fault in tally.faults[:20]:
        print(fault)
    return 1 if tally.faults else 0


if __name__ == "__main__":
    sys.exit(main())
