"""A case that registered the person it seeks lets no search begin from anybody else's face; on the running service, real portraits."""

import asyncio
import io

import pytest
from PIL import Image

from gateway.cli.demo.cast import CASE, NGO, POLICE
from gateway.enforcement.registered import gallery_of
from gateway.registry.cases import Case, Target
from tests.stories.town import STILL, Town

pytestmark = pytest.mark.anyio

SAID = {"custodes-purpose": "missing_person", "custodes-capture": STILL}


def path_of(case: str) -> str:
    return f"/v1/cases/{case}/person"


async def register(town: Town, case: str, image: str, who: str = NGO):
    return await town.send(path_of(case), who, SAID, image)


async def delete(town: Town, case: str, who: str = NGO):
    return await town.web.delete(path_of(case), headers={"authorization": f"Bearer {town.token(who)}"})


@pytest.fixture
async def case(town: Town):
    """Open a case of its own, so that the town's stays without a person."""
    reference = f"MP-PERSON-{len(town.entries())}"
    await asyncio.to_thread(town.house.registry.cases.open, Case(NGO, reference, Target("specific_person", role="missing")), "registrar-1")
    return reference


async def test_a_search_is_stopped_when_the_probe_is_not_the_cases_person_and_logged_as_such(town: Town, case: str) -> None:
    assert (await town.search(case=f'"{case}"', image="biden.jpg")).status_code == 202
    registered = await register(town, case, "obama.jpg")
    assert registered.status_code == 200, registered.text
    stopped = await town.search(case=f'"{case}"', image="biden.jpg")
    assert (stopped.status_code, stopped.json()["type"]) == (422, "urn:custodes:problem:probe-is-not-the-person")
    outcome = town.entry(stopped.json()["log_index"])
    assert (outcome["kind"], outcome["why"], outcome["candidates"]) == ("outcome", "probe-is-not-the-person", [])
    assert (await town.search(case=f'"{case}"', image="obama2.jpg")).status_code == 202


async def test_a_second_photo_must_be_of_the_same_person(town: Town, case: str) -> None:
    assert (await register(town, case, "obama.jpg")).status_code == 200
    other = await register(town, case, "biden.jpg")
    assert other.json()["type"] == "urn:custodes:problem:probe-is-not-the-person"
    assert (await register(town, case, "obama3.jpg")).status_code == 200
    assert (await town.get(path_of(case), NGO)).json() == {"case": case, "photos": 2}


async def test_the_photos_are_withdrawn_at_once_and_the_log_says_so(town: Town, case: str) -> None:
    await register(town, case, "obama.jpg")
    gallery = town.house.settings.home.keys / "galleries" / gallery_of(NGO, case)
    assert list(await asyncio.to_thread(lambda: [*gallery.glob("*.key")]))
    assert (await delete(town, case)).status_code == 200
    assert [entry["act"] for entry in town.entries("case-change")][-2:] == ["person-registered", "person-withdrawn"]
    assert not await asyncio.to_thread(lambda: [*gallery.glob("*.key")])
    assert (await town.search(case=f'"{case}"', image="biden.jpg")).status_code == 202
    assert (await delete(town, case)).status_code == 404


async def test_the_photos_go_with_the_case(town: Town, case: str) -> None:
    await register(town, case, "obama.jpg")
    await asyncio.to_thread(town.house.registry.cases.close, NGO, case, "found")
    assert gallery_of(NGO, case) in town.house.gallery_desk.templates.names()
    assert await town.house.keeping.sweep() == 1
    assert gallery_of(NGO, case) not in town.house.gallery_desk.templates.names()
    assert town.entries("gallery-change")[-1]["act"] == "person-shredded"


async def test_photos_that_were_destroyed_behind_the_gateways_back_stop_every_search_of_the_case(town: Town, case: str) -> None:
    await register(town, case, "obama.jpg")
    await asyncio.to_thread(town.house.gallery_desk.templates.destroy, gallery_of(NGO, case))
    answer = await town.search(case=f'"{case}"', image="obama2.jpg")
    assert answer.json()["type"] == "urn:custodes:problem:gallery-damaged"


async def test_nobody_reaches_another_clients_person(town: Town, case: str) -> None:
    await register(town, case, "obama.jpg")
    assert (await town.get(path_of(case), POLICE)).status_code == 404
    assert (await delete(town, case, POLICE)).status_code == 404
    assert (await register(town, case, "biden.jpg", POLICE)).status_code in (403, 404)
    for form in ({"custodes-case": f'"{CASE}"'}, {"custodes-gallery": '"missing-persons"'}):
        answer = await town.send(path_of(case), NGO, {**SAID, **form}, "obama2.jpg")
        assert answer.json()["type"] == "urn:custodes:problem:declaration-malformed"


async def test_a_photo_that_shows_nobody_registers_nobody(town: Town, case: str) -> None:
    wall = io.BytesIO()
    Image.new("RGB", (200, 200), (120, 130, 140)).save(wall, "PNG")
    answer = await town.send(path_of(case), NGO, SAID, wall.getvalue())
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:custodes:problem:no-face")
    assert (await town.get(path_of(case), NGO)).json()["photos"] == 0
    assert (await town.search(case=f'"{case}"', image="biden.jpg")).status_code == 202
