"""Hold index, Casbin and the second judge against each other on many random requests: `python -m bench.agree --count 1000000`.

Every permit has Casbin's yes behind it already; besides, every n-th answer is put to Casbin over *all* rules of the rulebook.
The rulebooks are the baseline alone, no pack, every pack, and random sets of packs. One disagreement makes the exit status 1."""

import argparse
import random
import sys
import time

from policies.decision import Permit
from policies.facts import Facts
from policies.index import Index
from policies.judge import Authority, Judge
from policies.packs import names
from policies.question import Question
from policies.rulebook import Rulebook, build
from tests.policies.chance import requests
from tests.policies.reference import Reference


def main() -> int:
    """Run, print the counts, and return the exit status."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--count", type=int, default=20_000)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--packs", nargs="*", default=None, help="only these packs")
    options.add_argument("--whole-every", type=int, default=50, help="put every n-th answer to Casbin over all rules (slow)")
    given = options.parse_args()
    sets = [given.packs] if given.packs is not None else [["baseline"], [], list(names()), *_some_packs(given.seed, 9)]
    share = max(1, given.count // len(sets))
    return max(compare(build(packs), given.seed + turn, share, given.whole_every) for turn, packs in enumerate(sets))


def compare(book: Rulebook, seed: int, count: int, whole_every: int) -> int:
    """Compare on `count` requests under one rulebook; 1 if any differ."""
    index = Index(book)
    judge, reference, whole = Judge(book), Reference(book.text()), Authority(book, index.bounds, whole=True)
    permits = asked = differ = 0
    began = time.perf_counter()
    for position, (facts, kind) in enumerate(requests(seed, count)):
        answer = judge.decide(facts, kind)
        permits += isinstance(answer, Permit)
        wrong = reference.decide(facts, kind)[0] != ("allow" if isinstance(answer, Permit) else "deny")
        if position % whole_every == 0:
            asked += 1
            wrong |= _whole(whole, facts, kind, book) != isinstance(answer, Permit)
        if wrong:
            differ += 1
            print(f"  DIFFERS: {facts.to_record()} {kind}")
    packs = ", ".join(pack.name for pack in book.packs) or "no pack"
    print(
        f"{packs}: {len(book.rules)} rules; {count} requests, {permits} permits, {asked} put to Casbin over all rules, {differ} differ; ",
        end="",
    )
    print(f"{time.perf_counter() - began:.0f} s")
    return int(differ > 0)


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
