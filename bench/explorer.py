"""Measure how long an auditor waits for a page of a long log, and how long a start takes on it. Reads no service and no network.

    nice python -m bench.explorer [--count 1000000] [--asked 40] [--directory DIR] [--json]

A log of refusals, searches, reviews and heartbeats by many clients is written through the real AuditLog and taken in by the real
Explorer; then each kind of question is asked again and again, its values varied. The floor: p95 of every first page under 300 ms."""

import argparse
import json
import platform
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import closing
from pathlib import Path
from typing import Any

from gateway.audit.log import AuditLog, Opening, Receipt
from gateway.audit.note import NoteSigner
from gateway.records.explorer import Explorer, Filter
from tests.audit.honest import canonical, moment

GOAL_MS = 300
KEY = b"a key for measuring with only...".ljust(32)
PURPOSES = ("missing_person", "access_control", "law_enforcement", "mass_surveillance", "border_control")
CLIENTS = 40


def entry(index: int) -> dict[str, Any]:
    """Return an entry of a lively log: of ten, four refusals, three intents with their outcomes next to them."""
    step, plain = index % 10, {"v": 1, "at": moment(index * 1000)}
    client, purpose = f"client-{index * 7 % CLIENTS}", PURPOSES[index // 10 % len(PURPOSES)]
    facts = {
        "at": plain["at"],
        "licence": [],
        "request": {"operation": "identify", "purpose": purpose, "case": {"ref": "commitment:" + "0" * 64}},
    }
    decided = {**plain, "decision_id": f"{index:08x}-0000-4000-8000-000000000000", "client": client, "rulebook": "0" * 64, "facts": facts}
    if step in (0, 3, 6, 8):
        rules = ["BASE-1"] if index % 1000 else ["BASE-1", "RARE-1"]
        answer = {"decision": "refusal", "by": "policy", "code": "policy-refused", "rules": rules, "needed": []}
        return {**decided, "kind": "denial", "answer": answer}
    if step in (1, 4):
        return {**decided, "kind": "intent", "boot": "ab", "answer": {"decision": "permit", "rules": ["BASE-9"], "obligations": []}}
    if step in (2, 5):
        return {**plain, "kind": "outcome", "intent": index - 1, "decision_id": entry(index - 1)["decision_id"], "status": "released"}
    return {**plain, "kind": "heartbeat", "boot": "ab", "calls": index}


def write(log: AuditLog, count: int) -> None:
    """Append the log, a few hundred entries under way at a time."""
    under_way: list[Future[Receipt]] = []
    for index in range(count):
        body = canonical(entry(index))
        openings = {"/facts/request/case/ref": Opening(b"n" * 32, f"MP-{index % 5000}".encode())} if b'"facts"' in body else {}
        answer: Future[Receipt] = Future()
        log._writer.ask(body, openings, None, answer)
        under_way.append(answer)
        if len(under_way) == 512:
            for waiting in under_way:
                waiting.result()
            under_way.clear()
    for waiting in under_way:
        waiting.result()


def questions(count: int, chance: random.Random) -> Iterator[tuple[str, Callable[[], tuple[Filter, int | None]]]]:
    """Name each kind of question, and how to make one."""

    def client() -> str:
        return f"client-{chance.randrange(CLIENTS)}"

    def day() -> tuple[str, str]:
        start = chance.randrange(count)
        return moment(start * 1000), moment((start + count // 100) * 1000)

    yield "first page", lambda: (Filter(), None)
    yield "a page deep down", lambda: (Filter(), chance.randrange(1, count + 1))
    yield "kind", lambda: (Filter(kind=chance.choice(("denial", "outcome", "genesis"))), None)
    yield "client", lambda: (Filter(client=client()), None)
    yield "purpose and decision", lambda: (Filter(purpose=chance.choice(PURPOSES), decision="refusal"), None)
    yield "client, purpose and kind", lambda: (Filter(client=client(), purpose=chance.choice(PURPOSES), kind="intent"), None)
    yield "a client that asked nothing", lambda: (Filter(client="nobody", kind="denial"), None)
    yield "a common client and a code it never got", lambda: (Filter(client=client(), code="not-licensed"), None)
    yield "kinds that never meet", lambda: (Filter(kind="denial", decision="permit"), None)
    yield "case", lambda: (Filter(case_ref=f"MP-{chance.randrange(5000)}"), None)
    yield "decision", lambda: (Filter(decision_id=entry(chance.randrange(count) // 10 * 10)["decision_id"]), None)
    yield "common rule", lambda: (Filter(rule="BASE-1"), None)
    yield "rare rule", lambda: (Filter(rule="RARE-1", client=client()), None)
    yield "a rule and a purpose", lambda: (Filter(rule="BASE-1", purpose=chance.choice(PURPOSES)), None)
    yield "since, until", lambda: (Filter(since=day()[0], until=day()[1]), None)
    yield "a window and a client", lambda: (lambda window: (Filter(since=window[0], until=window[1], client=client()), None))(day())
    yield "until, long ago", lambda: (Filter(until=moment(count * 10)), None)
    yield "since the end", lambda: (Filter(since=moment(count * 1000)), None)


def measure(count: int, asked: int, place: Path) -> dict[str, Any]:
    """Write, take in, and ask; times in milliseconds, p95 over `asked` questions of each kind."""
    chance = random.Random(2026)
    signer = NoteSigner.generate("bench.example/log")
    with closing(AuditLog.open(place / "audit", signer)) as log:
        begun = time.perf_counter()
        write(log, count)
        written = time.perf_counter() - begun
        begun = time.perf_counter()
        with closing(Explorer(place / "explorer.db", log, KEY)) as explorer:
            explorer.catch_up()
            taken = time.perf_counter() - begun
            pages = {name: _p95(explorer, make, asked) for name, make in questions(count, chance)}
    begun = time.perf_counter()
    with closing(AuditLog.open(place / "audit", signer)) as log, closing(Explorer(place / "explorer.db", log, KEY)) as explorer:
        left = len(explorer.open_intents())
        started = time.perf_counter() - begun
    size = (place / "explorer.db").stat().st_size
    return {
        "count": count, "written_s": written, "taken_in_s": taken, "start_ms": started * 1000, "open": left,
        "index_bytes_an_entry": size / count, "p95_ms": pages,
    }  # fmt: skip


def _p95(explorer: Explorer, make: Callable[[], tuple[Filter, int | None]], asked: int) -> float:
    times = []
    for _ in range(asked):
        wanted, before = make()
        begun = time.perf_counter()
        explorer.find(wanted, before=before, limit=51)
        times.append((time.perf_counter() - begun) * 1000)
    return sorted(times)[int(len(times) * 0.95)]


def main() -> int:
    """Print the figures; exit status 1 if a page takes longer than the goal."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--count", type=int, default=1_000_000)
    options.add_argument("--asked", type=int, default=40)
    options.add_argument("--directory", type=Path)
    options.add_argument("--json", action="store_true")
    given = options.parse_args()
    with tempfile.TemporaryDirectory(dir=given.directory) as place:
        found = measure(given.count, given.asked, Path(place))
    worst = max(found["p95_ms"].values())
    if given.json:
        print(json.dumps(found))
    else:
        print(f"{found['count']} entries; written in {found['written_s']:.1f} s, taken in in {found['taken_in_s']:.1f} s")
        print(f"  a start on them, the look for open intents included: {found['start_ms']:.0f} ms")
        print(f"  index: {found['index_bytes_an_entry']:.0f} bytes an entry")
        for name, time_ms in found["p95_ms"].items():
            print(f"  {time_ms:8.1f} ms  {name}")
        print(f"  worst p95 {worst:.0f} ms; goal under {GOAL_MS} ms; Python {platform.python_version()}, {platform.machine()}")
    return 0 if worst < GOAL_MS else 1


if __name__ == "__main__":
    sys.exit(main())
