"""The pages of the rules in force: who may do what, each rule in words, and a place to try requests. Changes no rule."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from fastapi import APIRouter, Request, Response

from gateway.clock import Clock
from gateway.console.desk import Desk
from gateway.console.entries import parsed
from gateway.console.pages import mapping
from gateway.console.rules import STANDS, cards, cell
from gateway.console.visits import PageUnknown, Visit
from gateway.enforcement.bench import Bench
from gateway.errors import CustodesError
from gateway.records import entries
from gateway.records.asking import whole
from policies.decision import REFUSALS, Permit
from policies.errors import FactsError
from policies.facts import Facts
from policies.packs import SHIPPED, load, names
from policies.rulebook import Rulebook
from policies.vocabulary import Vocabulary

READERS: Final = ("policy_author", "policy_approver", "auditor", "registrar", "operator")
MAKERS: Final = ("policy_author", "policy_approver", "auditor")


class FactsUnreadable(CustodesError):
    """What was typed as facts cannot be read."""

    code = "facts-malformed"


@dataclass(frozen=True, slots=True)
class PolicyPages:
    """/console/policies, /console/policies/cells/…, /console/policies/packs/{name}, /console/policies/try."""

    desk: Desk
    bench: Bench
    clock: Clock

    def router(self) -> APIRouter:
        """Return the routes."""
        router = APIRouter(route_class=self.desk.route(), include_in_schema=False)
        router.add_api_route("/console/policies", self.matrix, methods=["GET"])
        router.add_api_route("/console/policies/cells/{purpose}/{client}", self.cell, methods=["GET"])
        router.add_api_route("/console/policies/packs/{name}", self.pack, methods=["GET"])
        router.add_api_route("/console/policies/try", self.empty, methods=["GET"])
        router.add_api_route("/console/policies/try", self.attempt, methods=["POST"])
        return router

    async def matrix(self, request: Request) -> Response:
        """Show what the rulebook in force answers to each purpose of each kind of client, or of the one that is named; and its packs."""
        visit = await self.desk.visit(request, *READERS)
        rulebook = self.bench.judge().rulebook
        words = rulebook.words
        chosen = request.query_params.get("client", "")
        if chosen and chosen not in words.clients:
            raise PageUnknown("The vocabulary has no such kind of client.")
        rows: list[tuple[Any, Any]] = [
            (purpose, cell(rulebook, purpose.name, chosen).stand)
            if chosen
            else (purpose, [(client, cell(rulebook, purpose.name, client).stand) for client in words.clients])
            for purpose in words.purposes.values()
        ]
        others = sorted(set(names()) - {pack.name for pack in rulebook.packs})
        found: dict[str, Any] = {"rows": rows, "clients": words.clients, "packs": _packs(rulebook), "others": others}
        return self.desk.show(request, visit, "policies.html", chosen=chosen, stands=STANDS, **found)

    async def cell(self, request: Request, purpose: str, client: str) -> Response:
        """Show every rule that meets one purpose of one kind of client."""
        visit = await self.desk.visit(request, *READERS)
        rulebook = self.bench.judge().rulebook
        words = rulebook.words
        if purpose not in words.purposes or client not in words.clients:
            raise PageUnknown("The vocabulary has no such purpose or kind of client.")
        found = cell(rulebook, purpose, client)
        groups = [
            (name, cards(rules, words))
            for name, rules in (("denies", found.denies), ("allows", found.allows), ("obliges", found.obliges), ("dues", found.dues))
        ]
        return self.desk.show(
            request,
            visit,
            "cell.html",
            purpose=words.purposes[purpose],
            client=client,
            client_sentence=words.clients[client],
            stand=found.stand,
            groups=groups,
        )

    async def pack(self, request: Request, name: str) -> Response:
        """Show a pack: what it is, why it says what it says, its sources, options and rules."""
        visit = await self.desk.visit(request, *READERS)
        words = Vocabulary.shipped()
        if name not in {folder.name for folder in SHIPPED.iterdir() if folder.is_dir()}:
            raise PageUnknown("No such pack ships with the gateway.")
        pack = await asyncio.to_thread(load, name, words)
        why = await asyncio.to_thread(why_of, name)
        rulebook = self.bench.judge().rulebook
        enabled = next((one for one in rulebook.packs if one.name == name), None)
        return self.desk.show(
            request, visit, "pack.html", pack=pack, why=paragraphs(why), enabled=enabled, rules=cards(pack.rules({}, words), words)
        )

    async def empty(self, request: Request) -> Response:
        """Show the form for trying a request; with `entry`, filled with what a recorded decision rested on."""
        visit = await self.desk.visit(request, *READERS)
        given, source = {}, None
        if (index := request.query_params.get("entry")) is not None:
            source = whole("entry", index)
            given = {"facts": await self._recorded(request, visit, source)}
        return self._show(request, visit, given, source=source)

    async def attempt(self, request: Request) -> Response:
        """Answer what was tried, by the judge that answers clients. Nothing is searched, and no decision is recorded."""
        visit, given = await self.desk.form(request, *READERS)
        try:
            facts = _facts(given, self.clock.now())
        except FactsError as wrong:
            return self._show(request, visit, given, wrong=wrong.sentence, status=422)
        except FactsUnreadable as unreadable:
            return self._show(request, visit, given, wrong=unreadable.sentence, status=422)
        return self._show(request, visit, given, answer=self.bench.judge().decide(facts))

    def _show(self, request: Request, visit: Visit, given: Mapping[str, str], *, status: int = 200, **found: Any) -> Response:  # noqa: ANN401  (what the template is given)
        words = self.bench.judge().rulebook.words
        answer = found.get("answer")
        refusal = "" if answer is None or isinstance(answer, Permit) else REFUSALS[answer.code]
        values = {"wrong": None, "answer": None, "source": None} | found
        return self.desk.show(
            request,
            visit,
            "try.html",
            status=status,
            given=given,
            words=words,
            permitted=isinstance(answer, Permit),
            refusal=refusal,
            **values,
        )

    async def _recorded(self, request: Request, visit: Visit, index: int) -> str:
        await self.desk.visits.must_hold(visit, request, *MAKERS)
        if index >= self.desk.log.size:
            raise PageUnknown(f"The log holds {self.desk.log.size} entries; there is no entry {index}.")
        await self.desk.visits.journal.write(
            entries.log_read(at=self.clock.now(), by=visit.person.id, what={"entry": index, "console": True}, asked={})
        )
        facts = mapping(parsed(await asyncio.to_thread(self.desk.log.entry, index)).get("facts"))
        if not facts:
            raise PageUnknown(f"Entry {index} records no decision, so there is nothing to try.")
        return json.dumps(facts, indent=2, ensure_ascii=False)


def _facts(given: Mapping[str, str], now: datetime) -> Facts:
    """Return what a form says as Facts. Raises FactsError, or FactsUnreadable when the advanced field holds no JSON."""
    if given.get("facts", "").strip():
        try:
            return Facts.from_record(json.loads(given["facts"]))
        except (ValueError, RecursionError) as wrong:
            raise FactsUnreadable(f"The facts are not JSON: {wrong}.") from wrong
    asked: dict[str, Any] = {
        "client": {"kind": given.get("client") or None},
        "operation": given.get("operation") or None,
        "purpose": given.get("purpose") or None,
        "place": given.get("place", "").strip() or None,
        "capture": {"source": given.get("source") or None, "space": given.get("space") or None},
        "target": {"kind": given.get("target") or None},
        "case": {"ref": given.get("case", "").strip() or None},
        "gallery": {"provenance": given.get("provenance") or None},
    }
    if given.get("paper"):
        asked["authorisations"] = [{"type": given["paper"], "status": "granted", "valid_to": "9999-12-31T00:00:00Z"}]
    if threshold := given.get("threshold", "").strip():
        asked["threshold_pct"] = _number(threshold)
    licence = [f"{asked['purpose']}:{asked['operation']}"] if given.get("licensed") else []
    return Facts.from_json(asked, at=now, licence=licence)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError as wrong:
        raise FactsUnreadable(f"The threshold {text[:20]!r} is not a number.") from wrong


def _packs(rulebook: Rulebook) -> list[dict[str, object]]:
    return [asdict(pack) for pack in rulebook.packs]


def why_of(pack: str) -> str:
    """Return what a shipped pack says for itself."""
    return (Path(SHIPPED) / pack / "WHY.md").read_text("utf-8")


def paragraphs(markdown: str) -> list[tuple[str, str]]:
    """Split a WHY.md into (kind, text) blocks: heading, item or paragraph. Marks inside a line are left as they are written."""
    blocks: list[tuple[str, str]] = []
    for block in markdown.strip().split("\n\n"):
        for line in _joined(block):
            kind = "heading" if line.startswith("#") else "item" if line.startswith("- ") else "paragraph"
            blocks.append((kind, line.lstrip("#- ").strip()))
    return blocks


def _joined(block: str) -> list[str]:
    lines: list[str] = []
    for line in block.splitlines():
        if lines and not line.startswith(("- ", "#")):
            lines[-1] += f" {line.strip()}"
        else:
            lines.append(line.strip())
    return lines
