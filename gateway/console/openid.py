"""The way in by the organisation's own OpenID provider: to it, and back. Knows no token: what comes back is judged in identity."""

import asyncio
from dataclasses import dataclass

from fastapi import APIRouter, Request, Response

from gateway.console.desk import SIGN_IN, Desk, see
from gateway.console.visits import page_of_ours
from gateway.enforcement.desks.people import PeopleDesk
from gateway.identity.attempts import Attempt
from gateway.identity.errors import CallerRefused, ProviderUnavailable, SignInRefused
from gateway.identity.relying_party import CALLBACK, Arrival, RelyingParty
from gateway.records import entries
from gateway.registry.errors import NotOnRecord

# What a refusal's reason is called on the page; every other reason is the answer's own fault.
_SAYINGS = {
    "provider-refused": "sign_in.provider_refused",
    "attempt-unknown": "sign_in.attempt_refused",
    "state-other": "sign_in.attempt_refused",
}


@dataclass(frozen=True, slots=True)
class OpenIdPages:
    """/console/oidc and /console/oidc/callback."""

    desk: Desk
    people: PeopleDesk
    relying_party: RelyingParty

    def router(self) -> APIRouter:
        """Return the routes."""
        router = APIRouter(route_class=self.desk.route(), include_in_schema=False)
        router.add_api_route("/console/oidc", self.begin, methods=["GET"])
        router.add_api_route(CALLBACK, self.finish, methods=["GET"])
        return router

    async def begin(self, request: Request) -> Response:
        """Send the browser to the provider."""
        wanted = page_of_ours(request.query_params.get("next"))
        # A sign-in is begun from a page of ours: another site must not push one upon a reader, or replace one that is under way.
        if request.headers.get("sec-fetch-site", "none") not in ("same-origin", "none"):
            return see(SIGN_IN)
        try:
            view = await asyncio.to_thread(self.desk.visits.lookups.now)
            attempt, address = await self.relying_party.begin(wanted, view)
        except ProviderUnavailable as down:
            return self._down(request, wanted, down)
        response = see(address)
        self.desk.visits.keep_attempt(response, attempt)
        return response

    async def finish(self, request: Request) -> Response:
        """Take the browser back, sign the person in if somebody on record stands behind the subject, and say so in the log."""
        visits = self.desk.visits
        attempt = Attempt.read(request.cookies.get(visits.attempt_cookie, ""), visits.clock.now())
        wanted = page_of_ours(None if attempt is None else attempt.wanted)
        try:
            view = await asyncio.to_thread(visits.lookups.now)
            arrival = await self.relying_party.finish(attempt, request.query_params.multi_items(), view)
            response = await self._let_in(request, arrival, wanted)
        except SignInRefused as refused:
            await self._deny(request, refused.reason, refused.token_hash)
            saying = _SAYINGS.get(refused.reason, "sign_in.answer_refused")
            response = self.desk.ways_in(request, wanted, provider=True, status=401, problem=saying, told=refused.told)
        except ProviderUnavailable as down:
            response = self._down(request, wanted, down)
        visits.take_attempt(request, response)
        return response

    async def _let_in(self, request: Request, arrival: Arrival, wanted: str) -> Response:
        try:
            done = await asyncio.to_thread(self.people.arrive, arrival.issuer, arrival.subject)
        except (NotOnRecord, CallerRefused) as unknown:
            await self._deny(request, unknown.code, arrival.token_hash)
            inactive = isinstance(unknown, CallerRefused)
            return self.desk.show(request, None, "stranger.html", status=403, address=SIGN_IN, arrival=arrival, inactive=inactive)
        # A page, and no redirect: the browser sends the cookie, which is for this site alone, only where this site leads it.
        response = self.desk.show(request, None, "arrival.html", next=wanted, address=wanted)
        await asyncio.to_thread(self.desk.visits.admit, request, response, done.value.id)
        return response

    async def _deny(self, request: Request, why: str, token_hash: str | None) -> None:
        visits = self.desk.visits
        await visits.journal.write(entries.authn_denied(at=visits.clock.now(), token_sha256=token_hash, why=why, path=request.url.path))

    def _down(self, request: Request, wanted: str, down: ProviderUnavailable) -> Response:
        return self.desk.ways_in(request, wanted, provider=True, status=503, problem="sign_in.provider_down", told=down.sentence)
