"""Keep cases, papers and evidence: filed by a client or recorded by a person, and good only when another person has looked.

Decides no request. Every step blocks for a commit; it raises what Registrar.give() and take() raise."""

from dataclasses import dataclass
from typing import Final

from gateway.enforcement.registrar import Actor, Done, Registrar
from gateway.registry.authorisations import Authorisation, Authorisations, Paper
from gateway.registry.authorities import Authorities, Authority
from gateway.registry.cases import Case, Cases
from gateway.registry.evidence import Evidence, EvidenceRegister

REGISTRAR: Final = "registrar"


@dataclass(frozen=True, slots=True)
class CaseDesk:
    """Cases: a registrar opens them; a client may file its own, which serve nothing until a registrar has opened them."""

    registrar: Registrar
    cases: Cases

    def open(self, actor: Actor, case: Case) -> Done[Case]:
        """Put a case on record: open from a registrar, merely filed from its client."""
        own = actor.kind == "client"
        return self.registrar.give(
            actor,
            None if own else REGISTRAR,
            "case-change",
            "filed" if own else "opened",
            lambda: self.cases.file(case) if own else self.cases.open(case, actor.name),
            lambda made: {"client": made.client_id, "case_ref": made.reference, "target": made.target.to_json()},
        )

    def resume(self, actor: Actor, client_id: str, reference: str, reason: str) -> Done[Case]:
        """Open a case that was filed or suspended."""
        return self.registrar.give(
            actor,
            REGISTRAR,
            "case-change",
            "opened",
            lambda: self.cases.resume(client_id, reference, reason),
            lambda case: {"client": case.client_id, "case_ref": case.reference, "reason": reason},
        )

    def suspend(self, actor: Actor, client_id: str, reference: str, reason: str) -> Done[Case]:
        """Refuse further requests for the case until a person has looked."""
        return self._stop(actor, REGISTRAR, "suspended", client_id, reference, reason)

    def close(self, actor: Actor, client_id: str, reference: str, reason: str) -> Done[Case]:
        """End the case for good; its own client may do that, too."""
        role = None if actor == Actor("client", client_id) else REGISTRAR
        return self._stop(actor, role, "closed", client_id, reference, reason)

    def _stop(self, actor: Actor, role: str | None, act: str, client_id: str, reference: str, reason: str) -> Done[Case]:
        done = self.registrar.take(actor, role, "case-change", act, {"client": client_id, "case_ref": reference, "reason": reason})
        return Done(self.cases.get(client_id, reference), done.receipt)


@dataclass(frozen=True, slots=True)
class PaperDesk:
    """Warrants, court orders and mandates, and the authorities whose own signature on them can be checked."""

    registrar: Registrar
    papers: Authorisations
    authorities: Authorities

    def record(self, actor: Actor, paper: Paper) -> Done[Authorisation]:
        """Record what is read off a paper; it counts once another person has confirmed it."""
        return self.registrar.give(actor, REGISTRAR, "authorisation", "recorded", lambda: self.papers.record(paper, actor.name), _told)

    def confirm(self, actor: Actor, authorisation_id: str) -> Done[Authorisation]:
        """Let a paper count. Raises SamePerson for whoever recorded it."""
        return self.registrar.give(
            actor, REGISTRAR, "authorisation", "confirmed", lambda: self.papers.confirm(authorisation_id, actor.name), _told
        )

    def countersign(self, actor: Actor, authorisation_id: str, authority: str, sealed: str) -> Done[Authorisation]:
        """Take the authority's own signature over the paper's statement."""
        return self.registrar.give(
            actor,
            REGISTRAR,
            "authorisation",
            "countersigned",
            lambda: self.papers.countersign(authorisation_id, authority, sealed),
            lambda paper: {**_told(paper), "authority": authority},
        )

    def reject(self, actor: Actor, authorisation_id: str, reason: str) -> Done[Authorisation]:
        """Note that the authority said no."""
        return self._end(actor, "rejected", authorisation_id, reason)

    def revoke(self, actor: Actor, authorisation_id: str, reason: str) -> Done[Authorisation]:
        """Note that the paper no longer stands."""
        return self._end(actor, "revoked", authorisation_id, reason)

    def register_authority(self, actor: Actor, name: str, kind: str, place: str, jwk: object) -> Done[Authority]:
        """Put an authority and its key on record."""
        return self.registrar.give(
            actor,
            REGISTRAR,
            "key-change",
            "authority-registered",
            lambda: self.authorities.register(name, kind, place, jwk, actor.name),
            lambda authority: {
                "authority": authority.name,
                "authority_kind": authority.kind,
                "place": authority.place,
                "kid": authority.key.kid,
            },
        )

    def _end(self, actor: Actor, act: str, authorisation_id: str, reason: str) -> Done[Authorisation]:
        done = self.registrar.take(actor, REGISTRAR, "authorisation", act, {"authorisation": authorisation_id, "reason": reason})
        return Done(self.papers.get(authorisation_id), done.receipt)


@dataclass(frozen=True, slots=True)
class EvidenceDesk:
    """What organisations can show for themselves, each piece with its end."""

    registrar: Registrar
    evidence: EvidenceRegister

    def record(self, actor: Actor, evidence: Evidence) -> Done[Evidence]:
        """Put a piece of evidence on record."""
        return self.registrar.give(
            actor,
            REGISTRAR,
            "evidence-change",
            "recorded",
            lambda: self.evidence.record(evidence, actor.name),
            lambda made: {
                "client": made.client_id,
                "evidence": made.id,
                "evidence_kind": made.kind,
                "value": made.value,
                "place": made.place,
                "purpose": made.purpose,
            },
        )

    def withdraw(self, actor: Actor, client_id: str, evidence_id: str) -> Done[object]:
        """Stop showing it."""
        return self.registrar.take(actor, REGISTRAR, "evidence-change", "withdrawn", {"client": client_id, "evidence": evidence_id})


def _told(authorisation: Authorisation) -> dict[str, object]:
    paper = authorisation.paper
    return {
        "authorisation": authorisation.id,
        "client": paper.client_id,
        "type": paper.type,
        "issuer": paper.issuer,
        "place": paper.place,
        "purpose": paper.purpose,
        "operation": paper.operation,
        "case_ref": paper.case_ref,
        "paper_digest": paper.paper_digest,
    }
