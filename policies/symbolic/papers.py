"""The papers of a request as variables: as many as there are questions about papers, for each needs one witness at most.

Dropping every paper that witnesses nothing changes no answer, so a request with more papers tells nothing new."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from policies.places import inside
from policies.symbolic.variables import OTHER, Choice, Formula

if TYPE_CHECKING:
    from policies.symbolic.world import World


@dataclass(frozen=True, slots=True)
class Paper:
    """One paper. `fits`: its purpose, operation and case are the request's; `covers`: its place holds the place of use."""

    kind: Choice
    issuer: Choice
    status: Choice
    fits: Formula
    covers: Formula
    nationwide: Formula
    in_term: Formula
    broken: Formula
    hour_said: Formula
    hour: Any

    def among(self, kinds: Iterable[str]) -> Formula:
        """It is of one of these kinds."""
        return self.kind.among(kinds)

    def binds(self) -> Formula:
        """It is about this use."""
        return self.kind.space.all((self.fits, self.covers))

    def counts(self) -> Formula:
        """It is about this use, granted, and inside its term."""
        return self.kind.space.all((self.status.among(["granted"]), self.in_term, self.binds()))


@dataclass(slots=True)
class Papers:
    """The papers of one request. Each question that is asked adds a paper that may answer it."""

    world: "World"
    issuers: Iterable[str]
    papers: list[Paper] = field(default_factory=list)
    questions: list[tuple[Formula, Callable[[Paper], Formula]]] = field(default_factory=list)

    def some(self, name: str, holds: Callable[[Paper], Formula]) -> Formula:
        """Some paper is like this."""
        flag = self.world.flag(f"some paper: {name}")
        self.papers.append(self._paper(len(self.papers)))
        # The paper that came with the question answers it, if any does; and no paper is like this where the answer is no.
        self.world.law(self.world.implies(flag, holds(self.papers[-1])))
        for paper in self.papers[:-1]:
            self.world.law(self.world.implies(holds(paper), flag))
        self.questions.append((flag, holds))
        for asked, like in self.questions:
            self.world.law(self.world.implies(like(self.papers[-1]), asked))
        return flag

    def _paper(self, number: int) -> Paper:
        world, name = self.world, f"paper {number}"
        paper = Paper(
            kind=world.choice(f"{name} type", (None, *sorted(world.words.authorisations))),
            issuer=world.choice(f"{name} issuer", (None, *sorted(self.issuers), OTHER)),
            status=world.choice(f"{name} status", (None, *sorted(world.words.words("status")))),
            fits=world.flag(f"{name} fits"),
            covers=world.flag(f"{name} covers"),
            nationwide=world.flag(f"{name} nationwide"),
            in_term=world.flag(f"{name} in term"),
            broken=world.flag(f"{name} broken"),
            hour_said=world.flag(f"{name} requested"),
            hour=world.moment(f"{name} requested at"),
        )
        in_us = world.place.among(place for place in world.place.flags if place and inside(place, "US", world.words))
        world.law(world.no(world.all((paper.in_term, paper.broken))))
        world.law(world.implies(paper.nationwide, world.same(paper.covers, in_us)))
        world.law(world.implies(paper.covers, world.place.said()))
        # Nothing but "US" itself contains "US": not even a group, see conditions/papers.py.
        world.law(world.implies(world.all((paper.covers, world.place.among(["US"]))), paper.nationwide))
        return paper
