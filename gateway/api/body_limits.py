"""How much of a body is read, and for how long. Knows no form and no JSON."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from gateway.api.fields import dictionary
from gateway.enforcement.images import BodyRefused


@dataclass(frozen=True, slots=True)
class BodyLimits:
    """How much and how long: bytes an image, seconds for the whole body."""

    image_bytes: int
    seconds: float


async def read_bounded(headers: Mapping[str, str], chunks: AsyncIterator[bytes], limits: BodyLimits, most: int) -> bytes:
    """Return the whole body, if it is within `most` bytes and has the digest it promises. Raises BodyRefused."""
    announced = headers.get("content-length")
    if announced is not None and announced.isdigit() and int(announced) > most:
        raise BodyRefused(f"The body may hold {most} bytes; {announced} were announced.", code="body-too-large")
    body = bytearray()
    async with deadline(limits):
        async for chunk in chunks:
            body += chunk
            if len(body) > most:
                raise BodyRefused(f"The body is larger than {most} bytes.", code="body-too-large")
    _check_digest(headers, body)
    return bytes(body)


@asynccontextmanager
async def deadline(limits: BodyLimits) -> AsyncIterator[None]:
    """Give the body so many seconds. Raises BodyRefused when they are over."""
    try:
        async with asyncio.timeout(limits.seconds):
            yield
    except TimeoutError as fault:
        raise BodyRefused(f"The body did not arrive within {limits.seconds:g} seconds.", code="body-too-slow") from fault


def check_size(image: bytes | bytearray, most: int) -> None:
    """Raise BodyRefused if the image is empty or too large."""
    if not image:
        raise BodyRefused("The image is empty.", code="image-missing")
    if len(image) > most:
        raise BodyRefused(f"An image may hold {most} bytes.", code="body-too-large")


def _check_digest(headers: Mapping[str, str], body: bytes | bytearray) -> None:
    text = headers.get("content-digest")
    if text is None:
        return
    digests = dictionary("content-digest", text)
    wanted = digests.get("sha-256")
    if wanted is not None and wanted != hashlib.sha256(body).digest():
        raise BodyRefused("The body does not have the digest that Content-Digest promises.", code="body-mismatch")
