"""Destroy personal values that the house holds about a case, a person or a decision, once the log says so. Changes no entry and no root.

Recorded before it is done, and done again at the next start if it was interrupted: what has to be done stands, veiled, in the erasure's
own entry, and the opening of that is destroyed last."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Final

from gateway.audit.errors import AuditError
from gateway.audit.log import AuditLog, Receipt
from gateway.clock import Clock
from gateway.enforcement.answers import AuditUnavailable
from gateway.enforcement.waiting import case_key
from gateway.errors import CustodesError
from gateway.records import entries
from gateway.records.explorer import Explorer, Filter
from gateway.records.tags import Tags
from gateway.registry.conduct import ConductBook
from gateway.registry.errors import StateForbids
from gateway.registry.forgetting import Forgetting
from gateway.registry.galleries import Galleries
from gateway.registry.restrictions import Restrictions
from gateway.review.queue import Queue
from gateway.review.vault import Vault

TARGET: Final = "/target"
_STAFF: Final = frozenset({"/by", "/reviewer"})  # who acted for the house stays accountable for it
_SUBJECT: Final = ("/subject", "/candidates/")
_MOST: Final = 10_000


class Why(StrEnum):
    """On what ground: a code, so that no entry holds what somebody wrote about somebody."""

    REQUEST = "data-subject-request"
    RETENTION = "retention-over"
    ORDER = "court-order"
    MISTAKE = "recorded-by-mistake"


class NothingToErase(CustodesError):
    """Nothing that could be erased is held about it; either it was never there, or it was erased before."""

    code = "nothing-to-erase"


@dataclass(frozen=True, slots=True)
class Target:
    """What is to be forgotten: a `case` by its reference, a `subject` by the name it is enrolled under, or one `decision` by its id.

    Two clients may use one reference or name; `client` says whose is meant, None: everybody's."""

    about: str
    value: str
    client: str | None = None


@dataclass(frozen=True, slots=True)
class Erased:
    """What was destroyed, and the entry that says so."""

    receipt: Receipt
    entries: int
    openings: int


