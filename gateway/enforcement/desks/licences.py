"""Take applications for licences, grant, suspend and pass them on; each step is in the log before it is true. Decides no request.

Every step blocks for a commit; it raises what Registrar.give() and take() raise. Nobody grants what they applied for."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from gateway.enforcement.registrar import Actor, Done, Registrar
from gateway.identity.errors import CallerRefused
from gateway.registry.errors import Malformed, NotOnRecord
from gateway.registry.fields import Words
from gateway.registry.licences import Licence, Licences
from gateway.registry.odrl import write_policy
from gateway.registry.odrl_reading import read_policy
from gateway.registry.terms import Terms

REGISTRAR: Final = "registrar"
_TERMS_IN_AN_ENTRY: Final = 64


@dataclass(frozen=True, slots=True)
class LicenceDesk:
    """The desk for licences. `dpv` names, for each purpose, the nearest term of the Data Privacy Vocabulary."""

    registrar: Registrar
    licences: Licences
    words: Words
    dpv: Mapping[str, str]

    def terms(self, client_id: str, document: object) -> Terms:
        """Read terms: our own form, or an ODRL policy (it has an `@context`). Raises Malformed or OdrlRefused, naming the place."""
        if not isinstance(document, Mapping) or "@context" not in document:
            return Terms.from_json(document, self.words)
        read = read_policy(document, self.words, self.dpv)
        if read.client_id not in (None, client_id):
            raise Malformed("terms.assignee", "names another client than the one that the licence is for.")
        return read.terms

    def odrl(self, licence: Licence) -> dict[str, Any]:
        """Return a licence or application as an ODRL policy. Raises OdrlRefused."""
        return write_policy(licence, self.dpv)

    def apply(self, actor: Actor, client_id: str, terms: object, acknowledgements: Sequence[str]) -> Done[Licence]:
        """File an application: a client's own, or one that a registrar files for it."""
        read = self.terms(client_id, terms)
        return self.registrar.give(
            actor,
            None if actor == Actor("client", client_id) else REGISTRAR,
            "licence-change",
            "applied",
            lambda: self.licences.apply(client_id, read, acknowledgements, actor.name),
            _told,
        )

    def grant(self, actor: Actor, licence_id: str) -> Done[Licence]:
        """Seal an application into a licence: another person than the one who filed it."""
        return self.registrar.give(
            actor, REGISTRAR, "licence-change", "granted", lambda: self.licences.grant(licence_id, actor.name), _told
        )

    def pass_on(self, actor: Actor, parent_id: str, client_id: str, terms: object, acknowledgements: Sequence[str]) -> Done[Licence]:
        """Let the holder of a licence pass a part of it on to another client. Only the holder can."""
        if actor.kind != "client":
            raise CallerRefused("Only the client that holds a licence can pass it on; use its token.", code="client-needed")
        read = self.terms(client_id, terms)
        return self.registrar.give(
            actor,
            None,
            "licence-change",
            "passed-on",
            lambda: self.licences.sublicense(actor.id, parent_id, client_id, read, acknowledgements),
            _told,
        )

    def reinstate(self, actor: Actor, licence_id: str, reason: str) -> Done[Licence]:
        """Let a suspended licence stand again."""
        return self.registrar.give(
            actor,
            REGISTRAR,
            "licence-change",
            "reinstated",
            lambda: self.licences.resume(licence_id, reason),
            lambda licence: {"licence": licence.id, "client": licence.client_id, "reason": reason},
        )

    def suspend(self, actor: Actor, licence_id: str, reason: str) -> Done[Licence]:
        """Stop a licence, and all that derive from it, from the next request on."""
        return self._stop(actor, "suspended", licence_id, reason)

    def revoke(self, actor: Actor, licence_id: str, reason: str) -> Done[Licence]:
        """End a licence, or decline an application, for good."""
        return self._stop(actor, "revoked", licence_id, reason)

    def _stop(self, actor: Actor, act: str, licence_id: str, reason: str) -> Done[Licence]:
        """Registrars stop any licence; a client what it passed on itself, and nothing else that it can see."""
        role: str | None = REGISTRAR
        if actor.kind == "client":
            found = self.licences.get(licence_id)
            if found.parent is not None and found.parent.client_id == actor.id:
                role = None
            elif found.client_id != actor.id:
                raise NotOnRecord("licence")
        done = self.registrar.take(actor, role, "licence-change", act, {"licence": licence_id, "reason": reason})
        return Done(self.licences.get(licence_id), done.receipt)


def _told(licence: Licence) -> dict[str, object]:
    """What the log says of a licence: whose it is and what it allows. (The first grants only, where there are very many: all are in the
    sealed document, whose digest stands beside them.)"""
    terms = licence.terms.to_json()
    grants, galleries = terms["grants"], terms["galleries"]
    return {
        "licence": licence.id,
        "client": licence.client_id,
        "parent": None if licence.parent is None else licence.parent.id,
        "terms": {**terms, "grants": grants[:_TERMS_IN_AN_ENTRY], "galleries": galleries[:_TERMS_IN_AN_ENTRY]},
        "grants": len(grants),
        "document_sha256": licence.document_digest,
        "acknowledged_sha256": _digest_of(licence.acknowledged),
    }


def _digest_of(acknowledged: Mapping[str, Any] | None) -> str:
    """SHA-256 over the acknowledged texts (name, edition and digest of each) in their canonical form, as the registry shows them."""
    texts = [] if acknowledged is None else acknowledged["texts"]
    return hashlib.sha256(json.dumps(texts, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
