"""Compare two rulebooks: every request that they answer differently, as regions with a witness each. Prefers neither.

A region is a set of clients, purposes, operations and places and a conjunction of conditions, read against the permits of one rulebook:
"of what was permitted, all of this is now refused", "of what is now permitted, all of this was refused", "of what both permit, all of
this now has other obligations". Every request that changes lies in some region, and every permit in a region changes: each region is
taken from the solver as a request that changes, widened as far as the change provably holds, and closed; the comparison ends when the
solver shows that nothing is left. Reasons and codes of refusals are not compared."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import z3

from policies.conditions import Term, bind
from policies.decision import Permit, Refusal
from policies.errors import Undecided
from policies.facts import Facts
from policies.judge import Judge
from policies.question import Question
from policies.rulebook import Rulebook
from policies.symbolic.variables import Formula, Model
from policies.symbolic.verdicts import PATIENCE_S, Verdict, world_of
from policies.symbolic.witness import facts_of, find, simplest
from policies.symbolic.world import World

NEWLY_ALLOWED, NEWLY_REFUSED, OTHER_OBLIGATIONS = "newly-allowed", "newly-refused", "other-obligations"
MOST_REGIONS: Final = 400
AT_RELEASE: Final = "at_release"
Answer = Permit | Refusal


@dataclass(frozen=True, slots=True)
class Region:
    """Requests that change in one way. Empty sets mean "any"; None among `places` is no place, among `acts_for` nobody.

    A place stands for all those that the two rulebooks cannot tell apart from it: ask Difference.covers(). `on` says at which moment
    (`any`: at both); `kind`, `before`, `after` and what is gained and lost are the witness's."""

    change: str
    clients: tuple[str, ...]
    acts_for: tuple[str | None, ...]
    purposes: tuple[str, ...]
    operations: tuple[str, ...]
    places: tuple[str | None, ...]
    when: tuple[Term, ...]
    on: str
    kind: str
    witness: Facts
    before: str
    after: str
    gains: tuple[str, ...]
    loses: tuple[str, ...]

    def to_json(self) -> dict[str, object]:
        """The region as a report keeps it."""
        return {
            "change": self.change,
            "clients": list(self.clients) or ["*"],
            "acts_for": list(self.acts_for) or ["*"],
            "purposes": list(self.purposes) or ["*"],
            "operations": list(self.operations) or ["*"],
            "places": list(self.places) or ["*"],
            "when": " & ".join(str(term) for term in self.when),
            "on": self.on,
            "before": self.before,
            "after": self.after,
            "gains": list(self.gains),
            "loses": list(self.loses),
            "witness": self.witness.to_record(),
            "kind": self.kind,
        }


@dataclass(frozen=True, slots=True)
class Difference:
    """The regions, newly allowed first. `whole`: nothing else changes; otherwise there were more regions than were asked for.

    `abstracted` names conditions that were left free: then a region may hold requests that do not change (never the reverse)."""

    before: str
    after: str
    regions: tuple[Region, ...]
    whole: bool
    abstracted: tuple[str, ...]
    world: World

    def covers(self, facts: Facts, kind: str, rulebook: Rulebook) -> tuple[Region, ...]:
        """The regions that hold this request (of known words), as the real conditions see it. It changes if it is a permit of theirs."""
        question = Question(facts, kind, rulebook.settings, rulebook.words)
        place = self.world.places.of(facts.place)
        return tuple(region for region in self.regions if _inside(region, question, place))

    def to_json(self) -> dict[str, object]:
        """The difference as a report keeps it."""
        counts = {change: sum(region.change == change for region in self.regions) for change in _ORDER}
        return {
            "before": self.before,
            "after": self.after,
            "whole": self.whole,
            "counts": counts,
            "abstracted": list(self.abstracted),
            "regions": [region.to_json() for region in self.regions],
        }


def _unheard(_count: int) -> None:
    pass


_ORDER: Final = (NEWLY_ALLOWED, NEWLY_REFUSED, OTHER_OBLIGATIONS)


