"""The doors to the recogniser: searches, verifications, detections, enrolment. They parse, call the pipeline, and render."""

from dataclasses import dataclass
from typing import Any, Final

from fastapi import APIRouter, Request, Response

from gateway.api import rendering
from gateway.api.door import Door
from gateway.api.limits import limit_headers
from gateway.api.openapi import image_request, problem_responses
from gateway.api.repeating import once_of, render
from gateway.api.routes import PlainRoute
from gateway.enforcement.answers import Released
from gateway.enforcement.declaration import DeclarationMalformed
from gateway.enforcement.facts import FactsRefused
from gateway.enforcement.images import BodyRefused
from gateway.enforcement.pipeline import Pipeline
from gateway.enforcement.waiting import WaitingRoom

SEARCH: Final = ("identify", "live_identify", "track")
VERIFY: Final = ("verify",)
DETECT: Final = ("detect",)
ENROLL: Final = ("enroll",)


@dataclass(frozen=True, slots=True)
class RecognitionDoor:
    """Routes whose answer comes from the recogniser."""

    door: Door
    pipeline: Pipeline
    waiting: WaitingRoom

    def router(self) -> APIRouter:
        """Return the routes."""
        router = APIRouter(
            route_class=PlainRoute, tags=["recognition"], responses=problem_responses(400, 401, 403, 404, 413, 415, 422, 429, 503)
        )
        for path, endpoint, summary, two in (
            ("/v1/searches", self.search, "Search a gallery for the person in an image (1:N)", False),
            ("/v1/verifications", self.verify, "Compare an image with an enrolled person, or with a second image (1:1)", True),
            ("/v1/detections", self.detect, "Find faces in an image, without saying whose", False),
            ("/v1/galleries/{gallery_id}/subjects", self.enroll, "Enrol a person's photo in a gallery", False),
        ):
            router.add_api_route(path, endpoint, methods=["POST"], summary=summary, openapi_extra=image_request(two))
        router.add_api_route("/v1/searches/{decision_id}", self.result, methods=["GET"], summary="Ask for a search's result")
        return router

    async def search(self, request: Request) -> Response:
        """Decide, then search. 200 with candidates, or 202 while people look."""
        return await self._run(request, SEARCH)

    async def verify(self, request: Request) -> Response:
        """Decide, then compare."""
        return await self._run(request, VERIFY)

    async def detect(self, request: Request) -> Response:
        """Decide, then count and place faces."""
        return await self._run(request, DETECT)

    async def enroll(self, request: Request, gallery_id: str) -> Response:
        """Decide, then add the photo to the gallery; `Custodes-Subject` names the person, else a new name is given."""
        return await self._run(request, ENROLL, gallery_id)

    async def result(self, request: Request, decision_id: str) -> Response:
        """Return a search's result once people have confirmed it; 202 while it waits, 200 with no candidates if they did not."""
        caller = await self.door.client(request)
        found = await self.waiting.collect(caller.id, decision_id)
        if isinstance(found, Released):
            return rendering.released(found)
        document: dict[str, Any] = {"decision_id": decision_id, "status": "waiting-for-review" if found.state == "waiting" else found.state}
        return rendering.json_response(document, 202 if found.state == "waiting" else 200)

    async def _run(self, request: Request, operations: tuple[str, ...], gallery_id: str | None = None) -> Response:
        caller, view = await self.door.client_seen(request)
        try:
            body = self.door.body(request)
            declaration = await self.door.declaration(request, body, operations)
            once = once_of(request, declaration)
            if gallery_id is not None:
                declaration = declaration.into(gallery_id)
            served = await self.pipeline.run(caller, declaration, body, view, once)
        except (BodyRefused, DeclarationMalformed, FactsRefused) as fault:
            await self.pipeline.turn_away(caller, operations[0], fault)
        answer = render(served.result)
        answer.headers.update(limit_headers(served.standing))
        return answer
