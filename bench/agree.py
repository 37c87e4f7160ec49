"""Hold index, Casbin and the second judge against each other on many random requests: `python -m bench.agree --count 1000000`.

Every permit is put to Casbin over the rules of its client, purpose and operation, remembered ones too; besides, every n-th answer is
put to Casbin over *all* rules of the rulebook. The second judge has to name the same rules, and a permit the same obligations. The
rulebooks are the baseline alone, no pack, every pack, and random sets of packs. Work comes in batches, each from a seed of its own, shared
out to `--processes`; with `--kept FILE` a run that was stopped goes on where it was. One disagreement, or one alarm, makes the exit
status 1. The last line sums everything up."""

import argparse
import json
import random
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from functools import lru_cache, reduce
from multiprocessing import get_context
from operator import add
from pathlib import Path

from policies.decision import Permit
from policies.facts import Facts
from policies.index import Index
from policies.judge import Authority, Judge
from policies.packs import names
from policies.question import Question
from policies.rulebook import Rulebook, build
from tests.policies.chance import requests
from tests.policies.reference import Reference, told

BATCH = 10_000


@dataclass(frozen=True, slots=True)
class Task:
    """One batch: so many requests from one seed, put to one rulebook."""

    packs: tuple[str, ...]
    seed: int
    count: int
    whole_every: int

    @property
    def name(self) -> str:
        """What a file of finished batches knows it by: everything that its requests and its answers come from."""
        return f"{build(self.packs).digest[:16]} {self.seed} {self.count} {self.whole_every}"


@dataclass(frozen=True, slots=True)
class Found:
    """What came of a batch, or of several: how many of each."""

    requests: int = 0
    permits: int = 0
    whole: int = 0
    differ: int = 0

    def __add__(self, other: "Found") -> "Found":
        return Found(self.requests + other.requests, self.permits + other.permits, self.whole + other.whole, self.differ + other.differ)

    def __str__(self) -> str:
        return f"{self.requests} requests, {self.permits} permits, {self.whole} put to Casbin over all rules, {self.differ} differ"


class Bench:
    """Three judges of one rulebook: index with Casbin behind it, the second judge, and Casbin over all rules."""

    def __init__(self, packs: Sequence[str]) -> None:
        self.book: Rulebook = build(packs)
        self.alarms: list[str] = []
        # Each answer from memory is put to Casbin too, so that no permit rests on what was said to another request.
        self._judge = Judge(self.book, alarm=self.alarms.append, sample_every=1)
        self._reference = Reference(self.book.text())
        self._whole = Authority(self.book, Index(self.book).bounds, whole=True)

    def compare(self, facts: Facts, kind: str, *, whole: bool) -> tuple[bool, bool]:
        """Whether it is a permit, and whether all agree on it."""
        alarms = len(self.alarms)
        answer = self._judge.decide(facts, kind)
        permit = isinstance(answer, Permit)
        decision, rules, owed = told(answer)
        expected = self._reference.decide(facts, kind)
        # A default deny names the nearest rule; the second judge does not look for one.
        agreed = expected[0] == decision and (expected[1] is None or expected == (decision, rules, owed))
        if whole:
            agreed &= self._permits(facts, kind) is permit
        return permit, agreed and len(self.alarms) == alarms

    def _permits(self, facts: Facts, kind: str) -> bool:
        if facts.client.kind is None:
            return False
        capacities = tuple(dict.fromkeys(filter(None, (facts.client.kind, facts.client.acts_for))))
        return self._whole.permits(Question(facts, kind, self.book.settings, self.book.words), capacities)


# One rulebook at a time: a process is given the batches of a rulebook one after the other.
_bench = lru_cache(maxsize=1)(Bench)


