"""What every page does first and last: who visits, what may they see, which frame stands around it. Knows no particular page."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.responses import RedirectResponse

from gateway.audit.log import AuditLog
from gateway.console.pages import SAFE_HEADERS, Frame, Pages
from gateway.console.visits import HOME_PAGE, SignInNeeded, Visit, Visits
from gateway.enforcement.bench import Bench
from gateway.errors import CustodesError

SIGN_IN: Final = f"{HOME_PAGE}/sign-in"


@dataclass(frozen=True, slots=True)
class Desk:
    """The console's front desk. `status_of` is the house's one map from an error to a status."""

    visits: Visits
    pages: Pages
    log: AuditLog
    bench: Bench
    status_of: Callable[[CustodesError], int]

    async def visit(self, request: Request, *roles: str) -> Visit:
        """Return who is visiting; with roles named, only if they hold one of them.

        Raises SignInNeeded, or RoleMissing after recording the attempt."""
        visit = await asyncio.to_thread(self.visits.of, request)
        if roles:
            await self.visits.must_hold(visit, request, *roles)
        return visit

    async def form(self, request: Request, *roles: str) -> tuple[Visit, dict[str, str]]:
        """Return who sends a form, and its fields. Raises as `visit` does, and FormRefused."""
        visit = await self.visit(request, *roles)
        return visit, dict(await self.visits.form(request, visit))

    def show(self, request: Request, visit: Visit | None, template: str, *, status: int = 200, **values: object) -> Response:
        """Return a page."""
        return self.pages.render(request, template, visit=visit, frame=self._frame(), status=status, **values)

    def ways_in(
        self, request: Request, wanted: str, *, provider: bool, status: int = 200, problem: str | None = None, told: str = ""
    ) -> Response:
        """Return the page with the ways in, and what was wrong with the one that was tried."""
        values = {"next": wanted, "provider": provider, "problem": problem, "told": told}
        # Whoever changes the language there comes back to this page, not to an answer that was given once.
        return self.show(request, None, "sign_in.html", status=status, address=f"{SIGN_IN}?{urlencode({'next': wanted})}", **values)

    def route(self) -> type[APIRoute]:
        """Return the kind of route whose faults become pages: a sentence, a next step, and the status that the API would give."""
        desk = self

        class PageRoute(APIRoute):
            def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
                endpoint: Callable[..., Coroutine[Any, Any, Response]] = self.endpoint

                async def handle(request: Request) -> Response:
                    try:
                        return await endpoint(request, **request.path_params)
                    except SignInNeeded:
                        return to_sign_in(request)
                    except CustodesError as fault:
                        return await desk._fault(request, fault)

                return handle

        return PageRoute

    async def _fault(self, request: Request, fault: CustodesError) -> Response:
        try:
            visit: Visit | None = await asyncio.to_thread(self.visits.of, request)
        except CustodesError:
            visit = None
        return self.show(request, visit, "fault.html", status=self.status_of(fault), fault=fault)

    def _frame(self) -> Frame:
        try:
            rulebook = self.bench.judge().rulebook.digest
        except CustodesError:
            rulebook = ""
        return Frame(rulebook, self.log.size, self.log.origin)


def to_sign_in(request: Request) -> Response:
    """Lead to the sign-in page, and from there back to the page that was asked for (for a sent form: the page it stood on)."""
    if request.method == "GET":
        wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    else:
        wanted = request.headers.get("referer", "").partition(request.headers.get("host", "//"))[2] or HOME_PAGE
    return see(f"{SIGN_IN}?{urlencode({'next': wanted})}")


def see(path: str) -> Response:
    """Answer a form with the page to look at now."""
    return RedirectResponse(path, status_code=303, headers=SAFE_HEADERS)
