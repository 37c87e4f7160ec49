"""The door for cases and for what a client can show for itself. A client sees its own alone, and what it files serves nothing yet."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request, Response

from gateway.api import documents, said
from gateway.api.door import Door, FieldMalformed
from gateway.api.listing import page
from gateway.api.openapi import json_request, problem_responses
from gateway.api.rendering import json_response
from gateway.enforcement.desks.papers import CaseDesk, EvidenceDesk
from gateway.registry.cases import Case, Target
from gateway.registry.errors import NotOnRecord
from gateway.registry.evidence import Evidence

_NEW = {
    "required": ["reference", "target"],
    "properties": {
        "reference": {"type": "string"},
        "target": {
            "type": "object",
            "required": ["kind"],
            "properties": {
                "kind": {"type": "string"},
                "role": {"type": "string"},
                "minor": {"type": "boolean"},
                "apprehended": {"type": "boolean"},
            },
        },
        "offence": {"type": "object"},
    },
}
_STATE = {"required": ["state", "reason"], "properties": {"state": {"enum": ["open", "suspended", "closed"]}, "reason": {"type": "string"}}}
_EVIDENCE = {
    "required": ["kind", "value", "valid_from", "valid_to"],
    "properties": {
        "kind": {"type": "string", "description": "dpia, fria, training, policy …"},
        "value": {},
        "valid_from": {"type": "string"},
        "valid_to": {"type": "string"},
        "place": {"type": "string"},
        "purpose": {"type": "string"},
    },
}


@dataclass(frozen=True, slots=True)
class CaseDoor:
    """/v1/clients/{id}/cases and /v1/clients/{id}/evidence."""

    door: Door
    cases: CaseDesk
    evidence: EvidenceDesk

    def router(self) -> APIRouter:
        """Return the routes."""
        router = APIRouter(tags=["cases"], responses=problem_responses(400, 401, 403, 404, 409, 415, 422, 503))
        add, base = router.add_api_route, "/v1/clients/{client_id}"
        one = f"{base}/cases/{{reference:path}}"
        add(f"{base}/cases", self.list_cases, methods=["GET"], summary="A client's cases")
        add(
            f"{base}/cases",
            self.open_case,
            methods=["POST"],
            summary="Open or file a case",
            openapi_extra=json_request(_NEW),
        )
        add(one, self.show_case, methods=["GET"], summary="One case")
        add(one, self.move_case, methods=["PATCH"], summary="Open, suspend or close a case", openapi_extra=json_request(_STATE))
        add(f"{base}/evidence", self.list_evidence, methods=["GET"], summary="What a client can show for itself")
        add(f"{base}/evidence", self.record, methods=["POST"], summary="Record a piece of evidence", openapi_extra=json_request(_EVIDENCE))
        add(f"{base}/evidence/{{evidence_id}}", self.show_evidence, methods=["GET"], summary="One piece of evidence")
        add(f"{base}/evidence/{{evidence_id}}", self.withdraw, methods=["DELETE"], summary="Withdraw a piece of evidence")
        return router

    async def list_cases(self, request: Request, client_id: str) -> Response:
        """Return the cases of a client, by reference."""
        await self.door.reader(request, client_id, "client")
        found = await asyncio.to_thread(self.cases.cases.all, client_id)
        return page(request, "cases", [documents.case(case) for case in found], "reference", ("state",))

    async def open_case(self, request: Request, client_id: str) -> Response:
        """Put a case on record."""
        actor = await self.door.own_or_staff(request, client_id, "client")
        given = said.members(await self.door.document(request), ("reference", "target"), ("offence",))
        case = Case(client_id, given["reference"], _target(given["target"]), given.get("offence", {}))
        done = await asyncio.to_thread(self.cases.open, actor, case)
        where = {"location": f"/v1/clients/{client_id}/cases/{done.value.reference}"}
        return json_response(documents.recorded(documents.case(done.value), done), 201, where)

    async def show_case(self, request: Request, client_id: str, reference: str) -> Response:
        """Return one case."""
        await self.door.reader(request, client_id, "case")
        return json_response(documents.case(await asyncio.to_thread(self.cases.cases.get, client_id, reference)))

    async def move_case(self, request: Request, client_id: str, reference: str) -> Response:
        """Change a case's state; a client may close its own."""
        actor = await self.door.own_or_staff(request, client_id, "case")
        given = said.members(await self.door.document(request), ("state", "reason"))
        steps = {"open": self.cases.resume, "suspended": self.cases.suspend, "closed": self.cases.close}
        step = steps[said.word(given, "state", tuple(steps))]
        done = await asyncio.to_thread(step, actor, client_id, reference, given["reason"])
        return json_response(documents.recorded(documents.case(done.value), done))

    async def list_evidence(self, request: Request, client_id: str) -> Response:
        """Return what a client shows and has not withdrawn."""
        await self.door.reader(request, client_id, "client")
        found = await asyncio.to_thread(self.evidence.evidence.all, client_id)
        return page(request, "evidence", [documents.evidence(piece) for piece in found], "id", ("kind", "place", "purpose"))

    async def record(self, request: Request, client_id: str) -> Response:
        """Record a piece of evidence with its term."""
        actor = await self.door.actor(request)
        given = said.members(await self.door.document(request), ("kind", "value", "valid_from", "valid_to"), ("place", "purpose"))
        done = await asyncio.to_thread(self.evidence.record, actor, Evidence(client_id=client_id, **given))
        where = {"location": f"/v1/clients/{client_id}/evidence/{done.value.id}"}
        return json_response(documents.recorded(documents.evidence(done.value), done), 201, where)

    async def show_evidence(self, request: Request, client_id: str, evidence_id: str) -> Response:
        """Return one piece of evidence."""
        await self.door.reader(request, client_id, "evidence")
        for piece in await asyncio.to_thread(self.evidence.evidence.all, client_id):
            if piece.id == evidence_id:
                return json_response(documents.evidence(piece))
        raise NotOnRecord("evidence")

    async def withdraw(self, request: Request, client_id: str, evidence_id: str) -> Response:
        """Stop showing it."""
        actor = await self.door.actor(request)
        done = await asyncio.to_thread(self.evidence.withdraw, actor, client_id, evidence_id)
        return json_response(documents.recorded({"id": evidence_id, "withdrawn": True}, done))


def _target(value: object) -> Target:
    if not isinstance(value, Mapping):
        raise FieldMalformed("target", "'target' takes an object with 'kind'.")
    given: dict[str, Any] = said.members(value, ("kind",), ("role", "minor", "apprehended"))
    return Target(**given)
