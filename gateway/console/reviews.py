"""The pages where people look at two faces and say what they see: the queue, one review at a time, and how well one judges oneself.

Shows no score before the reader's own judgement, and of others' judgements nothing. Decides nothing: the desk sees who may look."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from fastapi import APIRouter, Request, Response

from gateway.console.desk import Desk, see
from gateway.console.pages import SAFE_HEADERS
from gateway.console.visits import FormRefused, Visit
from gateway.enforcement.reviewing import ReviewDesk, Shown
from gateway.errors import CustodesError
from gateway.registry.trainings import Trainings
from gateway.review.judging import FEATURES, LONGEST_NOTE, Judgement, Noted
from gateway.review.queue import Review, ReviewRefused

PAGE: Final = "/console/reviews"
# What the recogniser may find hard about a face; anything else is told in general words.
WARNINGS: Final = ("too-small", "cut-off", "too-blurred", "too-dark", "too-bright", "turned-away")


@dataclass(frozen=True, slots=True)
class ReviewPages:
    """/console/reviews and below."""

    desk: Desk
    reviews: ReviewDesk
    trainings: Trainings

    def router(self) -> APIRouter:
        """Return the routes."""
        router = APIRouter(route_class=self.desk.route(), include_in_schema=False)
        router.add_api_route(PAGE, self.show_queue, methods=["GET"])
        router.add_api_route(PAGE, self.claim, methods=["POST"])
        router.add_api_route(f"{PAGE}/{{review_id}}", self.show, methods=["GET"])
        router.add_api_route(f"{PAGE}/{{review_id}}", self.judge, methods=["POST"])
        router.add_api_route(f"{PAGE}/{{review_id}}/pictures/{{candidate}}/{{side}}", self.picture, methods=["GET"])
        return router

    async def show_queue(self, request: Request) -> Response:
        """Show what waits, and the reader's own error rate."""
        return await self._queue(request, await self.desk.visit(request, "reviewer"))

    async def claim(self, request: Request) -> Response:
        """Take one result, and lead to it; who may not is told why, on the same page."""
        visit, given = await self.desk.form(request, "reviewer")
        review_id = given.get("review", "")
        try:
            await self.reviews.claim(visit.person.id, review_id)
        except ReviewRefused as fault:
            return await self._queue(request, visit, fault)
        return see(f"{PAGE}/{review_id}")

    async def show(self, request: Request, review_id: str) -> Response:
        """Show the two faces of each likeness to whoever holds the claim."""
        visit = await self.desk.visit(request, "reviewer")
        review, candidates = await self.reviews.held_by(visit.person.id, review_id)
        return self._review(request, visit, review, candidates, {})

    async def picture(self, request: Request, review_id: str, candidate: str, side: str) -> Response:
        """Show one of the faces, as the API does."""
        visit = await self.desk.visit(request, "reviewer")
        jpeg = await self.reviews.picture(visit.person.id, review_id, candidate, side)
        return Response(jpeg, media_type="image/jpeg", headers={**SAFE_HEADERS, "x-content-type-options": "nosniff"})

    async def judge(self, request: Request, review_id: str) -> Response:
        """Take the judgement and say what became of it; one that is not whole comes back as it was typed."""
        visit, given = await self.desk.form(request, "reviewer")
        review, candidates = await self.reviews.held_by(visit.person.id, review_id)
        try:
            judged = await self.reviews.judge(visit.person.id, review_id, _noted(given, len(candidates)))
        except ReviewRefused as fault:
            if not fault.code.startswith("judgement-"):
                raise
            return self._review(request, visit, review, candidates, given, fault)
        own = await self.reviews.competence(visit.person.id)
        # Shown in the answer to the form, and only there: the scores of a result that was not confirmed are kept nowhere.
        return self.desk.show(request, visit, "review_end.html", judged=judged, given=given, own=own)

    async def _queue(self, request: Request, visit: Visit, fault: CustodesError | None = None) -> Response:
        reviewer, now = visit.person.id, self.reviews.clock.now()
        waiting = [review for review in await self.reviews.list_waiting() if reviewer not in review.reviewers]
        held = {review.held.id for review in waiting if review.claim_ends and review.claim_ends > now and review.claimed_by == reviewer}
        taken = {review.held.id for review in waiting if review.claim_ends and review.claim_ends > now} - held
        counting = [one for one in await asyncio.to_thread(self.trainings.of, reviewer) if one.covers(now)]
        return self.desk.show(
            request,
            visit,
            "reviews.html",
            status=200 if fault is None else self.desk.status_of(fault),
            waiting=waiting,
            held=held,
            taken=taken,
            own=await self.reviews.competence(reviewer),
            trained_until=max((one.valid_to for one in counting), default=None),
            fault=fault,
        )

    def _review(
        self,
        request: Request,
        visit: Visit,
        review: Review,
        candidates: tuple[Shown, ...],
        given: Mapping[str, str],
        fault: CustodesError | None = None,
    ) -> Response:
        return self.desk.show(
            request,
            visit,
            "review.html",
            status=200 if fault is None else self.desk.status_of(fault),
            review=review,
            candidates=candidates,
            words=[str(word) for word in Judgement],
            features=FEATURES,
            known_warnings=WARNINGS,
            longest=LONGEST_NOTE,
            given=given,
            fault=fault,
        )


def _noted(given: Mapping[str, str], candidates: int) -> list[Noted]:
    """Read the form: one word for each candidate; one that is missing leaves the judgement incomplete, and the desk says so."""
    noted = []
    for number in range(candidates):
        word = given.get(f"said-{number}")
        if word is None:
            continue
        features = tuple(given.get(f"features-{number}", "").split())
        if word not in tuple(Judgement) or not set(features) <= set(FEATURES):
            raise FormRefused("The console knows no such judgement; nothing was done.")
        noted.append(Noted(Judgement(word), features, given.get(f"note-{number}", "").strip()))
    return noted
