"""The door of those who write the rules and of those who approve them: rulebooks, drafts, reports. Makes nothing live by itself.

A draft is replaced only by whoever names the edition they saw (If-Match); a report is long work, asked for here and then asked after."""

import asyncio
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from fastapi import APIRouter, Request, Response

from gateway.api.door import Door, FieldMalformed, text_of
from gateway.api.openapi import json_request, problem_responses
from gateway.api.rendering import json_response
from gateway.clock import iso
from gateway.enforcement.desks.rulebooks import APPROVER, AUTHOR, RulebookDesk
from gateway.enforcement.registrar import Actor, Done
from gateway.enforcement.reporting import Reporting, Reports
from gateway.errors import CustodesError
from gateway.identity.callers import Caller
from gateway.registry.drafts import Draft, Report
from gateway.registry.rulebook import RulebookRecord

_DRAFT_BYTES: Final = 4 * 1024 * 1024
_READERS: Final = frozenset({AUTHOR, APPROVER, "auditor"})
_EDITION: Final = re.compile(r'"(\d{1,9})"', re.ASCII)
_LIVE: Final = "live"
_ROLLING_BACK: Final = "Return to rulebook "

_DRAFT: Final[dict[str, Any]] = {
    "required": ["title", "packs"],
    "properties": {
        "title": {"type": "string", "description": "What it changes, in one line"},
        "packs": {
            "type": "object",
            "description": 'Those that are on: {"baseline": {}, NAME: {"options": {…}, "from": DAY, "to": DAY}}',
        },
        "rules": {"description": "Own rules: a list of rows, or the text of a policy.csv with the further columns sentence and source"},
        "settings": {"type": "object", "additionalProperties": {"type": "integer"}},
        "vectors": {"description": "Expectations: a list of decision vectors, or their text, one a line"},
        "never": {"type": "string", "description": "Properties to be proved, as TOML"},
    },
}
_APPROVAL: Final[dict[str, Any]] = {
    "required": ["report"],
    "properties": {"report": {"type": "string", "description": "The digest of the report that was read"}},
}
_RETURN: Final[dict[str, Any]] = {"properties": {"title": {"type": "string"}}}


class EditionMissing(CustodesError):
    """A draft is to be replaced or discarded, and nobody says which edition was seen."""

    code = "edition-missing"


