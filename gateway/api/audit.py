"""The auditor's door: tiles for everybody, entries for auditors, and each reading of entries is itself an entry. Writes nothing else."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import msgspec
from fastapi import APIRouter, Request, Response
from starlette.responses import StreamingResponse

from gateway.api.door import Door, FieldMalformed
from gateway.api.openapi import problem_responses
from gateway.api.receipts import EntryUnknown
from gateway.api.rendering import json_response
from gateway.audit.errors import AuditError
from gateway.audit.log import AuditLog, NoSuchEntry
from gateway.audit.tiles import WIDTH, Tile
from gateway.clock import Clock
from gateway.enforcement.answers import AuditUnavailable
from gateway.enforcement.journal import Journal
from gateway.identity.callers import Caller
from gateway.records import entries
from gateway.records.asking import FILTERS, Question, read_question, whole
from gateway.records.explorer import Explorer, Filter
from gateway.records.exports import MEDIA_TYPES, Exports


@dataclass(frozen=True, slots=True)
class AuditDoor:
    """/audit/tile/…, GET /v1/audit/entries, /v1/audit/export, /v1/audit/stream."""

    door: Door
    log: AuditLog
    explorer: Explorer
    journal: Journal
    clock: Clock
    exports: Exports

    def router(self) -> APIRouter:
        """Return the routes."""
        router = APIRouter(tags=["audit"], responses=problem_responses(401, 403, 404, 422, 503))
        router.add_api_route("/audit/tile/{path:path}", self.tile, methods=["GET"], summary="Static tiles (C2SP tlog-tiles)")
        router.add_api_route("/v1/audit/entries", self.find, methods=["GET"], summary="Find entries; the URL is the query")
        router.add_api_route("/v1/audit/export", self.export, methods=["GET"], summary="The same entries as jsonl, csv or ocsf")
        router.add_api_route("/v1/audit/stream", self.stream, methods=["GET"], summary="Entries as they come (server-sent events)")
        return router

    async def tile(self, request: Request, path: str) -> Response:
        """Return a tile of hashes to anybody, a bundle of entries to auditors. A full tile never changes."""
        try:
            tile = Tile.parse(f"tile/{path}")
        except AuditError as fault:
            raise EntryUnknown("The log publishes no such tile.") from fault
        if tile.level is None:
            await self._record(await self.door.staff(request, "auditor"), {"bundle": tile.index})
        try:
            content = await asyncio.to_thread(self._content, tile)
        except NoSuchEntry as fault:
            raise EntryUnknown("The log publishes no such tile.") from fault
        except AuditError as fault:  # a log that cannot be read has not lost the tile
            raise AuditUnavailable(f"The audit log cannot be read: {fault.sentence}.") from fault
        lasting = "public, max-age=31536000, immutable" if tile.width == WIDTH and tile.level is not None else "no-store"
        return Response(content, media_type="application/octet-stream", headers={"cache-control": lasting})

    async def find(self, request: Request) -> Response:
        """Return matching entries, newest first, with the address of the next page."""
        caller = await self.door.staff(request, "auditor")
        asked = self._question(request)
        await self._record(caller, {"page": asked.limit}, asked.wanted)
        found = await asyncio.to_thread(self.explorer.find, asked.wanted, before=asked.before, limit=asked.limit + 1)
        page = found[: asked.limit]
        document: dict[str, Any] = {
            "entries": [{"index": entry.index, "entry": msgspec.Raw(entry.body)} for entry in page],
            "next": str(request.url.include_query_params(before=page[-1].index).replace(scheme="", netloc=""))
            if len(found) > asked.limit
            else None,
        }
        return json_response(document)

    async def export(self, request: Request) -> Response:
        """Return every matching entry as lines; `format` is jsonl (the default), csv (safe for spreadsheets) or ocsf."""
        caller = await self.door.staff(request, "auditor")
        name = request.query_params.get("format", "jsonl")
        if name not in MEDIA_TYPES:
            raise FieldMalformed("format", f"'format' is one of {', '.join(MEDIA_TYPES)}.")
        asked = self._question(request)
        await self._record(caller, {"export": name}, asked.wanted)
        return StreamingResponse(self.exports.lines(name, asked), media_type=MEDIA_TYPES[name], headers=self.exports.headers(name))

    async def stream(self, request: Request) -> Response:
        """Send entries as they are appended, from `Last-Event-ID` or `after` on; the event's id is the entry's index."""
        caller = await self.door.staff(request, "auditor")
        for name in request.query_params:
            if name != "after":
                raise FieldMalformed(name, "The stream takes 'after' alone; filters are for entries and export.")
        after = request.headers.get("last-event-id") or request.query_params.get("after")
        start = self.log.size if after is None else whole("after", after) + 1
        if start > self.log.size:
            raise FieldMalformed("after", f"The log holds {self.log.size} entries; name one of them, or leave 'after' out.")
        await self._record(caller, {"stream": start})
        return StreamingResponse(self._events(start, request), media_type="text/event-stream")

    async def _record(self, caller: Caller, what: dict[str, object], wanted: Filter | None = None) -> None:
        """Record that an auditor reads, and what, before anything is read."""
        asked = {} if wanted is None else {name: value for name in FILTERS if (value := getattr(wanted, name)) is not None}
        await self.journal.write(entries.log_read(at=self.clock.now(), by=caller.id, what=what, asked=asked))

    def _content(self, tile: Tile) -> bytes:
        if tile.level is None:
            return self.log.bundle(tile.index, tile.width)
        return self.log.hashes(tile.level, tile.index, tile.width)

    def _read(self, start: int, stop: int) -> list[bytes]:
        return list(self.log.entries(start, stop))

    def _question(self, request: Request) -> Question:
        given = dict(request.query_params)
        if len(given) != len(request.query_params.multi_items()):
            raise FieldMalformed("query", "Each filter is given once.")
        given.pop("format", None)
        return read_question(given)

    async def _events(self, start: int, request: Request) -> AsyncIterator[bytes]:
        position = start
        while not await request.is_disconnected():
            try:
                size = await asyncio.wait_for(self.log.wait_for(position + 1), timeout=15)
            except TimeoutError:
                # A comment line now and then tells proxies, and us, that somebody is still there.
                yield b": still here\n\n"
                continue
            stop = min(size, position + WIDTH)
            bodies = await asyncio.to_thread(self._read, position, stop)
            for index, body in enumerate(bodies, start=position):
                yield b"id: %d\nevent: entry\ndata: %s\n\n" % (index, body)
            position = stop
