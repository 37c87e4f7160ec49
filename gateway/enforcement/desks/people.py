"""Let people in, give them roles, and let them go. Never shows a link's secret to the log, and lets nobody change their own roles.

Every step blocks for a commit; it raises what Registrar.give() and take() raise."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from gateway.enforcement.registrar import INSTALLATION, Actor, Done, Registrar
from gateway.identity.errors import CallerRefused
from gateway.registry.errors import NotOnRecord
from gateway.registry.identities import Identities
from gateway.registry.staff import FIRST_ROLES, OneTimeLink, Staff, StaffMember, roles_of

REGISTRAR: Final = "registrar"


@dataclass(frozen=True, slots=True)
class PeopleDesk:
    """The registrar's desk for the people who work here."""

    registrar: Registrar
    staff: Staff
    identities: Identities

    def first_link(self) -> OneTimeLink | None:
        """Make the link of the first start as long as nobody has come in; afterwards None, and no entry."""
        if any(person.state != "invited" for person in self.staff.all()):
            return None
        return self.registrar.give(
            INSTALLATION,
            None,
            "staff-change",
            "invited",
            self.staff.first_link,
            lambda link: {"person": "" if link is None else link.staff_id, "roles": list(FIRST_ROLES)},
        ).value

    def enter(self, secret: str) -> Done[StaffMember]:
        """Let the bearer of a one-time link in. Raises NotOnRecord (link), without saying whether it is unknown, used or too old."""
        return self.registrar.give(
            INSTALLATION, None, "staff-change", "entered", lambda: self.staff.redeem(secret), lambda person: {"person": person.id}
        )

    def arrive(self, issuer: str, subject: str) -> Done[StaffMember]:
        """Let in whoever stands behind a subject that a trusted issuer vouches for. Raises NotOnRecord (subject, also for a client's)
        and CallerRefused (staff-inactive)."""

        def look() -> StaffMember:
            behind = self.identities.holder(issuer, subject)
            if behind.kind != "staff":
                raise NotOnRecord("subject")
            person = self.staff.get(behind.holder)
            if person.state != "active":
                raise CallerRefused("You are on record, but not active here; ask a registrar for a link.", code="staff-inactive")
            return person

        return self.registrar.give(
            INSTALLATION, None, "staff-change", "signed-in", look, lambda person: {"person": person.id, "issuer": issuer}
        )

    def invite(self, actor: Actor, person_id: str, name: str, roles: Sequence[str]) -> Done[OneTimeLink]:
        """Put a person on record and make their link."""
        return self.registrar.give(
            actor,
            REGISTRAR,
            "staff-change",
            "invited",
            lambda: self.staff.invite(person_id, name, tuple(roles), actor.name),
            lambda link: {"person": link.staff_id, "roles": sorted(set(roles))},
        )

    def relink(self, actor: Actor, person_id: str) -> Done[OneTimeLink]:
        """Make a new link for somebody on record; their earlier ones are worthless."""
        return self.registrar.give(
            actor,
            REGISTRAR,
            "staff-change",
            "linked",
            lambda: self.staff.relink(person_id, actor.name),
            lambda link: {"person": link.staff_id},
        )

    def set_roles(self, actor: Actor, person_id: str, roles: Sequence[str]) -> Done[StaffMember]:
        """Replace a person's roles: what they had and is not named is gone at their next request."""
        said = {"person": person_id, "roles": " ".join(roles_of(list(roles)))}
        done = self.registrar.take(actor, REGISTRAR, "staff-change", "roles-set", said)
        return Done(self.staff.get(person_id), done.receipt)

    def leave(self, actor: Actor, person_id: str) -> Done[StaffMember]:
        """End a person's access."""
        done = self.registrar.take(actor, REGISTRAR, "staff-change", "left", {"person": person_id})
        return Done(self.staff.get(person_id), done.receipt)
