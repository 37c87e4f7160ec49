"""One case as the log tells it: every request, its answer, its outcome, who looked, and why each search was lawful. Changes nothing."""

import asyncio
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request, Response

from gateway.clock import Clock
from gateway.console.desk import Desk
from gateway.console.entries import Line, line_of, parsed
from gateway.console.pages import mapping
from gateway.enforcement.desks.papers import CaseDesk
from gateway.records import entries
from gateway.records.explorer import Explorer, Filter
from gateway.registry.errors import NotOnRecord
from gateway.registry.rulebook import Rulebooks
from policies.errors import PolicyError
from policies.rulebook import Rulebook

_MOST = 200


@dataclass(frozen=True, slots=True)
class Ground:
    """A rule that an answer rested on: its id, and what it said under the rulebook of that day."""

    rule: str
    sentence: str
    source: str


@dataclass(frozen=True, slots=True)
class Told:
    """One request of the case: what was asked, what was answered and why, and what followed."""

    line: Line
    entry: dict[str, Any]
    grounds: tuple[Ground, ...]
    followed: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class CasePages:
    """/console/cases/{client}/{reference}."""

    desk: Desk
    cases: CaseDesk
    explorer: Explorer
    rulebooks: Rulebooks
    clock: Clock

    def router(self) -> APIRouter:
        """Return the route."""
        router = APIRouter(route_class=self.desk.route(), include_in_schema=False)
        router.add_api_route("/console/cases/{client_id}/{reference}", self.show, methods=["GET"])
        return router

    async def show(self, request: Request, client_id: str, reference: str) -> Response:
        """Show the case and its timeline; reading it is an entry, like any reading of the log."""
        visit = await self.desk.visit(request, "auditor")
        case = await asyncio.to_thread(self.cases.cases.get, client_id, reference)
        asked = {"client": client_id, "case_ref": reference}
        await self.desk.visits.journal.write(
            entries.log_read(at=self.clock.now(), by=visit.person.id, what={"case": True, "console": True}, asked=asked)
        )
        told = await asyncio.to_thread(self._told, client_id, reference)
        return self.desk.show(request, visit, "case.html", case=case, client_id=client_id, told=told, most=_MOST)

    def _told(self, client_id: str, reference: str) -> list[Told]:
        found = self.explorer.find(Filter(client=client_id, case_ref=reference), limit=_MOST)
        told = []
        for one in reversed(found):
            entry = dict(parsed(one.body))
            decision = entry.get("decision_id")
            related = self.explorer.find(Filter(decision_id=decision), limit=50) if isinstance(decision, str) else []
            followed = tuple(line_of(other.index, other.body) for other in reversed(related) if other.index != one.index)
            told.append(Told(line_of(one.index, one.body), entry, self._grounds(entry), followed))
        return told

    def _grounds(self, entry: dict[str, Any]) -> tuple[Ground, ...]:
        """What the rules of that answer said, by the rulebook that decided; a rulebook that is not here leaves the ids alone."""
        answer = mapping(entry.get("answer"))
        named = [rule for rule in answer.get("rules", []) if isinstance(rule, str)]
        spoke = ("allow", "oblige") if answer.get("decision") == "permit" else ("deny",)
        try:
            rules = Rulebook.from_text(self.rulebooks.get(str(entry.get("rulebook"))).text).rules
        except (PolicyError, NotOnRecord):
            return tuple(Ground(rule, "", "") for rule in named)
        # One id may stand for several sentences; which of them applied to this very request, the answer's facts show.
        said = dict.fromkeys(Ground(rule.rule, rule.sentence, rule.source) for rule in rules if rule.rule in named and rule.effect in spoke)
        return (*said, *(Ground(rule, "", "") for rule in named if all(rule != ground.rule for ground in said)))
