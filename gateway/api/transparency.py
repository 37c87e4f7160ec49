"""The public door to the report: how face recognition was used here, counted from the log alone. Needs no token and names nobody."""

import asyncio
from dataclasses import dataclass, field

from fastapi import APIRouter, Request, Response

from gateway.api.openapi import problem_responses
from gateway.api.rendering import json_response
from gateway.audit.log import AuditLog
from gateway.records.report_page import page
from gateway.records.tally import Tally

_BATCH = 5000


@dataclass(frozen=True, slots=True)
class TransparencyDoor:
    """GET /v1/transparency. What was counted is kept, so that each entry is read once, however often the page is asked for."""

    log: AuditLog
    _tally: Tally = field(default_factory=Tally)
    _one_at_a_time: asyncio.Lock = field(default_factory=asyncio.Lock)

    def router(self) -> APIRouter:
        """Return the route."""
        router = APIRouter(tags=["transparency"], responses=problem_responses(503))
        router.add_api_route("/v1/transparency", self.report, methods=["GET"], summary="How face recognition was used here")
        return router

    async def report(self, request: Request) -> Response:
        """Return the report as JSON, or as a page where HTML is preferred."""
        async with self._one_at_a_time:
            while self._tally.entries < (size := self.log.size):
                await asyncio.to_thread(self._count, min(size, self._tally.entries + _BATCH))
            counted = self._tally.to_json()
        if request.headers.get("accept", "").startswith("text/html"):
            return Response(page(counted, self.log.origin), media_type="text/html; charset=utf-8")
        return json_response({"origin": self.log.origin, **counted})

    def _count(self, stop: int) -> None:
        for body in self.log.entries(self._tally.entries, stop):
            self._tally.take(body)