def diff(
    before: Rulebook, after: Rulebook, *, most: int = MOST_REGIONS, patience_s: float = PATIENCE_S, hear: Callable[[int], None] = _unheard
) -> Difference:
    """Every change of answer from one rulebook to the other, in at most so many regions; `hear` hears how many were found, at each.

    Raises Undecided if the solver gives up, or if a witness does not change its answer before the real judges."""
    if before.words.table != after.words.table or before.settings != after.settings or not (before.means_the_same and after.means_the_same):
        raise Undecided("The two rulebooks read words or conditions differently: their answers cannot be compared rule by rule.")
    world = world_of((*before.rules, *after.rules), before)
    old, new = Verdict(world, before), Verdict(world, after)
    search = _Search(world, Judge(before), Judge(after), patience_s)
    regions: list[Region] = []
    permitted_twice = world.all((old.permits, new.permits))
    changes = (
        (NEWLY_ALLOWED, new.permits, world.no(old.permits)),
        (NEWLY_REFUSED, old.permits, world.no(new.permits)),
        (OTHER_OBLIGATIONS, permitted_twice, _owe_differently(world, old, new)),
    )
    whole = True
    for change, permits, formula in changes:
        for region in search.regions(change, permits, formula):
            if len(regions) >= most:
                whole = False
                break
            regions.append(region)
            hear(len(regions))
    return Difference(before.digest, after.digest, tuple(regions), whole, tuple(sorted(world.abstracted)), world)


def _owe_differently(world: World, old: Verdict, new: Verdict) -> Formula:
    asked = old.duties()
    for kind, values in new.duties().items():
        asked.setdefault(kind, set()).update(values)
    return world.any(
        world.no(world.same(old.owes(kind, value), new.owes(kind, value)))
        for kind, values in sorted(asked.items())
        for value in sorted(values)
    )


def _inside(region: Region, question: Question, place: str | None) -> bool:
    facts = question.facts
    cells: Iterable[tuple[Sequence[str | None], str | None]] = (
        (region.clients, facts.client.kind),
        (region.acts_for, facts.client.acts_for),
        (region.purposes, facts.purpose),
        (region.operations, question.operation),
        (region.places, place),
    )
    if not all(not known or word in known for known, word in cells):
        return False
    return all(bind(term.token, question.words).ask(question) is term.wanted for term in region.when)


