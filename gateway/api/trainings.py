"""The door for reviewers' training: what was learnt, from when and until when, on another person's word. Shows no review."""

import asyncio
from dataclasses import dataclass

from fastapi import APIRouter, Request, Response

from gateway.api import documents, said
from gateway.api.door import Door
from gateway.api.listing import page
from gateway.api.openapi import json_request, problem_responses
from gateway.api.rendering import json_response
from gateway.enforcement.desks.trainings import TrainingDesk
from gateway.registry.trainings import Training

_TIME = {"type": "string", "format": "date-time"}
_NEW = {"required": ["what", "valid_from", "valid_to"], "properties": {"what": {"type": "string"}, "valid_from": _TIME, "valid_to": _TIME}}


@dataclass(frozen=True, slots=True)
class TrainingDoor:
    """/v1/staff/{id}/trainings and below."""

    door: Door
    desk: TrainingDesk

    def router(self) -> APIRouter:
        """Return the routes."""
        router = APIRouter(tags=["staff"], responses=problem_responses(400, 401, 403, 404, 409, 415, 422, 503))
        add, base = router.add_api_route, "/v1/staff/{person_id}/trainings"
        add(base, self.list_all, methods=["GET"], summary="What a person was trained in")
        add(base, self.record, methods=["POST"], summary="Record a training", openapi_extra=json_request(_NEW))
        add(f"{base}/{{training_id}}", self.show, methods=["GET"], summary="One training")
        add(f"{base}/{{training_id}}", self.withdraw, methods=["DELETE"], summary="Withdraw a training")
        return router

    async def list_all(self, request: Request, person_id: str) -> Response:
        """Return a person's trainings: to registrars, and to the person."""
        await self._reader(request, person_id)
        found = await asyncio.to_thread(self.desk.trainings.of, person_id)
        return page(request, "trainings", [documents.training(training) for training in found], "id", ("withdrawn",))

    async def record(self, request: Request, person_id: str) -> Response:
        """Put a training on record, with its end; never one's own."""
        actor = await self.door.actor(request)
        given = said.members(await self.door.document(request), ("what", "valid_from", "valid_to"))
        training = Training(person_id, said.text(given, "what"), given["valid_from"], given["valid_to"])
        done = await asyncio.to_thread(self.desk.record, actor, training)
        where = {"location": f"/v1/staff/{person_id}/trainings/{done.value.id}"}
        return json_response(documents.recorded(documents.training(done.value), done), 201, where)

    async def show(self, request: Request, person_id: str, training_id: str) -> Response:
        """Return one training."""
        await self._reader(request, person_id)
        return json_response(documents.training(await asyncio.to_thread(self.desk.trainings.get, person_id, training_id)))

    async def withdraw(self, request: Request, person_id: str, training_id: str) -> Response:
        """Let it count no more."""
        actor = await self.door.actor(request)
        done = await asyncio.to_thread(self.desk.withdraw, actor, person_id, training_id)
        return json_response(documents.recorded(documents.training(done.value), done))

    async def _reader(self, request: Request, person_id: str) -> None:
        caller = await self.door.caller(request)
        if caller.kind != "staff" or caller.id != person_id:
            await self.door.must_hold(request, caller, "registrar")
