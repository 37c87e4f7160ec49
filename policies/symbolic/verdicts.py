"""When a rulebook permits, and what it then asks, as formulas over a world: the counterpart of index and sitting.

Only requests whose words are all known are considered; the judge refuses the others under every rulebook."""

from collections.abc import Iterable
from typing import Final

from policies.obligations import read_obligation
from policies.rulebook import Rulebook
from policies.rules import ANY, Rule
from policies.symbolic.variables import Choice, Formula
from policies.symbolic.world import World

# Longer than any question so far has taken, by far; what takes longer is answered "undecided".
PATIENCE_S: Final = 20.0


def world_of(rules: Iterable[Rule], example: Rulebook, tokens: Iterable[str] = (), areas: Iterable[str] = ()) -> World:
    """The world that these rules can tell apart, with words and settings of this rulebook, and further conditions and areas."""
    rules = tuple(rules)
    every = {term.token for rule in rules for term in rule.when} | set(tokens)
    return World(every, {rule.place for rule in rules} | set(areas), example.words, example.settings.live_window_s)


class Verdict:
    """What one rulebook answers in a world."""

    def __init__(self, world: World, rulebook: Rulebook) -> None:
        self.world, self.rulebook = world, rulebook
        spoken = [rule for rule in rulebook.rules if rule.effect in ("allow", "oblige")]
        self.permits = world.never if rulebook.blocked else self._permits()
        self._owed: dict[str, dict[int, list[Formula]]] = {}
        for rule in spoken:
            for ask in rule.asks:
                duty = read_obligation(ask, rulebook.words)
                value = next(iter(duty.parameters.values()), 0)
                self._owed.setdefault(duty.kind, {}).setdefault(value, []).append(applies(world, rule))

    def duties(self) -> dict[str, set[int]]:
        """Each kind of obligation that some rule asks for, with its parameters."""
        return {kind: set(values) for kind, values in self._owed.items()}

    def owes(self, kind: str, value: int) -> Formula:
        """It asks for this, or for something of its kind that is stricter."""
        duty = self.rulebook.words.duties[kind]
        held = self._owed.get(kind, {})
        strict = [at for at in held if (at >= value if duty.stricter != "min" else at <= value)]
        return self.world.any(formula for at in strict for formula in held[at])

    def _permits(self) -> Formula:
        world = self.world
        denies = (applies(world, rule) for rule in self.rulebook.rules if rule.effect == "deny")
        allows = [rule for rule in self.rulebook.rules if rule.effect == "allow"]
        own = world.any(world.all((_of(world, world.client, rule), apart(world, rule))) for rule in allows)
        other = world.any(world.all((_of(world, world.acts_for, rule), apart(world, rule))) for rule in allows)
        # A client that acts for another needs an allow as each of them.
        return world.all((world.no(world.any(denies)), own, world.any((world.acts_for.among([None]), other))))


def applies(world: World, rule: Rule) -> Formula:
    """The rule meets the request, in one capacity of the client or the other, and its conditions hold."""
    if rule.clients == ANY:
        return apart(world, rule)
    return world.all((world.any((world.client.among(rule.clients), world.acts_for.among(rule.clients))), apart(world, rule)))


def apart(world: World, rule: Rule) -> Formula:
    """As applies(), whoever the client is."""
    parts = [world.token(term.token) if term.wanted else world.no(world.token(term.token)) for term in rule.when]
    parts += [] if rule.purposes == ANY else [world.purpose.among(rule.purposes)]
    parts += [] if rule.operations == ANY else [world.operations(rule.operations)]
    parts += [] if rule.place == "*" else [world.within(rule.place)]
    return world.all(parts)


def _of(world: World, capacity: Choice, rule: Rule) -> Formula:
    return world.yes if rule.clients == ANY else capacity.among(rule.clients)
