"""The auditor's door: tiles for everybody, entries for auditors, and each reading of entries is itself an entry. Writes nothing else."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from dataclasses import dataclass, fields
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final, NamedTuple
from uuid import UUID

import msgspec
from fastapi import APIRouter, Request, Response
from starlette.responses import StreamingResponse

from gateway.api.door import Door, FieldMalformed
from gateway.api.openapi import problem_responses
from gateway.api.receipts import EntryUnknown
from gateway.api.rendering import json_response
from gateway.audit.errors import AuditError
from gateway.audit.log import AuditLog
from gateway.audit.renderings import ENVELOPE, Indexed, csv_lines, json_lines, ocsf_lines
from gateway.audit.tiles import WIDTH, Tile
from gateway.clock import Clock
from gateway.enforcement.journal import Journal
from gateway.identity.callers import Caller
from gateway.records import entries
from gateway.records.explorer import Explorer, Filter, Found

_PAGE: Final = 50
_LONGEST_PAGE: Final = 500
_MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\d(\.\d{1,6})?Z)?", re.ASCII)
_FILTERS: Final = tuple(member.name for member in fields(Filter))
_COLUMNS: Final = (*ENVELOPE, "/facts/request/purpose", "/facts/request/operation", "/facts/request/client/kind")

MEDIA_TYPES: Final = MappingProxyType({"jsonl": "application/jsonl", "csv": "text/csv; charset=utf-8", "ocsf": "application/jsonl"})


@dataclass(frozen=True, slots=True)
class AuditDoor:
    """/audit/tile/…, GET /v1/audit/entries, /v1/audit/export, /v1/audit/stream."""

    door: Door
    log: AuditLog
    explorer: Explorer
    journal: Journal
    clock: Clock
    version: str

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
        except AuditError as fault:
            raise EntryUnknown("The log publishes no such tile.") from fault
        lasting = "public, max-age=31536000, immutable" if tile.width == WIDTH and tile.level is not None else "no-store"
        return Response(content, media_type="application/octet-stream", headers={"cache-control": lasting})

    async def find(self, request: Request) -> Response:
        """Return matching entries, newest first, with the address of the next page."""
        caller = await self.door.staff(request, "auditor")
        wanted, before, limit = self._question(request)
        await self._record(caller, {"page": limit}, wanted)
        found = await asyncio.to_thread(self.explorer.find, wanted, before=before, limit=limit + 1)
        page = found[:limit]
        document: dict[str, Any] = {
            "entries": [{"index": entry.index, "entry": msgspec.Raw(entry.body)} for entry in page],
            "next": str(request.url.include_query_params(before=page[-1].index).replace(scheme="", netloc=""))
            if len(found) > limit
            else None,
        }
        return json_response(document)

    async def export(self, request: Request) -> Response:
        """Return every matching entry as lines; `format` is jsonl (the default), csv (safe for spreadsheets) or ocsf."""
        caller = await self.door.staff(request, "auditor")
        name = request.query_params.get("format", "jsonl")
        if name not in MEDIA_TYPES:
            raise FieldMalformed("format", f"'format' is one of {', '.join(MEDIA_TYPES)}.")
        wanted, before, _limit = self._question(request)
        await self._record(caller, {"export": name}, wanted)
        return StreamingResponse(
            self._lines(name, self._all(wanted, before)),
            media_type=MEDIA_TYPES[name],
            headers={"content-disposition": f'attachment; filename="custodes-log.{"csv" if name == "csv" else "jsonl"}"'},
        )

    async def stream(self, request: Request) -> Response:
        """Send entries as they are appended, from `Last-Event-ID` or `after` on; the event's id is the entry's index."""
        caller = await self.door.staff(request, "auditor")
        after = request.headers.get("last-event-id") or request.query_params.get("after")
        start = self.log.size if after is None else _whole("after", after) + 1
        if start > self.log.size:
            raise FieldMalformed("after", f"The log holds {self.log.size} entries; name one of them, or leave 'after' out.")
        await self._record(caller, {"stream": start})
        return StreamingResponse(self._events(start, request), media_type="text/event-stream")

    async def _record(self, caller: Caller, what: dict[str, object], wanted: Filter | None = None) -> None:
        """Record that an auditor reads, and what, before anything is read."""
        asked = {} if wanted is None else {name: value for name in _FILTERS if (value := getattr(wanted, name)) is not None}
        await self.journal.write(entries.log_read(at=self.clock.now(), by=caller.id, what=what, asked=asked))

    def _lines(self, name: str, found: Iterable[Indexed]) -> Iterator[bytes]:
        if name == "csv":
            return (line.encode() for line in csv_lines(found, _COLUMNS))
        return ocsf_lines(found, self.log.origin, self.version) if name == "ocsf" else json_lines(found)

    def _content(self, tile: Tile) -> bytes:
        if tile.level is None:
            return self.log.bundle(tile.index, tile.width)
        return self.log.hashes(tile.level, tile.index, tile.width)

    def _read(self, start: int, stop: int) -> list[bytes]:
        return list(self.log.entries(start, stop))

    def _question(self, request: Request) -> tuple[Filter, int | None, int]:
        given = dict(request.query_params)
        if len(given) != len(request.query_params.multi_items()):
            raise FieldMalformed("query", "Each filter is given once.")
        before, limit = given.pop("before", None), given.pop("limit", None)
        given.pop("format", None)
        for name, value in given.items():
            if name not in _FILTERS or not 1 <= len(value) <= 256:
                raise FieldMalformed(name, f"The filters are {', '.join(_FILTERS)}, each of 1 to 256 characters.")
            if (form := _FORMS.get(name)) is not None and not form.holds(value):
                raise FieldMalformed(name, f"{name!r} is {form.sentence}.")
        size = _PAGE if limit is None else _whole("limit", limit)
        if not 1 <= size <= _LONGEST_PAGE:
            raise FieldMalformed("limit", f"'limit' is 1 to {_LONGEST_PAGE}.")
        if given.get("since", "") > given.get("until", "~"):
            raise FieldMalformed("until", "'until' comes after 'since'.")
        return Filter(**given), None if before is None else _whole("before", before), size

    def _all(self, wanted: Filter, before: int | None) -> Iterator[Indexed]:
        while True:
            found: list[Found] = self.explorer.find(wanted, before=before, limit=_LONGEST_PAGE)
            yield from ((entry.index, entry.body) for entry in found)
            if len(found) < _LONGEST_PAGE:
                return
            before = found[-1].index

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


def _is_moment(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return _MOMENT.fullmatch(text) is not None


def is_decision_id(text: str) -> bool:
    """Say whether a text could be the id of a decision: a UUID, in its one spelling."""
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False


class _Form(NamedTuple):
    """How the value of a filter must look: a value of another form could only ever find nothing, and seem to say something."""

    holds: Callable[[str], object]
    sentence: str


_WHEN: Final = _Form(_is_moment, "a moment in UTC such as 2026-11-23T10:00:00Z, or a day")
_FORMS: Final = MappingProxyType(
    {
        "since": _WHEN,
        "until": _WHEN,
        "kind": _Form(re.compile(r"[a-z][a-z0-9-]{0,39}").fullmatch, "a kind of entry, such as denial"),
        "decision": _Form({"permit", "refusal"}.__contains__, "permit or refusal"),
        "decision_id": _Form(is_decision_id, "the decision_id of an answer: 36 characters, in small letters"),
    }
)


def _whole(name: str, text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 15:
        raise FieldMalformed(name, f"{name!r} takes a whole number.")
    return int(text)
