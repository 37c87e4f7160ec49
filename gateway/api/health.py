"""Say whether the service lives, and whether it can serve. Reveals no client and no secret."""

from dataclasses import dataclass

from fastapi import APIRouter, Response

from gateway.api.rendering import json_response
from gateway.enforcement.readiness import Readiness


@dataclass(frozen=True, slots=True)
class HealthDoor:
    """GET /health/live and /health/ready."""

    readiness: Readiness

    def router(self) -> APIRouter:
        """Return the routes."""
        router = APIRouter(tags=["health"])
        router.add_api_route("/health/live", self.live, methods=["GET"], summary="The process answers")
        router.add_api_route("/health/ready", self.ready, methods=["GET"], summary="Log, rulebook and recogniser are there")
        return router

    async def live(self) -> Response:
        """200 as long as the process answers."""
        return json_response({"status": "live"})

    async def ready(self) -> Response:
        """200 when a request could be served, else 503, with the state of each part."""
        report = self.readiness.report()
        return json_response({"status": "ready" if report.ready else "not-ready", "parts": report.parts}, 200 if report.ready else 503)
