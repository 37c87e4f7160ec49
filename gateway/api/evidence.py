"""The door to evidence: one decision as a file that proves itself, for auditors and for the client whose decision it is. Opens nothing."""

import asyncio
from dataclasses import dataclass

from fastapi import APIRouter, Request, Response

from gateway.api.door import Door, FieldMalformed
from gateway.api.openapi import problem_responses
from gateway.audit.bundle import write_bundle
from gateway.clock import Clock
from gateway.enforcement.journal import Journal
from gateway.enforcement.ombudsman import OMBUDSMAN
from gateway.records import entries
from gateway.records.asking import is_decision_id
from gateway.records.disclosure import Reader
from gateway.records.evidence import EvidenceRoom


@dataclass(frozen=True, slots=True)
class EvidenceDoor:
    """GET /v1/audit/bundles/{decision_id}."""

    door: Door
    room: EvidenceRoom
    journal: Journal
    clock: Clock

    def router(self) -> APIRouter:
        """Return the route."""
        router = APIRouter(tags=["audit"], responses=problem_responses(401, 403, 404, 422, 503))
        router.add_api_route(
            "/v1/audit/bundles/{decision_id}", self.bundle, methods=["GET"], summary="The evidence for one decision, as a zip file"
        )
        return router

    async def bundle(self, request: Request, decision_id: str) -> Response:
        """Return the bundle, with what this reader may see: an auditor all, an ombudsman what a complaint needs, a client its own
        decision, others nothing.

        That somebody reads it is in the log before it is gathered."""
        caller = await self.door.caller(request)
        reader = Reader.CLIENT if caller.kind == "client" else Reader.OMBUDSMAN if OMBUDSMAN in caller.roles else Reader.AUDITOR
        if reader is Reader.AUDITOR:
            await self.door.must_hold(request, caller, "auditor")
        if not is_decision_id(decision_id):
            raise FieldMalformed("decision_id", "A decision_id has 36 characters, in small letters.")
        asked = {"decision_id": decision_id}
        await self.journal.write(entries.log_read(at=self.clock.now(), by=caller.id, what={"evidence": str(reader)}, asked=asked))
        evidence = await asyncio.to_thread(self.room.gather, decision_id, reader, caller.id)
        return Response(
            await asyncio.to_thread(write_bundle, evidence),
            media_type="application/zip",
            headers={"content-disposition": f'attachment; filename="evidence-{decision_id}.zip"', "cache-control": "no-store"},
        )
