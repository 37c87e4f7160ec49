"""Conduct against purpose: each tripwire, touched by a client that has every right on paper, on the running service."""

import io
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import httpx2
import numpy as np
import pytest
from PIL import Image, ImageEnhance

from gateway.cli.demo.cast import PORTRAITS, REGISTRARS
from gateway.enforcement.conduct import ConductMalformed, Wires
from gateway.registry.authorisations import Paper
from gateway.registry.cases import Case, Target
from tests.stories.town import NGO, Town, running_town

pytestmark = pytest.mark.anyio
_taken = iter(range(1, 1000))
WIRES = {"crowds": 2, "people": 3, "frames": 4, "climbs": 3, "enumerated": 3, "purposes": 2, "cases_of_a_paper": 3}


@pytest.fixture(scope="module")
async def watched(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Town]:
    """The town with wires that a short story can touch."""
    home = tmp_path_factory.mktemp("watched")
    async with running_town(home, wires=WIRES) as running:
        yield running


def a_case(town: Town) -> str:
    reference = f"MP-W-{next(_taken)}"
    town.house.registry.cases.open(Case(NGO, reference, Target("specific_person", role="missing")), REGISTRARS[0])
    return f'"{reference}"'


def variant(name: str, step: int, towards: str | None = None) -> bytes:
    """The picture with a little noise; another file, hardly another scene."""
    picture = Image.open(PORTRAITS / name).convert("RGB")
    if towards == "blur":
        picture = ImageEnhance.Sharpness(picture).enhance(0.1 + 0.3 * step)
    pixels = np.asarray(picture).astype(int)
    pixels[step * 3 : step * 3 + 2, :, :] = 128
    out = io.BytesIO()
    Image.fromarray(pixels.clip(0, 255).astype("uint8")).save(out, "JPEG", quality=95)
    return out.getvalue()


def crowd() -> bytes:
    left, right = (Image.open(PORTRAITS / name).convert("RGB") for name in ("obama2.jpg", "biden.jpg"))
    both = Image.new("RGB", (left.width + right.width, max(left.height, right.height)))
    both.paste(left, (0, 0))
    both.paste(right, (left.width, 0))
    both.thumbnail((1600, 1600))
    out = io.BytesIO()
    both.save(out, "JPEG", quality=95)
    return out.getvalue()


def touched(town: Town) -> dict[str, object]:
    entry: dict[str, object] = [entry for entry in town.entries("tripwire") if entry["act"] == "touched"][-1]
    return entry


async def suspended(town: Town, answer: httpx2.Response, case: str, wire: str) -> None:
    """The answer is the one of every suspended case; the log alone says which wire; a person lifts it, with a reason."""
    assert answer.status_code == 403, answer.text
    assert answer.json()["type"] == "urn:custodes:problem:case-suspended"
    said = json.dumps(answer.json())
    assert "tripwire" not in said
    assert wire not in said
    assert touched(town)["wire"] == wire
    assert (await town.search(case=case)).json()["type"] == "urn:custodes:problem:case-suspended"
    path = f"/v1/clients/{NGO}/cases/" + case.strip('"')
    headers = {"authorization": f"Bearer {town.token(REGISTRARS[0])}"}
    lifted = await town.web.patch(path, headers=headers, json={"state": "open", "reason": "looked into it with the client"})
    assert lifted.status_code == 200, lifted.text
    assert (await town.search(case=case)).status_code == 202


async def test_pictures_with_more_faces_than_the_purpose_allows_again_and_again(watched: Town) -> None:
    case = a_case(watched)
    first = await watched.search(image=crowd(), case=case)
    assert first.status_code == 422, first.text
    await suspended(watched, await watched.search(image=crowd(), case=case), case, "crowd")


async def test_too_many_different_people_under_one_case(watched: Town) -> None:
    case = a_case(watched)
    for name in ("obama2.jpg", "biden.jpg", "obama.jpg"):
        assert (await watched.search(image=name, case=case)).status_code in (200, 202)
    await suspended(watched, await watched.search(image="astronaut.png", case=case), case, "many-people")


async def test_frames_of_one_camera_seconds_apart_under_a_purpose_of_still_pictures(watched: Town) -> None:
    case = a_case(watched)
    for step in (3, 1, 2):
        assert (await watched.search(image=variant("obama2.jpg", step), case=case)).status_code == 202
    await suspended(watched, await watched.search(image=variant("obama2.jpg", 0), case=case), case, "camera-frames")


async def test_one_document_for_several_cases(watched: Town) -> None:
    registry, now = watched.house.registry, watched.house.clock.now()
    paper = Paper(
        NGO, "legal_mandate", "court", "US-WA", now - timedelta(hours=1), now + timedelta(days=1), "missing_person", "identify", "c" * 64
    )
    recorded = registry.authorisations.record(paper, REGISTRARS[0])
    registry.authorisations.confirm(recorded.id, REGISTRARS[1])
    for _ in range(2):
        assert (await watched.search(case=a_case(watched))).status_code == 202
    answer = await watched.search(case=a_case(watched))
    assert (answer.status_code, touched(watched)["wire"]) == (403, "paper-reuse")
    registry.authorisations.revoke(recorded.id, "the story is told")


async def test_a_refused_request_retried_under_another_purpose_is_linked_to_the_refusal(watched: Town) -> None:
    case = a_case(watched)
    refused = (await watched.search(purpose="mass_surveillance", case=case)).json()
    calls = watched.calls
    answer = await watched.search(case=case)
    assert watched.calls == calls, "stopped before the recogniser was woken"
    assert touched(watched)["linked"] == refused["log_index"]
    await suspended(watched, answer, case, "purpose-shopping")


async def test_a_gallery_that_is_listed_rather_than_searched(watched: Town) -> None:
    cases = [a_case(watched) for _ in range(3)]
    answers = [
        await watched.search(image=name, case=case) for name, case in zip(("obama2.jpg", "biden.jpg", "astronaut.png"), cases, strict=True)
    ]
    assert answers[-1].status_code == 403
    assert touched(watched)["wire"] == "gallery-enumeration"
    assert "gallery" not in answers[-1].json()["detail"]


async def test_the_settings_of_the_wires_are_checked(tmp_path: Path) -> None:
    path = tmp_path / "tripwires.json"
    assert Wires.read(path) == Wires()
    for text in ("{", "[]", '{"crowds": -1}', '{"crowds": true}', '{"tigers": 1}'):
        path.write_text(text)
        with pytest.raises(ConductMalformed):
            Wires.read(path)
    path.write_text('{"crowds": 7}')
    assert Wires.read(path).crowds == 7
