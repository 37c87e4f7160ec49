"""Measure durable appends against what one would use instead, in one run. Knows nothing of what the entries say.

    python -m bench.audit [--rounds 5] [--seconds 1.5] [--writers 64] [--bytes 700] [--directory DIR] [--json]

The contestants take turns, each round in an order turned by one, each in a new directory on the same disk with the same
payloads. Each of 64 coroutines appends, waits until its event is durable, and appends again.

  log        AuditLog: Merkle tree, signed checkpoint, receipt; SQLite WAL, synchronous=FULL
  raw        one thread appends all that wait to a file, then one fdatasync: no hash, no signature, no index
  aiosqlite  a transaction for each event (INSERT, COMMIT) on one connection; WAL, synchronous=FULL
  sqlmodel   an AsyncSession (sqlite+aiosqlite) for each event, add, commit; WAL, synchronous=FULL; a pool of one, since
             more connections only fight for the write lock
  mixed      as aiosqlite, but without a lock around INSERT and COMMIT: events of different callers share a transaction by
             accident, so one caller's error rolls back another's event. Faster, and wrong; shown for honesty, no goal is set against it"""

import argparse
import asyncio
import importlib.metadata
import json
import os
import platform
import sqlite3
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiosqlite
from sqlalchemy import event
from sqlalchemy.ext.asyncio import create_async_engine
from sqlmodel import Field, SQLModel
from sqlmodel.ext.asyncio.session import AsyncSession

from gateway.audit.log import AuditLog
from gateway.audit.note import NoteSigner

Append = Callable[[bytes], Awaitable[object]]
Contestant = Callable[[Path], AbstractAsyncContextManager[Append]]
GOALS = {"aiosqlite": (5.0, 10.0), "sqlmodel": (20.0, 40.0), "raw": (0.5, 0.8)}  # floor, goal
WARM_UP_SECONDS = 0.3


class Event(SQLModel, table=True):
    """One event as an application would keep it."""

    id: int | None = Field(default=None, primary_key=True)
    body: bytes


@dataclass(frozen=True, slots=True)
class Turn:
    """What one contestant did in one round."""

    per_second: float
    p50: float
    p99: float


@asynccontextmanager
async def the_log(directory: Path) -> AsyncIterator[Append]:
    """Append to the audit log."""
    log = AuditLog.open(directory / "log", NoteSigner.generate("bench.example/log"))
    try:
        yield log.append
    finally:
        await asyncio.to_thread(log.close)


