"""Kill processes that write a log, again and again, and look for an acknowledged entry that is gone. Knows nothing of what is logged.

    python -m bench.kills [--count 500] [--gateways 1] [--seed 1] [--directory DIR]

Each round starts one process (or several on the same log), in which 64 coroutines append and, whenever the log has acknowledged an
entry, note its index in a file. After a random time all of them get SIGKILL. Then the log is opened again, and each acknowledged
entry must lie where its receipt said; every 25 rounds the whole log is recomputed, and a new one begun."""

import argparse
import asyncio
import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.audit.log import AuditLog, Opening
from gateway.audit.note import NoteSigner

WRITERS = 64
ROUNDS_A_LOG = 25
START_SECONDS = 60.0


@dataclass(slots=True)
class Tally:
    """What a run has seen."""

    kills: int = 0
    acknowledged: int = 0
    unacknowledged: int = 0
    slowest_start: float = 0.0
    lost: list[str] = field(default_factory=list)


def signer() -> NoteSigner:
    """The same key in every process of a run."""
    return NoteSigner("kills.example/log", Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"kills").digest()))


def body(mark: str) -> bytes:
    """The entry that goes by this mark."""
    return mark.encode().ljust(700)


async def write_for_ever(log: Path, notes: Path) -> None:
    """What is killed: append, and note what was acknowledged."""
    audit = AuditLog.open(log, signer(), busy_seconds=30)
    notebook = os.open(notes, os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    number = 0

    async def write() -> None:
        nonlocal number
        while True:
            number += 1
            mark = f"{notes.name}.{number}"
            receipt = await audit.append(body(mark), {"/mark": Opening(b"n" * 32, mark.encode())})
            os.write(notebook, f"{receipt.index} {mark}\n".encode())

    await asyncio.gather(*(write() for _ in range(WRITERS)))


def kill_round(directory: Path, number: int, gateways: int, dice: random.Random) -> list[tuple[int, str]]:
    """Let the processes write until some time after each has been acknowledged; kill them; return what they had noted."""
    notebooks = [directory / f"notes-{number}-{gateway}" for gateway in range(gateways)]
    command = [sys.executable, "-m", "bench.kills", "--log", str(directory / "log"), "--notes"]
    processes = [subprocess.Popen([*command, str(notes)]) for notes in notebooks]
    try:
        deadline = time.monotonic() + START_SECONDS
        while not all(notes.exists() and notes.stat().st_size for notes in notebooks):
            if time.monotonic() > deadline or any(process.poll() is not None for process in processes):
                raise RuntimeError("a writer did not get going")
            time.sleep(0.002)
        time.sleep(dice.choice((0.0, dice.random() * 0.02, dice.random() * 0.4)))
    finally:
        for process in dice.sample(processes, len(processes)):
            process.send_signal(signal.SIGKILL)
        for process in processes:
            process.wait()
    lines = [line for notes in notebooks for line in notes.read_text().splitlines(keepends=True) if line.endswith("\n")]
    return [(int(index), mark) for index, mark in map(str.split, lines)]


def examine(directory: Path, noted: Sequence[tuple[int, str]], tally: Tally, size_before: int) -> int:
    """Open the log that was left behind, look for each entry that was acknowledged, and return its size."""
    begin = time.perf_counter()
    log = AuditLog.open(directory / "log", signer())
    tally.slowest_start = max(tally.slowest_start, time.perf_counter() - begin)
    try:
        size = log.size
        entries = list(log.entries(size_before, size))
        for index, mark in noted:
            if not size_before <= index < size or entries[index - size_before] != body(mark) or "/mark" not in log.openings(index):
                tally.lost.append(f"{mark} at {index}")
        tally.acknowledged += len(noted)
        tally.unacknowledged += size - size_before - len(noted)
        log.append_blocking(b"and it goes on")
        return log.size
    finally:
        log.close()


def check_whole(directory: Path) -> None:
    """Recompute the log from its first entry. Raises LogDamaged."""
    log = AuditLog.open(directory / "log", signer())
    try:
        log.check()
    finally:
        log.close()


def run(count: int, gateways: int, seed: int, parent: Path | None) -> Tally:
    """Kill `count` times, and return what was seen."""
    dice, tally, size = random.Random(seed), Tally(), 0
    directory = Path(tempfile.mkdtemp(dir=parent))
    try:
        for number in range(count):
            noted = kill_round(directory, number, gateways, dice)
            tally.kills += gateways
            size = examine(directory, noted, tally, size)
            if number % ROUNDS_A_LOG == ROUNDS_A_LOG - 1 or number == count - 1:
                check_whole(directory)
                shutil.rmtree(directory)
                directory.mkdir()
                size = 0
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    return tally


def main(arguments: Sequence[str]) -> int:
    """Print what was seen; exit status 1 if an acknowledged entry was lost."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--gateways", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--directory", type=Path, help="on the disk to try; a temporary directory is made in it")
    parser.add_argument("--log", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--notes", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.log:
        asyncio.run(write_for_ever(given.log, given.notes))
    tally = run(given.count, given.gateways, given.seed, given.directory)
    print(
        f"{tally.kills} kills, {tally.acknowledged} entries acknowledged, {len(tally.lost)} lost,"
        f" {tally.unacknowledged} written without an acknowledgement (allowed), slowest start {tally.slowest_start:.2f} s"
    )
    for one in tally.lost[:20]:
        print(f"lost: {one}")
    return 1 if tally.lost else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
