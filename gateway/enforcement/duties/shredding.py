"""Destroy what a case, a decision or a gallery left behind: keys first, then rows, then openings. The log's entries stay as they are.

Every step may be done again: after a crash in between, the duty that asked for it is still open, and the scheduler comes back."""

import json
from dataclasses import dataclass

from engine.errors import EngineError
from engine.galleries.store import Galleries as TemplateGalleries
from gateway.audit.log import AuditLog
from gateway.enforcement.waiting import case_key
from gateway.records.explorer import Explorer, Filter
from gateway.registry.conduct import ConductBook
from gateway.review.queue import Queue
from gateway.review.vault import Vault

_PAGE = 500
# What an entry's openings may say of an image or of a person who was found.
_OF_PEOPLE = ("/images/", "/candidates/")


@dataclass(frozen=True, slots=True)
class Destroyed:
    """What is gone: whether there was a key, how many results, how many openings of the log."""

    key: bool
    results: int
    openings: int

    def to_json(self) -> dict[str, object]:
        """The counts, as the log keeps them."""
        return {"key": self.key, "results": self.results, "openings": self.openings}


@dataclass(frozen=True, slots=True)
class Shredder:
    """The one that destroys. Every method blocks; raises LogUnavailable or StoreUnavailable if copies may be left."""

    queue: Queue
    vault: Vault
    book: ConductBook
    log: AuditLog
    explorer: Explorer
    templates: TemplateGalleries

    def case(self, client: str, case_ref: str | None) -> Destroyed:
        """Destroy every result of a case, waiting or released, and what the log could still open about its images and candidates."""
        key = case_key(client, case_ref)
        shredded = self.vault.shred(key)
        self.book.forget(key)
        decisions = self.queue.destroy_case(key)
        found = set(decisions)
        if case_ref is not None:
            found |= self._decisions(client, case_ref)
        return Destroyed(shredded, len(decisions), sum(self._erase(decision) for decision in sorted(found)))

    def decision(self, decision_id: str) -> Destroyed:
        """Destroy one decision's result, and what the log could still open about it."""
        return Destroyed(False, int(self.queue.destroy_decision(decision_id)), self._erase(decision_id))

    def subject(self, gallery: str, subject: str) -> int:
        """Take an enrolled person out of a gallery with every template; return how many photos that were."""
        try:
            return self.templates.withdraw(gallery, subject).photos
        except EngineError:
            return 0  # withdrawn, or shredded with the gallery, before

    def gallery(self, gallery: str) -> int:
        """Shred a gallery, its key first; return how many subjects it held."""
        try:
            held = self.templates.count(gallery).subjects
            self.templates.destroy(gallery)
        except EngineError:
            return 0  # shredded before
        return held

    def _decisions(self, client: str, case_ref: str) -> set[str]:
        found: set[str] = set()
        before: int | None = None
        while True:
            page = self.explorer.find(Filter(kind="intent", client=client, case_ref=case_ref), before=before, limit=_PAGE)
            found |= {str(json.loads(entry.body)["decision_id"]) for entry in page}
            if len(page) < _PAGE:
                return found
            before = page[-1].index

    def _erase(self, decision_id: str) -> int:
        erased = 0
        for entry in self.explorer.find(Filter(decision_id=decision_id), limit=_PAGE):
            paths = [path for path in self.log.openings(entry.index) if path.startswith(_OF_PEOPLE)]
            if paths:
                erased += len(self.log.erase(entry.index, paths))
        return erased
