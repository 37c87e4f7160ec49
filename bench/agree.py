"""Hold index, Casbin and the second judge against each other on many random requests: `python -m bench.agree --count 1000000`.

Every permit has Casbin's yes behind it already; besides, every n-th answer is put to Casbin over *all* rules of the rulebook.
The rulebooks are the baseline alone, no pack, every pack, and random sets of packs, shared out to `--processes`; each says how far it is.
One disagreement makes the exit status 1. The last line sums everything up."""

import argparse
import random
import sys
import time
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context

from policies.decision import Permit
from policies.facts import Facts
from policies.index import Index
from policies.judge import Authority, Judge
from policies.packs import names
from policies.question import Question
from policies.rulebook import Rulebook, build
from tests.policies.chance import requests
from tests.policies.reference import Reference

# How often a rulebook under way says where it is.
SAY_EVERY = 20_000


@dataclass(frozen=True, slots=True)
class Task:
    """One rulebook and so many requests from one seed."""

    packs: tuple[str, ...]
    seed: int
    count: int
    whole_every: int


@dataclass(frozen=True, slots=True)
class Found:
    """What came of a task, or of several: how many of each."""

    requests: int = 0
    permits: int = 0
    asked: int = 0
    differ: int = 0

    def __add__(self, other: "Found") -> "Found":
        return Found(self.requests + other.requests, self.permits + other.permits, self.asked + other.asked, self.differ + other.differ)

    def __str__(self) -> str:
        return f"{self.requests} requests, {self.permits} permits, {self.asked} put to Casbin over all rules, {self.differ} differ"


def main() -> int:
    """Run, print the counts, and return the exit status."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--count", type=int, default=20_000)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--packs", nargs="*", default=None, help="only these packs")
    options.add_argument("--whole-every", type=int, default=50, help="put every n-th answer to Casbin over all rules (slow)")
    options.add_argument("--processes", type=int, default=2)
    given = options.parse_args()
    sets = [given.packs] if given.packs is not None else [["baseline"], [], list(names()), *_some_packs(given.seed, 9)]
    share = -(-given.count // len(sets))
    tasks = [Task(tuple(packs), given.seed + turn, share, given.whole_every) for turn, packs in enumerate(sets)]
    began = time.perf_counter()
    found = sum(_all(tasks, given.processes), Found())
    print(f"{found}; {len(sets)} rulebooks, {time.perf_counter() - began:.0f} s")
    return int(found.differ > 0)


def compare(task: Task) -> Found:
    """Compare under one rulebook; each request that is answered differently is printed."""
    book = build(task.packs)
    index = Index(book)
    judge, reference, whole = Judge(book), Reference(book.text()), Authority(book, index.bounds, whole=True)
    permits = asked = differ = 0
    began = time.perf_counter()
    called = ", ".join(task.packs) or "no pack"
    for position, (facts, kind) in enumerate(requests(task.seed, task.count)):
        answer = judge.decide(facts, kind)
        permits += isinstance(answer, Permit)
        wrong = reference.decide(facts, kind)[0] != ("allow" if isinstance(answer, Permit) else "deny")
        if position % task.whole_every == 0:
            asked += 1
            wrong |= _whole(whole, facts, kind, book) != isinstance(answer, Permit)
        if wrong:
            differ += 1
            print(f"  DIFFERS: {facts.to_record()} {kind}", flush=True)
        if position and position % SAY_EVERY == 0:
            print(f"  {called}: {position} of {task.count}, {time.perf_counter() - began:.0f} s", file=sys.stderr, flush=True)
    found = Found(task.count, permits, asked, differ)
    print(f"{called}: {len(book.rules)} rules; {found}; {time.perf_counter() - began:.0f} s", flush=True)
    return found


def _all(tasks: list[Task], processes: int) -> Iterable[Found]:
    if processes == 1 or len(tasks) == 1:
        yield from map(compare, tasks)
        return
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        # The largest rulebooks first, so that no process is left alone with one.
        turns = [pool.submit(compare, task) for task in sorted(tasks, key=lambda task: -len(task.packs))]
        for turn in as_completed(turns):
            yield turn.result()


def _some_packs(seed: int, sets: int) -> list[list[str]]:
    dice = random.Random(seed)
    return [sorted(dice.sample(names(), k=min(len(names()), dice.choice([1, 2, 2, 3, 4])))) for _ in range(sets)]


def _whole(authority: Authority, facts: Facts, kind: str, book: Rulebook) -> bool:
    if facts.client.kind is None:
        return False
    capacities = tuple(dict.fromkeys(filter(None, (facts.client.kind, facts.client.acts_for))))
    return authority.permits(Question(facts, kind, book.settings, book.words), capacities)


if __name__ == "__main__":
    sys.exit(main())
