"""The door to the duties: what is owed and when, for clients their own; and a person's word that one was done. Decides nothing."""

import asyncio
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fastapi import APIRouter, Request, Response

from gateway.api.door import Door, FieldMalformed, text_of
from gateway.api.openapi import json_request, problem_responses
from gateway.api.rendering import json_response
from gateway.clock import iso
from gateway.enforcement.duties.desk import DutyDesk
from gateway.enforcement.duties.endings import Endings
from gateway.enforcement.duties.terms import term_of
from gateway.enforcement.registrar import Actor
from gateway.identity.errors import CallerRefused, RoleMissing
from gateway.registry.duties import DISCHARGED, OPEN, Duty

_READERS = frozenset({"registrar", "operator", "auditor"})
_SCHEMA = {
    "required": ["note", "document_sha256"],
    "properties": {
        "note": {"type": "string", "description": "What was done, one line"},
        "document_sha256": {"type": "string", "description": "The digest of the document that shows it, which stays with you"},
    },
}


@dataclass(frozen=True, slots=True)
class DutyDoor:
    """GET /v1/duties, POST /v1/duties/{duty_id}/discharge."""

    door: Door
    desk: DutyDesk
    endings: Endings

    def router(self) -> APIRouter:
        """Return the routes."""
        router = APIRouter(tags=["duties"], responses=problem_responses(400, 401, 403, 404, 409, 422, 503))
        router.add_api_route("/v1/duties", self.list_duties, methods=["GET"], summary="What is owed, and when")
        router.add_api_route(
            "/v1/duties/{duty_id}/discharge",
            self.discharge,
            methods=["POST"],
            summary="Say that a duty was done",
            openapi_extra=json_request(_SCHEMA),
        )
        return router

    async def list_duties(self, request: Request) -> Response:
        """Return open duties, the next deadline first, and what runs out; `state=discharged` shows what was done."""
        caller = await self.door.caller(request)
        if caller.kind == "staff" and caller.roles.isdisjoint(_READERS):
            raise RoleMissing("registrar")
        wanted = request.query_params.get("state", "open")
        if wanted not in ("open", DISCHARGED):
            raise FieldMalformed("state", "'state' is open or discharged.")
        client = caller.id if caller.kind == "client" else None
        states = OPEN if wanted == "open" else (DISCHARGED,)
        duties = await asyncio.to_thread(self.desk.duties.all, client, states)
        now = self.desk.time.now()
        near = await asyncio.to_thread(self.endings.near, client)
        ends = [one.to_json(self.endings.clock.now()) for one in near]
        return json_response({"at": iso(now), "duties": [shown(duty, now) for duty in duties], "running_out": ends})

    async def discharge(self, request: Request, duty_id: str) -> Response:
        """Take the word of the person who is responsible for it."""
        caller = await self.door.caller(request)
        if caller.kind != "staff":
            raise CallerRefused("A duty is discharged by staff; hand them the document.", code="staff-needed")
        document = await self.door.document(request)
        told, digest = text_of(document, "note"), text_of(document, "document_sha256", longest=64)
        done = await asyncio.to_thread(self.desk.discharge, Actor.of(caller), caller.roles, duty_id, told, digest)
        return json_response(
            {"duty": done.value.id, "state": done.value.state, "log_index": done.receipt.index, "receipt": done.receipt.text()}
        )


def shown(duty: Duty, now: datetime) -> dict[str, Any]:
    """Return a duty as clients, people and the command line see it."""
    due = duty.due_at
    overdue = duty.state == "overdue"
    document: dict[str, Any] = {
        "duty": duty.id,
        "obligation": duty.slug,
        "client": duty.client,
        "case": duty.case_ref,
        "decision_id": duty.decision_id,
        "state": duty.state,
        "owed_at": iso(duty.owed_at),
        "due_at": None if due is None else iso(due),
        "seconds_left": None if due is None or overdue else max(0, int((due - now).total_seconds())),
        "kept_by": str(term_of(duty.kind).keeper),
    }
    if duty.ended_at is not None:
        document |= {"ended_at": iso(duty.ended_at), "how": duty.how}
    return document
