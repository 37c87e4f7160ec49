"""Find rules that say the same, that can never apply, or that others overrule, over all possible requests. Never by guess.

Each finding is the solver's `unsat`: there is no request at all in which the rule would make a difference."""

from collections.abc import Sequence
from itertools import islice
from typing import Final

import z3

from policies.cells import Cells, Marks, positions
from policies.obligations import covers, read_obligation
from policies.question import Settings
from policies.rulebook import OWN
from policies.rules import Rule
from policies.symbolic.variables import Formula, Model
from policies.symbolic.verdicts import applies
from policies.symbolic.world import World
from policies.vocabulary import Vocabulary

# (line, code, is an error, sentence, mend)
Overlap = tuple[int, str, bool, str, str]
# A single question takes milliseconds; one that takes this long is left open, which here means: not found.
_PATIENCE_S: Final = 5.0
MOST_CONDITIONS: Final = 500
# Of so many rules it is asked at once whether a request meets none of them.
_AT_ONCE: Final = 50
Lined = tuple[int, Rule]


def overlaps(rules: Sequence[Lined], beside: Sequence[Rule], words: Vocabulary) -> list[Overlap]:
    """What is wrong with these rules as a whole; `beside` are other rules in force, about which nothing is said."""
    named = {term.token for _, rule in rules for term in rule.when}
    if len(named) > MOST_CONDITIONS:
        mend = f"They may name at most {MOST_CONDITIONS}: each question to the solver is about all of them."
        return [(0, "too-many-conditions", True, f"The rules name {len(named)} different conditions.", mend)]
    return Search(rules, beside, words).found() if rules else []


def _name(line: int, rule: Rule) -> str:
    return f"line {line} ({rule.rule})" if line else f"{rule.rule} of {rule.pack}"


