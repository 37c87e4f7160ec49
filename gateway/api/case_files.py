"""The auditor's door to reports and to the file of a case: the same that `report` prints, and each a reading of the log. Counts nothing."""

import asyncio
from dataclasses import dataclass

from fastapi import APIRouter, Request, Response

from gateway.api.door import Door, FieldMalformed
from gateway.api.openapi import problem_responses
from gateway.api.rendering import json_response
from gateway.audit.log import AuditLog
from gateway.clock import Clock
from gateway.enforcement.journal import Journal
from gateway.records import entries
from gateway.records.case_file import case_file
from gateway.records.periods import span_of
from gateway.records.report_page import page
from gateway.records.tally import tally


@dataclass(frozen=True, slots=True)
class CaseFileDoor:
    """GET /v1/audit/report and /v1/audit/case-file."""

    door: Door
    log: AuditLog
    journal: Journal
    clock: Clock

    def router(self) -> APIRouter:
        """Return the routes."""
        router = APIRouter(tags=["audit"], responses=problem_responses(401, 403, 422, 503))
        router.add_api_route("/v1/audit/report", self.report, methods=["GET"], summary="The numbers of a year or a quarter, every count")
        router.add_api_route("/v1/audit/case-file", self.file, methods=["GET"], summary="All that the log holds of one case, for a court")
        return router

    async def report(self, request: Request) -> Response:
        """Return the report of a `period` (2026, 2026-Q4), of one `client` if one is named; for authorities, not for publication."""
        caller = await self.door.staff(request, "auditor")
        asked = _asked(request, ("period", "client"))
        span = span_of(asked.get("period", ""), asked.get("client"))
        await self.journal.write(entries.log_read(at=self.clock.now(), by=caller.id, what={"report": asked["period"]}, asked={}))
        counted = (await asyncio.to_thread(lambda: tally(self.log.entries(0, self.log.size), span))).to_json(hide_below=0)
        if request.headers.get("accept", "").startswith("text/html"):
            return Response(page(counted, self.log.origin), media_type="text/html; charset=utf-8", headers={"cache-control": "no-store"})
        return json_response({"origin": self.log.origin, **counted})

    async def file(self, request: Request) -> Response:
        """Return the file of a `client`'s case, by its `case_ref`."""
        caller = await self.door.staff(request, "auditor")
        asked = _asked(request, ("client", "case_ref"))
        for name in ("client", "case_ref"):
            if name not in asked:
                raise FieldMalformed(name, f"Name the case: {name!r} is missing.")
        record = entries.log_read(at=self.clock.now(), by=caller.id, what={"case-file": True}, asked=asked)
        await self.journal.write(record)
        document = await asyncio.to_thread(case_file, self.log, asked["client"], asked["case_ref"])
        return json_response(document, 200, {"cache-control": "no-store"})


def _asked(request: Request, names: tuple[str, ...]) -> dict[str, str]:
    asked = dict(request.query_params)
    for name, value in asked.items():
        if name not in names or not 1 <= len(value) <= 256:
            raise FieldMalformed(name[:80], f"The filters are {' and '.join(names)}, each of 1 to 256 characters.")
    return asked
