"""The door for galleries: open one, see it, withdraw a person from it. The log knows of each before it happens."""

import asyncio
from dataclasses import dataclass

from fastapi import APIRouter, Request, Response

from gateway.api import documents, said
from gateway.api.door import Door, FieldMalformed, text_of
from gateway.api.listing import page
from gateway.api.openapi import json_request, problem_responses
from gateway.api.rendering import json_response
from gateway.api.said import truth
from gateway.enforcement.galleries import REGISTRAR, GalleryDesk, GalleryRecordDesk
from gateway.registry.galleries import Gallery

_SCHEMA = {
    "required": ["id", "provenance", "purposes", "retention_days"],
    "properties": {
        "id": {"type": "string"},
        "provenance": {"type": "string", "description": "Where the faces come from (GET /v1/purposes)"},
        "purposes": {"type": "array", "items": {"type": "string"}},
        "retention_days": {"type": "integer", "minimum": 1},
        "categories": {"type": "array", "items": {"type": "string"}},
        "deployment": {"type": "string"},
        "pictures": {"type": "boolean", "description": "Whether a small picture of each face is kept for reviewers; true unless given"},
    },
}


_CHANGE = {"properties": {"provenance_confirmed": {"const": True}, "state": {"enum": ["closed"]}}}


@dataclass(frozen=True, slots=True)
class GalleryDoor:
    """/v1/galleries, /v1/galleries/{id}, DELETE /v1/galleries/{id}/subjects/{subject}."""

    door: Door
    desk: GalleryDesk
    records: GalleryRecordDesk

    def router(self) -> APIRouter:
        """Return the routes."""
        router = APIRouter(tags=["galleries"], responses=problem_responses(400, 401, 403, 404, 409, 422, 503))
        router.add_api_route("/v1/galleries", self.open, methods=["POST"], summary="Open a gallery", openapi_extra=json_request(_SCHEMA))
        router.add_api_route("/v1/galleries", self.list_all, methods=["GET"], summary="Galleries on record")
        router.add_api_route(
            "/v1/galleries/{gallery_id}",
            self.move,
            methods=["PATCH"],
            summary="Confirm where a gallery's faces come from, or close it",
            openapi_extra=json_request(_CHANGE),
        )
        router.add_api_route("/v1/galleries/{gallery_id}", self.show, methods=["GET"], summary="What is on record of a gallery")
        router.add_api_route(
            "/v1/galleries/{gallery_id}/subjects/{subject}",
            self.withdraw,
            methods=["DELETE"],
            summary="Withdraw a person, at once and for good",
        )
        return router

    async def open(self, request: Request) -> Response:
        """Open a gallery of the calling client."""
        caller = await self.door.client(request)
        given = await self.door.document(request)
        purposes, categories = given.get("purposes"), given.get("categories", [])
        gallery = Gallery(
            id=text_of(given, "id", longest=63),
            owner=caller.id,
            provenance=text_of(given, "provenance"),
            categories=tuple(categories) if isinstance(categories, list) else (),
            purposes=tuple(purposes) if isinstance(purposes, list) else (),
            retention_days=given["retention_days"] if isinstance(given.get("retention_days"), int) else 0,  # type: ignore[arg-type]  # checked in the same line
            deployment=text_of(given, "deployment") if given.get("deployment") is not None else None,
            pictures=truth(given, "pictures") is not False,
        )
        opened, receipt = await self.desk.open(caller, gallery)
        document = documents.gallery(opened) | {"log_index": receipt.index, "receipt": receipt.text()}
        return json_response(document, 201, {"location": f"/v1/galleries/{opened.id}"})

    async def show(self, request: Request, gallery_id: str) -> Response:
        """Return the record and the counts of one of the client's galleries; to registrars, of any."""
        caller = await self.door.caller(request)
        if caller.kind != "client":
            await self.door.must_hold(request, caller, REGISTRAR)
        gallery, count = await asyncio.to_thread(self.desk.show, caller, gallery_id)
        return json_response(
            documents.gallery(gallery) | {"subjects": count.subjects, "photos": count.photos, "synthetic": count.synthetic}
        )

    async def list_all(self, request: Request) -> Response:
        """Return galleries: to a client its own, to registrars all."""
        caller = await self.door.caller(request)
        if caller.kind != "client":
            await self.door.must_hold(request, caller, REGISTRAR)
        found = await asyncio.to_thread(self.records.records.all, caller.id if caller.kind == "client" else None)
        return page(request, "galleries", [documents.gallery(gallery) for gallery in found], "id", ("provenance", "state", "purposes"))

    async def move(self, request: Request, gallery_id: str) -> Response:
        """Confirm a gallery's provenance (a registrar, and not whoever opened it), or close it for good (its owner, or a registrar)."""
        actor = await self.door.actor(request)
        given = said.members(await self.door.document(request), (), ("provenance_confirmed", "state"))
        if len(given) != 1 or given.get("provenance_confirmed", True) is not True:
            raise FieldMalformed("provenance_confirmed", "Send either 'provenance_confirmed': true or 'state': 'closed'.")
        if "state" in given:
            said.word(given, "state", ("closed",))
            done = await asyncio.to_thread(self.records.close, actor, gallery_id)
        else:
            done = await asyncio.to_thread(self.records.confirm, actor, gallery_id)
        return json_response(documents.recorded(documents.gallery(done.value), done))

    async def withdraw(self, request: Request, gallery_id: str, subject: str) -> Response:
        """Withdraw a person; no search that starts afterwards can find them."""
        caller = await self.door.client(request)
        receipt = await self.desk.withdraw(caller, gallery_id, subject)
        return json_response({"withdrawn": True, "log_index": receipt.index, "receipt": receipt.text()})
