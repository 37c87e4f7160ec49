"""Find rules that say the same, that can never apply, or that others overrule, over all possible requests. Never by guess.

Each finding is the solver's `unsat`: there is no request at all in which the rule would make a difference."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

import z3

from policies.obligations import covers, read_obligation
from policies.places import inside
from policies.question import Settings
from policies.rulebook import OWN
from policies.rules import ANY, Rule
from policies.symbolic.variables import Formula
from policies.symbolic.verdicts import applies
from policies.symbolic.world import World
from policies.vocabulary import Vocabulary

# (line, code, is an error, sentence, mend)
Overlap = tuple[int, str, bool, str, str]
# A single question takes milliseconds; one that takes this long is left open, which here means: not found.
_PATIENCE_S: Final = 5.0
Lined = tuple[int, Rule]


def overlaps(rules: Sequence[Lined], beside: Sequence[Rule], words: Vocabulary) -> list[Overlap]:
    """What is wrong with these rules as a whole; `beside` are other rules in force, about which nothing is said."""
    if not rules:
        return []
    everyone = [rule for _, rule in rules] + list(beside)
    tokens = {term.token for rule in everyone for term in rule.when}
    world = World(tokens, {rule.place for rule in everyone}, words, Settings().live_window_s)
    search = _Search(world, words, [*rules, *((0, rule) for rule in beside)])
    found: list[Overlap] = []
    for position, (line, rule) in enumerate(rules):
        if (twin := search.twin(position)) is not None:
            # In a pack, two rows of a law may ask the same and be two reasons for it.
            severe = rule.pack == OWN or rule.rule == twin[1].rule
            found.append((line, "duplicate-rule", severe, f"It says the same as {_name(*twin)}.", "Drop one of the two."))
        elif not search.can(rule):
            sentence = "Its conditions can never hold together, with whom and what it is about."
            found.append((line, "never-applies", True, sentence, f"Look at {rule.condition or 'its cells'} again, or drop the rule."))
        elif rule.effect == "allow" and (overruling := search.denied(rule)):
            sentence = f"Whatever it allows is denied by {', '.join(_name(*one) for one in overruling)}: a deny wins."
            found.append((line, "contradictory-rules", True, sentence, "Drop the allow, or bound the deny."))
        elif (wider := search.shadow(position)) is not None:
            sentence = f"It is shadowed by {_name(*wider)}, which says the same of everything that it is about."
            found.append((line, "shadowed-rule", False, sentence, "Drop it, unless its own sentence is wanted as a reason."))
    return found


def _name(line: int, rule: Rule) -> str:
    return f"line {line} ({rule.rule})" if line else f"{rule.rule} of {rule.pack}"


class _Search:
    def __init__(self, world: World, words: Vocabulary, lined: Sequence[Lined]) -> None:
        self._world, self._words, self._lined = world, words, lined
        self._reach = [applies(world, rule) for _, rule in lined]
        self._solver = world.solver(_PATIENCE_S)
        self._keys = [_key(rule) for _, rule in lined]

    def twin(self, position: int) -> Lined | None:
        """An earlier rule that says exactly the same."""
        same = [self._lined[other] for other in range(position) if self._keys[other] == self._keys[position]]
        same += [one for one, key in zip(self._lined, self._keys, strict=True) if not one[0] and key == self._keys[position]]
        return same[0] if same else None

    def can(self, rule: Rule) -> bool:
        """Some request meets the rule."""
        return self._possible(applies(self._world, rule))

    def denied(self, rule: Rule) -> tuple[Lined, ...]:
        """The denies that together overrule every request that this rule meets; none if they leave one."""
        flags: dict[str, Lined] = {}
        wanted: list[Any] = []
        for position, (line, other) in enumerate(self._lined):
            if other.effect == "deny":
                flag = self._world.flag(f"silent {position}")
                wanted += [flag, z3.Implies(flag, z3.Not(self._reach[position]))]
                flags[str(flag)] = (line, other)
        self._solver.push()
        self._solver.add(applies(self._world, rule), *(entry for entry in wanted if z3.is_implies(entry)))
        answer = self._solver.check(*(entry for entry in wanted if not z3.is_implies(entry)))
        core = [flags[str(flag)] for flag in self._solver.unsat_core()] if answer == z3.unsat else []
        self._solver.pop()
        return tuple(sorted(core, key=lambda one: (one[0] == 0, one[0], one[1].row)))

    def shadow(self, position: int) -> Lined | None:
        """Another rule of this effect that meets all that this one meets, and asks for no less; of two equals, the earlier shadows."""
        mine = self._lined[position][1]
        for other, (line, rule) in enumerate(self._lined):
            if other == position or not _wider(rule, mine, self._words) or not self._asks_no_less(rule, mine):
                continue
            if self._possible(z3.And(self._reach[position], z3.Not(self._reach[other]))):
                continue
            equal = line > self._lined[position][0] and not self._possible(z3.And(self._reach[other], z3.Not(self._reach[position])))
            if not equal:
                return line, rule
        return None

    def _asks_no_less(self, one: Rule, other: Rule) -> bool:
        if one.effect == "due":
            return set(one.asks) >= set(other.asks)
        owed = [read_obligation(ask, self._words) for ask in one.asks]
        return all(covers(owed, read_obligation(ask, self._words).slug, self._words) for ask in other.asks)

    def _possible(self, formula: Formula) -> bool:
        self._solver.push()
        self._solver.add(formula)
        answer = self._solver.check()
        self._solver.pop()
        # What the solver cannot tell is possible: nothing is called wrong on a guess.
        return bool(answer != z3.unsat)


def _wider(one: Rule, other: Rule, words: Vocabulary) -> bool:
    """By its cells alone, the one may meet all that the other meets. Moments differ: what falls due is never decided."""
    cells = ((one.clients, other.clients), (one.purposes, other.purposes), (one.operations, other.operations))
    place = one.place == "*" or one.place == other.place or (other.place != "*" and inside(other.place, one.place, words))
    return one.effect == other.effect and place and all(_holds(wide, narrow) for wide, narrow in cells)


def _holds(wide: Iterable[str], narrow: Iterable[str]) -> bool:
    return tuple(wide) == ANY or (tuple(narrow) != ANY and set(narrow) <= set(wide))


def _key(rule: Rule) -> tuple[object, ...]:
    return rule.effect, rule.clients, rule.purposes, rule.operations, rule.place, frozenset(rule.when), frozenset(rule.asks)
