"""The pages of clients and what they hold: licences, cases, papers, galleries. Each step goes to a desk, which records it first."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any, Final

from fastapi import APIRouter, Request, Response

from gateway.clock import Clock
from gateway.console.desk import Desk, see
from gateway.console.visits import FormRefused, Visit
from gateway.enforcement.desks import Desks
from gateway.enforcement.registrar import Actor, Done
from gateway.errors import CustodesError
from gateway.registry.authorisations import Paper
from gateway.registry.cases import Case, Target
from gateway.registry.clients import NewClient
from gateway.registry.errors import Malformed, RegistryError
from policies.vocabulary import Vocabulary

READERS: Final = ("registrar", "auditor", "operator")
REGISTRAR: Final = "registrar"
ENDS_SOON: Final = timedelta(days=30)

Given = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class RegisterPages:
    """/console/clients and /console/clients/{client}."""

    desk: Desk
    desks: Desks
    words: Vocabulary
    clock: Clock

    def router(self) -> APIRouter:
        """Return the routes."""
        router = APIRouter(route_class=self.desk.route(), include_in_schema=False)
        router.add_api_route("/console/clients", self.list_all, methods=["GET"])
        router.add_api_route("/console/clients", self.register, methods=["POST"])
        router.add_api_route("/console/clients/{client_id}", self.show, methods=["GET"])
        router.add_api_route("/console/clients/{client_id}", self.take_step, methods=["POST"])
        return router

    async def list_all(self, request: Request) -> Response:
        """Show every client with its licences, and to registrars the form for a new one."""
        visit = await self.desk.visit(request, *READERS)
        return await self._list(request, visit, {})

    async def register(self, request: Request) -> Response:
        """Put a client on record."""
        visit, given = await self.desk.form(request, REGISTRAR)
        new = NewClient(
            id=given.get("id", "").strip(),
            name=given.get("name", "").strip(),
            kind=given.get("kind", ""),
            place=given.get("place", "").strip() or None,
            acts_for=given.get("acts_for") or None,
        )
        try:
            done = await asyncio.to_thread(self.desks.clients.register, Actor("staff", visit.person.id), new)
        except RegistryError as fault:
            return await self._list(request, visit, given, fault)
        return see(f"/console/clients/{done.value.id}")

    async def show(self, request: Request, client_id: str) -> Response:
        """Show one client and all that it holds."""
        visit = await self.desk.visit(request, *READERS)
        return await self._show(request, visit, client_id, {})

    async def take_step(self, request: Request, client_id: str) -> Response:
        """Take one step; what the desk refuses is said beside the form, and what was typed stays."""
        visit, given = await self.desk.form(request, REGISTRAR)
        step = STEPS.get((given.get("thing", ""), given.get("step", "")))
        if step is None:
            raise FormRefused("The console knows no such step; nothing was done.")
        try:
            await asyncio.to_thread(step, self.desks, Actor("staff", visit.person.id), client_id, given)
        except RegistryError as fault:
            return await self._show(request, visit, client_id, given, fault)
        return see(f"/console/clients/{client_id}#{given['thing']}")

    async def _list(self, request: Request, visit: Visit, given: Given, fault: CustodesError | None = None) -> Response:
        clients, licences = await asyncio.to_thread(lambda: (self.desks.clients.clients.all(), self.desks.licences.licences.all()))
        now = self.clock.now()
        return self.desk.show(
            request,
            visit,
            "clients.html",
            status=self._status(fault),
            clients=[(client, [one for one in licences if one.client_id == client.id]) for client in clients],
            words=self.words,
            given=given,
            fault=fault,
            at=now,
            soon=now + ENDS_SOON,
        )

    async def _show(self, request: Request, visit: Visit, client_id: str, given: Given, fault: CustodesError | None = None) -> Response:
        held = await asyncio.to_thread(self._held, client_id)
        now = self.clock.now()
        return self.desk.show(
            request,
            visit,
            "client.html",
            status=self._status(fault),
            words=self.words,
            given=given,
            fault=fault,
            at=now,
            soon=now + ENDS_SOON,
            acknowledgements={promise.said: promise.sentence for promise in self.desks.licences.licences.promises.by_name.values()},
            **held,
        )

    def _held(self, client_id: str) -> dict[str, Any]:
        desks = self.desks
        return {
            "client": desks.clients.clients.get(client_id),
            "licences": desks.licences.licences.all(client_id),
            "cases": desks.cases.cases.all(client_id),
            "papers": desks.papers.papers.all(client_id),
            "galleries": desks.galleries.records.all(client_id),
            "evidence": desks.evidence.evidence.all(client_id),
        }

    def _status(self, fault: CustodesError | None) -> int:
        return 200 if fault is None else self.desk.status_of(fault)


def _reason(given: Given) -> str:
    return given.get("reason", "").strip()


def _moment(given: Given, name: str) -> datetime:
    """Read a day as a form sends it. Raises Malformed."""
    try:
        return datetime.strptime(given.get(name, ""), "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError as wrong:
        raise Malformed(name, "must be a day such as 2026-12-31.") from wrong


def _listed(given: Given, name: str) -> list[str]:
    return [word for word in given.get(name, "").replace(",", " ").split() if word]


def _whole(given: Given, name: str) -> int:
    text = given.get(name, "").strip()
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise Malformed(name, "must be a whole number.")
    return int(text)


def _apply(desks: Desks, actor: Actor, client_id: str, given: Given) -> Done[Any]:
    terms = {
        "grants": sorted(
            {f"{purpose}:{operation}" for purpose in _listed(given, "purposes") for operation in _listed(given, "operations")}
        ),
        "galleries": _listed(given, "galleries"),
        "places": _listed(given, "places"),
        "valid_from": _moment(given, "valid_from").isoformat().replace("+00:00", "Z"),
        "valid_to": _moment(given, "valid_to").isoformat().replace("+00:00", "Z"),
        "quota_day": _whole(given, "quota_day"),
        "quota_case": _whole(given, "quota_case"),
    }
    return desks.licences.apply(actor, client_id, terms, _listed(given, "acknowledgements"))


def _open_case(desks: Desks, actor: Actor, client_id: str, given: Given) -> Done[Any]:
    target = Target(given.get("target", ""), given.get("role", "").strip() or None, True if given.get("minor") else None)
    return desks.cases.open(actor, Case(client_id, given.get("reference", "").strip(), target))


def _record_paper(desks: Desks, actor: Actor, client_id: str, given: Given) -> Done[Any]:
    return desks.papers.record(
        actor,
        Paper(
            client_id=client_id,
            type=given.get("type", ""),
            issuer=given.get("issuer", "").strip(),
            place=given.get("place", "").strip(),
            valid_from=_moment(given, "valid_from"),
            valid_to=_moment(given, "valid_to"),
            purpose=given.get("purpose", ""),
            operation=given.get("operation", ""),
            paper_digest=given.get("paper_digest", "").strip().lower(),
            case_ref=given.get("case_ref", "").strip() or None,
        ),
    )


# What a registrar can do from a client's page: (of what, which step).
STEPS: Final[Mapping[tuple[str, str], Callable[[Desks, Actor, str, Given], Done[Any]]]] = MappingProxyType(
    {
        ("client", "suspend"): lambda desks, actor, client, given: desks.clients.suspend(actor, client, _reason(given)),
        ("client", "resume"): lambda desks, actor, client, given: desks.clients.resume(actor, client, _reason(given)),
        ("client", "close"): lambda desks, actor, client, given: desks.clients.close(actor, client, _reason(given)),
        ("licence", "apply"): _apply,
        ("licence", "grant"): lambda desks, actor, _client, given: desks.licences.grant(actor, given.get("id", "")),
        ("licence", "suspend"): lambda desks, actor, _client, given: desks.licences.suspend(actor, given.get("id", ""), _reason(given)),
        ("licence", "reinstate"): lambda desks, actor, _client, given: desks.licences.reinstate(actor, given.get("id", ""), _reason(given)),
        ("licence", "revoke"): lambda desks, actor, _client, given: desks.licences.revoke(actor, given.get("id", ""), _reason(given)),
        ("case", "open"): _open_case,
        ("case", "suspend"): lambda desks, actor, client, given: desks.cases.suspend(actor, client, given.get("id", ""), _reason(given)),
        ("case", "resume"): lambda desks, actor, client, given: desks.cases.resume(actor, client, given.get("id", ""), _reason(given)),
        ("case", "close"): lambda desks, actor, client, given: desks.cases.close(actor, client, given.get("id", ""), _reason(given)),
        ("paper", "record"): _record_paper,
        ("paper", "confirm"): lambda desks, actor, _client, given: desks.papers.confirm(actor, given.get("id", "")),
        ("paper", "reject"): lambda desks, actor, _client, given: desks.papers.reject(actor, given.get("id", ""), _reason(given)),
        ("paper", "revoke"): lambda desks, actor, _client, given: desks.papers.revoke(actor, given.get("id", ""), _reason(given)),
        ("gallery", "confirm"): lambda desks, actor, _client, given: desks.galleries.confirm(actor, given.get("id", "")),
        ("gallery", "close"): lambda desks, actor, _client, given: desks.galleries.close(actor, given.get("id", "")),
    }
)
