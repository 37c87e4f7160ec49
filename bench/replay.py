"""Judge recorded decisions again under a draft, and say how long it takes: `python -m bench.replay --count 1000000`.

The records are intents and denials as the gateway writes them, veiled, of a past with `--variety` different requests, each record at a
moment of its own and with commitments of its own. The same number of questions is extrapolated from a sample put to casbin.Enforcer over
all rows of the same draft. A sample of the records is judged one by one, and held against the record and against the replay."""

import argparse
import random
import re
import sys
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import cycle
from typing import TypeVar

from gateway.records import entries
from policies.decision import Permit, Refusal
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
BATCH = 10_000
_CUT = re.compile(rb"(MOMENT|NUMBER|(?<=commitment:)[0-9a-f]{64})")


def main() -> int:
    """Write a past, replay it, print the figures; 1 if a sampled record was not judged as the judge judges it."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--count", type=int, default=100_000)
    options.add_argument("--variety", type=int, default=2_000, help="different requests in the past")
    options.add_argument("--sample", type=int, default=200, help="records that are judged one by one, and by casbin.Enforcer")
    given = options.parse_args()
    draft = build(DRAFT)
    log = Written(given.count, given.variety, max(1, given.count // given.sample))
    whole_s, past = _timed(lambda: Past.read(log.entries()))
    read_s = whole_s - log.writing_s
    judged_s, found = _timed(lambda: past.under(draft))
    casbin_s = _casbin(draft, given.sample, given.variety) * past.judged
    counts = found.to_json(0)
    print(f"{past.judged} recorded decisions, {log.size / 1e6:.0f} MB, {found.shapes} shapes (seconds of processor time)")
    print(f"read {read_s:.2f} s, {1e6 * read_s / past.judged:.1f} us each; judged under the draft {judged_s:.3f} s", end="")
    print(f" (to write them: {log.writing_s:.0f} s)")
    print(f"changes {counts['counts']}, unchanged {counts['unchanged']}")
    print(f"casbin.Enforcer over all rows {casbin_s:.0f} s (extrapolated): {casbin_s / judged_s:.0f}x judging alone, ", end="")
    print(f"{casbin_s / (read_s + judged_s):.0f}x with reading")
    wrong = _compared(log.sampled, draft, {link.index for group in found.groups for link in group.links})
    print(f"{wrong} of the sampled records judged differently one by one")
    return int(wrong > 0)


def _timed(act: Callable[[], T]) -> tuple[float, T]:
    began = time.process_time()
    found = act()
    return time.process_time() - began, found


def _compared(written: list[tuple[int, bytes]], draft: Rulebook, changed: set[int]) -> int:
    """How many of these records change, judged alone, where the replay says that they stay, or the reverse; or are not what was decided."""
    live = build(LIVE)
    wrong = 0
    for index, body in written:
        alone = Past.read([(index, body)])
        wrong += bool(alone.under(live).groups) or bool(alone.under(draft).groups) != (index in changed)
    return wrong


class Written:
    """A past, written while it is read, so that it need not be held: of so many different requests, each record at a moment of its own.

    `writing_s` is the time that took; `sampled` is every so many-th record."""

    def __init__(self, count: int, variety: int, sample_every: int) -> None:
        self.writing_s, self.size = 0.0, 0
        self.sampled: list[tuple[int, bytes]] = []
        self._count, self._sample_every = count, sample_every
        self._dice = random.Random(7)
        judge = Judge(build(LIVE))
        self._forms = [_Form(facts, judge.decide(facts)) for facts, _ in requests(seed=7, count=variety)]

    def entries(self) -> Iterator[tuple[int, bytes]]:
        """Entries as the gateway writes them, with their indexes."""
        for begins in range(0, self._count, BATCH):
            began = time.process_time()
            batch = [
                (index, self._dice.choice(self._forms).at(index, self._dice)) for index in range(begins, min(self._count, begins + BATCH))
            ]
            self.size += sum(len(body) for _, body in batch)
            self.sampled += [(index, body) for index, body in batch if index % self._sample_every == 0]
            self.writing_s += time.process_time() - began
            yield from batch


class _Form:
    """One request's entry as the gateway writes it, cut where the moment, the id and the commitments of each record go.

    No paper begins or ends within the hour after a request's first moment (tests/policies/chance.py): its answer is the same throughout."""

    def __init__(self, facts: Facts, answer: Permit | Refusal) -> None:
        self._first = facts.at
        about = {"at": facts.at, "decision_id": "DECISION", "client": "client-1", "facts": facts}
        if isinstance(answer, Permit):
            record = entries.intent(**about, permit=answer, boot="b-1", order_id="ORDER", images=[])  # type: ignore[arg-type]  # as named
        else:
            record = entries.denial(**about, refusal=answer, by="policy")  # type: ignore[arg-type]  # as named
        moment = re.search(rb'"at":"([^"]+)"', record.body)
        if moment is None:
            raise ValueError("an entry without a moment")
        parts = record.body.replace(b'"at":"' + moment[1], b'"at":"MOMENT').replace(b"DECISION", b"d-NUMBER").replace(b"ORDER", b"o-NUMBER")
        self._parts = _CUT.split(parts)

    def at(self, index: int, dice: random.Random) -> bytes:
        """The entry of one record: at a moment of its own in the hour after the first, with commitments of its own."""
        moved = self._first + timedelta(seconds=dice.randrange(3600), microseconds=dice.randrange(1, 10**6))
        said = {b"MOMENT": f"{moved:%Y-%m-%dT%H:%M:%S.%f}Z".encode(), b"NUMBER": b"%032x" % index}
        own: dict[bytes, bytes] = {}
        return b"".join(
            said.get(part) or own.setdefault(part, dice.randbytes(32).hex().encode()) if cut else part
            for cut, part in zip(cycle((False, True)), self._parts, strict=False)
        )


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
