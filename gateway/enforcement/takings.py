"""Name every step that takes power away, and how it is done, so that one which was interrupted can be done again. Decides nothing."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeAlias

from gateway.clock import Clock
from gateway.records.entries import ChangeKind
from gateway.registry.authorisations import Authorisations
from gateway.registry.cases import Cases
from gateway.registry.clients import Clients
from gateway.registry.drafts import Drafts
from gateway.registry.evidence import EvidenceRegister
from gateway.registry.fields import moment
from gateway.registry.galleries import Galleries
from gateway.registry.identities import Identities
from gateway.registry.issuers import Issuers
from gateway.registry.licences import Licences
from gateway.registry.restrictions import Restrictions, Scope
from gateway.registry.revocations import Revocations
from gateway.registry.staff import Staff
from gateway.registry.trainings import Trainings
from gateway.registry.webhooks import Webhooks

Said: TypeAlias = Mapping[str, str]
Taking: TypeAlias = Callable[[Said, str], object]
"""What was said of the step (text by name, as it stands in the entry), and who does it."""

Takings: TypeAlias = Mapping[tuple[ChangeKind, str], Taking]


@dataclass(frozen=True, slots=True)
class Registers:
    """The registers from which something can be taken."""

    clients: Clients
    staff: Staff
    drafts: Drafts
    cases: Cases
    licences: Licences
    authorisations: Authorisations
    evidence: EvidenceRegister
    galleries: Galleries
    issuers: Issuers
    identities: Identities
    revocations: Revocations
    webhooks: Webhooks
    trainings: Trainings
    restrictions: Restrictions
    clock: Clock


def takings(of: Registers) -> Takings:
    """Return every taking by the kind and act under which it stands in the log."""
    return MappingProxyType(
        {
            ("client-change", "suspended"): lambda said, _by: of.clients.suspend(said["client"], said["reason"]),
            ("client-change", "closed"): lambda said, _by: of.clients.close(said["client"], said["reason"]),
            ("staff-change", "roles-set"): lambda said, by: of.staff.set_roles(said["person"], tuple(said["roles"].split()), by),
            ("staff-change", "left"): lambda said, _by: of.staff.leave(said["person"]),
            ("staff-change", "training-withdrawn"): lambda said, _by: of.trainings.withdraw(said["person"], said["training"]),
            ("case-change", "suspended"): lambda said, _by: of.cases.suspend(said["client"], said["case_ref"], said["reason"]),
            ("case-change", "closed"): lambda said, _by: of.cases.close(said["client"], said["case_ref"], said["reason"]),
            ("licence-change", "suspended"): lambda said, _by: of.licences.suspend(said["licence"], said["reason"]),
            ("licence-change", "revoked"): lambda said, _by: of.licences.revoke(said["licence"], said["reason"]),
            ("authorisation", "rejected"): lambda said, _by: of.authorisations.reject(said["authorisation"], said["reason"]),
            ("authorisation", "revoked"): lambda said, _by: of.authorisations.revoke(said["authorisation"], said["reason"]),
            ("evidence-change", "withdrawn"): lambda said, _by: of.evidence.withdraw(said["client"], said["evidence"]),
            ("restriction", "placed"): lambda said, by: of.restrictions.place(
                said["restriction"], _scope(said), said["why"], by, of.clock.now()
            ),
            ("webhook", "removed"): lambda said, _by: of.webhooks.remove(said["client"], said["webhook"]),
            ("gallery-change", "closed"): lambda said, _by: of.galleries.close(said.get("client"), said["gallery"]),
            # Two people have agreed to it, and what it closes must not stay open because a process died: once begun, it is done.
            ("policy-change", "live"): lambda said, _by: of.drafts.make_live(said["draft"], said["report"]),
            ("key-change", "client-key-revoked"): lambda said, _by: of.clients.remove_key(said["client"], said["kid"]),
            ("key-change", "issuer-removed"): lambda said, _by: of.issuers.remove(said["issuer"]),
            ("key-change", "subject-unbound"): lambda said, _by: of.identities.unbind(said["issuer"], said["subject"]),
            ("key-change", "token-revoked"): lambda said, by: of.revocations.revoke(
                said["issuer"], said["jti"], moment("ends_at", said["ends_at"]), said["reason"], by
            ),
        }
    )


def _scope(said: Said) -> Scope:
    return Scope(said.get("client"), said.get("case_ref"), said.get("gallery"), said.get("subject"))
