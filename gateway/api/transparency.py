"""The public door to the report: how face recognition was used here, counted from the log alone. Needs no token and names nobody."""

import asyncio
import time
from dataclasses import dataclass, field

from fastapi import APIRouter, Request, Response

from gateway.api.openapi import problem_responses
from gateway.api.rendering import json_response
from gateway.audit.log import AuditLog
from gateway.records.report_page import page
from gateway.records.tally import Tally

_BATCH = 5000
# Nobody is known at this door: what took long to work out is told again for ten times as long, and so never takes more than a tenth
# of the house's time. What takes no time is always worked out anew.
_SHORT = 0.05
_TIMES = 10


@dataclass(frozen=True, slots=True)
class TransparencyDoor:
    """GET /v1/transparency. What was counted is kept, so that each entry is read once, however often the page is asked for."""

    log: AuditLog
    _tally: Tally = field(default_factory=Tally)
    _kept: "_Kept" = field(default_factory=lambda: _Kept())
    _one_at_a_time: asyncio.Lock = field(default_factory=asyncio.Lock)

    def router(self) -> APIRouter:
        """Return the route."""
        router = APIRouter(tags=["transparency"], responses=problem_responses(503))
        router.add_api_route("/v1/transparency", self.report, methods=["GET"], summary="How face recognition was used here")
        return router

    async def report(self, request: Request) -> Response:
        """Return the report as JSON, or as a page where HTML is preferred."""
        async with self._one_at_a_time:
            if not self._kept.stands(self.log.size):
                await self._work_out()
            counted = self._kept.report
        if request.headers.get("accept", "").startswith("text/html"):
            return Response(page(counted, self.log.origin), media_type="text/html; charset=utf-8")
        return json_response({"origin": self.log.origin, **counted})

    async def _work_out(self) -> None:
        while self._tally.entries < (size := self.log.size):
            await asyncio.to_thread(self._count, min(size, self._tally.entries + _BATCH))
        begun = time.monotonic()
        report = await asyncio.to_thread(self._tally.to_json)
        self._kept.keep(report, self._tally.entries, time.monotonic() - begun)

    def _count(self, stop: int) -> None:
        for body in self.log.entries(self._tally.entries, stop):
            self._tally.take(body)


@dataclass(slots=True)
class _Kept:
    """The report as it was last worked out, over how many entries, and until when it is told again whatever was logged since."""

    report: dict[str, object] = field(default_factory=dict)
    entries: int = -1
    until: float = 0.0

    def stands(self, size: int) -> bool:
        return self.entries == size or (self.entries >= 0 and time.monotonic() < self.until)

    def keep(self, report: dict[str, object], entries: int, seconds: float) -> None:
        rest = seconds * _TIMES if seconds > _SHORT else 0.0
        self.report, self.entries, self.until = report, entries, time.monotonic() + rest
