"""The images of a request as bytes that nobody has opened yet. Knows no HTTP and never decodes."""

import hashlib
from dataclasses import dataclass
from typing import Protocol

from gateway.errors import CustodesError


class BodyRefused(CustodesError):
    """The body cannot be taken as images: too large, too slow, empty, or not what its headers say."""

    code = "body-malformed"


@dataclass(frozen=True, slots=True)
class Images:
    """The probe, and for a comparison of two images the reference."""

    probe: bytes
    reference: bytes | None = None

    @property
    def digests(self) -> tuple[str, ...]:
        """SHA-256 in hex of each image, the probe first."""
        return tuple(hashlib.sha256(image).hexdigest() for image in (self.probe, self.reference) if image is not None)


class ImageSource(Protocol):
    """A body that has not been read. It is asked for its images only after a Permit."""

    async def images(self) -> Images:
        """Read the body, bounded in size and time. Raises BodyRefused."""
        ...
