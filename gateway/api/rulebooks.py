"""The texts of rulebooks, by digest: what decided is public law, and whoever verifies the log needs it. Makes no rulebook live."""

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import msgspec
from fastapi import APIRouter, Request, Response

from gateway.api.door import Door
from gateway.api.openapi import problem_responses
from gateway.api.receipts import EntryUnknown
from gateway.clock import Clock
from gateway.enforcement.journal import Journal
from gateway.records import entries
from gateway.records.explorer import Explorer, Filter

_NAME: Final = re.compile(r"([0-9a-f]{64})\.json")
_MOST_CHANGES: Final = 10_000


@dataclass(frozen=True, slots=True)
class RulebookDoor:
    """GET /audit/rulebooks/{name}, where an export keeps the same texts."""

    door: Door
    explorer: Explorer
    journal: Journal
    clock: Clock
    text_of: Callable[[str], bytes | None]

    def router(self) -> APIRouter:
        """Return the route."""
        router = APIRouter(tags=["audit"], responses=problem_responses(401, 403, 404, 503))
        router.add_api_route("/audit/rulebooks/{name}", self.text, methods=["GET"], summary="The text of a rulebook (DIGEST.json)")
        return router

    async def text(self, request: Request, name: str) -> Response:
        """Return the text, whose SHA-256 is its name: to everybody if the log says that it was live, to auditors if it is a draft."""
        match = _NAME.fullmatch(name)
        text = None if match is None else await asyncio.to_thread(self.text_of, match[1])
        if match is None or not await asyncio.to_thread(self._was_live, match[1]):
            caller = await self.door.staff(request, "auditor")
            await self.journal.write(entries.log_read(at=self.clock.now(), by=caller.id, what={"rulebook": name[:80]}, asked={}))
        if text is None:
            raise EntryUnknown("No rulebook of that digest was ever on record.")
        return Response(text, media_type="application/json", headers={"cache-control": "public, max-age=31536000, immutable"})

    def _was_live(self, digest: str) -> bool:
        changes = (msgspec.json.decode(found.body) for found in self.explorer.find(Filter(kind="policy-change"), limit=_MOST_CHANGES))
        return any(entry.get("act") == "live" and entry.get("rulebook") == digest for entry in changes)