def compare(task: Task) -> Found:
    """Compare one batch; each request on which somebody differs is printed."""
    bench = _bench(task.packs)
    permits = whole = differ = 0
    drawn = enumerate(requests(task.seed, task.count))
    # Who is asked about is drawn by chance, in which order is not: Casbin is filled anew for each client, purpose and operation, and
    # requests of one kind that come together are put to the same enforcer.
    for position, (facts, kind) in sorted(drawn, key=lambda each: _kind_of(each[1][0])):
        ask_whole = position % task.whole_every == 0
        permit, agreed = bench.compare(facts, kind, whole=ask_whole)
        permits, whole, differ = permits + permit, whole + ask_whole, differ + (not agreed)
        if not agreed:
            print(f"  DIFFERS under {', '.join(task.packs) or 'no pack'}: {facts.to_record()} {kind}", flush=True)
    return Found(task.count, permits, whole, differ)


def _kind_of(facts: Facts) -> tuple[str, ...]:
    client = facts.client
    return client.kind or "", client.acts_for or "", facts.purpose or "", facts.operation or "", facts.place or ""


def tasks(count: int, seed: int, whole_every: int, sets: Sequence[Sequence[str]]) -> list[Task]:
    """The batches of a run; each rulebook has the same share of the requests, and no two batches have the same seed."""
    made = []
    for turn, packs in enumerate(sets):
        share = count // len(sets) + (turn < count % len(sets))
        for number, begins in enumerate(range(0, share, BATCH)):
            drawn = (seed * 1_000 + turn) * 1_000_000 + number
            made.append(Task(tuple(packs), drawn, min(BATCH, share - begins), whole_every))
    # The largest rulebooks first, so that no process is left alone with one.
    return sorted(made, key=lambda task: -len(task.packs))


def main() -> int:
    """Run, print the counts, and return the exit status."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--count", type=int, default=20_000)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--packs", nargs="*", default=None, help="only these packs")
    options.add_argument("--whole-every", type=int, default=50, help="put every n-th answer to Casbin over all rules (slow)")
    options.add_argument("--processes", type=int, default=2)
    options.add_argument("--kept", type=Path, help="where finished batches are noted, and not run again")
    given = options.parse_args()
    sets = [given.packs] if given.packs is not None else [["baseline"], [], list(names()), *_some_packs(given.seed, 9)]
    wanted = tasks(given.count, given.seed, given.whole_every, sets)
    kept = _read(given.kept)
    began = time.perf_counter()
    found = [kept[task.name] for task in wanted if task.name in kept]
    for task, came in _all([task for task in wanted if task.name not in kept], given.processes):
        found.append(came)
        if given.kept is not None:
            with given.kept.open("a", encoding="utf-8") as notes:
                notes.write(json.dumps({"batch": task.name, **asdict(came)}) + "\n")
        print(f"{len(found)} of {len(wanted)} batches, {time.perf_counter() - began:.0f} s: {reduce(add, found)}", flush=True)
    print(f"{reduce(add, found, Found())}; {len(sets)} rulebooks, {time.perf_counter() - began:.0f} s")
    return int(any(each.differ for each in found))


def _read(kept: Path | None) -> dict[str, Found]:
    if kept is None or not kept.exists():
        return {}
    notes = (json.loads(line) for line in kept.read_text(encoding="utf-8").splitlines())
    return {note.pop("batch"): Found(**note) for note in notes}


def _all(wanted: list[Task], processes: int) -> Iterator[tuple[Task, Found]]:
    if processes == 1 or len(wanted) < 2:
        yield from ((task, compare(task)) for task in wanted)
        return
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        turns = {pool.submit(compare, task): task for task in wanted}
        for turn in as_completed(turns):
            yield turns[turn], turn.result()


def _some_packs(seed: int, sets: int) -> Iterable[list[str]]:
    dice = random.Random(seed)
    return [sorted(dice.sample(names(), k=min(len(names()), dice.choice([1, 2, 2, 3, 4])))) for _ in range(sets)]


if __name__ == "__main__":
    sys.exit(main())
