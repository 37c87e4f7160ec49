"""Seal one template under its gallery's key, bound to whose it is, and open it again. Knows no database and no search."""

import secrets
from dataclasses import dataclass

import numpy as np
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from numpy.typing import NDArray

from engine.errors import GalleryDamaged
from engine.recognisers.base import TEMPLATE_LENGTH

Vector = NDArray[np.float32]

NONCE_BYTES = 12
_PORTRAIT = "custodes-portrait@v1"


@dataclass(frozen=True, slots=True)
class Place:
    """Whose template it is. All of it is authenticated: a sealed template that is moved to another place does not open."""

    gallery: str
    recogniser: str
    cohort: str
    subject: str
    photo: str

    def bound(self, what: str = "custodes-template@v1") -> bytes:
        """Return the place as the bytes that a seal authenticates; no two places share them, as no name holds a newline."""
        return "\n".join((what, self.gallery, self.recogniser, self.cohort, self.subject, self.photo)).encode()


@dataclass(frozen=True, slots=True)
class Sealed:
    """A template as it lies on the disk."""

    nonce: bytes
    body: bytes


class TemplateSeal:
    """One gallery's key at work. What it seals is a template and, in the same box, its mean distance to the cohort."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    def seal(self, place: Place, template: Vector, cohort_mean: float) -> Sealed:
        """Seal a template for its place under a fresh nonce."""
        # 2^32 random nonces a key keep the chance of a repeat below 2^-32; a gallery holds about a million templates.
        nonce = secrets.token_bytes(NONCE_BYTES)
        plain = np.append(template, np.float32(cohort_mean)).astype("<f4").tobytes()
        return Sealed(nonce, self._cipher.encrypt(nonce, plain, place.bound()))

    def open(self, place: Place, sealed: Sealed) -> bytes:
        """Return the template and its cohort mean as little-endian float32; raises GalleryDamaged for anything not sealed so."""
        try:
            return self._cipher.decrypt(sealed.nonce, sealed.body, place.bound())
        except (InvalidTag, ValueError):
            raise GalleryDamaged(
                f"A template in gallery {place.gallery} is not what was written there; restore the gallery from a backup."
            ) from None

    def seal_portrait(self, place: Place, jpeg: bytes) -> Sealed:
        """Seal the picture of a face for its place: under the key of its template, and never to be taken for one."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        return Sealed(nonce, self._cipher.encrypt(nonce, jpeg, place.bound(_PORTRAIT)))

    def open_portrait(self, place: Place, sealed: Sealed) -> bytes:
        """Return the picture; raises GalleryDamaged for anything not sealed so."""
        try:
            return self._cipher.decrypt(sealed.nonce, sealed.body, place.bound(_PORTRAIT))
        except (InvalidTag, ValueError):
            raise GalleryDamaged(
                f"A picture in gallery {place.gallery} is not what was written there; restore the gallery from a backup."
            ) from None


def template_and_mean(plain: bytes) -> tuple[Vector, float]:
    """Take apart what a seal opened."""
    numbers = np.frombuffer(plain, dtype="<f4", count=TEMPLATE_LENGTH + 1)
    return numbers[:-1], float(numbers[-1])
