"""Find the licences that cover a request, or say what is wrong with the nearest one. Pure; the rulebook still has to allow it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from gateway.registry.errors import LicenceRefused
from gateway.registry.fields import inside
from gateway.registry.galleries import Gallery
from gateway.registry.licences import Licence
from gateway.registry.terms import OWN

STATES = {
    "applied": "is applied for but not granted yet; wait for the registrar",
    "suspended": "is suspended; ask the registrar why",
    "revoked": "was revoked; apply for a new one",
    "expired": "has ended; apply for a new one",
    "not-yet-valid": "is not in force yet; wait for its first day",
    "damaged": "does not match its seal; the operator must look at the registry",
}
GAPS = {
    "purpose": "does not name this purpose; apply for one that does",
    "operation": "names this purpose, but not with this operation; apply for one that does",
    "place": "does not reach this place; apply for one that does",
    "gallery": "does not name this gallery; apply for one that does",
}
NEARNESS = ("gallery", "place", *STATES, "operation", "purpose")  # the first of these is the least that is missing


@dataclass(frozen=True, slots=True)
class Use:
    """What a request is about to do, as far as a licence is concerned. `gallery` is None where no gallery is used."""

    purpose: str
    operation: str
    place: str
    gallery: Gallery | None = None


def covering(licences: Iterable[Licence], use: Use, at: datetime) -> tuple[Licence, ...]:
    """Return every licence under which the request may go on to the judge, in the order given; at least one.

    Raises LicenceRefused with the code of the least that is missing: licence-gallery, licence-suspended, licence-missing …"""
    missing: dict[str, Licence] = {}
    found: list[Licence] = []
    for licence in licences:
        gap = _gap(licence, use, at)
        if gap is None:
            found.append(licence)
        else:
            missing.setdefault(gap, licence)
    if found:
        return tuple(found)
    for gap in NEARNESS:
        if gap in missing:
            raise LicenceRefused(f"The licence `{missing[gap].id}` {(STATES | GAPS)[gap]}.", code=f"licence-{gap}")
    raise LicenceRefused("No licence is on record for this client; apply for one.", code="licence-missing")


def _gap(licence: Licence, use: Use, at: datetime) -> str | None:
    if licence.state == "damaged":
        return "damaged"  # its terms cannot be read, so nothing else can be said of it
    if use.purpose not in licence.terms.purposes:
        return "purpose"
    if f"{use.purpose}:{use.operation}" not in licence.terms.grants:
        return "operation"
    state = licence.state_at(at)
    if state != "granted":
        return state
    if not any(inside(use.place, place) for place in licence.terms.places):
        return "place"
    return None if use.gallery is None or reaches(licence, use.gallery) else "gallery"


def reaches(licence: Licence, gallery: Gallery) -> bool:
    """Say whether the licence names the gallery, by its id or as one of its holder's own."""
    return gallery.id in licence.terms.galleries or (OWN in licence.terms.galleries and gallery.owner == licence.client_id)
