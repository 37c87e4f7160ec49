"""The door for galleries: open one, see it, withdraw a person from it. The log knows of each before it happens."""

import asyncio
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request, Response

from gateway.api.door import Door, text_of
from gateway.api.openapi import json_request, problem_responses
from gateway.api.rendering import json_response
from gateway.enforcement.galleries import GalleryDesk
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
    },
}


@dataclass(frozen=True, slots=True)
class GalleryDoor:
    """POST /v1/galleries, GET /v1/galleries/{id}, DELETE /v1/galleries/{id}/subjects/{subject}."""

    door: Door
    desk: GalleryDesk

    def router(self) -> APIRouter:
        """Return the routes."""
        router = APIRouter(tags=["galleries"], responses=problem_responses(400, 401, 403, 404, 409, 422, 503))
        router.add_api_route("/v1/galleries", self.open, methods=["POST"], summary="Open a gallery", openapi_extra=json_request(_SCHEMA))
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
        said = await self.door.document(request)
        purposes, categories = said.get("purposes"), said.get("categories", [])
        gallery = Gallery(
            id=text_of(said, "id", longest=63),
            owner=caller.id,
            provenance=text_of(said, "provenance"),
            categories=tuple(categories) if isinstance(categories, list) else (),
            purposes=tuple(purposes) if isinstance(purposes, list) else (),
            retention_days=said["retention_days"] if isinstance(said.get("retention_days"), int) else 0,  # type: ignore[arg-type]  # checked in the same line
            deployment=text_of(said, "deployment") if said.get("deployment") is not None else None,
        )
        opened, receipt = await self.desk.open(caller, gallery)
        document = _document(opened) | {"log_index": receipt.index, "receipt": receipt.text()}
        return json_response(document, 201, {"location": f"/v1/galleries/{opened.id}"})

    async def show(self, request: Request, gallery_id: str) -> Response:
        """Return the record and the counts of one of the client's galleries."""
        caller = await self.door.client(request)
        gallery, count = await asyncio.to_thread(self.desk.show, caller, gallery_id)
        return json_response(_document(gallery) | {"subjects": count.subjects, "photos": count.photos, "synthetic": count.synthetic})

    async def withdraw(self, request: Request, gallery_id: str, subject: str) -> Response:
        """Withdraw a person; no search that starts afterwards can find them."""
        caller = await self.door.client(request)
        receipt = await self.desk.withdraw(caller, gallery_id, subject)
        return json_response({"withdrawn": True, "log_index": receipt.index, "receipt": receipt.text()})


def _document(gallery: Gallery) -> dict[str, Any]:
    return {
        "id": gallery.id,
        "provenance": gallery.provenance,
        "categories": list(gallery.categories),
        "purposes": list(gallery.purposes),
        "retention_days": gallery.retention_days,
        "deployment": gallery.deployment,
        "state": gallery.state,
    }
