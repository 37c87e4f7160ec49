"""The way in and out: one-time links, sign-out, and how a reader likes their pages. Gives nobody a role."""

import asyncio
from dataclasses import dataclass
from typing import Final

from fastapi import APIRouter, Request, Response

from gateway.console.desk import SIGN_IN, Desk, see
from gateway.console.pages import LANGUAGE_COOKIE, THEME_COOKIE, THEMES
from gateway.console.visits import HOME_PAGE, PageUnknown, page_of_ours
from gateway.enforcement.desks.people import PeopleDesk
from gateway.records import entries
from gateway.registry.errors import NotOnRecord

_A_YEAR: Final = 365 * 24 * 3600


@dataclass(frozen=True, slots=True)
class EntrancePages:
    """/console/sign-in, /console/enter, /console/sign-out, /console/preferences."""

    desk: Desk
    people: PeopleDesk
    provider: bool

    def strays(self) -> APIRouter:
        """Return the route of every other address below the console's; it comes last."""
        router = APIRouter(route_class=self.desk.route(), include_in_schema=False)
        router.add_api_route(f"{HOME_PAGE}/{{rest:path}}", self.stray, methods=["GET"])
        return router

    def router(self) -> APIRouter:
        """Return the routes."""
        router = APIRouter(route_class=self.desk.route(), include_in_schema=False)
        router.add_api_route("/", self.front, methods=["GET"])
        router.add_api_route(SIGN_IN, self.sign_in, methods=["GET"])
        # The link's secret stands behind a #, which browsers send to nobody; a script of ours puts it into the form.
        router.add_api_route("/console/enter", self.sign_in, methods=["GET"])
        router.add_api_route("/console/enter", self.enter, methods=["POST"])
        router.add_api_route("/console/sign-out", self.sign_out, methods=["POST"])
        router.add_api_route("/console/preferences", self.prefer, methods=["POST"])
        return router

    async def stray(self, request: Request, rest: str) -> Response:
        """Say in a page of the console that there is none at this address; one slash too many is forgiven."""
        if rest == "" or rest.endswith("/"):
            return see(f"{HOME_PAGE}/{rest}".rstrip("/"))
        raise PageUnknown("The console has no such page.")

    async def front(self, _request: Request) -> Response:
        """Lead people who type the bare address to the console."""
        return see(HOME_PAGE)

    async def sign_in(self, request: Request) -> Response:
        """Show the ways in."""
        return self.desk.ways_in(request, page_of_ours(request.query_params.get("next")), provider=self.provider)

    async def enter(self, request: Request) -> Response:
        """Let the bearer of a one-time link in. What is wrong with a link that fails is not told, but is in the log."""
        fields = await self.desk.visits.form(request, None)
        wanted = page_of_ours(fields.get("next"))
        # People paste the whole link where only its end is asked for.
        secret = fields.get("secret", "").strip().rpartition("#")[2]
        journal, clock = self.desk.visits.journal, self.desk.visits.clock
        try:
            done = await asyncio.to_thread(self.people.enter, secret)
        except NotOnRecord:
            await journal.write(entries.authn_denied(at=clock.now(), token_sha256=None, why="one-time-link", path=request.url.path))
            return self.desk.ways_in(request, wanted, provider=self.provider, status=401, problem="sign_in.link_refused")
        response = see(wanted)
        await asyncio.to_thread(self.desk.visits.admit, request, response, done.value.id)
        return response

    async def sign_out(self, request: Request) -> Response:
        """End this sign-in."""
        visit, _fields = await self.desk.form(request)
        response = see(SIGN_IN)
        await asyncio.to_thread(self.desk.visits.dismiss, response, visit)
        return response

    async def prefer(self, request: Request) -> Response:
        """Keep language and theme in the browser, and go back to where the reader was."""
        fields = await self.desk.visits.form(request, None)
        response = see(page_of_ours(fields.get("back")) if fields.get("back", "").startswith(HOME_PAGE) else SIGN_IN)
        for name, field, allowed in (
            (LANGUAGE_COOKIE, "language", tuple(self.desk.pages.languages)),
            (THEME_COOKIE, "theme", THEMES),
        ):
            if (chosen := fields.get(field)) in allowed:
                response.set_cookie(name, chosen, max_age=_A_YEAR, path="/console", httponly=True, samesite="strict")
        return response
