"""The first page: what happened today, what waits for people, and the head of the log. Changes nothing."""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from fastapi import APIRouter, Request, Response

from gateway.clock import iso
from gateway.console.desk import Desk
from gateway.console.entries import Line, lines
from gateway.console.visits import HOME_PAGE
from gateway.enforcement.duties.endings import Endings
from gateway.enforcement.readiness import Readiness, Report
from gateway.records import entries
from gateway.records.explorer import Explorer, Filter
from gateway.registry.duties import Duties, Duty
from gateway.review.queue import Queue

_LATEST: Final = 8


@dataclass(frozen=True, slots=True)
class Day:
    """How one day (UTC) went: requests permitted and refused."""

    day: str
    permitted: int
    refused: int


@dataclass(frozen=True, slots=True)
class Today:
    """What the log says of today (UTC): counts, refusals by reason, permitted and refused by purpose; and the duties that are open."""

    permitted: int
    refused: int
    unrecognised: int
    waiting: int
    reasons: list[tuple[str, int]]
    purposes: list[tuple[str, int, int]]
    latest: list[Line]
    duties: list[Duty]
    trips: int
    near: int
    week: list[Day]


@dataclass(frozen=True, slots=True)
class OverviewPage:
    """/console."""

    desk: Desk
    explorer: Explorer
    queue: Queue
    duties: Duties
    endings: Endings
    readiness: Readiness
    # Days that are over do not change: counted once, for a long log is not read again for each look at the page.
    _past: dict[str, dict[tuple[str, str], int]] = field(default_factory=dict)

    def router(self) -> APIRouter:
        """Return the route."""
        router = APIRouter(route_class=self.desk.route(), include_in_schema=False)
        router.add_api_route(HOME_PAGE, self.show, methods=["GET"])
        return router

    async def show(self, request: Request) -> Response:
        """Show today."""
        visit = await self.desk.visit(request)
        # Counts are for all staff; which requests they were is for those who may read the log, and their reading is an entry.
        if visit.may("auditor"):
            visits = self.desk.visits
            what = {"latest": _LATEST, "console": True}
            await visits.journal.write(entries.log_read(at=visits.clock.now(), by=visit.person.id, what=what, asked={}))
        today = await asyncio.to_thread(self._today, self.desk.visits.clock.now(), visit.may("auditor"))
        state: Report = self.readiness.report()
        return self.desk.show(request, visit, "overview.html", today=today, state=state, at=self.desk.visits.clock.now())

    def _today(self, now: datetime, may_read: bool) -> Today:
        since = iso(now)[:10]
        permitted = self.explorer.counts("purpose", kind="intent", since=since)
        refused = self.explorer.counts("purpose", kind="denial", since=since)
        kinds = self.explorer.counts("kind", since=since)
        reasons = sorted(self.explorer.counts("code", kind="denial", since=since).items(), key=lambda item: (-item[1], item[0]))
        names = sorted({*permitted, *refused}, key=lambda name: (-permitted.get(name, 0) - refused.get(name, 0), name))
        latest = (
            [found for kind in ("intent", "denial") for found in self.explorer.find(Filter(kind=kind), limit=_LATEST)] if may_read else []
        )
        return Today(
            permitted=kinds.get("intent", 0),
            refused=kinds.get("denial", 0),
            unrecognised=kinds.get("authn-denied", 0),
            waiting=len(self.queue.waiting()),
            reasons=reasons[:6],
            purposes=[(name, permitted.get(name, 0), refused.get(name, 0)) for name in names[:8]],
            duties=list(self.duties.all()[:_LATEST]),
            trips=kinds.get("tripwire", 0),
            near=len(self.endings.near()),
            week=self._week(now, kinds),
            latest=lines(sorted(latest, key=lambda found: -found.index)[:_LATEST]),
        )

    def _week(self, now: datetime, today: dict[str, int]) -> list[Day]:
        """The last seven days, today last."""
        names = [iso(now - timedelta(days=ago))[:10] for ago in range(6, -1, -1)]
        if names[-1] not in self._past:
            past = self.explorer.days(since=f"{names[0]}T00:00:00Z", until=f"{names[-1]}T00:00:00Z")
            self._past.clear()
            self._past[names[-1]] = past
        past = self._past.get(names[-1], {})
        return [
            *(Day(name, past.get((name, "intent"), 0), past.get((name, "denial"), 0)) for name in names[:-1]),
            Day(names[-1], today.get("intent", 0), today.get("denial", 0)),
        ]
