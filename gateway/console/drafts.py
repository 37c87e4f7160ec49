"""The pages on which rules are changed: draft, report, second person, live, and back. The desk takes each step, and records it first."""

import asyncio
import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from fastapi import APIRouter, Request, Response

from gateway.console.changes import built, changes
from gateway.console.desk import Desk, see
from gateway.console.rulepages import VIEWS, view_of
from gateway.console.rules import cards
from gateway.console.visits import FormRefused, Visit
from gateway.enforcement.aside import WorkFailed
from gateway.enforcement.desks.rulebooks import APPROVER, AUTHOR, RulebookDesk
from gateway.enforcement.registrar import Actor
from gateway.enforcement.reporting import Reports
from gateway.errors import CustodesError
from gateway.registry.drafts import Draft, Report
from gateway.registry.errors import RegistryError
from policies.errors import PolicyError
from policies.lint import OWN_COLUMNS
from policies.packs import Pack, load, names
from policies.rulebook import OWN, Rulebook
from policies.vocabulary import Vocabulary

PAGE: Final = "/console/policies/drafts"
READERS: Final = (AUTHOR, APPROVER, "auditor")
_TEXTS: Final = ("rules", "vectors", "never")
# What a person can mend by another form; anything else is a page of its own.
_MENDABLE: Final = (RegistryError, WorkFailed)

Given = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class DraftPages:
    """/console/policies/drafts and /console/policies/drafts/{draft}."""

    desk: Desk
    rulebooks: RulebookDesk
    reports: Reports

    def router(self) -> APIRouter:
        """Return the routes."""
        router = APIRouter(route_class=self.desk.route(), include_in_schema=False)
        router.add_api_route(PAGE, self.list_all, methods=["GET"])
        router.add_api_route(PAGE, self.begin, methods=["POST"])
        router.add_api_route(f"{PAGE}/{{draft_id}}", self.show, methods=["GET"])
        router.add_api_route(f"{PAGE}/{{draft_id}}", self.take_step, methods=["POST"])
        return router

    async def list_all(self, request: Request) -> Response:
        """Show drafts and what was live since when; to authors, the form for a new draft, filled with what is in force."""
        visit = await self.desk.visit(request, *READERS)
        given = await asyncio.to_thread(self._in_force) if visit.may(AUTHOR) else {}
        return await self._list(request, visit, given)

    async def begin(self, request: Request) -> Response:
        """Keep a new draft, or one that returns to an old rulebook; a draft that does not lint says every fault with its line."""
        visit, given = await self.desk.form(request, AUTHOR)
        actor = Actor("staff", visit.person.id)
        try:
            if given.get("step") == "return":
                title = f"Return to rulebook {given.get('digest', '')[:12]}"
                done = await asyncio.to_thread(self.rulebooks.roll_back, actor, given.get("digest", ""), title)
            else:
                done = await asyncio.to_thread(self.rulebooks.draft, actor, document_of(given))
        except _MENDABLE as fault:
            return await self._list(request, visit, given, fault)
        return see(f"{PAGE}/{done.value.id}")

    async def show(self, request: Request, draft_id: str) -> Response:
        """Show a draft, its report as far as it is, and the steps that this person may take."""
        visit = await self.desk.visit(request, *READERS)
        draft = await asyncio.to_thread(self.rulebooks.drafts.get, draft_id)
        return await self._show(request, visit, draft, given_of(json.loads(draft.document)))

    async def take_step(self, request: Request, draft_id: str) -> Response:
        """Take one step. What the desk refuses is said on the page, and what was typed stays."""
        visit, given = await self.desk.form(request, AUTHOR, APPROVER)
        actor, desk, step = Actor("staff", visit.person.id), self.rulebooks, given.get("step")
        try:
            if step == "replace":
                await asyncio.to_thread(desk.replace, actor, draft_id, _edition(given), document_of(given))
            elif step == "discard":
                await asyncio.to_thread(desk.discard, actor, draft_id, _edition(given))
            elif step == "report":
                await self.desk.visits.must_hold(visit, request, AUTHOR)
                await asyncio.to_thread(desk.drafts.get, draft_id)
                self.reports.start(actor, draft_id)
            elif step == "approve":
                await asyncio.to_thread(desk.approve, actor, draft_id, given.get("report", ""))
            elif step == "activate":
                await asyncio.to_thread(desk.activate, actor, draft_id)
            else:
                raise FormRefused("The console knows no such step; nothing was done.")
        except _MENDABLE as fault:
            draft = await asyncio.to_thread(desk.drafts.get, draft_id)
            kept = given if step == "replace" else given_of(json.loads(draft.document))
            return await self._show(request, visit, draft, kept, fault)
        return see(f"{PAGE}/{draft_id}")

    async def _list(self, request: Request, visit: Visit, given: Given, fault: CustodesError | None = None) -> Response:
        def read() -> dict[str, Any]:
            drafts = [
                (draft, self.rulebooks.drafts.latest(draft.id), json.loads(draft.document)["title"])
                for draft in self.rulebooks.drafts.all()
            ]
            return {"drafts": drafts, "reigns": list(reversed(self.rulebooks.rulebooks.reigns())), "packs": _packs()}

        found = await asyncio.to_thread(read)
        return self.desk.show(request, visit, "drafts.html", status=self._status(fault), given=given, **_told(fault), **found)

    async def _show(self, request: Request, visit: Visit, draft: Draft, given: Given, fault: CustodesError | None = None) -> Response:
        latest = await asyncio.to_thread(self.rulebooks.drafts.latest, draft.id)
        view = view_of(request.query_params.get("view"))
        tab = await asyncio.to_thread(self._tab, draft, latest, view)
        making = self.reports.of(draft.id)
        if making is not None and making.fault is not None and fault is None and (latest is None or latest.edition < draft.edition):
            fault = making.fault
        return self.desk.show(
            request,
            visit,
            "draft.html",
            status=self._status(fault) if request.method == "POST" else 200,
            draft=draft,
            title=json.loads(draft.document)["title"],
            returns=json.loads(draft.document).get("return_to"),
            report=latest,
            content=None if latest is None else json.loads(latest.text),
            working=making.step if making is not None and making.working else None,
            given=given,
            packs=await asyncio.to_thread(_packs),
            view=view,
            views=VIEWS,
            **tab,
            **_told(fault),
        )

    def _tab(self, draft: Draft, latest: Report | None, view: str) -> dict[str, Any]:
        """Return the draft's rulebook as a tab shows it: its own rules, and what is not the same as in the rulebook in force.

        An older text may not be readable by this version any more: then the tabs say so, and the rest of the page stands."""
        document = json.loads(draft.document)
        live = self.rulebooks.bench.judge().rulebook
        try:
            if "return_to" in document:
                made = Rulebook.from_text(self.rulebooks.rulebooks.get(document["return_to"]).text)
            elif latest is not None and latest.edition == draft.edition:
                made = Rulebook.from_text(self.rulebooks.rulebooks.get(latest.rulebook).text)
            else:
                made = built(document)
            # Once it was live it is told against what it replaced, as its report does.
            base = live if draft.state == "open" or latest is None else Rulebook.from_text(self.rulebooks.rulebooks.get(latest.base).text)
        except (PolicyError, RegistryError):
            return {"own": [], "changes": None}
        return {
            "own": cards([rule for rule in made.rules if rule.pack == OWN], made.words),
            "changes": changes(base, made) if view == "diff" else [],
        }

    def _in_force(self) -> dict[str, str]:
        """The form's fields as the rulebook in force fills them: by its draft, or, for one without, by its packs."""
        reigns = self.rulebooks.rulebooks.reigns()
        if reigns and reigns[-1].draft is not None:
            document = json.loads(self.rulebooks.drafts.get(reigns[-1].draft).document)
            if "return_to" not in document:
                return given_of(document | {"title": ""})
        packs = {pack.name: {"options": dict(pack.options)} for pack in self.rulebooks.bench.judge().rulebook.packs}
        return given_of({"title": "", "packs": packs})

    def _status(self, fault: CustodesError | None) -> int:
        return 200 if fault is None else self.desk.status_of(fault)


