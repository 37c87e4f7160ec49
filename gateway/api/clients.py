"""The door for clients on record: registrars change them, a client sees itself. Holds no private key and no token."""

import asyncio
from dataclasses import dataclass

from fastapi import APIRouter, Request, Response

from gateway.api import documents, said
from gateway.api.door import Door, FieldMalformed
from gateway.api.listing import page
from gateway.api.openapi import json_request, problem_responses
from gateway.api.rendering import json_response
from gateway.enforcement.desks.clients import ClientDesk
from gateway.enforcement.registrar import Actor
from gateway.registry.clients import MOST_KEYS, NewClient

_NEW = {
    "required": ["id", "name", "kind"],
    "properties": {
        "id": {"type": "string"},
        "name": {"type": "string"},
        "kind": {"type": "string", "description": "What the registrar found it to be (GET /v1/purposes, `clients`)"},
        "place": {"type": "string"},
        "acts_for": {"type": "string"},
        "agency_authorised": {"type": "boolean"},
        "keys": {"type": "array", "items": {"type": "object", "description": "A public JWK"}},
    },
}
_STATE = {
    "required": ["state", "reason"],
    "properties": {"state": {"enum": ["active", "suspended", "closed"]}, "reason": {"type": "string"}},
}
_KEY = {"required": ["key"], "properties": {"key": {"type": "object", "description": "A public JWK"}, "replaces": {"type": "string"}}}


@dataclass(frozen=True, slots=True)
class ClientDoor:
    """/v1/clients and below."""

    door: Door
    desk: ClientDesk

    def router(self) -> APIRouter:
        """Return the routes."""
        router = APIRouter(tags=["clients"], responses=problem_responses(400, 401, 403, 404, 409, 415, 422, 503))
        add, one = router.add_api_route, "/v1/clients/{client_id}"
        add("/v1/clients", self.list_all, methods=["GET"], summary="Clients on record")
        add("/v1/clients", self.register, methods=["POST"], summary="Put a client on record", openapi_extra=json_request(_NEW))
        add(one, self.show, methods=["GET"], summary="One client")
        add(one, self.move, methods=["PATCH"], summary="Suspend, reinstate or close a client", openapi_extra=json_request(_STATE))
        add(f"{one}/keys", self.add_key, methods=["POST"], summary="Add or replace a public key", openapi_extra=json_request(_KEY))
        add(f"{one}/keys/{{kid}}", self.revoke_key, methods=["DELETE"], summary="Revoke a public key")
        return router

    async def list_all(self, request: Request) -> Response:
        """Return the clients, by id."""
        await self.door.staff(request, "registrar")
        found = await asyncio.to_thread(self.desk.clients.all)
        return page(request, "clients", [documents.client(client) for client in found], "id", ("kind", "state", "place", "acts_for"))

    async def register(self, request: Request) -> Response:
        """Put a client on record, with its first keys."""
        actor = await self.door.actor(request)
        given = said.members(await self.door.document(request), ("id", "name", "kind"), ("place", "acts_for", "agency_authorised", "keys"))
        keys = given.get("keys", [])
        if not isinstance(keys, list) or len(keys) > MOST_KEYS:
            raise FieldMalformed("keys", f"'keys' takes a list of at most {MOST_KEYS} JWKs.")
        new = NewClient(
            id=given["id"],
            name=given["name"],
            kind=given["kind"],
            place=given.get("place"),
            acts_for=given.get("acts_for"),
            agency_authorised=said.truth(given, "agency_authorised") is True,
            keys=tuple(keys),
        )
        done = await asyncio.to_thread(self.desk.register, actor, new)
        where = {"location": f"/v1/clients/{done.value.id}"}
        return json_response(documents.recorded(documents.client(done.value), done), 201, where)

    async def show(self, request: Request, client_id: str) -> Response:
        """Return a client: to registrars any, to a client itself."""
        await self.door.reader(request, client_id, "client")
        return json_response(documents.client(await asyncio.to_thread(self.desk.clients.get, client_id)))

    async def move(self, request: Request, client_id: str) -> Response:
        """Change a client's state; it acts on the client's next request."""
        actor = await self.door.actor(request)
        given = said.members(await self.door.document(request), ("state", "reason"))
        steps = {"active": self.desk.resume, "suspended": self.desk.suspend, "closed": self.desk.close}
        step = steps[said.word(given, "state", tuple(steps))]
        done = await asyncio.to_thread(step, actor, client_id, given["reason"])
        return json_response(documents.recorded(documents.client(done.value), done))

    async def add_key(self, request: Request, client_id: str) -> Response:
        """Trust one more key, or one in the place of another."""
        actor: Actor = await self.door.actor(request)
        given = said.members(await self.door.document(request), ("key",), ("replaces",))
        if "replaces" in given:
            done = await asyncio.to_thread(self.desk.rotate_key, actor, client_id, given["key"], said.text(given, "replaces"))
        else:
            done = await asyncio.to_thread(self.desk.add_key, actor, client_id, given["key"])
        return json_response(documents.recorded(documents.client(done.value), done), 201)

    async def revoke_key(self, request: Request, client_id: str, kid: str) -> Response:
        """Trust a key no longer."""
        actor = await self.door.actor(request)
        done = await asyncio.to_thread(self.desk.revoke_key, actor, client_id, kid)
        return json_response(documents.recorded(documents.client(done.value), done))
