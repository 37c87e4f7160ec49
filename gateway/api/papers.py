"""The door for warrants, orders and mandates, and for the authorities that sign them. The paper itself never comes in: its digest does."""

import asyncio
from dataclasses import dataclass

from fastapi import APIRouter, Request, Response

from gateway.api import documents, said
from gateway.api.door import Door, FieldMalformed
from gateway.api.listing import page
from gateway.api.openapi import json_request, problem_responses
from gateway.api.rendering import json_response
from gateway.enforcement.desks.papers import PaperDesk
from gateway.registry.authorisations import Paper

_REQUIRED = ("client", "type", "issuer", "place", "purpose", "operation", "valid_from", "valid_to", "paper_digest")
_NEW = {"required": list(_REQUIRED), "properties": {name: {"type": "string"} for name in (*_REQUIRED, "case")}}
_STATUS = {
    "required": ["status"],
    "properties": {"status": {"enum": ["granted", "rejected", "revoked"]}, "reason": {"type": "string"}},
}
_SEAL = {"required": ["authority", "signature"], "properties": {"authority": {"type": "string"}, "signature": {"type": "string"}}}
_AUTHORITY = {
    "required": ["name", "kind", "place", "key"],
    "properties": {"name": {"type": "string"}, "kind": {"type": "string"}, "place": {"type": "string"}, "key": {"type": "object"}},
}


@dataclass(frozen=True, slots=True)
class PaperDoor:
    """/v1/authorisations and /v1/authorities."""

    door: Door
    desk: PaperDesk

    def router(self) -> APIRouter:
        """Return the routes."""
        router = APIRouter(tags=["authorisations"], responses=problem_responses(400, 401, 403, 404, 409, 415, 422, 503))
        add, one = router.add_api_route, "/v1/authorisations/{authorisation_id}"
        add("/v1/authorisations", self.list_all, methods=["GET"], summary="Papers on record")
        add("/v1/authorisations", self.record, methods=["POST"], summary="Record what a paper says", openapi_extra=json_request(_NEW))
        add(one, self.show, methods=["GET"], summary="One paper")
        add(one, self.move, methods=["PATCH"], summary="Confirm, reject or revoke a paper", openapi_extra=json_request(_STATUS))
        add(
            f"{one}/countersignature",
            self.countersign,
            methods=["POST"],
            summary="Hand in the authority's signature",
            openapi_extra=json_request(_SEAL),
        )
        add("/v1/authorities", self.list_authorities, methods=["GET"], summary="Authorities on record")
        add(
            "/v1/authorities", self.register, methods=["POST"], summary="Put an authority on record", openapi_extra=json_request(_AUTHORITY)
        )
        return router

    async def list_all(self, request: Request) -> Response:
        """Return papers: to a client its own, to registrars all."""
        caller = await self.door.caller(request)
        if caller.kind == "client":
            found = await asyncio.to_thread(self.desk.papers.all, caller.id)
        else:
            await self.door.must_hold(request, caller, "registrar")
            found = await asyncio.to_thread(self.desk.papers.all)
        filters = ("client", "type", "issuer", "place", "purpose", "operation", "case", "status")
        return page(request, "authorisations", [documents.authorisation(paper) for paper in found], "id", filters)

    async def record(self, request: Request) -> Response:
        """Record a paper. It counts when another person has confirmed it."""
        actor = await self.door.actor(request)
        given = said.members(await self.door.document(request), _REQUIRED, ("case",))
        paper = Paper(client_id=given.pop("client"), case_ref=given.pop("case", None), **given)
        done = await asyncio.to_thread(self.desk.record, actor, paper)
        where = {"location": f"/v1/authorisations/{done.value.id}"}
        return json_response(documents.recorded(documents.authorisation(done.value), done), 201, where)

    async def show(self, request: Request, authorisation_id: str) -> Response:
        """Return a paper: to a client its own, to registrars any."""
        caller = await self.door.caller(request)
        if caller.kind != "client":
            await self.door.must_hold(request, caller, "registrar")
        own = caller.id if caller.kind == "client" else None
        return json_response(documents.authorisation(await asyncio.to_thread(self.desk.papers.get, authorisation_id, own)))

    async def move(self, request: Request, authorisation_id: str) -> Response:
        """Let a paper count, or count no longer."""
        actor = await self.door.actor(request)
        given = said.members(await self.door.document(request), ("status",), ("reason",))
        status = said.word(given, "status", ("granted", "rejected", "revoked"))
        if status == "granted":
            done = await asyncio.to_thread(self.desk.confirm, actor, authorisation_id)
        else:
            if "reason" not in given:
                raise FieldMalformed("reason", "'reason' is missing.")
            step = self.desk.reject if status == "rejected" else self.desk.revoke
            done = await asyncio.to_thread(step, actor, authorisation_id, given["reason"])
        return json_response(documents.recorded(documents.authorisation(done.value), done))

    async def countersign(self, request: Request, authorisation_id: str) -> Response:
        """Take an authority's signature (a compact JWS over the paper's `statement`)."""
        actor = await self.door.actor(request)
        given = said.members(await self.door.document(request), ("authority", "signature"))
        authority, sealed = said.text(given, "authority", 63), said.text(given, "signature", 8192)
        done = await asyncio.to_thread(self.desk.countersign, actor, authorisation_id, authority, sealed)
        return json_response(documents.recorded(documents.authorisation(done.value), done))

    async def list_authorities(self, request: Request) -> Response:
        """Return the authorities, by name."""
        await self.door.staff(request, "registrar")
        found = await asyncio.to_thread(self.desk.authorities.all)
        return page(request, "authorities", [documents.authority(authority) for authority in found], "name", ("kind", "place"))

    async def register(self, request: Request) -> Response:
        """Put an authority and its public key on record."""
        actor = await self.door.actor(request)
        given = said.members(await self.door.document(request), ("name", "kind", "place", "key"))
        done = await asyncio.to_thread(self.desk.register_authority, actor, given["name"], given["kind"], given["place"], given["key"])
        return json_response(documents.recorded(documents.authority(done.value), done), 201)
