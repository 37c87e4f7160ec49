"""Bend each rule of each pack in every small way, and count how many bent packs their own vectors notice.

    python -m bench.mutants [PACK …] [--floor 95] [--sample N] [--survivors] [--vectors]

A rule is bent by saying the opposite, by forgetting one condition, by reaching one place, client, purpose or operation too
many, or by forgetting one thing that it asks for. A bent rule that changes no answer to any request at all (shown by policies.diff) bends
nothing and is not counted. It prints the share that is noticed and ends with 1 if it is below the floor. `--sample` bends each pack
in at most so many of these ways, always the same ones. `--vectors` prints, for each that was not noticed, a vector that would have."""

import argparse
import json
import random
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from policies.conditions import Term
from policies.decision import Permit
from policies.diff import Region, diff
from policies.judge import Judge
from policies.packs import names
from policies.rehearsal import Rehearsal, Vector, pack_lines, read_vectors
from policies.rulebook import Rulebook, build
from policies.rules import ANY, Rule

# The frame refuses what is not licensed, whatever an allow forgets: nobody could notice.
_HELD_BY_THE_FRAME: Final = Term("licensed", wanted=True)
# What a deny asks for when it is bent into the opposite.
_SOMETHING: Final = "log_use"


Bend = Callable[[Rule], Rule | None]


@dataclass(frozen=True, slots=True)
class Mutant:
    """One way to bend one rule, in words and as a function of the rule; None is a rule that is gone."""

    row: str
    how: str
    bend: Bend


class Bent(Rehearsal):
    """A rehearsal of rulebooks in which one rule of one pack is bent."""

    def __init__(self, honest: Rehearsal, pack: str, mutant: Mutant) -> None:
        super().__init__(honest.words)
        self._honest, self._pack, self._mutant = honest, pack, mutant
        self._bent: dict[str, Judge] = {}

    def _judge(self, vector: Vector) -> Judge:
        rulebook = self._honest._judge(vector).rulebook
        if rulebook.digest not in self._bent:
            self._bent[rulebook.digest] = Judge(bent_rulebook(rulebook, self._pack, self._mutant))
        return self._bent[rulebook.digest]


def mutants_of(rule: Rule) -> Iterator[Mutant]:
    """Every way to bend one rule."""
    yield Mutant(rule.row, f"{rule.effect} says the opposite", _opposite)
    for term in rule.when:
        if term != _HELD_BY_THE_FRAME:
            yield Mutant(rule.row, f"forgets {term}", partial(_without_term, term))
    if rule.place != "*":
        yield Mutant(rule.row, f"reaches beyond {rule.place}", lambda met: replace(met, place="*"))
    if rule.clients != ANY:
        yield Mutant(rule.row, "meets every client", lambda met: replace(met, clients=ANY))
    if rule.purposes != ANY:
        yield Mutant(rule.row, "meets every purpose", lambda met: replace(met, purposes=ANY))
    if rule.operations != ANY:
        yield Mutant(rule.row, "meets every operation", lambda met: replace(met, operations=ANY))
    for ask in rule.asks:
        yield Mutant(rule.row, f"forgets to ask {ask}", partial(_without_ask, ask))


def _opposite(rule: Rule) -> Rule | None:
    if rule.effect == "due":
        return None
    if rule.effect == "deny":
        return replace(rule, effect="oblige", asks=(_SOMETHING,))
    return replace(rule, effect="deny", asks=())


def _without_term(term: Term, rule: Rule) -> Rule:
    return replace(rule, when=tuple(other for other in rule.when if other != term))


def _without_ask(ask: str, rule: Rule) -> Rule | None:
    left = tuple(other for other in rule.asks if other != ask)
    return replace(rule, asks=left) if left else None


def bent_rulebook(honest: Rulebook, pack: str, mutant: Mutant) -> Rulebook:
    """The rulebook with one rule of one pack bent."""
    rules = (mutant.bend(rule) if (rule.pack, rule.row) == (pack, mutant.row) else rule for rule in honest.rules)
    return replace(honest, rules=tuple(rule for rule in rules if rule is not None))


def changed(honest: Rulebook, pack: str, mutant: Mutant) -> Region | None:
    """Where this rulebook answers differently once the rule is bent; None if it does nowhere. What falls due is not asked about."""
    return next(iter(diff(honest, bent_rulebook(honest, pack, mutant), most=1).regions), None)


