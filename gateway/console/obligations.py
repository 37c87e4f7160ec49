"""The pages of what is owed and of what was stopped: duties, tripwires and the cases they suspended; and of a client's webhooks.

Each step goes to the desk that the API and the command line use, which records it first; decides nothing."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from fastapi import APIRouter, Request, Response

from gateway.console.desk import Desk, see
from gateway.console.visits import FormRefused, Visit
from gateway.enforcement.conduct import SENTENCES
from gateway.enforcement.desks.papers import CaseDesk
from gateway.enforcement.duties.desk import DutyDesk
from gateway.enforcement.duties.endings import Endings
from gateway.enforcement.duties.terms import Keeper, term_of
from gateway.enforcement.registrar import Actor
from gateway.enforcement.webhooks.addresses import AddressRefused
from gateway.enforcement.webhooks.desk import Keyed, WebhookDesk
from gateway.enforcement.webhooks.sending import Sent
from gateway.errors import CustodesError
from gateway.identity.errors import RoleMissing
from gateway.records import entries
from gateway.records.explorer import Explorer, Filter
from gateway.registry.duties import Duty
from gateway.registry.errors import NotOnRecord, RegistryError

DUTIES: Final = "/console/duties"
TRIPWIRES: Final = "/console/duties/tripwires"
READERS: Final = ("registrar", "operator", "auditor")
_LATEST: Final = 50


@dataclass(frozen=True, slots=True)
class Touched:
    """A wire that was touched: when, by which decision, and the case that it stopped, as that stands now."""

    index: int
    at: str
    wire: str
    sentence: str
    client: str
    decision_id: str
    case_ref: str | None
    state: str


@dataclass(frozen=True, slots=True)
class ObligationPages:
    """/console/duties, /console/duties/tripwires and /console/clients/{client}/webhooks."""

    desk: Desk
    duties: DutyDesk
    endings: Endings
    cases: CaseDesk
    webhooks: WebhookDesk
    explorer: Explorer

    def router(self) -> APIRouter:
        """Return the routes."""
        router = APIRouter(route_class=self.desk.route(), include_in_schema=False)
        for path, show, take in (
            (DUTIES, self.show_duties, self.discharge),
            (TRIPWIRES, self.show_tripwires, self.reinstate),
            ("/console/clients/{client_id}/webhooks", self.show_webhooks, self.change_webhook),
        ):
            router.add_api_route(path, show, methods=["GET"])
            router.add_api_route(path, take, methods=["POST"])
        return router

    async def show_duties(self, request: Request) -> Response:
        """Show what is owed and when, and what runs out."""
        return await self._duties(request, await self.desk.visit(request, *READERS), {})

    async def discharge(self, request: Request) -> Response:
        """Take a person's word that a duty was done, with the digest of the document that shows it."""
        visit, given = await self.desk.form(request, *READERS)
        actor, roles, shown = Actor("staff", visit.person.id), visit.person.roles, given.get("document_sha256", "").strip()
        try:
            await asyncio.to_thread(self.duties.discharge, actor, roles, given.get("id", ""), given.get("note", "").strip(), shown)
        except (RegistryError, RoleMissing) as fault:
            return await self._duties(request, visit, given, fault)
        return see(DUTIES)

    async def show_tripwires(self, request: Request) -> Response:
        """Show which wires were touched and which cases they stopped. Looking is a reading of the log."""
        return await self._tripwires(request, await self.desk.visit(request, "registrar", "auditor"), {})

    async def reinstate(self, request: Request) -> Response:
        """Open a suspended case again: a registrar, with a reason."""
        visit, given = await self.desk.form(request, "registrar")
        where = (given.get("client", ""), given.get("case", ""), given.get("reason", "").strip())
        try:
            await asyncio.to_thread(self.cases.resume, Actor("staff", visit.person.id), *where)
        except RegistryError as fault:
            return await self._tripwires(request, visit, given, fault)
        return see(TRIPWIRES)

    async def show_webhooks(self, request: Request, client_id: str) -> Response:
        """Show where a client is told of its decisions, and its latest messages."""
        return await self._webhooks(request, await self.desk.visit(request, *READERS), client_id, {})

    async def change_webhook(self, request: Request, client_id: str) -> Response:
        """Take one step. A secret is shown in the answer to its form, and never again."""
        visit, given = await self.desk.form(request, "registrar")
        actor, webhook, step = Actor("staff", visit.person.id), given.get("id", ""), given.get("step", "")
        made: object = None
        try:
            if step == "register":
                made = (await asyncio.to_thread(self.webhooks.register, actor, client_id, given.get("url", "").strip())).value
            elif step == "rotate":
                made = (await asyncio.to_thread(self.webhooks.rotate, actor, client_id, webhook)).value
            elif step == "test":
                made = (await self.webhooks.test(actor, client_id, webhook))[0]
            elif step == "remove":
                await asyncio.to_thread(self.webhooks.remove, actor, client_id, webhook)
            elif step == "retry":
                await asyncio.to_thread(self.webhooks.again, actor, client_id, webhook, given.get("delivery", ""))
            else:
                raise FormRefused("The console knows no such step; nothing was done.")
        except (RegistryError, AddressRefused) as fault:
            return await self._webhooks(request, visit, client_id, given, fault)
        return see(str(request.url.path)) if made is None else await self._webhooks(request, visit, client_id, {}, made=made)

    async def _duties(self, request: Request, visit: Visit, given: Mapping[str, str], fault: CustodesError | None = None) -> Response:
        open_duties, near = await asyncio.to_thread(lambda: (self.duties.duties.all(), self.endings.near()))
        values: dict[str, Any] = {"duties": [(duty, _may_discharge(duty, visit)) for duty in open_duties], "near": near}
        return self._page(request, visit, "duties.html", given, fault, at=self.duties.time.now(), today=self.endings.clock.now(), **values)

    async def _tripwires(self, request: Request, visit: Visit, given: Mapping[str, str], fault: CustodesError | None = None) -> Response:
        visits = self.desk.visits
        what = {"tripwires": _LATEST, "console": True}
        await visits.journal.write(entries.log_read(at=visits.clock.now(), by=visit.person.id, what=what, asked={}))
        return self._page(request, visit, "tripwires.html", given, fault, touched=await asyncio.to_thread(self._touched))

    async def _webhooks(
        self,
        request: Request,
        visit: Visit,
        client_id: str,
        given: Mapping[str, str],
        fault: CustodesError | None = None,
        made: object = None,
    ) -> Response:
        found = await asyncio.to_thread(
            lambda: [(hook, self.webhooks.webhooks.deliveries(hook.id)) for hook in self.webhooks.webhooks.all(client_id)]
        )
        keyed, sent = made if isinstance(made, Keyed) else None, made if isinstance(made, Sent) else None
        return self._page(request, visit, "webhooks.html", given, fault, client_id=client_id, webhooks=found, keyed=keyed, sent=sent)

    def _page(
        self, request: Request, visit: Visit, template: str, given: Mapping[str, str], fault: CustodesError | None, **values: object
    ) -> Response:
        status = 200 if fault is None else self.desk.status_of(fault)
        return self.desk.show(request, visit, template, status=status, given=given, fault=fault, **values)

    def _touched(self) -> list[Touched]:
        found = self.explorer.find(Filter(kind="tripwire"), limit=_LATEST)
        return [self._one(entry.index, said) for entry in found if (said := json.loads(entry.body)).get("act") == "touched"]

    def _one(self, index: int, said: Mapping[str, Any]) -> Touched:
        opening = self.desk.log.openings(index).get("/case_ref")
        case_ref = None if opening is None else opening.value.decode()
        try:
            state = "" if case_ref is None else self.cases.cases.get(said["client"], case_ref).state
        except NotOnRecord:
            state = ""
        return Touched(
            index, said["at"], said["wire"], SENTENCES.get(said["wire"], ""), said["client"], said["decision_id"], case_ref, state
        )


def _may_discharge(duty: Duty, visit: Visit) -> bool:
    term = term_of(duty.kind)
    return term.keeper is Keeper.PERSON and visit.may(*term.roles)
