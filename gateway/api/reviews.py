"""The door for reviewers: what waits, what they may look at, what they say of it. Shows no similarity before the judgement."""

from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request, Response

from gateway.api.door import Door, FieldMalformed
from gateway.api.openapi import json_request, problem_responses
from gateway.api.rendering import json_response
from gateway.clock import iso
from gateway.enforcement.waiting import WaitingRoom
from gateway.review.judging import Judgement
from gateway.review.queue import Review

_SCHEMA = {
    "required": ["judgements"],
    "properties": {
        "judgements": {"type": "array", "items": {"enum": [str(word) for word in Judgement]}},
        "features": {"type": "string", "description": "What the judgement rests on"},
    },
}


@dataclass(frozen=True, slots=True)
class ReviewDoor:
    """GET /v1/reviews, POST /v1/reviews/{id}/claim, POST /v1/reviews/{id}/judgements."""

    door: Door
    waiting: WaitingRoom

    def router(self) -> APIRouter:
        """Return the routes."""
        router = APIRouter(tags=["review"], responses=problem_responses(400, 401, 403, 404, 409, 422, 503))
        router.add_api_route("/v1/reviews", self.list_waiting, methods=["GET"], summary="Results that wait for people")
        router.add_api_route(
            "/v1/reviews/{review_id}/claim", self.claim, methods=["POST"], summary="Take a result for a quarter of an hour"
        )
        router.add_api_route(
            "/v1/reviews/{review_id}/judgements",
            self.judge,
            methods=["POST"],
            summary="Say what you see",
            openapi_extra=json_request(_SCHEMA),
        )
        return router

    async def list_waiting(self, request: Request) -> Response:
        """Return what waits, oldest first, without names and without scores."""
        await self.door.staff(request, "reviewer")
        return json_response({"reviews": [_summary(review) for review in await self.waiting.list_waiting()]})

    async def claim(self, request: Request, review_id: str) -> Response:
        """Keep a result for the calling reviewer and show what is to be judged."""
        reviewer = await self.door.staff(request, "reviewer")
        review, answer = await self.waiting.claim(reviewer, review_id)
        subjects = [candidate.subject for candidate in answer.candidates]
        return json_response(_summary(review) | {"subjects": subjects, "claim_ends": iso(review.claim_ends) if review.claim_ends else None})

    async def judge(self, request: Request, review_id: str) -> Response:
        """Take the judgement; the answer says whether it settled the result."""
        reviewer = await self.door.staff(request, "reviewer")
        document = await self.door.document(request)
        judged = await self.waiting.judge_result(
            reviewer, review_id, _judgements(document.get("judgements")), _features(document.get("features", ""))
        )
        return json_response(
            {"review": review_id, "state": judged.state, "log_index": judged.receipt.index, "receipt": judged.receipt.text()}
        )


def _summary(review: Review) -> dict[str, Any]:
    held = review.held
    return {
        "review": held.id,
        "decision_id": held.decision_id,
        "purpose": held.purpose,
        "operation": held.operation,
        "candidates": held.candidates,
        "reviewers_needed": held.needed,
        "judgements": len(review.judgements),
        "since": iso(review.created_at),
    }


def _judgements(said: object) -> tuple[Judgement, ...]:
    if not isinstance(said, list) or len(said) > 100:
        raise FieldMalformed("judgements", "'judgements' takes a list with one word for each candidate.")
    try:
        return tuple(Judgement(word) for word in said)
    except ValueError as fault:
        raise FieldMalformed("judgements", f"A judgement is one of {', '.join(Judgement)}.") from fault


def _features(said: object) -> str:
    if not isinstance(said, str):
        raise FieldMalformed("features", "'features' takes text.")
    return said
