"""The public catalogue: which purposes, operations and words exist, and what stands behind each. Needs no token and reveals no client."""

import asyncio
from dataclasses import dataclass

from fastapi import APIRouter, Response

from gateway.api.rendering import json_response
from gateway.enforcement.bench import Bench
from gateway.enforcement.desks.switchboard import packs_now
from gateway.registry.rulebook import Rulebooks


@dataclass(frozen=True, slots=True)
class CatalogueDoor:
    """GET /v1/purposes, GET /v1/packs."""

    bench: Bench
    rulebooks: Rulebooks

    def router(self) -> APIRouter:
        """Return the route."""
        router = APIRouter(tags=["catalogue"])
        router.add_api_route("/v1/purposes", self.purposes, methods=["GET"], summary="The closed vocabulary, and the rules in force")
        router.add_api_route("/v1/packs", self.packs, methods=["GET"], summary="Every pack: whether it is on, since when, and how")
        return router

    async def packs(self) -> Response:
        """Return every pack that ships, with its status, sources, dates and options, and how the live rulebook has it."""
        return json_response(await asyncio.to_thread(packs_now, self.rulebooks))

    async def purposes(self) -> Response:
        """Return every purpose with its sentence and whether a licence can open it, and the other closed lists."""
        rulebook = self.bench.judge().rulebook
        words = rulebook.words
        return json_response(
            {
                "rulebook": rulebook.digest,
                "packs": [{"name": pack.name, "status": pack.status} for pack in rulebook.packs],
                "purposes": [
                    {
                        "name": purpose.name,
                        "sentence": purpose.sentence,
                        "default": purpose.default,
                        "dpv": purpose.dpv,
                        "ai_act": purpose.ai_act,
                    }
                    for purpose in words.purposes.values()
                ],
                "operations": dict(words.operations),
                "clients": dict(words.clients),
                "authorisations": dict(words.authorisations),
            }
        )