def vector_of(pack: str, mutant: Mutant, region: Region) -> dict[str, object]:
    """A vector that notices the mutant: the region's witness, and what the honest pack answers to it."""
    answer = Judge(build([pack])).decide(region.witness, region.kind)
    expect: dict[str, object] = {"decision": answer.decision}
    if isinstance(answer, Permit):
        expect["obligations_include"] = [duty.slug for duty in answer.obligations]
        expect |= {"forbid_obligations": list(region.gains)} if region.gains else {}
    else:
        expect["rule"] = [mutant.row.partition("#")[0].partition("/")[0]]
    record = region.witness.to_record()
    about = {"kind": region.kind, "packs": [pack], "at": record["at"], "licence": record["licence"], "request": region.witness.to_json()}
    return {"title": f"{mutant.row.partition('#')[0]} {_said(mutant, region)}", **about, "expect": expect}


def _said(mutant: Mutant, region: Region) -> str:
    """What a vector shows that notices this mutant."""
    forgotten = mutant.how.removeprefix("forgets ")
    if forgotten.startswith("since:"):
        return f"says nothing before {forgotten.removeprefix('since:')}"
    if forgotten.startswith("before:"):
        return f"says nothing from {forgotten.removeprefix('before:')} on"
    if forgotten == "at_release":
        return "is asked at release alone"
    if forgotten.startswith("to ask "):
        return f"asks for {forgotten.removeprefix('to ask ')}"
    if forgotten != mutant.how:
        return f"says nothing unless {forgotten.partition('|')[0]}"
    facts = region.witness
    met = {"operation": facts.operation, "purpose": facts.purpose, "client": facts.client.kind}
    column = mutant.how.rpartition(" ")[2]
    return f"says nothing of the {column} {met[column]}" if column in met else "says what it says"


def survivors(pack: str, lines: Iterable[str], sample: int | None = None) -> tuple[int, list[Mutant]]:
    """How many mutants a pack has, and those that none of these vectors notices; of at most `sample` mutants, drawn by the pack's name."""
    honest = Rehearsal()
    vectors = read_vectors(lines)
    rulebooks = [honest._judge(vector).rulebook for vector in vectors]
    rules = {rule.row: rule for rulebook in rulebooks for rule in rulebook.rules if rule.pack == pack}
    mutants = [mutant for rule in rules.values() for mutant in mutants_of(rule)]
    if sample is not None and sample < len(mutants):
        mutants = random.Random(pack).sample(mutants, sample)
    unnoticed = []
    for mutant in mutants:
        rule = rules[mutant.row].rule
        bent = Bent(honest, pack, mutant)
        # The vectors that name the rule notice most: they go first.
        likely = sorted(vectors, key=lambda vector: rule not in vector.expect["rule"])
        if all(bent.run(vector).passed for vector in likely):
            unnoticed.append(mutant)
    # Looked at last, and only for those that are left: the solver takes longer than the vectors.
    books = {book.digest: book for book in (build([pack]), *rulebooks)}.values()
    alike = {
        (mutant.row, mutant.how)
        for mutant in unnoticed
        if rules[mutant.row].effect != "due" and all(changed(book, pack, mutant) is None for book in books)
    }
    return len(mutants) - len(alike), [mutant for mutant in unnoticed if (mutant.row, mutant.how) not in alike]


def main() -> int:
    """Bend the packs and print what was noticed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("packs", nargs="*", default=names(), metavar="PACK")
    parser.add_argument("--floor", type=float, default=95.0, help="percent of all mutants that have to be noticed")
    parser.add_argument("--sample", type=int, help="bend each pack in at most so many ways")
    parser.add_argument("--survivors", action="store_true", help="name those that were not")
    parser.add_argument("--vectors", action="store_true", help="print a vector for each of those")
    given = parser.parse_args()
    made, missed = 0, 0
    for pack in given.packs:
        begun = time.perf_counter()
        count, unnoticed = survivors(pack, pack_lines(pack), given.sample)
        made, missed = made + count, missed + len(unnoticed)
        share = 100 * (1 - len(unnoticed) / count)
        print(
            f"{pack:28} {count:5} mutants {count - len(unnoticed):5} noticed {share:6.1f} %  {time.perf_counter() - begun:5.1f} s",
            flush=True,
        )
        for mutant in unnoticed if given.survivors else []:
            print(f"    {mutant.row}: {mutant.how}")
        for mutant in unnoticed if given.vectors else []:
            region = changed(build([pack]), pack, mutant)
            print(json.dumps(vector_of(pack, mutant, region)) if region else f"    {mutant.row}: {mutant.how}: only under other options")
    share = 100 * (1 - missed / made)
    print(f"{made} mutants, {made - missed} noticed: {share:.1f} % (floor {given.floor:g} %)")
    return 0 if share >= given.floor else 1


if __name__ == "__main__":
    sys.exit(main())
