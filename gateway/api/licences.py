"""The door for licences: apply, grant, suspend, pass on, and take away as a signed document or as ODRL. Holds no key that signs."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from fastapi import APIRouter, Request, Response

from gateway.api import documents, said
from gateway.api.door import Door
from gateway.api.listing import page
from gateway.api.openapi import json_request, problem_responses
from gateway.api.rendering import json_response
from gateway.clock import Clock
from gateway.enforcement.desks.licences import LicenceDesk
from gateway.enforcement.registrar import Actor, Done
from gateway.registry.keys import PublicKey
from gateway.registry.licences import Licence

_TERMS: Final = {"type": "object", "description": "Terms in our form, or an ODRL 2.2 policy (JSON-LD)"}
_WORDS: Final = {"type": "array", "items": {"type": "string"}, "description": "Promises as /v1/acknowledgements names them (`say`)"}
_NEW: Final[dict[str, Any]] = {
    "required": ["terms", "acknowledgements"],
    "properties": {"client": {"type": "string", "description": "For registrars"}, "terms": _TERMS, "acknowledgements": _WORDS},
}
_PART: Final[dict[str, Any]] = {
    "required": ["client", "terms", "acknowledgements"],
    "properties": {"client": {"type": "string"}, "terms": _TERMS, "acknowledgements": _WORDS},
}
_STATE: Final[dict[str, Any]] = {
    "required": ["state"],
    "properties": {"state": {"enum": ["granted", "suspended", "revoked"]}, "reason": {"type": "string"}},
}
_FILTERS: Final = ("client", "state", "parent")


@dataclass(frozen=True, slots=True)
class LicenceDoor:
    """/v1/licences and below, /v1/acknowledgements, /v1/registrar/jwks."""

    door: Door
    desk: LicenceDesk
    clock: Clock
    public_keys: Callable[[], tuple[PublicKey, ...]]

    def router(self) -> APIRouter:
        """Return the routes."""
        router = APIRouter(tags=["licences"], responses=problem_responses(400, 401, 403, 404, 409, 415, 422, 503))
        add, one = router.add_api_route, "/v1/licences/{licence_id}"
        add("/v1/acknowledgements", self.acknowledgements, methods=["GET"], summary="What an applicant promises")
        add("/v1/registrar/jwks", self.jwks, methods=["GET"], summary="The keys that licences are sealed with")
        add("/v1/licences", self.list_all, methods=["GET"], summary="Licences on record")
        add("/v1/licences", self.apply, methods=["POST"], summary="Apply for a licence", openapi_extra=json_request(_NEW))
        add(one, self.show, methods=["GET"], summary="One licence")
        add(one, self.move, methods=["PATCH"], summary="Grant, suspend, reinstate or revoke", openapi_extra=json_request(_STATE))
        add(f"{one}/document", self.document, methods=["GET"], summary="The signed licence (JWS)")
        add(f"{one}/odrl", self.odrl, methods=["GET"], summary="The licence as ODRL 2.2 (JSON-LD)")
        add(f"{one}/sublicences", self.pass_on, methods=["POST"], summary="Pass a part on", openapi_extra=json_request(_PART))
        return router

    async def acknowledgements(self) -> Response:
        """Return every promise that an application may have to name, and of whom it is asked, for everybody."""
        return json_response({"acknowledgements": documents.promises(self.desk.licences.promises)})

    async def jwks(self) -> Response:
        """Return the registrar's public keys, for everybody: with them a licence is checked without us."""
        keys = await asyncio.to_thread(self.public_keys)
        return json_response({"keys": [key.jwk for key in keys]})

    async def list_all(self, request: Request) -> Response:
        """Return licences: to a client its own, to registrars all."""
        found = await asyncio.to_thread(self.desk.licences.all, await self._own(request))
        return page(request, "licences", [self._shown(licence) for licence in found], "id", _FILTERS)

    async def apply(self, request: Request) -> Response:
        """File an application. It allows nothing until a registrar has granted it."""
        actor = await self.door.actor(request)
        given = said.members(await self.door.document(request), ("terms", "acknowledgements"), ("client",))
        client = said.text(given, "client", 63) if "client" in given else actor.id
        return self._made(await asyncio.to_thread(self.desk.apply, actor, client, given["terms"], said.texts(given, "acknowledgements")))

    async def pass_on(self, request: Request, licence_id: str) -> Response:
        """Pass a part of one's own licence on to another client."""
        actor = await self.door.actor(request)
        given = said.members(await self.door.document(request), ("client", "terms", "acknowledgements"))
        promised = said.texts(given, "acknowledgements")
        return self._made(
            await asyncio.to_thread(self.desk.pass_on, actor, licence_id, said.text(given, "client", 63), given["terms"], promised)
        )

    async def show(self, request: Request, licence_id: str) -> Response:
        """Return a licence: to a client its own and what it passed on, to registrars any."""
        return json_response(self._shown(await self._seen(request, licence_id)))

    async def document(self, request: Request, licence_id: str) -> Response:
        """Return the sealed document, as it was granted. It does not say whether it was suspended since."""
        sealed = (await self._seen(request, licence_id)).sealed()
        return Response(sealed, media_type="application/jose", headers={"content-disposition": f'attachment; filename="{licence_id}.jws"'})

    async def odrl(self, request: Request, licence_id: str) -> Response:
        """Return the licence, or the application, as a policy."""
        answer = json_response(self.desk.odrl(await self._seen(request, licence_id)))
        answer.headers["content-type"] = "application/ld+json"
        return answer

    async def move(self, request: Request, licence_id: str) -> Response:
        """Change a licence's state; it acts on the next request of all that hold it or derive from it."""
        actor = await self.door.actor(request)
        given = said.members(await self.door.document(request), ("state",), ("reason",))
        state = said.word(given, "state", ("granted", "suspended", "revoked"))
        done = await asyncio.to_thread(self._moved, actor, licence_id, state, given)
        return json_response(documents.recorded(self._shown(done.value), done))

    def _moved(self, actor: Actor, licence_id: str, state: str, given: dict[str, Any]) -> Done[Licence]:
        if state == "granted" and "reason" not in given:
            return self.desk.grant(actor, licence_id)
        reason = said.text(said.members(given, ("state", "reason")), "reason")
        steps = {"granted": self.desk.reinstate, "suspended": self.desk.suspend, "revoked": self.desk.revoke}
        return steps[state](actor, licence_id, reason)

    async def _own(self, request: Request) -> str | None:
        """Return the calling client's id, or None for a registrar, who sees all."""
        caller = await self.door.caller(request)
        if caller.kind == "client":
            return caller.id
        await self.door.must_hold(request, caller, "registrar")
        return None

    async def _seen(self, request: Request, licence_id: str) -> Licence:
        return await asyncio.to_thread(self.desk.licences.get, licence_id, await self._own(request))

    def _shown(self, licence: Licence) -> dict[str, Any]:
        return documents.licence(licence, self.clock.now())

    def _made(self, done: Done[Licence]) -> Response:
        where = {"location": f"/v1/licences/{done.value.id}"}
        return json_response(documents.recorded(self._shown(done.value), done), 201, where)