def document_of(given: Given) -> dict[str, object]:
    """Return the draft that a form describes. What it holds is checked by the desk, not here."""
    words, packs = Vocabulary.shipped(), {}
    for name in given.get("on", "").split():
        options = {}
        for option in load(name, words).options.values() if name in names() else ():
            said = given.get(f"option.{name}.{option.name}", "")
            options[option.name] = (
                said == "yes" if isinstance(option.default, bool) else [word for word in said.replace(",", " ").split() if word]
            )
        dates = {word: day for word in ("from", "to") if (day := given.get(f"{word}.{name}", "").strip())}
        packs[name] = dates | ({"options": options} if options else {})
    texts: dict[str, object] = {name: text.replace("\r\n", "\n") for name in _TEXTS if (text := given.get(name, "")).strip()}
    # The form does not show the settings, and hands on those that the draft, or the rulebook in force, came with.
    if settings := given.get("settings", "").strip():
        texts["settings"] = _settings(settings)
    return {"title": given.get("title", "").strip(), "packs": packs, **texts}


def given_of(document: Mapping[str, Any]) -> dict[str, str]:
    """Return the form's fields for a draft."""
    packs: Mapping[str, Mapping[str, Any]] = document.get("packs", {})
    given = {"title": document.get("title", ""), "on": "\n".join(packs)}
    for name, enabling in packs.items():
        given |= {f"{word}.{name}": enabling[word] for word in ("from", "to") if word in enabling}
        for option, value in enabling.get("options", {}).items():
            given[f"option.{name}.{option}"] = ("yes" if value else "no") if isinstance(value, bool) else ", ".join(value)
    for name in _TEXTS:
        held = document.get(name, "")
        given[name] = held if isinstance(held, str) else _rows(held) if name == "rules" else _lines(held)
    given["settings"] = json.dumps(document["settings"]) if document.get("settings") else ""
    return given


def _rows(rules: Sequence[Mapping[str, str]]) -> str:
    """Write own rules that came as objects as the CSV that the form holds."""
    text = io.StringIO()
    writer = csv.DictWriter(text, OWN_COLUMNS, lineterminator="\n", extrasaction="ignore")
    writer.writeheader()
    writer.writerows(dict.fromkeys(("client", "purpose", "operation", "place"), "*") | {"on": "request"} | dict(row) for row in rules)
    return text.getvalue()


def _lines(documents: Sequence[object]) -> str:
    return "\n".join(json.dumps(one, ensure_ascii=False) for one in documents)


def _settings(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as wrong:
        raise FormRefused("The settings that the form hands on cannot be read; reload the page.") from wrong


def _packs() -> list[Pack]:
    words = Vocabulary.shipped()
    return [load(name, words) for name in names()]


def _edition(given: Given) -> int:
    text = given.get("edition", "")
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise FormRefused("The form does not say which edition of the draft it is about; reload the page.")
    return int(text)


def _told(fault: CustodesError | None) -> dict[str, object]:
    faults = fault.more.get("faults", []) if isinstance(fault, WorkFailed) else []
    return {"fault": fault, "faults": faults}
