"""The door for reviewers: what waits, what they may look at, what they say of it. Shows no score before the judgement, and no first
judgement to the second."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from fastapi import APIRouter, Request, Response

from gateway.api import said
from gateway.api.door import Door, FieldMalformed
from gateway.api.openapi import json_request, problem_responses
from gateway.api.rendering import json_response
from gateway.clock import iso
from gateway.enforcement.looking import Side
from gateway.enforcement.reviewing import Claimed, Judged, ReviewDesk, Shown
from gateway.review.calibration import Competence, OwnRate
from gateway.review.judging import FEATURES, Judgement, Noted
from gateway.review.queue import Review, ReviewRefused

UNKEPT: Final = {"cache-control": "no-store", "x-content-type-options": "nosniff", "content-disposition": "inline"}
_WORD: Final = {"enum": [str(word) for word in Judgement]}
_NOTED: Final = {
    "type": "object",
    "required": ["judgement"],
    "properties": {
        "judgement": _WORD,
        "features": {"type": "array", "items": {"enum": list(FEATURES)}, "description": "Which parts of the face it rests on"},
        "note": {"type": "string", "description": "What it rests on, in your own words"},
    },
}
_SCHEMA: Final = {
    "required": ["judgements"],
    "properties": {
        "judgements": {"type": "array", "items": {"anyOf": [_NOTED, _WORD]}, "description": "One for each candidate, as shown"},
        "features": {"type": "string", "description": "A note for every judgement that is a mere word"},
    },
}


@dataclass(frozen=True, slots=True)
class ReviewDoor:
    """/v1/reviews and below: one review a call, each candidate judged by itself."""

    door: Door
    desk: ReviewDesk

    def router(self) -> APIRouter:
        """Return the routes."""
        router = APIRouter(tags=["review"], responses=problem_responses(400, 401, 403, 404, 409, 410, 422, 503))
        add, one = router.add_api_route, "/v1/reviews/{review_id}"
        add("/v1/reviews", self.list_waiting, methods=["GET"], summary="Results that wait for people")
        add("/v1/reviews/mine", self.show_mine, methods=["GET"], summary="How often you were wrong about pairs whose truth is known")
        add("/v1/reviews/reviewers", self.list_reviewers, methods=["GET"], summary="The same of every reviewer, for operators")
        add("/v1/reviews/judgements", self.judge_many, methods=["POST"], summary="Refused: no result is judged in bulk")
        add(f"{one}/claim", self.claim, methods=["POST"], summary="Take a result for a quarter of an hour")
        add(
            f"{one}/pictures/{{candidate}}/{{side}}",
            self.picture,
            methods=["GET"],
            summary="One of the two faces of a likeness, while you hold the claim",
            response_class=Response,
        )
        add(f"{one}/judgements", self.judge, methods=["POST"], summary="Say what you see", openapi_extra=json_request(_SCHEMA))
        return router

    async def list_waiting(self, request: Request) -> Response:
        """Return what waits, oldest first, without names, without scores, and without what anybody said."""
        reviewer = (await self.door.staff(request, "reviewer")).id
        return json_response({"reviews": [summary(review, reviewer) for review in await self.desk.list_waiting()]})

    async def show_mine(self, request: Request) -> Response:
        """Return the calling reviewer's own error rates."""
        reviewer = (await self.door.staff(request, "reviewer")).id
        return json_response(competence(await self.desk.competence(reviewer)))

    async def list_reviewers(self, request: Request) -> Response:
        """Return everybody's: to operators, who must know whether the people who look can see."""
        await self.door.staff(request, "operator")
        return json_response({"reviewers": [competence(one) for one in await self.desk.competences()]})

    async def claim(self, request: Request, review_id: str) -> Response:
        """Keep a result for the calling reviewer and show what is to be judged."""
        reviewer = (await self.door.staff(request, "reviewer")).id
        return json_response(claimed(await self.desk.claim(reviewer, review_id), reviewer))

    async def picture(self, request: Request, review_id: str, candidate: str, side: str) -> Response:
        """Show the probe's face, or the candidate's, to whoever holds the claim; nothing of it may be kept on the way."""
        reviewer = (await self.door.staff(request, "reviewer")).id
        jpeg = await self.desk.picture(reviewer, review_id, candidate, side)
        return Response(jpeg, media_type="image/jpeg", headers=UNKEPT)

    async def judge(self, request: Request, review_id: str) -> Response:
        """Take the judgement; the answer says whether it settled the result, and what the recogniser had thought."""
        reviewer = (await self.door.staff(request, "reviewer")).id
        document = await self.door.document(request)
        if "reviews" in document:
            raise _no_bulk()
        given = said.members(document, ("judgements",), ("features",))
        return json_response(judged(await self.desk.judge(reviewer, review_id, _noted(given))))

    async def judge_many(self, request: Request) -> Response:
        """Refuse: a person looks at one result at a time."""
        await self.door.staff(request, "reviewer")
        raise _no_bulk()