@dataclass(frozen=True, slots=True)
class PolicyDoor:
    """/v1/rulebooks and all below it."""

    door: Door
    desk: RulebookDesk
    reports: Reports

    def router(self) -> APIRouter:
        """Return the routes."""
        router = APIRouter(tags=["policies"], responses=problem_responses(400, 401, 403, 404, 409, 412, 422, 428, 503))
        drafts, one = "/v1/rulebooks/drafts", "/v1/rulebooks/drafts/{draft_id}"
        routes: tuple[tuple[str, Any, str, str, dict[str, Any] | None], ...] = (
            ("/v1/rulebooks", self.rulebooks, "GET", "Every rulebook that ever was live, and since when", None),
            (drafts, self.drafts, "GET", "Drafts, the newest first", None),
            (drafts, self.begin, "POST", "Draft a rulebook", json_request(_DRAFT)),
            (one, self.draft, "GET", "A draft as it stands, with its ETag", None),
            (one, self.replace, "PUT", "Write the next edition (If-Match)", json_request(_DRAFT)),
            (one, self.discard, "DELETE", "Give a draft up (If-Match)", None),
            (one + "/report", self.ask_for_report, "POST", "Have it reported on: 202, then ask with GET", None),
            (one + "/report", self.report, "GET", "The newest report, or how far it is", None),
            (one + "/approve", self.approve, "POST", "Approve exactly that report, as a second person", json_request(_APPROVAL)),
            (one + "/activate", self.activate, "POST", "Make the approved rulebook live", None),
            ("/v1/rulebooks/{digest}", self.rulebook, "GET", "A rulebook, by its digest or as `live`", None),
            ("/v1/rulebooks/{digest}/rollback", self.roll_back, "POST", "Draft a return to it", json_request(_RETURN)),
            ("/v1/rulebooks/{digest}/diff/{other}", self.difference, "GET", "Every answer that changes from one to the other", None),
        )
        for path, endpoint, method, summary, extra in routes:
            router.add_api_route(path, endpoint, methods=[method], summary=summary, openapi_extra=extra or {"security": [{"bearer": []}]})
        return router

    async def rulebooks(self, request: Request) -> Response:
        """Return which rulebook was live since when, the newest first."""
        await self.door.caller(request)
        reigns = await asyncio.to_thread(self.desk.rulebooks.reigns)
        listed = [{"digest": reign.digest, "since": iso(reign.since), "draft": reign.draft} for reign in reversed(reigns)]
        return json_response({"live": listed[0]["digest"] if listed else None, "rulebooks": listed})

    async def rulebook(self, request: Request, digest: str) -> Response:
        """Return a rulebook with its whole content; one that never was live is for those who work on it."""
        caller = await self.door.caller(request)
        record, was_live = await asyncio.to_thread(self._found, digest)
        if not was_live:
            await self._must_read(request, caller)
        return json_response(
            {
                "digest": record.digest,
                "written_at": iso(record.written_at),
                "was_live": was_live,
                "text": f"/audit/rulebooks/{record.digest}.json",
                "rulebook": msgspec.Raw(record.text.encode()),
            }
        )

    async def difference(self, request: Request, digest: str, other: str) -> Response:
        """Return the exact set of requests whose answer changes; the solver may take a while."""
        await self._reader(request)
        (before, _), (after, _) = await asyncio.to_thread(self._found, digest), await asyncio.to_thread(self._found, other)
        return json_response(await asyncio.to_thread(self.desk.difference, before.digest, after.digest))

    async def roll_back(self, request: Request, digest: str) -> Response:
        """Draft a return to an old rulebook; it needs its own report and approval."""
        caller = await self.door.staff(request, AUTHOR)
        said = await self.door.document(request)
        title = text_of(said, "title") if "title" in said else _ROLLING_BACK + digest[:12]
        return _drafted(await asyncio.to_thread(self.desk.roll_back, Actor.of(caller), digest, title), 201)

    async def drafts(self, request: Request) -> Response:
        """Return every draft, without its content."""
        await self._reader(request)
        found = await asyncio.to_thread(lambda: [(draft, self.desk.drafts.latest(draft.id)) for draft in self.desk.drafts.all()])
        return json_response({"drafts": [_summary(draft, report) for draft, report in found]})

    async def draft(self, request: Request, draft_id: str) -> Response:
        """Return one draft with its document."""
        await self._reader(request)
        draft = await asyncio.to_thread(self.desk.drafts.get, draft_id)
        report = await asyncio.to_thread(self.desk.drafts.latest, draft_id)
        return json_response(_summary(draft, report) | {"document": json.loads(draft.document)}, headers={"etag": f'"{draft.edition}"'})

    async def begin(self, request: Request) -> Response:
        """Keep a draft, if it holds together: otherwise every fault is in the problem, with its line."""
        caller = await self.door.staff(request, AUTHOR)
        said = await self.door.document(request, _DRAFT_BYTES)
        return _drafted(await asyncio.to_thread(self.desk.draft, Actor.of(caller), said), 201)

    async def replace(self, request: Request, draft_id: str) -> Response:
        """Write the next edition over the one that was seen."""
        caller = await self.door.staff(request, AUTHOR)
        edition = _seen(request)
        said = await self.door.document(request, _DRAFT_BYTES)
        return _drafted(await asyncio.to_thread(self.desk.replace, Actor.of(caller), draft_id, edition, said), 200)

    async def discard(self, request: Request, draft_id: str) -> Response:
        """Give a draft up."""
        caller = await self.door.staff(request, AUTHOR)
        return _drafted(await asyncio.to_thread(self.desk.discard, Actor.of(caller), draft_id, _seen(request)), 200)

    async def ask_for_report(self, request: Request, draft_id: str) -> Response:
        """Begin a report, in a process of its own, and say where to ask for it."""
        caller = await self.door.staff(request, AUTHOR)
        await asyncio.to_thread(self.desk.drafts.get, draft_id)
        return _working(self.reports.start(Actor.of(caller), draft_id))

    async def report(self, request: Request, draft_id: str) -> Response:
        """Return the newest report, or how far it is. Raises what ended it, if it could not be made."""
        await self._reader(request)
        reporting = self.reports.of(draft_id)
        if reporting is not None and reporting.working:
            return _working(reporting)
        latest = await asyncio.to_thread(self.desk.drafts.latest, draft_id)
        draft = await asyncio.to_thread(self.desk.drafts.get, draft_id)
        if reporting is not None and reporting.fault is not None and (latest is None or latest.edition < draft.edition):
            raise reporting.fault
        if latest is None:
            raise ReportUnknown("Nothing was reported on this draft yet; ask for it with POST.")
        return json_response(_report(latest) | {"content": msgspec.Raw(latest.text.encode())})

    async def approve(self, request: Request, draft_id: str) -> Response:
        """Take the approval of exactly that report."""
        caller = await self.door.staff(request, APPROVER)
        digest = text_of(await self.door.document(request), "report")
        return _settled(await asyncio.to_thread(self.desk.approve, Actor.of(caller), draft_id, digest))

    async def activate(self, request: Request, draft_id: str) -> Response:
        """Make it live: every process of this home decides by it from its next request on."""
        caller = await self.door.staff(request, APPROVER)
        return _settled(await asyncio.to_thread(self.desk.activate, Actor.of(caller), draft_id))

    async def _reader(self, request: Request) -> Caller:
        caller = await self.door.caller(request)
        await self._must_read(request, caller)
        return caller

    async def _must_read(self, request: Request, caller: Caller) -> None:
        if caller.kind != "staff" or not caller.roles & _READERS:
            await self.door.must_hold(request, caller, AUTHOR)

    def _found(self, digest: str) -> tuple[RulebookRecord, bool]:
        record = self.desk.rulebooks.live() if digest == _LIVE else self.desk.rulebooks.get(digest)
        return record, any(reign.digest == record.digest for reign in self.desk.rulebooks.reigns())


