"""Whatever an uploader sends is answered with a reason, costs the service no memory, and leaves the next request served."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.recognisers.dlib import FaceFinder
from gateway.cli.demo.cast import NGO, PORTRAITS
from tests.engine.test_images_hostile import CORPUS, bytes_of
from tests.stories.town import SEEKING, Town

pytestmark = pytest.mark.anyio

HOSTILE = [(name, data, reason) for name, data, reason in CORPUS if reason is not None]
GROWTH_MOST = 64 * 1024 * 1024  # bytes: eight of the largest bodies, which the allocator may keep


def resident() -> int:
    pages = Path("/proc/self/statm").read_text().split()[1]
    return int(pages) * 4096


def kind_of(data: bytes) -> str:
    return "image/png" if data.startswith(b"\x89PNG") else "image/webp" if data[8:12] == b"WEBP" else "image/jpeg"


def crowd() -> bytes:
    """Return one large face with 29 small ones beside it, all of one president."""
    portrait = Image.open(PORTRAITS / "obama.jpg").convert("RGB")
    box = FaceFinder().detect(np.asarray(portrait))[0].box
    face = portrait.crop((box.left - 60, box.top - 80, box.right + 60, box.bottom + 60))
    sheet = Image.new("RGB", (1000, 700), (120, 130, 140))
    sheet.paste(face.resize((420, 420 * face.height // face.width)), (20, 40))
    small = face.resize((60, 60 * face.height // face.width))
    for number in range(29):
        sheet.paste(small, (470 + number % 6 * 85, 30 + number // 6 * 130))
    saved = io.BytesIO()
    sheet.save(saved, "PNG")
    return saved.getvalue()


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is read from Linux's /proc")
async def test_a_hundred_hostile_images_are_each_answered_with_a_reason_and_the_service_stays_flat(town: Town) -> None:
    assert len(HOSTILE) >= 100
    assert (await town.search()).status_code == 202
    files = [(name, bytes_of(data), reason) for name, data, reason in HOSTILE]  # made before the memory is read, not on its account
    before = resident()
    for name, data, reason in files:
        answer = await town.send("/v1/searches", NGO, dict(SEEKING), data, kind_of(data))
        assert 400 <= answer.status_code < 500, (name, answer.text)
        code = answer.json()["type"].removeprefix("urn:custodes:problem:")
        # What is no picture by its first bytes is turned away at the door, before a worker sees it.
        assert code == reason or code in ("image-missing", "body-mismatch", "body-too-large", "unsupported-media-type"), (
            name,
            code,
            reason,
        )
        assert answer.json()["detail"].endswith(".")
    assert resident() - before < GROWTH_MOST
    assert (await town.search()).status_code == 202


async def test_a_probe_with_thirty_faces_is_stopped_under_an_order_for_one(town: Town) -> None:
    answer = await town.send("/v1/searches", NGO, dict(SEEKING), crowd())
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:custodes:problem:several-faces")
    assert "30 faces" in answer.json()["detail"]
    assert town.entry(answer.json()["log_index"])["why"] == "several-faces"