class RawFile:
    """Group commit to a bare file: the least that durability costs when it is shared."""

    def __init__(self, path: Path) -> None:
        self._handle = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND)
        self._wake = threading.Condition()
        self._waiting: list[tuple[bytes, asyncio.Future[None]]] = []
        self._closing = False
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    async def append(self, entry: bytes) -> None:
        """Return once the entry is synced."""
        answer: asyncio.Future[None] = self._loop.create_future()
        with self._wake:
            self._waiting.append((entry, answer))
            self._wake.notify()
        await answer

    def close(self) -> None:
        """Stop the thread."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        self._thread.join()
        os.close(self._handle)

    def _run(self) -> None:
        while True:
            with self._wake:
                while not self._waiting and not self._closing:
                    self._wake.wait()
                batch, self._waiting = self._waiting, []
            if not batch:
                return
            os.write(self._handle, b"".join(entry for entry, _ in batch))
            os.fdatasync(self._handle)
            self._loop.call_soon_threadsafe(self._answer, batch)

    @staticmethod
    def _answer(batch: Sequence[tuple[bytes, asyncio.Future[None]]]) -> None:
        for _, answer in batch:
            if not answer.done():
                answer.set_result(None)


@asynccontextmanager
async def raw(directory: Path) -> AsyncIterator[Append]:
    """Append to a bare file."""
    file = RawFile(directory / "raw")
    try:
        yield file.append
    finally:
        await asyncio.to_thread(file.close)


@asynccontextmanager
async def with_aiosqlite(directory: Path) -> AsyncIterator[Append]:
    """One transaction an event through aiosqlite."""
    turn = asyncio.Lock()
    async with mixed(directory) as insert_and_commit:

        async def append(entry: bytes) -> None:
            async with turn:
                await insert_and_commit(entry)

        yield append


@asynccontextmanager
async def mixed(directory: Path) -> AsyncIterator[Append]:
    """INSERT and COMMIT through aiosqlite, whoever else is between the two."""
    async with aiosqlite.connect(directory / "events.db") as database:
        await database.execute("PRAGMA journal_mode = WAL")
        await database.execute("PRAGMA synchronous = FULL")
        await database.execute("CREATE TABLE event (id INTEGER PRIMARY KEY, body BLOB NOT NULL)")
        await database.commit()

        async def append(entry: bytes) -> None:
            await database.execute("INSERT INTO event (body) VALUES (?)", (entry,))
            await database.commit()

        yield append


@asynccontextmanager
async def with_sqlmodel(directory: Path) -> AsyncIterator[Append]:
    """Add and commit through an AsyncSession of SQLModel."""
    engine = create_async_engine(f"sqlite+aiosqlite:///{directory / 'events.db'}", pool_size=1, max_overflow=0, pool_timeout=600)

    @event.listens_for(engine.sync_engine, "connect")
    def durable(connection: Any, _record: object) -> None:  # noqa: ANN401 - a DBAPI connection, of SQLAlchemy's own adapter type
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")

    async with engine.begin() as connection:
        await connection.run_sync(SQLModel.metadata.create_all)

    async def append(entry: bytes) -> None:
        async with AsyncSession(engine) as session:
            session.add(Event(body=entry))
            await session.commit()

    yield append
    await engine.dispose()


CONTESTANTS: dict[str, Contestant] = {"log": the_log, "raw": raw, "aiosqlite": with_aiosqlite, "sqlmodel": with_sqlmodel, "mixed": mixed}


async def take_turn(contestant: Contestant, directory: Path, *, writers: int, seconds: float, size: int) -> Turn:
    """Let one contestant append for some seconds, after a warm-up that is not counted."""
    filler = os.urandom(size // 2).hex().encode()[: size - 16]
    begin = time.perf_counter() + WARM_UP_SECONDS
    end = begin + seconds
    waits: list[float] = []

    async def write(append: Append, writer: int) -> None:
        number = 0
        while (asked := time.perf_counter()) < end:
            await append(b"%06d%010d" % (writer, number) + filler)
            answered = time.perf_counter()
            if asked >= begin and answered <= end:
                waits.append(answered - asked)
            number += 1

    async with contestant(directory) as append:
        await asyncio.gather(*(write(append, writer) for writer in range(writers)))
    waits.sort()
    return Turn(len(waits) / seconds, 1000 * statistics.median(waits), 1000 * waits[len(waits) * 99 // 100])


def measure(rounds: int, directory: Path, *, writers: int, seconds: float, size: int) -> dict[str, list[Turn]]:
    """Run all rounds, the order turned by one each time."""
    turns: dict[str, list[Turn]] = {name: [] for name in CONTESTANTS}
    names = list(CONTESTANTS)
    for number in range(rounds):
        for name in names[number % len(names) :] + names[: number % len(names)]:
            with tempfile.TemporaryDirectory(dir=directory) as place:
                turns[name].append(asyncio.run(take_turn(CONTESTANTS[name], Path(place), writers=writers, seconds=seconds, size=size)))
    return turns


def summary(turns: dict[str, list[Turn]]) -> dict[str, Any]:
    """Medians over the rounds; ratios are taken round by round first, so that a slow minute of the machine hits both sides."""
    report: dict[str, Any] = {
        name: {key: round(statistics.median(getattr(turn, key) for turn in some), 2) for key in ("per_second", "p50", "p99")}
        for name, some in turns.items()
    }
    for name in GOALS:
        ratios = [ours.per_second / theirs.per_second for ours, theirs in zip(turns["log"], turns[name], strict=True)]
        report[f"ratio_to_{name}"] = {
            "median": round(statistics.median(ratios), 2),
            "lowest": round(min(ratios), 2),
            "highest": round(max(ratios), 2),
        }
    report["p50_to_aiosqlite"] = round(
        statistics.median(ours.p50 / theirs.p50 for ours, theirs in zip(turns["log"], turns["aiosqlite"], strict=True)), 3
    )
    return report


def machine() -> str:
    """Name the machine and the versions that the figures belong to."""
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in ("aiosqlite", "sqlmodel", "cryptography"))
    return (
        f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()} {platform.release()},"
        f" Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, {versions}"
    )


def main(arguments: Sequence[str]) -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.5)
    parser.add_argument("--writers", type=int, default=64)
    parser.add_argument("--bytes", type=int, default=700)
    parser.add_argument("--directory", type=Path, default=Path.cwd(), help="on the disk to measure; a temporary directory is made in it")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args(arguments)
    turns = measure(given.rounds, given.directory, writers=given.writers, seconds=given.seconds, size=given.bytes)
    report = summary(turns) | {"machine": machine(), "rounds": given.rounds, "writers": given.writers, "bytes": given.bytes}
    if given.json:
        print(json.dumps(report, indent=1))
        return
    print(f"{machine()}\n{given.writers} writers, {given.bytes} bytes an entry, {given.rounds} rounds of {given.seconds} s each, medians\n")
    print(f"{'':10} {'events/s':>10} {'p50 ms':>8} {'p99 ms':>8}")
    for name in CONTESTANTS:
        print(f"{name:10} {report[name]['per_second']:10,.0f} {report[name]['p50']:8.2f} {report[name]['p99']:8.2f}")
    print()
    for name, (floor, goal) in GOALS.items():
        ratio = report[f"ratio_to_{name}"]
        print(f"log / {name:10} {ratio['median']:7.2f}x  (rounds {ratio['lowest']} to {ratio['highest']}; floor {floor}, goal {goal})")
    print(f"p50 log / aiosqlite {report['p50_to_aiosqlite']:.3f}  (goal 0.1)")


if __name__ == "__main__":
    main(sys.argv[1:])
