"""Say where the photos of the person whom a case seeks lie, and whether there are any. Never sees a template, and writes no log."""

import hashlib
from typing import Final

from engine.errors import GalleryUnknown
from engine.galleries.store import Galleries
from engine.orders import SubjectReference

PERSON: Final = "person"  # the one subject of a case's gallery
_PREFIX: Final = "case-"


def gallery_of(client: str, reference: str) -> str:
    """Return the name of a case's own gallery: no client can guess another's case from it, or name it in a request."""
    return _PREFIX + hashlib.sha256(f"{client}\n{reference}".encode()).hexdigest()[:40]


def registered_person(templates: Galleries, client: str, reference: str) -> SubjectReference | None:
    """Return whom a probe under this case must show; None where nobody was registered. Blocks."""
    gallery = gallery_of(client, reference)
    try:
        return SubjectReference(gallery, PERSON, templates.record(gallery).generation) if templates.holds(gallery, PERSON) else None
    except GalleryUnknown:
        return None


def shred(templates: Galleries, client: str, reference: str) -> bool:
    """Destroy a case's gallery, its key first; return whether there was one. Blocks."""
    try:
        templates.destroy(gallery_of(client, reference))
    except GalleryUnknown:
        return False
    return True
