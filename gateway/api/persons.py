"""The door for the person whom a case seeks: add a photo, count them, withdraw them. It parses, calls enforcement, and renders."""

import asyncio
from dataclasses import dataclass

from fastapi import APIRouter, Request, Response

from gateway.api import rendering
from gateway.api.door import Door
from gateway.api.limits import limit_headers
from gateway.api.openapi import image_request, problem_responses
from gateway.api.recognition import ENROLL
from gateway.api.repeating import render
from gateway.api.routes import PlainRoute
from gateway.enforcement.declaration import DeclarationMalformed
from gateway.enforcement.facts import FactsRefused
from gateway.enforcement.images import BodyRefused
from gateway.enforcement.persons import PersonDesk
from gateway.enforcement.registrar import Actor


@dataclass(frozen=True, slots=True)
class PersonDoor:
    """POST, GET and DELETE /v1/cases/{reference}/person."""

    door: Door
    desk: PersonDesk

    def router(self) -> APIRouter:
        """Return the routes."""
        router = APIRouter(
            route_class=PlainRoute, tags=["cases"], responses=problem_responses(400, 401, 403, 404, 409, 413, 415, 422, 429, 503)
        )
        path = "/v1/cases/{reference:path}/person"
        summary = "Register a photo of the person whom the case seeks"
        router.add_api_route(path, self.register, methods=["POST"], summary=summary, openapi_extra=image_request(False))
        router.add_api_route(path, self.show, methods=["GET"], summary="How many photos of the person are registered")
        router.add_api_route(path, self.withdraw, methods=["DELETE"], summary="Withdraw the person's photos, at once and for good")
        return router

    async def register(self, request: Request, reference: str) -> Response:
        """Decide, then enrol the photo in the case's own gallery; a search under the case is then held against it."""
        caller, view = await self.door.client_seen(request)
        try:
            body = self.door.body(request)
            declaration = (await self.door.declaration(request, body, ENROLL)).of_person(reference)
            served = await self.desk.register(caller, declaration, body, view)
        except (BodyRefused, DeclarationMalformed, FactsRefused) as fault:
            await self.desk.pipeline.turn_away(caller, ENROLL[0], fault)
        answer = render(served.result)
        answer.headers.update(limit_headers(served.standing))
        return answer

    async def show(self, request: Request, reference: str) -> Response:
        """Return how many photos count; never a photo, never a template."""
        caller = await self.door.client(request)
        return rendering.json_response({"case": reference, "photos": await asyncio.to_thread(self.desk.photos, caller.id, reference)})

    async def withdraw(self, request: Request, reference: str) -> Response:
        """Shred the photos and their key."""
        caller = await self.door.client(request)
        receipt = await asyncio.to_thread(self.desk.withdraw, Actor.of(caller), caller.id, reference)
        return rendering.json_response({"withdrawn": True, "log_index": receipt.index, "receipt": receipt.text()})
