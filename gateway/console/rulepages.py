"""A rule's own page: in words, as Casbin holds it, and against the rulebook before; with its term, its source and why. Changes no rule."""

import asyncio
import json
from dataclasses import dataclass
from typing import Any, Final

from fastapi import APIRouter, Request, Response

from gateway.console.changes import Change, changes
from gateway.console.desk import Desk
from gateway.console.policies import READERS, paragraphs, why_of
from gateway.console.rules import card
from gateway.console.visits import PageUnknown
from gateway.enforcement.bench import Bench
from gateway.registry.drafts import Drafts
from gateway.registry.rulebook import Rulebooks
from policies.packs import Pack, load, names
from policies.rulebook import OWN, Rulebook
from policies.rules import Rule
from policies.vocabulary import Vocabulary

VIEWS: Final = ("sentence", "casbin", "diff")


@dataclass(frozen=True, slots=True)
class RulePages:
    """/console/policies/rule, with `pack`, `row` and `view`: a row's id holds what no path may."""

    desk: Desk
    bench: Bench
    rulebooks: Rulebooks
    drafts: Drafts

    def router(self) -> APIRouter:
        """Return the route."""
        router = APIRouter(route_class=self.desk.route(), include_in_schema=False)
        router.add_api_route("/console/policies/rule", self.show, methods=["GET"])
        return router

    async def show(self, request: Request) -> Response:
        """Show one rule of the rulebook in force."""
        visit = await self.desk.visit(request, *READERS)
        rulebook, asked = self.bench.judge().rulebook, request.query_params
        view = view_of(asked.get("view"))
        rule = next((one for one in rulebook.rules if (one.pack, one.row) == (asked.get("pack"), asked.get("row"))), None)
        if rule is None:
            raise PageUnknown("The rulebook in force has no such rule.")
        found = await asyncio.to_thread(self._found, rulebook, rule, view)
        enabled = next((one for one in rulebook.packs if one.name == rule.pack), None)
        return self.desk.show(
            request,
            visit,
            "rule.html",
            view=view,
            views=VIEWS,
            card=card(rule, rulebook.words),
            enabled=enabled,
            words=rulebook.words,
            **found,
        )

    def _found(self, rulebook: Rulebook, rule: Rule, view: str) -> dict[str, Any]:
        reigns = self.rulebooks.reigns()
        pack: Pack | None = load(rule.pack, Vocabulary.shipped()) if rule.pack in names() else None
        why = [] if pack is None else paragraphs(why_of(pack.name))
        draft = next((reign.draft for reign in reversed(reigns) if reign.digest == rulebook.digest and reign.draft), None)
        title = None if draft is None else json.loads(self.drafts.get(draft).document)["title"]
        own: list[Change] = []
        before = next((reign for reign in reversed(reigns) if reign.digest != rulebook.digest), None)
        if view == "diff" and before is not None:
            old = Rulebook.from_text(self.rulebooks.get(before.digest).text)
            own = [one for one in changes(old, rulebook) if one.after is not None and one.after.rule == rule]
        return {
            "pack": pack,
            "why": [text for kind, text in why if kind != "heading" and rule.rule in text],
            "draft": draft if rule.pack == OWN else None,
            "draft_title": title,
            "before": before,
            "changes": own,
        }


def view_of(asked: str | None) -> str:
    """Return the tab that an address asks for; the sentences, unless it names another."""
    return asked if asked in VIEWS else VIEWS[0]
