"""Owe duties with a permit, say which are open, refuse who let one pass, and take a person's word that one was done. Deletes nothing."""

import asyncio
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from gateway.clock import iso
from gateway.enforcement.duties.terms import OF_THE_HOUSE, TERMS, Keeper, Scope, due_at, term_of, unkept
from gateway.enforcement.registrar import Actor, Done, Registrar
from gateway.identity.errors import RoleMissing
from gateway.registry import fields
from gateway.registry.authorisations import Authorisation
from gateway.registry.duties import OVERDUE, OWED, Duties, Duty, Promise
from gateway.registry.errors import StateForbids
from gateway.registry.lookups import View
from gateway.registry.timekeeping import Timekeeping
from policies.decision import Permit, Reason
from policies.facts import Facts

Gap = tuple[str, Reason]
GATEWAY: Final = Actor("gateway", "")
# What a judge or an independent authority gives; another document does not stand in for it.
AUTHORISATIONS: Final = frozenset({"judicial_authorisation", "admin_authorisation"})


@dataclass(frozen=True, slots=True)
class DutyDesk:
    """The duties of one home, as requests and people meet them."""

    duties: Duties
    registrar: Registrar
    time: Timekeeping

    async def owe(self, client: str, decision_id: str, facts: Facts, permit: Permit, gallery: str | None, subject: str | None) -> None:
        """Put on record what the permit asks for later, each in the log before it is true. Raises AuditUnavailable.

        What is owed already for the same case, client or gallery is not owed twice: the first use counts."""
        promises = promises_of(client, decision_id, facts, permit, self.time.now(), gallery, subject)
        if promises:
            await asyncio.to_thread(self._owe_all, promises)

    def gaps(self, view: View, facts: Facts, permit: Permit) -> tuple[Gap, ...]:
        """Return why a permitted request must not go on: obligations that cannot be kept, and duties that are overdue."""
        why = [("obligation-not-kept", sentence) for duty in permit.obligations if (sentence := unkept(duty, facts)) is not None]
        why += [("obligation-overdue", overdue_sentence(duty)) for duty in self._overdue(view, facts.client.id or "", facts.case.ref)]
        return tuple((code, Reason(code, "gateway", "", sentence)) for code, sentence in why)

    def discharge(self, actor: Actor, roles: Collection[str], duty_id: str, note: str, document_sha256: str) -> Done[Duty]:
        """Take a person's word, with the digest of the document that shows it, that a duty was done. Blocks for the log.

        Raises NotOnRecord, RoleMissing, Malformed, StateForbids (duties that the gateway or a paper discharges) or AuditUnavailable."""
        known = self.duties.get(duty_id)
        term = term_of(known.kind)
        if term.keeper is not Keeper.PERSON:
            raise StateForbids("This duty is not discharged by word: the gateway does it, or the paper that is put on record.")
        role = next((role for role in sorted(term.roles) if role in roles), None)
        if role is None:
            raise RoleMissing(min(term.roles))
        told = fields.text("note", note)
        shown = fields.digest("document_sha256", document_sha256)

        def make() -> Duty:
            return self.duties.discharge(duty_id, "by-person", self.time.now())

        return self.registrar.give(
            actor, role, "duty", "discharged", make, lambda duty: described(duty) | {"reason": told, "document_sha256": shown}
        )

    def _owe_all(self, promises: Iterable[Promise]) -> None:
        for promise in promises:
            if self.duties.is_owed(promise.name):
                continue
            try:
                self.registrar.give(GATEWAY, None, "duty", "owed", self._owing(promise), described)
            except StateForbids:
                continue  # another request of the case was a moment faster

    def _owing(self, promise: Promise) -> Callable[[], Duty]:
        return lambda: self.duties.owe(promise, self.time.now())

    def _overdue(self, view: View, client: str, case_ref: str | None) -> list[Duty]:
        now = self.time.now()
        return [
            duty
            for duty in view.duties(client)
            if duty.kind not in OF_THE_HOUSE
            and (duty.case_ref is None or duty.case_ref == case_ref)
            and is_overdue(duty, now, () if duty.case_ref is None else view.authorisations(client, duty.case_ref))
        ]


def promises_of(
    client: str, decision_id: str, facts: Facts, permit: Permit, at: datetime, gallery: str | None, subject: str | None
) -> list[Promise]:
    """Return what a permit promises for later."""
    case_ref = facts.case.ref
    made = []
    for obligation in permit.obligations:
        term = TERMS.get(obligation.kind)
        if term is None or (term.scope is Scope.DECISION and not kept(facts, permit)):
            continue
        asked = {"purpose": facts.purpose, "operation": facts.operation, "gallery": gallery, "subject": subject, "period": term.period(at)}
        about = {name: value for name, value in asked.items() if value}
        whole = {
            Scope.CASE: (client, case_ref or "", facts.purpose or "", facts.operation or ""),
            Scope.CLIENT: (client, about.get("period", "")),
            Scope.DECISION: (decision_id,),
            Scope.GALLERY: (client, gallery or ""),
        }[term.scope]
        name = "/".join((obligation.kind, *whole))
        of_case = case_ref if term.scope in (Scope.CASE, Scope.DECISION) else None
        made.append(Promise(obligation.kind, obligation.slug, name, client, of_case, decision_id, about, due_at(obligation, facts, at)))
    return made


def kept(facts: Facts, permit: Permit) -> bool:
    """Say whether anything of the request stays here that could be destroyed later: a template, or a result that waits for people."""
    return facts.operation == "enroll" or any(obligation.kind == "human_review" for obligation in permit.obligations)


def described(duty: Duty) -> dict[str, object]:
    """Return what the log says of a duty; the case is veiled there."""
    said: dict[str, object] = {"duty": duty.id, "obligation": duty.slug, "client": duty.client, "decision_id": duty.decision_id}
    said |= {"due_at": None if duty.due_at is None else iso(duty.due_at)}
    said |= {name: duty.about[name] for name in ("gallery", "period", "purpose", "operation", "restriction") if name in duty.about}
    return said if duty.case_ref is None else said | {"case_ref": duty.case_ref}


def papers_for(duty: Duty, papers: Iterable[Authorisation]) -> list[Authorisation]:
    """Return the authorisations, asked for or given, that are on record for the very use that the duty comes from."""
    wanted = (duty.case_ref, duty.about.get("purpose"), duty.about.get("operation"))
    return [
        paper
        for paper in papers
        if paper.paper.type in AUTHORISATIONS
        and (paper.paper.case_ref or duty.case_ref, paper.paper.purpose, paper.paper.operation) == wanted
    ]


def is_overdue(duty: Duty, now: datetime, papers: Iterable[Authorisation]) -> bool:
    """Say whether the deadline passed without the duty being done. At the deadline itself, time is up."""
    if duty.state == OVERDUE:
        return True
    if duty.state != OWED or duty.due_at is None or now < duty.due_at:
        return False
    return not (term_of(duty.kind).keeper is Keeper.PAPER and papers_for(duty, papers))


def overdue_sentence(duty: Duty) -> str:
    """Say what is owed since when, and the next step."""
    since = "" if duty.due_at is None else f" since {iso(duty.due_at)}"
    steps = {Keeper.PAPER: "have the authorisation put on record", Keeper.PERSON: "have a registrar record that it was done"}
    step = steps.get(term_of(duty.kind).keeper, "ask the operator why the gateway could not do it")
    return f"{duty.slug!r} is overdue{since}; {step}. Until then nothing more is permitted here."
