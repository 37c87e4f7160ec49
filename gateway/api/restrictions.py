"""The door for restrictions: what is held about a person or a case is kept and not used, until another act lifts that. Restricts nothing
itself."""

import asyncio
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request, Response

from gateway.api import documents, said
from gateway.api.door import Door, FieldMalformed
from gateway.api.openapi import json_request, problem_responses
from gateway.api.rendering import json_response
from gateway.clock import iso
from gateway.enforcement.registrar import Actor
from gateway.enforcement.restrictions import RestrictionDesk
from gateway.identity.errors import CallerRefused, RoleMissing
from gateway.registry.errors import NotOnRecord
from gateway.registry.restrictions import LIFTED, STANDING, Ground, Restriction, Scope

_READERS = frozenset({"registrar", "operator", "auditor", "ombudsman"})
_NEW = {
    "required": ["why"],
    "properties": {
        "why": {"type": "string", "enum": [str(ground) for ground in Ground]},
        "gallery": {"type": "string", "description": "With `subject`: a person of a gallery"},
        "subject": {"type": "string"},
        "client": {"type": "string", "description": "With `case_ref`: a case of a client"},
        "case_ref": {"type": "string"},
    },
}
_LIFT = {"required": ["reason"], "properties": {"reason": {"type": "string", "description": "One line; veiled in the log"}}}


@dataclass(frozen=True, slots=True)
class RestrictionDoor:
    """/v1/restrictions."""

    door: Door
    desk: RestrictionDesk

    def router(self) -> APIRouter:
        """Return the routes."""
        router = APIRouter(tags=["rights"], responses=problem_responses(400, 401, 403, 404, 409, 415, 422, 503))
        add, one = router.add_api_route, "/v1/restrictions/{restriction_id}"
        add("/v1/restrictions", self.list_restrictions, methods=["GET"], summary="What is kept and not used")
        add("/v1/restrictions", self.place, methods=["POST"], summary="Restrict a person or a case", openapi_extra=json_request(_NEW))
        add(one, self.show, methods=["GET"], summary="One restriction")
        add(f"{one}/lift", self.lift, methods=["POST"], summary="Lift a restriction", openapi_extra=json_request(_LIFT))
        return router

    async def list_restrictions(self, request: Request) -> Response:
        """Return what is restricted now; `state=lifted` shows what was. A client sees its own cases' and galleries'."""
        client = await self._reader(request)
        state = request.query_params.get("state", STANDING)
        if state not in (STANDING, LIFTED):
            raise FieldMalformed("state", "'state' is standing or lifted.")
        found = await asyncio.to_thread(self.desk.restrictions.all, client, (state,))
        return json_response({"restrictions": [shown(restriction) for restriction in found]})

    async def place(self, request: Request) -> Response:
        """Restrict at once, and owe the person an answer."""
        caller = await self.door.caller(request)
        role = "registrar" if "registrar" in caller.roles else "operator"
        await self.door.must_hold(request, caller, role)
        given = said.members(await self.door.document(request), ("why",), ("gallery", "subject", "client", "case_ref"))
        texts = {name: said.text(given, name, 128) for name in given}
        why = texts.pop("why")
        done = await asyncio.to_thread(self.desk.place, Actor.of(caller), role, Scope(**texts), why)
        return json_response(documents.recorded(shown(done.value), done), 201, {"location": f"/v1/restrictions/{done.value.id}"})

    async def show(self, request: Request, restriction_id: str) -> Response:
        """Return one restriction."""
        client = await self._reader(request)
        found = await asyncio.to_thread(self.desk.restrictions.get, restriction_id)
        if client not in (None, found.client):
            raise NotOnRecord("restriction")
        return json_response(shown(found))

    async def lift(self, request: Request, restriction_id: str) -> Response:
        """End it: a registrar who did not place it."""
        caller = await self.door.caller(request)
        if caller.kind != "staff":
            raise CallerRefused("A restriction is lifted by staff; ask a registrar.", code="staff-needed")
        given = said.members(await self.door.document(request), ("reason",))
        done = await asyncio.to_thread(self.desk.lift, Actor.of(caller), restriction_id, said.text(given, "reason", 200))
        return json_response(documents.recorded(shown(done.value), done))

    async def _reader(self, request: Request) -> str | None:
        """Return whose restrictions the caller may see: a client its own, these people everybody's."""
        caller = await self.door.caller(request)
        if caller.kind == "client":
            return caller.id
        if caller.roles.isdisjoint(_READERS):
            raise RoleMissing("registrar")
        return None


def shown(restriction: Restriction) -> dict[str, Any]:
    """A restriction as people, its client and the command line see it."""
    return {
        "id": restriction.id,
        "about": restriction.about,
        "client": restriction.client,
        "gallery": restriction.gallery,
        "subject": restriction.subject,
        "case_ref": restriction.case_ref,
        "why": restriction.why,
        "state": restriction.state,
        "placed_at": iso(restriction.placed_at),
        "lifted_at": None if restriction.lifted_at is None else iso(restriction.lifted_at),
    }
