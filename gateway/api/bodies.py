"""Read a request's body only when told to: raw bytes, a multipart form, or base64 in JSON. Bounded; never decodes an image."""

import base64
import binascii
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Final

from python_multipart.multipart import parse_options_header

from gateway.api.body_limits import BodyLimits, check_size, read_bounded
from gateway.api.declaration import PART_LIMIT, strict_json
from gateway.api.forms import FormBody
from gateway.enforcement.images import BodyRefused, Images

IMAGE_TYPES: Final = ("image/jpeg", "image/png", "image/webp")
ANY_BYTES: Final = "application/octet-stream"
FORM: Final = "multipart/form-data"
JSON: Final = "application/json"


def body_of(headers: Mapping[str, str], chunks: AsyncIterator[bytes], limits: BodyLimits) -> "RawBody | FormBody | JsonBody":
    """Choose the reader that the Content-Type asks for. Raises BodyRefused (unsupported-media-type)."""
    kind, options = parse_options_header(headers.get("content-type", ""))
    name = kind.decode("latin-1").lower()
    if headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise BodyRefused("Send the body uncompressed: Content-Encoding is not taken.", code="unsupported-media-type")
    if name in IMAGE_TYPES or name == ANY_BYTES:
        return RawBody(name, headers, chunks, limits)
    if name == FORM:
        boundary = options.get(b"boundary", b"")
        if not 1 <= len(boundary) <= 70:
            raise BodyRefused("The multipart form names no valid boundary.")
        return FormBody(boundary, chunks, limits)
    if name == JSON:
        return JsonBody(headers, chunks, limits)
    raise BodyRefused(
        f"Send the image as {', '.join(IMAGE_TYPES)} or {ANY_BYTES}, as {FORM}, or as base64 in {JSON}.", code="unsupported-media-type"
    )


@dataclass(slots=True)
class RawBody:
    """The fast path: the body is the probe."""

    media_type: str
    headers: Mapping[str, str]
    chunks: AsyncIterator[bytes]
    limits: BodyLimits

    async def images(self) -> Images:
        """Return the probe. Raises BodyRefused."""
        probe = await read_bounded(self.headers, self.chunks, self.limits, self.limits.image_bytes)
        _check_is(probe, self.media_type)
        return Images(probe)


@dataclass(slots=True)
class JsonBody:
    """`{"image": "<base64>", "reference": "<base64>"}`; the declaration is in the headers."""

    headers: Mapping[str, str]
    chunks: AsyncIterator[bytes]
    limits: BodyLimits

    async def images(self) -> Images:
        """Return the images. Raises BodyRefused."""
        body = await read_bounded(self.headers, self.chunks, self.limits, self.limits.image_bytes * 2 * 4 // 3 + PART_LIMIT)
        try:
            said = strict_json(body)
        except ValueError as fault:
            raise BodyRefused(f"The body is not the JSON that its Content-Type promises: {fault}.", code="body-mismatch") from fault
        if not isinstance(said, dict) or not set(said) <= {"image", "reference"}:
            raise BodyRefused("The JSON body holds 'image' and, for a comparison, 'reference'; what is declared goes into headers.")
        probe = self._decoded(said, "image")
        if probe is None:
            raise BodyRefused("The JSON body holds no 'image'.", code="image-missing")
        return Images(probe, self._decoded(said, "reference"))

    def _decoded(self, said: Mapping[str, object], name: str) -> bytes | None:
        text = said.get(name)
        if text is None:
            return None
        try:
            image = base64.b64decode(text if isinstance(text, str) else "?", validate=True)
        except (binascii.Error, ValueError) as fault:
            raise BodyRefused(f"{name!r} is not base64.") from fault
        check_size(image, self.limits.image_bytes)
        return image


def _check_is(image: bytes, media_type: str) -> None:
    if not image:
        raise BodyRefused("The body is empty: send the image as the body.", code="image-missing")
    found = {
        "image/jpeg": image.startswith(b"\xff\xd8\xff"),
        "image/png": image.startswith(b"\x89PNG\r\n\x1a\n"),
        "image/webp": image.startswith(b"RIFF") and image[8:12] == b"WEBP",
    }
    if media_type in found and not found[media_type]:
        raise BodyRefused(f"The body is not the {media_type} that its Content-Type promises.", code="body-mismatch")
