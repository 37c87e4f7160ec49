"""The door for whose tokens are believed: issuers, who stands behind their subjects, and tokens that are taken back.

Never takes an address from a token; an issuer's keys are pinned to what its own discovery document said when it was added."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta

from fastapi import APIRouter, Request, Response

from gateway.api import documents, said
from gateway.api.door import Door, FieldMalformed
from gateway.api.listing import page
from gateway.api.openapi import json_request, problem_responses
from gateway.api.rendering import json_response
from gateway.enforcement.desks.trust import OPERATOR, TrustDesk
from gateway.identity.fetching import Fetcher
from gateway.identity.issuers import new_record
from gateway.identity.tokens import LONGEST_LIFE
from gateway.registry.identities import BUILT_IN, Identity
from gateway.registry.revocations import Revocations

_NEW = {"required": ["name", "issuer", "audience"], "properties": {name: {"type": "string"} for name in ("name", "issuer", "audience")}}
_SUBJECT = {
    "required": ["subject"],
    "properties": {"subject": {"type": "string"}, "client": {"type": "string"}, "person": {"type": "string"}},
}
_REVOKED = {
    "required": ["jti", "reason"],
    "properties": {"jti": {"type": "string"}, "reason": {"type": "string"}, "issuer": {"type": "string"}},
}


@dataclass(frozen=True, slots=True)
class IssuerDoor:
    """/v1/issuers and /v1/tokens."""

    door: Door
    desk: TrustDesk
    revocations: Revocations
    fetcher: Fetcher

    def router(self) -> APIRouter:
        """Return the routes."""
        router = APIRouter(tags=["identity"], responses=problem_responses(400, 401, 403, 404, 409, 415, 422, 503))
        add, one = router.add_api_route, "/v1/issuers/{name}"
        add("/v1/issuers", self.list_all, methods=["GET"], summary="Trusted issuers")
        add("/v1/issuers", self.trust, methods=["POST"], summary="Trust an OpenID provider", openapi_extra=json_request(_NEW))
        add(one, self.show, methods=["GET"], summary="One trusted issuer")
        add(one, self.remove, methods=["DELETE"], summary="Trust an issuer no longer")
        add(f"{one}/subjects", self.bind, methods=["POST"], summary="Say who stands behind a subject", openapi_extra=json_request(_SUBJECT))
        add(f"{one}/subjects/{{subject:path}}", self.unbind, methods=["DELETE"], summary="Let a subject act as nobody")
        add("/v1/tokens/revocations", self.list_revoked, methods=["GET"], summary="Tokens that were taken back")
        add("/v1/tokens/revocations", self.revoke, methods=["POST"], summary="Take a token back", openapi_extra=json_request(_REVOKED))
        return router

    async def list_all(self, request: Request) -> Response:
        """Return the issuers, by name."""
        await self.door.staff(request, OPERATOR)
        found = await asyncio.to_thread(self.desk.issuers.all)
        return page(request, "issuers", [documents.issuer(issuer) for issuer in found], "name", ("issuer", "audience"))

    async def trust(self, request: Request) -> Response:
        """Look at an issuer's discovery document and keys, pin where they are, and trust it from the next request on."""
        # Asked first: nobody but an operator makes this service fetch anything.
        await self.door.staff(request, OPERATOR)
        actor = await self.door.actor(request)
        given = said.members(await self.door.document(request), ("name", "issuer", "audience"))
        record = await new_record(self.fetcher, said.text(given, "name"), said.text(given, "issuer"), said.text(given, "audience"))
        done = await asyncio.to_thread(self.desk.add_issuer, actor, record)
        return json_response(documents.recorded(documents.issuer(done.value), done), 201, {"location": f"/v1/issuers/{record.name}"})

    async def show(self, request: Request, name: str) -> Response:
        """Return one issuer."""
        await self.door.staff(request, OPERATOR)
        return json_response(documents.issuer(await asyncio.to_thread(self.desk.issuers.get, name)))

    async def remove(self, request: Request, name: str) -> Response:
        """Refuse its tokens, and forget who stands behind its subjects."""
        done = await asyncio.to_thread(self.desk.remove_issuer, await self.door.actor(request), name)
        return json_response(documents.recorded({"name": name, "removed": True}, done))

    async def bind(self, request: Request, name: str) -> Response:
        """Let tokens of that subject be a client's, or a person's."""
        actor = await self.door.actor(request)
        given = said.members(await self.door.document(request), ("subject",), ("client", "person"))
        if ("client" in given) == ("person" in given):
            raise FieldMalformed("client", "Name either a 'client' or a 'person'.")
        kind, holder = ("client", given["client"]) if "client" in given else ("staff", given["person"])
        done = await asyncio.to_thread(self.desk.bind, actor, name, said.text(given, "subject"), Identity(kind, holder))
        return json_response(documents.recorded({"issuer": name, "subject": given["subject"], "kind": kind, "holder": holder}, done), 201)

    async def unbind(self, request: Request, name: str, subject: str) -> Response:
        """Refuse tokens of that subject from the next request on."""
        done = await asyncio.to_thread(self.desk.unbind, await self.door.actor(request), name, subject)
        return json_response(documents.recorded({"issuer": name, "subject": subject, "removed": True}, done))

    async def list_revoked(self, request: Request) -> Response:
        """Return the tokens that are refused although they have not ended."""
        await self.door.staff(request, OPERATOR)
        found = await asyncio.to_thread(self.revocations.all)
        return page(request, "revocations", [documents.revoked(token) for token in found], "jti", ("issuer",))

    async def revoke(self, request: Request) -> Response:
        """Refuse a token by its jti, from the next request on."""
        actor = await self.door.actor(request)
        given = said.members(await self.door.document(request), ("jti", "reason"), ("issuer",))
        issuer = given.get("issuer", BUILT_IN)
        # No token lives longer than this, so the list need not remember for longer.
        ends_at = self.door.clock.now() + timedelta(seconds=2 * LONGEST_LIFE)
        jti = said.text(given, "jti")
        done = await asyncio.to_thread(self.desk.revoke_token, actor, issuer, jti, ends_at, given["reason"])
        return json_response(documents.recorded({"issuer": issuer, "jti": jti, "revoked": True}, done), 201)