class ReportUnknown(CustodesError):
    """There is no report on that draft."""

    code = "unknown-report"


def _seen(request: Request) -> int:
    given = request.headers.get("if-match")
    if given is None:
        raise EditionMissing("Say which edition you read: send its ETag as If-Match, so that nobody's edit is overwritten unseen.")
    found = _EDITION.fullmatch(given.strip())
    if found is None:
        raise FieldMalformed("if-match", "'If-Match' takes the ETag of the draft as it was read, such as \"3\".")
    return int(found[1])


def _summary(draft: Draft, report: Report | None) -> dict[str, Any]:
    document = json.loads(draft.document)
    return {
        "draft": draft.id,
        "title": document["title"],
        "edition": draft.edition,
        "state": draft.state,
        "editors": list(draft.editors),
        "begun_at": iso(draft.begun_at),
        "edited_at": iso(draft.edited_at),
        "report": None if report is None else _report(report),
    }


def _report(report: Report) -> dict[str, Any]:
    return {
        "draft": report.draft,
        "edition": report.edition,
        "digest": report.digest,
        "passed": report.passed,
        "state": report.state,
        "rulebook": report.rulebook,
        "base": report.base,
        "reported_by": report.reported_by,
        "reported_at": iso(report.reported_at),
        "approved_by": report.approved_by,
    }


def _drafted(done: Done[Draft], status: int) -> Response:
    draft = done.value
    document = _summary(draft, None) | {"log_index": done.receipt.index, "receipt": done.receipt.text()}
    return json_response(document, status, {"etag": f'"{draft.edition}"', "location": f"/v1/rulebooks/drafts/{draft.id}"})


def _settled(done: Done[Report]) -> Response:
    return json_response(_report(done.value) | {"log_index": done.receipt.index, "receipt": done.receipt.text()})


def _working(reporting: Reporting) -> Response:
    where = f"/v1/rulebooks/drafts/{reporting.draft}/report"
    step = reporting.step
    document: Mapping[str, object] = {
        "draft": reporting.draft,
        "state": "working",
        "step": step.what,
        "done": step.done,
        "of": step.of,
        "report": where,
    }
    return json_response(document, 202, {"location": where, "retry-after": "1"})
