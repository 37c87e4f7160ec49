"""The ombudsman's door: was this person searched? One question at a time, in the log before it is answered. Lists nothing."""

import asyncio
from dataclasses import dataclass

from fastapi import APIRouter, Request, Response

from gateway.api import said
from gateway.api.door import Door
from gateway.api.openapi import json_request, problem_responses
from gateway.api.rendering import json_response
from gateway.enforcement.ombudsman import OMBUDSMAN, Ombudsman, written
from gateway.registry.restrictions import Scope

_ASKED = {
    "required": ["complaint"],
    "properties": {
        "complaint": {"type": "string", "description": "Your own file's reference; veiled in the log"},
        "gallery": {"type": "string", "description": "With `subject`: a person of a gallery"},
        "subject": {"type": "string"},
        "client": {"type": "string", "description": "With `case_ref`: whoever a client's case seeks"},
        "case_ref": {"type": "string"},
    },
}


@dataclass(frozen=True, slots=True)
class OmbudsmanDoor:
    """POST /v1/ombudsman/questions."""

    door: Door
    ombudsman: Ombudsman

    def router(self) -> APIRouter:
        """Return the route."""
        router = APIRouter(tags=["rights"], responses=problem_responses(400, 401, 403, 415, 422, 429, 503))
        summary = "Was this person searched?"
        router.add_api_route("/v1/ombudsman/questions", self.ask, methods=["POST"], summary=summary, openapi_extra=json_request(_ASKED))
        return router

    async def ask(self, request: Request) -> Response:
        """Answer yes or no, with the entries that say so and the proof of each."""
        caller = await self.door.staff(request, OMBUDSMAN)
        given = said.members(await self.door.document(request), ("complaint",), ("gallery", "subject", "client", "case_ref"))
        texts = {name: said.text(given, name, 128) for name in given}
        complaint = texts.pop("complaint")
        answered = await asyncio.to_thread(self.ombudsman.ask, caller.id, complaint, Scope(**texts))
        return json_response(written(answered))
