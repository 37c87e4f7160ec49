"""Bodies are read late, bounded in size and time, and only if they are what their headers say."""

import asyncio
import base64
import hashlib
import json
from collections.abc import AsyncIterator

import pytest

from gateway.api.bodies import FormBody, body_of
from gateway.api.body_limits import BodyLimits
from gateway.enforcement.images import BodyRefused, Images

JPEG = b"\xff\xd8\xff" + b"j" * 500
PNG = b"\x89PNG\r\n\x1a\n" + b"p" * 500
LIMITS = BodyLimits(image_bytes=4096, seconds=0.3)
pytestmark = pytest.mark.anyio


async def chunks(*parts: bytes, pause: float = 0.0) -> AsyncIterator[bytes]:
    for part in parts:
        if pause:
            await asyncio.sleep(pause)
        yield part


async def read(kind: str, *parts: bytes, pause: float = 0.0, **headers: str) -> Images:
    given = {"content-type": kind} | {name.replace("_", "-"): value for name, value in headers.items()}
    return await body_of(given, chunks(*parts, pause=pause), LIMITS).images()


def form(*parts: tuple[str, bytes]) -> bytes:
    lines = b"".join(
        b'--b0\r\nContent-Disposition: form-data; name="' + name.encode() + b'"\r\n\r\n' + content + b"\r\n" for name, content in parts
    )
    return lines + b"--b0--\r\n"


FORM = "multipart/form-data; boundary=b0"


async def test_raw_form_and_json_bodies_give_the_same_images() -> None:
    document = json.dumps({"image": base64.b64encode(JPEG).decode(), "reference": base64.b64encode(PNG).decode()}).encode()
    assert await read("image/jpeg", JPEG[:100], JPEG[100:]) == Images(JPEG)
    assert await read(FORM, form(("image", JPEG), ("reference", PNG))) == Images(JPEG, PNG)
    assert await read("application/json; charset=utf-8", document) == Images(JPEG, PNG)


async def test_a_forms_declaration_is_read_before_its_image_has_arrived() -> None:
    whole = form(("declaration", b'{"purpose":"missing_person"}'), ("image", JPEG))
    seen: list[bytes] = []

    async def slowly() -> AsyncIterator[bytes]:
        for at in range(0, len(whole), 64):
            seen.append(whole[at : at + 64])
            yield seen[-1]

    body = body_of({"content-type": FORM}, slowly(), LIMITS)
    assert isinstance(body, FormBody)
    assert await body.declaration() == b'{"purpose":"missing_person"}'
    assert len(b"".join(seen)) < len(whole) / 2
    assert await body.images() == Images(JPEG)


async def test_a_form_without_a_declaration_says_so_and_loses_nothing() -> None:
    body = body_of({"content-type": FORM}, chunks(form(("image", JPEG))), LIMITS)
    assert isinstance(body, FormBody)
    assert await body.declaration() is None
    assert await body.images() == Images(JPEG)


@pytest.mark.parametrize(
    ("code", "kind", "body"),
    [
        ("body-mismatch", "image/png", JPEG),
        ("body-mismatch", "image/jpeg", b"<html>"),
        ("image-missing", "image/jpeg", b""),
        ("body-too-large", "image/jpeg", JPEG + b"x" * 4096),
        ("unsupported-media-type", "text/plain", JPEG),
        ("unsupported-media-type", "", JPEG),
        ("body-malformed", "multipart/form-data", form(("image", JPEG))),
        ("body-mismatch", FORM, b"no form at all, by any standard whatever"),
        ("body-mismatch", FORM, form(("image", JPEG))[:300]),
        ("image-missing", FORM, form(("declaration", b"{}"))),
        ("image-missing", FORM, form(("image", b""))),
        ("body-malformed", FORM, form(("image", JPEG), ("image", JPEG))),
        ("body-malformed", FORM, form(("image", JPEG), ("declaration", b"{}"))),
        ("body-malformed", FORM, form(("passwords", b"x"))),
        ("body-too-large", FORM, form(("image", b"x" * 5000))),
        ("body-too-large", FORM, form(("declaration", b"x" * 20_000))),
        ("body-mismatch", "application/json", b"not json"),
        ("body-malformed", "application/json", b'{"image": "***"}'),
        ("body-malformed", "application/json", b'{"image": 3}'),
        ("body-malformed", "application/json", b'{"image": "", "url": "http://127.0.0.1/"}'),
        ("image-missing", "application/json", b"{}"),
        ("image-missing", "application/json", b'{"image": ""}'),
    ],
)
async def test_a_body_that_is_not_what_it_should_be_is_refused_by_name(code: str, kind: str, body: bytes) -> None:
    with pytest.raises(BodyRefused) as refused:
        await read(kind, body)
    assert refused.value.code == code


async def test_a_slow_body_is_refused() -> None:
    with pytest.raises(BodyRefused) as refused:
        await read("image/jpeg", *[JPEG[:10]] * 20, pause=0.05)
    assert refused.value.code == "body-too-slow"


async def test_a_body_announced_too_large_is_refused_before_it_is_read() -> None:
    async def never() -> AsyncIterator[bytes]:
        raise AssertionError("the body was read")
        yield b""

    with pytest.raises(BodyRefused):
        await body_of({"content-type": "image/jpeg", "content-length": "99999"}, never(), LIMITS).images()


async def test_a_body_must_have_the_digest_that_it_promises() -> None:
    promised = base64.b64encode(hashlib.sha256(JPEG).digest()).decode()
    assert await read("image/jpeg", JPEG, content_digest=f"sha-256=:{promised}:") == Images(JPEG)
    with pytest.raises(BodyRefused):
        await read("image/jpeg", JPEG + b"x", content_digest=f"sha-256=:{promised}:")


async def test_a_compressed_body_is_refused() -> None:
    with pytest.raises(BodyRefused):
        await read("image/jpeg", JPEG, content_encoding="gzip")
