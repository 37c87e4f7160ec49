"""The door to erasure: a registrar or an operator has the house forget a case, a person or a decision. Destroys nothing itself."""

import asyncio
from dataclasses import dataclass

from fastapi import APIRouter, Request, Response

from gateway.api.door import Door, FieldMalformed, text_of
from gateway.api.openapi import json_request, problem_responses
from gateway.api.rendering import json_response
from gateway.enforcement.erasure import Eraser, Target, Why
from gateway.records.asking import is_decision_id

_ABOUT = {"case_ref": "case", "subject": "subject", "decision_id": "decision"}
_SCHEMA = {
    "required": ["why"],
    "properties": {
        "why": {"type": "string", "enum": [str(word) for word in Why]},
        "case_ref": {"type": "string", "examples": ["MP-2026-0142"]},
        "subject": {"type": "string", "examples": ["s-1"]},
        "decision_id": {"type": "string", "format": "uuid"},
        "client": {"type": "string", "description": "Whose case or subject, where several clients may use one name"},
    },
}


@dataclass(frozen=True, slots=True)
class ErasureDoor:
    """POST /v1/audit/erasures."""

    door: Door
    eraser: Eraser

    def router(self) -> APIRouter:
        """Return the route."""
        router = APIRouter(tags=["audit"], responses=problem_responses(400, 401, 403, 404, 409, 415, 422, 503))
        summary = "Forget a case, a person or a decision"
        router.add_api_route("/v1/audit/erasures", self.erase, methods=["POST"], summary=summary, openapi_extra=json_request(_SCHEMA))
        return router

    async def erase(self, request: Request) -> Response:
        """Erase, and return how much was erased and the receipt of the entry that says so."""
        caller = await self.door.caller(request)
        await self.door.must_hold(request, caller, "registrar" if "registrar" in caller.roles else "operator")
        said = dict(await self.door.document(request))
        strange = sorted(set(said) - {"why", "client", *_ABOUT})
        if strange:
            raise FieldMalformed(strange[0], "An erasure names why, and one of case_ref, subject or decision_id; client may narrow it.")
        why = text_of(said, "why")
        if why not in set(Why):
            raise FieldMalformed("why", f"'why' is one of {', '.join(Why)}.")
        named = [name for name in _ABOUT if name in said]
        if len(named) != 1:
            raise FieldMalformed("case_ref", "Name exactly one of case_ref, subject or decision_id.")
        value = text_of(said, named[0])
        if named[0] == "decision_id" and not is_decision_id(value):
            raise FieldMalformed("decision_id", "A decision_id has 36 characters, in small letters.")
        target = Target(_ABOUT[named[0]], value, text_of(said, "client") if "client" in said else None)
        erased = await asyncio.to_thread(self.eraser.erase, caller.id, target, Why(why))
        receipt = erased.receipt
        return json_response(
            {"entries": erased.entries, "openings": erased.openings, "log_index": receipt.index, "receipt": receipt.text()}
        )
