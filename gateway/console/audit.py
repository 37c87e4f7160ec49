"""The auditor's pages: find entries, read one, verify it here. Each reading is itself an entry; nothing else is written."""

import asyncio
import base64
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response
from starlette.responses import StreamingResponse

from gateway.audit.bundle import write_bundle
from gateway.console.desk import Desk
from gateway.console.entries import line_of, lines, parsed
from gateway.console.pages import SAFE_HEADERS, mapping
from gateway.console.visits import PageUnknown, Visit
from gateway.records import entries
from gateway.records.asking import FILTERS, PAGE, Question, QuestionMalformed, is_decision_id, read_question, whole
from gateway.records.disclosure import Reader
from gateway.records.evidence import EvidenceRoom
from gateway.records.explorer import Explorer, Filter
from gateway.records.exports import MEDIA_TYPES, Exports

KINDS = (
    "intent",
    "denial",
    "outcome",
    "abandoned",
    "check",
    "repeat",
    "authn-denied",
    "review",
    "access-denied",
    "duty",
    "tripwire",
    "alarm",
    "question",
    "expiry",
    "restriction",
    "webhook",
    "clock-step",
    "client-change",
    "staff-change",
    "case-change",
    "licence-change",
    "authorisation",
    "evidence-change",
    "evaluation-change",
    "policy-change",
    "gallery-change",
    "key-change",
    "erasure",
    "log-read",
    "anchor",
    "recovery",
    "heartbeat",
    "genesis",
)


@dataclass(frozen=True, slots=True)
class AuditPages:
    """/console/audit and below it: entries, exports, bundles."""

    desk: Desk
    explorer: Explorer
    exports: Exports
    evidence: EvidenceRoom
    witnesses: tuple[str, ...]

    def router(self) -> APIRouter:
        """Return the routes."""
        router = APIRouter(route_class=self.desk.route(), include_in_schema=False)
        router.add_api_route("/console/audit", self.find, methods=["GET"])
        router.add_api_route("/console/audit/export", self.export, methods=["GET"])
        router.add_api_route("/console/audit/bundles/{decision_id}", self.bundle, methods=["GET"])
        router.add_api_route("/console/audit/entries/{index}", self.read, methods=["GET"])
        return router

    async def find(self, request: Request) -> Response:
        """Show matching entries, newest first; the address is the question."""
        visit = await self.desk.visit(request, "auditor")
        given = {name: value.strip() for name, value in request.query_params.items() if value.strip()}
        wrong: QuestionMalformed | None = None
        try:
            _once(request)
            _of_a_kind(given)
            question = read_question(given)
        except QuestionMalformed as malformed:
            wrong, question = malformed, Question(Filter(), None, PAGE)
        found = []
        if wrong is None:
            await self._read(visit, {"page": question.limit}, question.wanted)
            found = await asyncio.to_thread(self.explorer.find, question.wanted, before=question.before, limit=question.limit + 1)
        page = found[: question.limit]
        more = urlencode(given | {"before": str(page[-1].index)}) if len(found) > question.limit else None
        return self.desk.show(
            request,
            visit,
            "audit.html",
            status=200 if wrong is None else 422,
            lines=lines(page),
            given=given,
            filters=FILTERS,
            kinds=KINDS,
            wrong=wrong,
            more=more,
            export=urlencode({name: value for name, value in given.items() if name in FILTERS}),
        )

    async def read(self, request: Request, index: str) -> Response:
        """Show one entry: in words, as it lies in the log, and what proves it."""
        visit = await self.desk.visit(request, "auditor")
        number = whole("index", index)
        if number >= self.desk.log.size:
            raise PageUnknown(f"The log holds {self.desk.log.size} entries; there is no entry {number}.")
        await self._read(visit, {"entry": number}, None)
        body, openings, related = await asyncio.to_thread(self._entry, number)
        entry = parsed(body)
        return self.desk.show(
            request,
            visit,
            "entry.html",
            line=line_of(number, body),
            entry=entry,
            answer=mapping(entry.get("answer")),
            facts=mapping(entry.get("facts")),
            pretty=json.dumps(entry, indent=2, ensure_ascii=False),
            body=base64.b64encode(body).decode(),
            openings=openings,
            related=related,
            key=self.desk.log.verifier_keys[0].text(),
            witness_keys=self.witnesses,
        )

    async def export(self, request: Request) -> Response:
        """Hand out every entry that answers the question, as a file."""
        visit = await self.desk.visit(request, "auditor")
        given = {name: value for name, value in request.query_params.items() if value}
        form = given.pop("format", "jsonl")
        if form not in MEDIA_TYPES:
            raise QuestionMalformed("format", f"'format' is one of {', '.join(MEDIA_TYPES)}.")
        _once(request)
        asked = read_question(given)
        await self._read(visit, {"export": form}, asked.wanted)
        headers = {**SAFE_HEADERS, **self.exports.headers(form)}
        return StreamingResponse(self.exports.lines(form, asked), media_type=MEDIA_TYPES[form], headers=headers)

    async def bundle(self, request: Request, decision_id: str) -> Response:
        """Hand out the evidence for one decision: a file that proves itself."""
        visit = await self.desk.visit(request, "auditor")
        if not is_decision_id(decision_id):
            raise PageUnknown("There is no such decision.")
        await self._read(visit, {"evidence": str(Reader.AUDITOR)}, Filter(decision_id=decision_id))
        evidence = await asyncio.to_thread(self.evidence.gather, decision_id, Reader.AUDITOR)
        headers = {**SAFE_HEADERS, "content-disposition": f'attachment; filename="evidence-{decision_id}.zip"'}
        return Response(await asyncio.to_thread(write_bundle, evidence), media_type="application/zip", headers=headers)

    def _entry(self, index: int) -> tuple[bytes, dict[str, str], list[Any]]:
        body = self.desk.log.entry(index)
        openings = {path: opening.value.decode("utf-8", "replace") for path, opening in self.desk.log.openings(index).items()}
        decision = parsed(body).get("decision_id")
        related = lines(reversed(self.explorer.find(Filter(decision_id=decision)))) if isinstance(decision, str) else []
        return body, openings, related

    async def _read(self, visit: Visit, what: dict[str, object], wanted: Filter | None) -> None:
        asked = {} if wanted is None else {name: value for name, value in asdict(wanted).items() if value is not None}
        visits = self.desk.visits
        await visits.journal.write(entries.log_read(at=visits.clock.now(), by=visit.person.id, what=what | {"console": True}, asked=asked))


def _of_a_kind(given: Mapping[str, str]) -> None:
    """Return if the kind that is asked for, if any, is one that entries have: the form could not show another."""
    if given.get("kind", KINDS[0]) not in KINDS:
        raise QuestionMalformed("kind", f"'kind' is one of {', '.join(KINDS)}.")


def _once(request: Request) -> None:
    """Return if the address asks each thing once: of two values one would be dropped, and the page would answer another question."""
    names = [name for name, _value in request.query_params.multi_items()]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise QuestionMalformed(twice, f"{twice[:60]!r} is asked twice; ask it once.")