class _Search:
    """Takes region after region out of what changes, until nothing is left."""

    def __init__(self, world: World, old: Judge, new: Judge, patience_s: float) -> None:
        self._world, self._old, self._new, self._patience_s = world, old, new, patience_s
        self._tokens = {token: world.token(token) for token in world.tokens}
        self._cells: dict[str, Mapping[Any, Formula]] = {
            "clients": world.client.flags,
            "acts_for": world.acts_for.flags,
            "purposes": world.purpose.flags,
            "operations": world.operation,
            "places": world.place.flags,
        }

    def regions(self, change: str, permits: Formula, changes: Formula) -> Iterator[Region]:
        """Each region of one kind of change: of these permits, those that change."""
        left, inside, changing = (self._world.solver(self._patience_s) for _ in range(3))
        left.add(permits, changes)
        changing.add(permits, changes)
        inside.add(permits, self._world.no(changes))
        while (model := find(self._world, left)) is not None:
            cells, terms = self._widened(inside, model)
            bounds = [*self._sets(cells), *(self._literal(term) for term in terms)]
            yield self._region(change, model, self._met(changing, bounds), terms)
            left.add(self._world.no(self._world.all(bounds)))

    def _met(self, changing: Any, bounds: list[Formula]) -> dict[str, set[str | None]]:  # noqa: ANN401 - a z3 solver
        """The words of each list under which something within these bounds does change: the others are bounds of nothing."""
        met: dict[str, set[str | None]] = {}
        for name, flags in self._cells.items():
            found = met[name] = set[str | None]()
            while len(found) < len(flags):
                further = self._world.any(flag for word, flag in flags.items() if word not in found)
                if changing.check(*bounds, further) != z3.sat:
                    break
                found.add(self._of(flags, changing.model()))
        return {name: words for name, words in met.items() if len(words) < len(self._cells[name])}

    def _widened(self, inside: Any, model: Model) -> tuple[dict[str, set[str | None]], list[Term]]:  # noqa: ANN401 - a z3 solver
        """The cells and conditions that suffice for the change: from the model, less what the solver shows not to matter."""
        world = self._world
        held = {name: self._of(flags, model) for name, flags in self._cells.items()}
        said = {name: self._cells[name][word] for name, word in held.items()}
        met = {term: self._literal(term) for term in (Term(token, world.true(model, flag)) for token, flag in self._tokens.items())}
        core = {literal.get_id() for literal in self._core(inside, [*said.values(), *met.values()])}
        terms = sorted((term for term, literal in met.items() if literal.get_id() in core), key=str)
        cells: dict[str, set[str | None]] = {name: {held[name]} for name, literal in said.items() if literal.get_id() in core}
        # One word of each list suffices; which others do as well?
        for name in sorted(cells):
            for word, flag in self._cells[name].items():
                if word in cells[name]:
                    continue
                others = [*self._sets({other: words for other, words in cells.items() if other != name}), *map(self._literal, terms)]
                if inside.check(flag, *others) == z3.unsat:
                    cells[name].add(word)
        return cells, terms

    def _core(self, inside: Any, literals: list[Any]) -> list[Any]:  # noqa: ANN401 - z3 expressions
        """A smallest selection of these literals that still leaves no request without the change (no literal of it can go)."""
        if inside.check(*literals) != z3.unsat:
            raise Undecided("The solver could not show that a change holds where it was found.")
        core = self._by_weight(inside.unsat_core())
        for literal in list(core):
            rest = [other for other in core if other is not literal]
            if inside.check(*rest) == z3.unsat:
                kept = {entry.get_id() for entry in inside.unsat_core()}
                core = [other for other in rest if other.get_id() in kept]
        return core

    def _by_weight(self, core: Iterable[Any]) -> list[Any]:
        # Conditions are tried to be dropped before cells: a region is read more easily as purposes and clients.
        cells = {flag.get_id() for flags in self._cells.values() for flag in flags.values()}
        return sorted(core, key=lambda literal: (literal.get_id() in cells, literal.get_id()))

    def _sets(self, cells: dict[str, set[str | None]]) -> list[Formula]:
        return [self._world.any(self._cells[name][word] for word in self._cells[name] if word in words) for name, words in cells.items()]

    def _literal(self, term: Term) -> Formula:
        return self._tokens[term.token] if term.wanted else self._world.no(self._tokens[term.token])

    def _of(self, flags: Mapping[Any, Formula], model: Model) -> str | None:
        found: str | None = next(word for word, flag in flags.items() if self._world.true(model, flag))
        return found

    def _region(self, change: str, model: Model, cells: dict[str, set[str | None]], terms: list[Term]) -> Region:
        facts, kind = facts_of(self._world, model)
        if _change(self._old.decide(facts, kind), self._new.decide(facts, kind)) != change:
            raise Undecided("A request for which the solver found a change does not change before the judges.")
        told: dict[str, Any] = {name: tuple(word for word in self._cells[name] if word in cells.get(name, ())) for name in self._cells}
        region = Region(change, **told, when=tuple(terms), on="", kind=kind, witness=facts, before="", after="", gains=(), loses=())
        witness = simplest(facts, partial(self._stays, region, kind))
        one, two = self._old.decide(witness, kind), self._new.decide(witness, kind)
        mine, theirs = _owed(one), _owed(two)
        moments = [term.wanted for term in terms if term.token == AT_RELEASE]
        return Region(
            change,
            **told,
            when=tuple(terms),
            on=("release" if moments[0] else "request") if moments else "any",
            kind=kind,
            witness=witness,
            before=one.decision,
            after=two.decision,
            gains=tuple(sorted(theirs - mine)),
            loses=tuple(sorted(mine - theirs)),
        )

    def _stays(self, region: Region, kind: str, facts: Facts) -> bool:
        question = Question(facts, kind, self._old.rulebook.settings, self._old.rulebook.words)
        same = _change(self._old.decide(facts, kind), self._new.decide(facts, kind)) == region.change
        return same and _inside(region, question, self._world.places.of(facts.place))


def _owed(answer: Answer) -> frozenset[str]:
    return frozenset(duty.slug for duty in answer.obligations) if isinstance(answer, Permit) else frozenset()


def _change(before: Answer, after: Answer) -> str | None:
    if isinstance(before, Permit) != isinstance(after, Permit):
        return NEWLY_ALLOWED if isinstance(after, Permit) else NEWLY_REFUSED
    return OTHER_OBLIGATIONS if _owed(before) != _owed(after) else None
