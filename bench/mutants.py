"""Bend each rule of each pack in every small way, and count how many bent packs their own vectors notice.

    python -m bench.mutants [PACK …] [--floor 95] [--survivors]

A rule is bent by saying the opposite, by forgetting one condition, by reaching one place, client, purpose or operation too
many, or by forgetting one thing that it asks for. It prints the share that is noticed and ends with 1 if it is below the floor."""

import argparse
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from policies.conditions import Term
from policies.judge import Judge
from policies.packs import names
from policies.rehearsal import Rehearsal, Vector, pack_lines, read_vectors
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
            rules = (self._mutant.bend(rule) if self._is_meant(rule) else rule for rule in rulebook.rules)
            self._bent[rulebook.digest] = Judge(replace(rulebook, rules=tuple(rule for rule in rules if rule is not None)))
        return self._bent[rulebook.digest]

    def _is_meant(self, rule: Rule) -> bool:
        return (rule.pack, rule.row) == (self._pack, self._mutant.row)


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


def survivors(pack: str, lines: Iterable[str]) -> tuple[int, list[Mutant]]:
    """How many mutants a pack has, and those that none of these vectors notices."""
    honest = Rehearsal()
    vectors = read_vectors(lines)
    rulebooks = [honest._judge(vector).rulebook for vector in vectors]
    rules = {rule.row: rule for rulebook in rulebooks for rule in rulebook.rules if rule.pack == pack}
    mutants = [mutant for rule in rules.values() for mutant in mutants_of(rule)]
    unnoticed = []
    for mutant in mutants:
        rule = rules[mutant.row].rule
        bent = Bent(honest, pack, mutant)
        # The vectors that name the rule notice most: they go first.
        likely = sorted(vectors, key=lambda vector: rule not in vector.expect["rule"])
        if all(bent.run(vector).passed for vector in likely):
            unnoticed.append(mutant)
    return len(mutants), unnoticed


def main() -> int:
    """Bend the packs and print what was noticed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("packs", nargs="*", default=names(), metavar="PACK")
    parser.add_argument("--floor", type=float, default=95.0, help="percent of all mutants that have to be noticed")
    parser.add_argument("--survivors", action="store_true", help="name those that were not")
    given = parser.parse_args()
    made, missed = 0, 0
    for pack in given.packs:
        begun = time.perf_counter()
        count, unnoticed = survivors(pack, pack_lines(pack))
        made, missed = made + count, missed + len(unnoticed)
        share = 100 * (1 - len(unnoticed) / count)
        print(
            f"{pack:28} {count:5} mutants {count - len(unnoticed):5} noticed {share:6.1f} %  {time.perf_counter() - begun:5.1f} s",
            flush=True,
        )
        for mutant in unnoticed if given.survivors else []:
            print(f"    {mutant.row}: {mutant.how}")
    share = 100 * (1 - missed / made)
    print(f"{made} mutants, {made - missed} noticed: {share:.1f} % (floor {given.floor:g} %)")
    return 0 if share >= given.floor else 1


if __name__ == "__main__":
    sys.exit(main())
