"""Ask what the answer would be, without an image and without waking the recogniser. The question is logged as a check."""

from dataclasses import dataclass

from fastapi import APIRouter, Request, Response

from gateway.api import rendering
from gateway.api.door import Door, FieldMalformed, text_of
from gateway.api.openapi import json_request, problem_responses
from gateway.api.routes import PlainRoute
from gateway.enforcement.declaration import Declaration, DeclarationMalformed
from gateway.enforcement.facts import FactsRefused
from gateway.enforcement.images import BodyRefused
from gateway.enforcement.pipeline import Pipeline

_SCHEMA = {
    "required": ["operation", "purpose"],
    "properties": {
        "operation": {"type": "string", "examples": ["identify"]},
        "purpose": {"type": "string", "examples": ["missing_person"]},
        "case": {"type": "object", "properties": {"ref": {"type": "string"}}},
        "gallery": {"type": "object", "properties": {"id": {"type": "string"}}},
        "target": {"type": "object"},
        "capture": {"type": "object"},
        "place": {"type": "string"},
        "context": {"type": "object"},
        "threshold_pct": {"type": "number"},
    },
}


@dataclass(frozen=True, slots=True)
class DecisionDoor:
    """POST /v1/decisions:check."""

    door: Door
    pipeline: Pipeline

    def router(self) -> APIRouter:
        """Return the route."""
        router = APIRouter(route_class=PlainRoute, tags=["decisions"], responses=problem_responses(400, 401, 403, 415, 422, 503))
        router.add_api_route(
            "/v1/decisions:check",
            self.check,
            methods=["POST"],
            summary="What would the answer be?",
            openapi_extra=json_request(_SCHEMA),
        )
        return router

    async def check(self, request: Request) -> Response:
        """Return the decision on the declared facts, with its reasons or its obligations."""
        caller = await self.door.client(request)
        try:
            said = dict(await self.door.document(request))
            operation = text_of(said, "operation", longest=64)
            del said["operation"]
            return rendering.checked(await self.pipeline.check(caller, Declaration.of(operation, said)))
        except (BodyRefused, DeclarationMalformed, FactsRefused, FieldMalformed) as fault:
            await self.pipeline.turn_away(caller, "check", fault)