class Search:
    """A search among rules, with the rules beside them. It asks about few pairs: cells rule most out, and each request that the solver
    finds rules out all that do not meet it.

    `asked` counts the questions that the solver was put, each of which costs a millisecond, and `weighed` the rules that were looked at
    for another one: the work that grows with the number of rules."""

    def __init__(self, rules: Sequence[Lined], beside: Sequence[Rule], words: Vocabulary) -> None:
        self.asked = self.weighed = 0
        self._words, self._own = words, len(rules)
        self._lined = [*rules, *((0, rule) for rule in beside)]
        everyone = [rule for _, rule in self._lined]
        tokens = {term.token for rule in everyone for term in rule.when}
        self._world = World(tokens, {rule.place for rule in everyone}, words, Settings().live_window_s)
        self._reach = [applies(self._world, rule) for rule in everyone]
        self._solver = self._world.solver(_PATIENCE_S)
        self._cells = Cells(everyone, words)
        self._asking: dict[tuple[str, tuple[str, ...]], Marks] = {}
        for position, rule in enumerate(everyone):
            key = (rule.effect, rule.asks)
            self._asking[key] = self._asking.get(key, 0) | 1 << position
        self._no_less: dict[tuple[str, tuple[str, ...]], Marks] = {}

    def found(self) -> list[Overlap]:
        """What is wrong with each rule that something is wrong with."""
        twins = self._twins()
        found: list[Overlap] = []
        for position in range(self._own):
            line, rule = self._lined[position]
            twin = twins.get(position)
            if twin is None:
                wrong = self._wrong(position)
            else:
                # In a pack, two rows of a law may ask the same and be two reasons for it.
                severe = rule.pack == OWN or rule.rule == twin[1].rule
                wrong = ("duplicate-rule", severe, f"It says the same as {_name(*twin)}.", "Drop one of the two.")
            if wrong is not None:
                found.append((line, *wrong))
        return found

    def _wrong(self, position: int) -> tuple[str, bool, str, str] | None:
        rule = self._lined[position][1]
        possible, model, wider = self._opening(position)
        if not possible:
            sentence = "Its conditions can never hold together, with whom and what it is about."
            return "never-applies", True, sentence, f"Look at {rule.condition or 'its cells'} again, or drop the rule."
        if rule.effect == "allow" and (overruling := self._denied(position, model)):
            sentence = f"Whatever it allows is denied by {', '.join(_name(*one) for one in overruling)}: a deny wins."
            return "contradictory-rules", True, sentence, "Drop the allow, or bound the deny."
        if (shadowing := self._shadow(position, wider, model)) is not None:
            sentence = f"It is shadowed by {_name(*shadowing)}, which says the same of everything that it is about."
            return "shadowed-rule", False, sentence, "Drop it, unless its own sentence is wanted as a reason."
        return None

    def _opening(self, position: int) -> tuple[bool, Model | None, Marks]:
        """Whether some request meets this rule, such a request, and which rules may still shadow it.

        Asked first for one that the wider rules do not meet: most rules have one, and are neither vain nor shadowed."""
        rule = self._lined[position][1]
        wider = self._cells.wider(position) & self._asking_no_less(rule) & ~(1 << position)
        few = [*islice(positions(wider), _AT_ONCE)]
        self.weighed += len(few)
        if few and not any(_says_no_more(self._lined[other][1], rule) for other in few):
            model = self._meets(self._reach[position], *(self._reach[other] for other in few))[1]
            if model is not None:
                return True, model, wider & ~sum(1 << other for other in few)
        return *self._meets(self._reach[position]), wider

    def _twins(self) -> dict[int, Lined]:
        """For each rule the first of these, or else of those beside them, that says exactly the same."""
        found: dict[int, Lined] = {}
        beside: dict[tuple[object, ...], int] = {}
        for position in range(self._own, len(self._lined)):
            beside.setdefault(_key(self._lined[position][1]), position)
        first: dict[tuple[object, ...], int] = {}
        for position in range(self._own):
            key = _key(self._lined[position][1])
            twin = first.get(key, beside.get(key))
            if twin is not None:
                found[position] = self._lined[twin]
            first.setdefault(key, position)
        return found

    def _denied(self, position: int, model: Model | None) -> tuple[Lined, ...]:
        """The denies that together overrule every request that this rule meets; none if they leave one.

        Only those that overrule a request found so far are told to be silent, until one is found that all of them leave."""
        denies = self._cells.touching(position, "deny")
        flags: dict[str, int] = {}
        core: list[Lined] = []
        self._solver.push()
        self._solver.add(self._reach[position])
        while overruling := denies & self._met_by(model):
            for other in positions(overruling):
                self.weighed += 1
                flag = self._world.flag(f"silent {other}")
                self._solver.add(z3.Implies(flag, z3.Not(self._reach[other])))
                flags[str(flag)] = other
            possible, model = self._asked(*(self._world.flag(name) for name in flags))
            if not possible:
                core = [self._lined[flags[str(flag)]] for flag in self._solver.unsat_core()]
                break
            denies &= ~overruling
        self._solver.pop()
        return tuple(sorted(core, key=lambda one: (one[0] == 0, one[0], one[1].row)))

    def _shadow(self, position: int, wider: Marks, model: Model | None) -> Lined | None:
        """Another rule of this effect that meets all that this one meets, and asks for no less; of two equals, the earlier shadows.

        What does not meet a request that this rule meets is out."""
        mine, rule = self._lined[position]
        left = wider & self._met_by(model) if wider else 0
        while left:
            first = next(positions(left))
            self.weighed += 1
            line, other = self._lined[first]
            possible = False
            if not _says_no_more(other, rule):
                possible, model = self._meets(self._reach[position], self._reach[first])
            if possible:
                left &= self._met_by(model) & ~(1 << first)
            elif line > mine and not self._meets(self._reach[first], self._reach[position])[0]:
                left &= ~(1 << first)  # the two are equals
            else:
                return line, other
        return None

    def _asking_no_less(self, rule: Rule) -> Marks:
        key = (rule.effect, rule.asks)
        if key not in self._no_less:
            self._no_less[key] = 0
            for (effect, asks), marks in self._asking.items():
                if effect == rule.effect and self._covers(effect, asks, rule.asks):
                    self._no_less[key] |= marks
        return self._no_less[key]

    def _covers(self, effect: str, asks: tuple[str, ...], asked: tuple[str, ...]) -> bool:
        if effect == "due":
            return set(asks) >= set(asked)
        owed = [read_obligation(ask, self._words) for ask in asks]
        return all(covers(owed, read_obligation(ask, self._words).slug, self._words) for ask in asked)

    def _meets(self, reach: Formula, *others: Formula) -> tuple[bool, Model | None]:
        """Whether some request meets the one and none of the others; and one that does."""
        self._solver.push()
        self._solver.add(reach, *(z3.Not(other) for other in others))
        answer = self._asked()
        self._solver.pop()
        return answer

    def _asked(self, *assumed: Formula) -> tuple[bool, Model | None]:
        self.asked += 1
        answer = self._solver.check(*assumed)
        # What the solver cannot tell is possible, and speaks against nobody: nothing is called wrong on a guess.
        return bool(answer != z3.unsat), self._solver.model() if answer == z3.sat else None

    def _met_by(self, model: Model | None) -> Marks:
        """The rules that meet the request of a model; none, where there is no model."""
        if model is None:
            return 0
        world = self._world
        capacities = [word for word in (world.client.of(model), world.acts_for.of(model)) if word is not None]
        operations = [name for name, shown in world.operation.items() if world.true(model, shown)]
        purpose, place = world.purpose.of(model) or "", world.place.of(model)
        return self._cells.meeting(capacities, purpose, operations, place, lambda token: world.true(model, world.token(token)))


def _says_no_more(wide: Rule, rule: Rule) -> bool:
    """The wide one asks for no condition that the other does not ask for: then no solver is needed to see that it meets all of it."""
    return set(wide.when) <= set(rule.when)


def _key(rule: Rule) -> tuple[object, ...]:
    return rule.effect, rule.clients, rule.purposes, rule.operations, rule.place, frozenset(rule.when), frozenset(rule.asks)
