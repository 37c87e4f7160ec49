"""Judge recorded decisions again under a draft, and say how long it takes: `python -m bench.replay --count 1000000`.

The records are intents and denials as the gateway writes them, veiled, of a past with `--variety` different requests, each record at a
moment of its own and with commitments of its own. The same number of questions is extrapolated from a sample put to casbin.Enforcer over
all rows of the same draft. A sample of the records is judged one by one, and compared with what the replay says of it."""

import argparse
import random
import sys
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import TypeVar

from gateway.records import entries
from policies.decision import Permit
from policies.facts import Facts
from policies.index import Index
from policies.judge import Authority, Judge
from policies.question import Question
from policies.replay import Past
from policies.rulebook import Rulebook, build
from tests.policies.chance import requests

T = TypeVar("T")
LIVE = ("baseline", "vendor-amazon")
DRAFT = ("baseline", "vendor-microsoft")


def main() -> int:
    """Write a past, replay it, print the figures; 1 if a sampled record was not judged as the judge judges it."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--count", type=int, default=100_000)
    options.add_argument("--variety", type=int, default=2_000, help="different requests in the past")
    options.add_argument("--sample", type=int, default=200, help="records that are judged one by one, and by casbin.Enforcer")
    given = options.parse_args()
    draft = build(DRAFT)
    written = list(_entries(given.count, given.variety))
    size = sum(len(body) for _, body in written)
    read_s, past = _timed(lambda: Past.read(written))
    judged_s, found = _timed(lambda: past.under(draft))
    casbin_s = _casbin(draft, given.sample, given.variety) * past.judged
    counts = found.to_json(0)
    print(f"{past.judged} recorded decisions, {size / 1e6:.0f} MB, {found.shapes} shapes (seconds of processor time)")
    print(f"read {read_s:.2f} s, {1e6 * read_s / past.judged:.1f} us each; judged under the draft {judged_s:.3f} s")
    print(f"changes {counts['counts']}, unchanged {counts['unchanged']}")
    print(f"casbin.Enforcer over all rows {casbin_s:.0f} s (extrapolated): {casbin_s / judged_s:.0f}x judging alone, ", end="")
    print(f"{casbin_s / (read_s + judged_s):.0f}x with reading")
    wrong = _compared(
        written[:: max(1, given.count // given.sample)], draft, {link.index for group in found.groups for link in group.links}
    )
    print(f"{wrong} of the sampled records judged differently one by one")
    return int(wrong > 0)


def _timed(act: Callable[[], T]) -> tuple[float, T]:
    began = time.process_time()
    found = act()
    return time.process_time() - began, found


def _compared(written: list[tuple[int, bytes]], draft: Rulebook, changed: set[int]) -> int:
    """How many of these records change, judged alone, where the replay says that they stay, or the reverse."""
    alone = ((index, Past.read([(index, body)]).under(draft)) for index, body in written)
    return sum(bool(found.groups) != (index in changed) for index, found in alone)


def _entries(count: int, variety: int) -> Iterator[tuple[int, bytes]]:
    """Entries as the gateway writes them: of so many different requests, each at a moment of its own."""
    dice = random.Random(7)
    judge = Judge(build(LIVE))
    kinds = [facts for facts, _ in requests(seed=7, count=variety)]
    for index in range(count):
        facts = _later(dice.choice(kinds), dice)
        answer = judge.decide(facts)
        about = {"at": facts.at, "decision_id": f"d-{index:032x}", "client": "client-1", "facts": facts}
        if isinstance(answer, Permit):
            record = entries.intent(**about, permit=answer, boot="b-1", order_id=f"o-{index}", images=[])  # type: ignore[arg-type]  # as named
        else:
            record = entries.denial(**about, refusal=answer, by="policy")  # type: ignore[arg-type]  # as named
        yield index, record.body


def _later(facts: Facts, dice: random.Random) -> Facts:
    """The same facts at another moment of the same day."""
    moved = timedelta(seconds=dice.randrange(3600), microseconds=dice.randrange(10**6))
    return Facts.from_json(facts.to_json(), at=facts.at + moved, licence=facts.licence)


def _casbin(draft: Rulebook, sample: int, variety: int) -> float:
    """Seconds that casbin.Enforcer takes for one decision over every row of the draft."""
    whole = Authority(draft, Index(draft).bounds, whole=True)
    questions = [Question(facts, "request", draft.settings, draft.words) for facts, _ in requests(seed=7, count=min(sample, variety))]
    began = time.process_time()
    for question in questions:
        whole.permits(question, (question.facts.client.kind or "",))
    return (time.process_time() - began) / len(questions)


if __name__ == "__main__":
    sys.exit(main())
