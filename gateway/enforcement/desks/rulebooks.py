"""Bring a rulebook from a draft to power: written, found out about, approved by a second person, live. Judges no request.

A step that changes something blocks for a commit, and raises what Registrar.give() and take() raise; each stands in the log as a
`policy-change`. The texts themselves stay in the registry, under the digests that the entries name."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Event
from typing import Any, Final

from gateway.clock import Clock, iso
from gateway.enforcement.aside import Step, WorkFailed, do_aside
from gateway.enforcement.bench import Bench
from gateway.enforcement.inquiry import Question, Return, difference, lint_document
from gateway.enforcement.recorded import RecordedEntries
from gateway.enforcement.registrar import Actor, Done, Registrar
from gateway.records.canonical import canonical, storable
from gateway.registry.drafts import Draft, Drafts, Findings, Report
from gateway.registry.errors import NotOnRecord, StateForbids
from gateway.registry.rulebook import Rulebooks
from policies.drafting import DraftRefused, read_draft

AUTHOR: Final = "policy_author"
APPROVER: Final = "policy_approver"
KIND: Final = "policy-change"
VERSION: Final = 1
Hear = Callable[[Step], None]


@dataclass(frozen=True, slots=True)
class RulebookDesk:
    """The desk of those who write the rules, and of those who approve them."""

    registrar: Registrar
    rulebooks: Rulebooks
    drafts: Drafts
    bench: Bench
    log_file: Path
    clock: Clock

    def draft(self, actor: Actor, document: object) -> Done[Draft]:
        """Keep a new draft. Raises WorkFailed (draft-refused) with every fault and its line; then nothing is kept."""
        text = self._read(actor, document)
        return self._give(actor, AUTHOR, "drafted", lambda: self.drafts.begin(text, actor.name), _of_draft)

    def replace(self, actor: Actor, draft_id: str, edition: int, document: object) -> Done[Draft]:
        """Write the next edition over the one that was seen. Raises as draft() does, and DraftChanged."""
        text = self._read(actor, document)
        return self._give(actor, AUTHOR, "drafted", lambda: self.drafts.replace(draft_id, edition, text, actor.name), _of_draft)

    def discard(self, actor: Actor, draft_id: str, edition: int) -> Done[Draft]:
        """Give a draft up."""
        return self._give(actor, AUTHOR, "discarded", lambda: self.drafts.discard(draft_id, edition), _of_draft)

    def roll_back(self, actor: Actor, digest: str, title: str) -> Done[Draft]:
        """Draft a return to a rulebook that was live before; it goes the same way as any other, with a report and a second person."""
        if all(reign.digest != digest for reign in self.rulebooks.reigns()):
            raise NotOnRecord("rulebook")
        if self.rulebooks.live().digest == digest:
            raise StateForbids("That rulebook is the live one; there is nothing to return to.")
        return self.draft(actor, {"title": title, "return_to": digest})

    def report(self, actor: Actor, draft_id: str, hear: Hear = lambda _step: None, stop: Event | None = None) -> Done[Report]:
        """Find out, in a process of its own, what the draft would change, and keep that as the report to be approved.

        1 what is asked, as it stands now; 2 the long work; 3 the report is kept if the draft and the live rulebook are still those.
        Raises WorkFailed (log-damaged or record-damaged with the entry's index, draft-refused), DraftChanged, StateForbids."""
        # 1
        self.registrar.must_hold(actor, AUTHOR)
        draft, live = self.drafts.get(draft_id), self.rulebooks.live()
        document = json.loads(draft.document)
        returns = document.get("return_to")
        question = Question(
            draft=draft.document,
            returns=None if returns is None else Return(self.rulebooks.get(returns).text, self._expected(returns)),
            live=live.text,
            standing=self._standing(live.digest),
            entries=RecordedEntries(self.log_file),
        )
        # 2
        answer = do_aside(question, hear, stop=stop)
        # 3
        report = {"v": VERSION, "draft": draft.id, "edition": draft.edition, "at": iso(self.clock.now()), "entries": answer.entries}
        report |= {"rulebook": answer.found.rulebook, "base": live.digest, "passed": answer.found.passed, "stops": answer.found.stops}
        text = canonical(storable(report | answer.found.found)).decode()
        findings = Findings(draft.id, draft.edition, answer.found.rulebook, live.digest, text, answer.found.passed)

        def keep() -> Report:
            self.rulebooks.keep(answer.text, actor.name)
            return self.drafts.report(findings, actor.name)

        return self._give(actor, AUTHOR, "reported", keep, _of_report)

    def approve(self, actor: Actor, draft_id: str, report_digest: str) -> Done[Report]:
        """Approve what exactly that report says. Raises SamePerson, Malformed, StateForbids."""
        return self._give(actor, APPROVER, "approved", lambda: self.drafts.approve(draft_id, report_digest, actor.name), _of_report)

    def activate(self, actor: Actor, draft_id: str) -> Done[Report]:
        """Make the approved rulebook live for every process of this home, at its next request; the entry stands in the log before.

        Raises StateForbids if it is not approved, or not any more, NotReady if this version cannot judge by it."""
        self.registrar.must_hold(actor, APPROVER)
        report = self.drafts.approved(draft_id)
        # Convened aside before anybody is pointed to it: what cannot sit must not be live, and who waits should not wait for this.
        self.bench.convene(report.rulebook)
        returning = "return_to" in json.loads(self.drafts.get(draft_id).document)
        said = {
            "rulebook": report.rulebook,
            "replaces": report.base,
            "draft": draft_id,
            "report": report.digest,
            "way": "rolled-back" if returning else "forward",
        }
        done = self.registrar.take(actor, APPROVER, KIND, "live", said)
        latest = self.drafts.latest(draft_id)
        assert latest is not None
        return Done(latest, done.receipt)

    def difference(self, before: str, after: str) -> Mapping[str, Any]:
        """Return every request that the two rulebooks answer differently, as regions. Raises NotOnRecord, WorkFailed (undecided)."""
        return do_aside(partial(difference, self.rulebooks.get(before).text, self.rulebooks.get(after).text))

    def _give(self, actor: Actor, role: str, act: str, make: Callable[[], Any], tell: Callable[[Any], Mapping[str, object]]) -> Done[Any]:
        return self.registrar.give(actor, role, KIND, act, make, tell)

    def _read(self, actor: Actor, document: object) -> str:
        """Return the document as the text to be kept, once it was read whole."""
        self.registrar.must_hold(actor, AUTHOR)
        if isinstance(document, Mapping) and document.get("rules"):
            # Own rules are held against each other by a solver: seconds, if there are many.
            do_aside(partial(lint_document, document))
        else:
            try:
                read_draft(document)
            except DraftRefused as refused:
                raise WorkFailed.by(refused) from refused
        return json.dumps(document, sort_keys=True, ensure_ascii=False, separators=(",", ":"))

    def _expected(self, digest: str) -> Mapping[str, Any]:
        """Return the document by which that rulebook first went live."""
        for reign in self.rulebooks.reigns():
            if reign.digest == digest and reign.draft is not None:
                document: dict[str, Any] = json.loads(self.drafts.get(reign.draft).document)
                if "return_to" not in document:
                    return document
        return {}

    def _standing(self, digest: str) -> tuple[Mapping[str, Any], ...]:
        """Return the documents whose expectations and properties bind whatever follows that rulebook, the oldest first.

        A return to an old rulebook returns to what bound then."""
        bound: dict[str, tuple[Mapping[str, Any], ...]] = {}
        documents: tuple[Mapping[str, Any], ...] = ()
        for reign in self.rulebooks.reigns():
            document = {} if reign.draft is None else json.loads(self.drafts.get(reign.draft).document)
            returned = document.get("return_to")
            documents = (*documents, document) if returned is None else bound.get(returned, ())
            bound[reign.digest] = documents
        return bound.get(digest, ())


def _of_draft(draft: Draft) -> dict[str, object]:
    return {"draft": draft.id, "edition": draft.edition, "state": draft.state}


def _of_report(report: Report) -> dict[str, object]:
    return {
        "draft": report.draft,
        "edition": report.edition,
        "rulebook": report.rulebook,
        "base": report.base,
        "report": report.digest,
        "passed": report.passed,
    }
