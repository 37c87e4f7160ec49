"""The page of the people who work here: invite, give roles, make a new link, let go. Decides nothing: the desk sees who may do what."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from fastapi import APIRouter, Request, Response

from gateway.console.desk import Desk, see
from gateway.console.visits import FormRefused, Visit
from gateway.enforcement.desks.people import PeopleDesk
from gateway.enforcement.registrar import Actor
from gateway.errors import CustodesError
from gateway.registry.errors import RegistryError
from gateway.registry.staff import ROLES, OneTimeLink

PAGE = "/console/people"


@dataclass(frozen=True, slots=True)
class PeoplePage:
    """/console/people."""

    desk: Desk
    people: PeopleDesk

    def router(self) -> APIRouter:
        """Return the routes."""
        router = APIRouter(route_class=self.desk.route(), include_in_schema=False)
        router.add_api_route(PAGE, self.show, methods=["GET"])
        router.add_api_route(PAGE, self.take_step, methods=["POST"])
        return router

    async def show(self, request: Request) -> Response:
        """Show who works here."""
        return await self._show(request, await self.desk.visit(request, "registrar"), {})

    async def take_step(self, request: Request) -> Response:
        """Take one step. A one-time link is shown in the answer to its form, and never again."""
        visit, given = await self.desk.form(request, "registrar")
        actor, person, roles = Actor("staff", visit.person.id), given.get("id", "").strip(), given.get("roles", "").split()
        steps: Mapping[str, Callable[[], object]] = {
            "invite": lambda: self.people.invite(actor, person, given.get("name", "").strip(), roles).value,
            "relink": lambda: self.people.relink(actor, person).value,
            "roles": lambda: self.people.set_roles(actor, person, roles),
            "leave": lambda: self.people.leave(actor, person),
        }
        if (step := steps.get(given.get("step", ""))) is None:
            raise FormRefused("The console knows no such step; nothing was done.")
        try:
            made = await asyncio.to_thread(step)
        except RegistryError as fault:
            return await self._show(request, visit, given, fault=fault)
        return await self._show(request, visit, {}, link=made) if isinstance(made, OneTimeLink) else see(PAGE)

    async def _show(
        self,
        request: Request,
        visit: Visit,
        given: Mapping[str, str],
        *,
        fault: CustodesError | None = None,
        link: OneTimeLink | None = None,
    ) -> Response:
        people = await asyncio.to_thread(self.people.staff.all)
        address = None if link is None else f"{self.desk.visits.url}/console/enter#{link.secret}"
        status = 200 if fault is None else self.desk.status_of(fault)
        return self.desk.show(
            request,
            visit,
            "people.html",
            status=status,
            people=people,
            roles=sorted(ROLES),
            given=given,
            fault=fault,
            link=link,
            link_address=address,
        )