def summary(review: Review, reviewer: str) -> dict[str, Any]:
    """A review as it stands in the queue: of what others said, nothing, not even whether."""
    held = review.held
    return {
        "review": held.id,
        "decision_id": held.decision_id,
        "purpose": held.purpose,
        "operation": held.operation,
        "candidates": held.candidates,
        "reviewers_needed": held.needed,
        "judged_by_you": reviewer in review.reviewers,
        "since": iso(review.created_at),
    }


def claimed(value: Claimed, reviewer: str) -> dict[str, Any]:
    """What a reviewer holds, candidate by candidate in the order to be judged."""
    ends = value.review.claim_ends
    return summary(value.review, reviewer) | {
        "claim_ends": iso(ends) if ends else None,
        "to_judge": [_to_judge(value.review, shown) for shown in value.candidates],
        "features": list(FEATURES),
        "log_index": value.receipt.index,
    }


def _to_judge(review: Review, shown: Shown) -> dict[str, Any]:
    """One likeness: where its two pictures are, and the subject's name only where there is no picture to go by."""
    there = {Side.PROBE: shown.probe, Side.CANDIDATE: shown.picture}
    pictures = {str(side): f"/v1/reviews/{review.held.id}/pictures/{shown.number}/{side}" if kept else None for side, kept in there.items()}
    return {"candidate": shown.number, "subject": shown.subject, "pictures": pictures, "warnings": list(shown.warnings)}


def judged(value: Judged) -> dict[str, Any]:
    """What became of it, and what the recogniser had thought: told now that the reviewer has spoken."""
    scores = [
        {
            "candidate": score.number,
            "subject": score.subject,
            "similarity": score.similarity,
            "expected_false_candidates": score.expected_false_candidates,
        }
        for score in value.scores
    ]
    return {
        "review": value.review.held.id,
        "state": value.state,
        "scores": scores,
        "truth": value.truth,
        "log_index": value.receipt.index,
        "receipt": value.receipt.text(),
    }


def competence(value: Competence) -> dict[str, Any]:
    """One reviewer's error rates on calibration pairs, each with n and a 95 % interval."""
    return {
        "reviewer": value.reviewer,
        "false_same": _rate(value.false_same),
        "false_different": _rate(value.false_different),
        "cannot_tell": value.cannot_tell,
        "results_judged": value.results,
    }


def _rate(rate: OwnRate) -> dict[str, Any]:
    share = rate.errors / rate.trials if rate.trials else None
    return {"errors": rate.errors, "n": rate.trials, "share": share, "interval_95": None if rate.interval is None else list(rate.interval)}


def _no_bulk() -> ReviewRefused:
    return ReviewRefused(
        "No result is judged in bulk: send each judgement to its own review, candidate by candidate.", code="no-bulk-judgement"
    )


def _noted(given: Mapping[str, Any]) -> tuple[Noted, ...]:
    words = given["judgements"]
    if not isinstance(words, list) or len(words) > 100:
        raise FieldMalformed("judgements", "'judgements' takes a list with one judgement for each candidate, in the order shown.")
    note = given.get("features", "")
    if not isinstance(note, str):
        raise FieldMalformed("features", "'features' takes text; the features of one candidate stand in its judgement.")
    return tuple(_one(word, note) for word in words)


def _one(value: object, note: str) -> Noted:
    if not isinstance(value, Mapping):
        return Noted(_judgement(value), (), note)
    given = said.members(value, ("judgement",), ("features", "note"))
    features = said.texts(given, "features")
    if len(set(features)) != len(features) or not set(features) <= set(FEATURES):
        raise FieldMalformed("features", f"'features' takes different ones of: {', '.join(FEATURES)}.")
    own = given.get("note", "")
    if not isinstance(own, str):
        raise FieldMalformed("note", "'note' takes text.")
    return Noted(_judgement(given["judgement"]), features, own)


def _judgement(value: object) -> Judgement:
    try:
        return Judgement(value)  # type: ignore[arg-type]  # what it is not, it says
    except ValueError as fault:
        raise FieldMalformed("judgements", f"A judgement is one of {', '.join(Judgement)}.") from fault