@dataclass(frozen=True, slots=True)
class Eraser:
    """The one way by which personal values leave the house. Every method blocks: call it from a thread."""

    log: AuditLog
    explorer: Explorer
    registry: Forgetting
    queue: Queue
    vault: Vault
    book: ConductBook
    clock: Clock
    restrictions: Restrictions
    galleries: Galleries
    tags: Tags

    def erase(self, by: str, target: Target, why: Why) -> Erased:
        """Forget it: 1 what is held is found; 2 the erasure is durable in the log; 3 it is done; 4 it is marked as done.

        Raises StateForbids for a case that is not closed or what is restricted, NothingToErase, or AuditUnavailable (nothing
        happened). After LogUnavailable or StoreUnavailable a copy may be left: it is done again at the next start, or when asked again."""
        # 1
        cases = self.registry.holders(target.value, target.client) if target.about == "case" else {}
        if not all(closed for closed in cases.values()):
            raise StateForbids("The case is not closed; close it first, so that no search goes on under what is being forgotten.")
        if target.about != "decision" and self.restrictions.reaches(target.about, target.value, target.client):
            raise StateForbids("A restriction stands on it: what is restricted is kept. Have a registrar lift it first.")
        held = self._held(target, self.log.size)
        if not held and not cases:
            raise NothingToErase("Nothing that could be erased is held about it: it was never there, or it was erased before.")
        # 2
        openings = sum(len(paths) for paths in held.values())
        record = entries.erasure(
            at=self.clock.now(),
            by=by,
            why=str(why),
            about=target.about,
            entries=len(held),
            openings=openings,
            target=json.dumps(asdict(target)),
            decision_id=target.value if target.about == "decision" else None,
        )
        try:
            receipt = self.log.append_blocking(record.body, record.openings)
        except AuditError as fault:
            raise AuditUnavailable("The audit log cannot take an entry, so nothing was erased. Try again shortly.") from fault
        # 3, 4
        self._carry_out(target, receipt.index)
        return Erased(receipt, len(held), openings)

    def settle(self) -> int:
        """Do again what an interrupted process has recorded and not finished; return how many erasures that were."""
        count = 0
        for found in self.explorer.find(Filter(kind="erasure"), limit=_MOST):
            left = self.log.openings(found.index).get(TARGET)
            if left is not None:
                self._carry_out(Target(**json.loads(left.value)), found.index)
                count += 1
        return count

    def _carry_out(self, target: Target, index: int) -> None:
        """Each step can be done twice. The log's openings go all at once and late: until then they tell what else has to go."""
        held = self._held(target, index)
        if target.about == "case":
            for client in self._clients(target, held):
                self.vault.shred(case_key(client, target.value))
                self.book.forget(case_key(client, target.value))
                self.queue.forget_case(case_key(client, target.value))
                self.registry.forget_case(client, target.value)
        if target.about != "decision":
            self.restrictions.forget(target.about, target.value, target.client)
        self.explorer.forget_cases(held)
        self.log.erase_all(held)
        self.log.erase(index, (TARGET,))

    def _clients(self, target: Target, held: Mapping[int, object]) -> set[str]:
        """Name whose cases are meant: those on record, and those that the log knows of."""
        if target.client is not None:
            return {target.client}
        named = {json.loads(self.log.entry(index)).get("client") for index in held}
        return {client for client in named if isinstance(client, str)} | set(self.registry.holders(target.value, None))

    def _held(self, target: Target, below: int) -> dict[int, list[str]]:
        """Find the openings that a target reaches, by entry and path, in the entries below an index."""
        if target.about == "decision":
            return self._decision(target.value, below)
        held: dict[int, list[str]] = {}
        nobodys: dict[int, list[str]] = {}  # such as an auditor's question for a case of that name
        for index, path in self.log.places_of(target.value.encode()):
            if index >= below or path == TARGET or path in _STAFF or path.startswith(_SUBJECT) != (target.about == "subject"):
                continue
            entry = json.loads(self.log.entry(index))
            owner = self._owner(entry)
            if owner is None:
                nobodys.setdefault(index, []).append(path)
            elif target.client in (owner, None):
                held |= self._reached(target, index, path, entry, below)
        held = held | nobodys if held or target.client is None else {}
        for index, path in self._tagged(target):
            if index < below and path not in held.get(index, ()):
                held.setdefault(index, []).append(path)
        return held

    def _tagged(self, target: Target) -> list[tuple[int, str]]:
        """Find what an ombudsman's question would: the tags of an enrolled person, or of a case, and the questions themselves."""
        if target.about == "case":
            clients = {target.client} if target.client is not None else set(self.registry.holders(target.value, None))
            tags = [self.tags.case(client, target.value) for client in clients]
        else:
            tags = [self.tags.subject(gallery.id, target.value) for gallery in self.galleries.all(target.client)]
        return [place for tag in tags for place in self.log.places_of(tag.encode())]

    def _reached(self, target: Target, index: int, path: str, entry: Mapping[str, Any], below: int) -> dict[int, list[str]]:
        """Say what goes with a value: all of a changed record, all of a case's decision, of a found person the name alone."""
        if str(entry.get("kind")).endswith("-change"):
            return {index: self._personal(index)}
        if target.about == "case" and isinstance(decision := entry.get("decision_id"), str):
            return self._decision(decision, below)
        return {index: [path]}

    def _decision(self, decision_id: str, below: int) -> dict[int, list[str]]:
        found = self.explorer.find(Filter(decision_id=decision_id), before=below, limit=_MOST)
        return {one.index: paths for one in found if (paths := self._personal(one.index))}

    def _personal(self, index: int) -> list[str]:
        return [path for path in self.log.openings(index) if path not in _STAFF and path != TARGET]

    def _owner(self, entry: Mapping[str, Any]) -> str | None:
        """Name the client that an entry is about; None where it is about none, such as an auditor's question."""
        client = entry.get("client")
        if client is None and isinstance(decision := entry.get("decision_id"), str):
            begun = (json.loads(found.body).get("client") for found in self.explorer.find(Filter(decision_id=decision), limit=_MOST))
            client = next((name for name in begun if name is not None), None)
        return client if isinstance(client, str) else None
