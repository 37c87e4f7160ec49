"""The door for the people who work here: invitations, roles, departures, and the way in by a one-time link. There is no password."""

import asyncio
import hashlib
from dataclasses import dataclass

from fastapi import APIRouter, Request, Response

from gateway.api import documents, said
from gateway.api.door import Door, FieldMalformed
from gateway.api.listing import page
from gateway.api.openapi import json_request, problem_responses
from gateway.api.rendering import json_response
from gateway.enforcement.desks.people import PeopleDesk
from gateway.identity.issuer import BuiltInIssuer
from gateway.records import entries
from gateway.registry.errors import NotOnRecord

_ROLES = {"type": "array", "items": {"type": "string"}}
_NEW = {"required": ["id", "name", "roles"], "properties": {"id": {"type": "string"}, "name": {"type": "string"}, "roles": _ROLES}}
_CHANGE = {"properties": {"roles": _ROLES, "state": {"enum": ["left"]}}}
_LINK = {"required": ["link"], "properties": {"link": {"type": "string"}}}


@dataclass(frozen=True, slots=True)
class PeopleDoor:
    """/v1/staff and below."""

    door: Door
    desk: PeopleDesk
    issuer: BuiltInIssuer

    def router(self) -> APIRouter:
        """Return the routes."""
        router = APIRouter(tags=["staff"], responses=problem_responses(400, 401, 403, 404, 409, 415, 422, 503))
        add, one = router.add_api_route, "/v1/staff/{person_id}"
        add("/v1/staff", self.list_all, methods=["GET"], summary="People on record")
        add(
            "/v1/staff",
            self.invite,
            methods=["POST"],
            summary="Invite a person; answers with their one-time link",
            openapi_extra=json_request(_NEW),
        )
        add(
            "/v1/staff:enter",
            self.enter,
            methods=["POST"],
            summary="Come in by a one-time link; answers with a token",
            openapi_extra=json_request(_LINK),
        )
        add(one, self.show, methods=["GET"], summary="One person")
        add(one, self.change, methods=["PATCH"], summary="Set a person's roles, or end their access", openapi_extra=json_request(_CHANGE))
        add(f"{one}/links", self.relink, methods=["POST"], summary="Make a new one-time link")
        return router

    async def list_all(self, request: Request) -> Response:
        """Return the people, by id."""
        await self.door.staff(request, "registrar")
        found = await asyncio.to_thread(self.desk.staff.all)
        return page(request, "staff", [documents.person(person) for person in found], "id", ("state", "roles"))

    async def invite(self, request: Request) -> Response:
        """Put a person on record. Their link is shown here, once."""
        actor = await self.door.actor(request)
        given = said.members(await self.door.document(request), ("id", "name", "roles"))
        done = await asyncio.to_thread(self.desk.invite, actor, said.text(given, "id"), given["name"], said.texts(given, "roles"))
        where = {"location": f"/v1/staff/{done.value.staff_id}"}
        return json_response(documents.recorded(documents.link(done.value), done), 201, where)

    async def enter(self, request: Request) -> Response:
        """Let the bearer of a link in, once, and give them a token for a quarter of an hour. Needs no token; a wrong link is logged."""
        secret = said.text(said.members(await self.door.document(request), ("link",)), "link", longest=256)
        try:
            done = await asyncio.to_thread(self.desk.enter, secret)
        except NotOnRecord:
            digest = hashlib.sha256(secret.encode()).hexdigest()
            refused = entries.authn_denied(at=self.door.clock.now(), token_sha256=digest, why="link", path="/v1/staff:enter")
            await self.door.journal.write(refused)
            raise
        issued = await asyncio.to_thread(self.issuer.mint, done.value.id)
        return json_response(documents.recorded(documents.person(done.value) | issued.to_json(), done))

    async def show(self, request: Request, person_id: str) -> Response:
        """Return one person."""
        await self.door.staff(request, "registrar")
        return json_response(documents.person(await asyncio.to_thread(self.desk.staff.get, person_id)))

    async def change(self, request: Request, person_id: str) -> Response:
        """Set somebody else's roles, or end their access, from their next request on."""
        actor = await self.door.actor(request)
        given = said.members(await self.door.document(request), (), ("roles", "state"))
        if len(given) != 1:
            raise FieldMalformed("roles", "Send either 'roles' or 'state'.")
        if "state" in given:
            said.word(given, "state", ("left",))
            done = await asyncio.to_thread(self.desk.leave, actor, person_id)
        else:
            done = await asyncio.to_thread(self.desk.set_roles, actor, person_id, said.texts(given, "roles"))
        return json_response(documents.recorded(documents.person(done.value), done))

    async def relink(self, request: Request, person_id: str) -> Response:
        """Make a new link; the person's earlier ones are worthless."""
        actor = await self.door.actor(request)
        done = await asyncio.to_thread(self.desk.relink, actor, person_id)
        return json_response(documents.recorded(documents.link(done.value), done), 201)
