"""What reviewers see: two faces, cut out and nothing else, for as long as they hold the claim, and nowhere afterwards."""

import io
from collections.abc import AsyncIterator
from datetime import timedelta

import httpx2
import pytest
from PIL import Image

from engine.portraits import SIDE
from gateway.cli.demo.cast import REGISTRARS
from gateway.enforcement.registrar import Actor
from gateway.registry.galleries import Gallery
from tests.stories.gendarmes import GENDARMES, LIST, France, running_france
from tests.stories.test_duties import held_in
from tests.stories.town import judgement

pytestmark = pytest.mark.anyio
BARE = "no-pictures"


@pytest.fixture(scope="module")
async def france(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[France]:
    async with running_france(tmp_path_factory.mktemp("pictures")) as running:
        yield running


async def claim(france: France, decision: str, who: str = "reviewer-1") -> dict[str, object]:
    waiting = (await france.get("/v1/reviews", who)).json()["reviews"]
    review = next(each["review"] for each in waiting if each["decision_id"] == decision)
    answer = await france.post(f"/v1/reviews/{review}/claim", who, {})
    assert answer.status_code == 200, answer.text
    found: dict[str, object] = answer.json()
    return found


def problem(answer: httpx2.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["type"].removeprefix("urn:custodes:problem:")


async def test_whoever_holds_the_claim_sees_two_faces_and_nobody_else_does(france: France) -> None:
    held = (await france.live(france.case())).json()
    claimed = await claim(france, held["decision_id"])
    (likeness,) = claimed["to_judge"]
    assert likeness["subject"] is None, "a name would say whom to see"
    before = len(france.entries())
    for side, path in likeness["pictures"].items():
        seen = await france.get(path, "reviewer-1")
        assert (seen.status_code, seen.headers["content-type"], seen.headers["cache-control"]) == (200, "image/jpeg", "no-store"), side
        with Image.open(io.BytesIO(seen.content)) as picture:
            assert (picture.format, picture.size, picture.mode) == ("JPEG", (SIDE, SIDE), "RGB")
            assert not picture.getexif()
        assert problem(await france.get(path, "reviewer-2")) == (409, "review-not-claimed")
        assert (await france.get(path, GENDARMES)).status_code == 403
        assert held_in(france.house.settings.home, seen.content) == []
    assert len(france.entries()) == before + 2, "the looks stand under the claim; the client's two attempts under themselves"
    assert (await france.get(likeness["pictures"]["probe"].replace("/0/", "/7/"), "reviewer-1")).status_code == 404
    calls = france.calls
    await france.get(likeness["pictures"]["candidate"], "reviewer-1")
    assert france.calls == calls, "a look recognises nobody"
    # A quarter of an hour later the reviewer sees nothing any more.
    france.clock.at += timedelta(minutes=15)
    assert problem(await france.get(likeness["pictures"]["probe"], "reviewer-1")) == (409, "review-claim-expired")


async def test_the_pictures_of_a_settled_review_are_on_no_disk(france: France) -> None:
    for words in (("same", "same"), ("different", "different")):
        held = (await france.live(france.case())).json()
        for who, word in zip(("reviewer-1", "reviewer-2"), words, strict=True):
            claimed = await claim(france, held["decision_id"], who)
            sealed = france.house.reviews.queue.get(claimed["review"]).held.pictures
            assert held_in(france.house.settings.home, sealed)
            ended = (await france.post(f"/v1/reviews/{claimed['review']}/judgements", who, judgement(1, word))).json()
        assert ended["state"] == {"same": "released", "different": "withheld"}[words[0]]
        assert held_in(france.house.settings.home, sealed) == []
        assert problem(await france.get(claimed["to_judge"][0]["pictures"]["probe"], "reviewer-1"))[0] == 409


async def test_a_gallery_without_pictures_is_judged_by_name_and_says_so(france: France) -> None:
    house = france.house
    galleries, templates = house.registry.galleries, house.gallery_desk.templates
    galleries.create(Gallery(BARE, GENDARMES, "missing_person_reports", (), ("missing_person",), 365, pictures=False))
    galleries.confirm(BARE, REGISTRARS[0])
    templates.create(BARE, house.gallery_desk.recogniser)
    said = {"custodes-purpose": "missing_person", "custodes-subject": '"by-name"', "custodes-place": "FR"}
    still = "source=upload, device=none, space=none, age_s=86400, subject_involved=?0"
    assert (
        await france.send(f"/v1/galleries/{BARE}/subjects", GENDARMES, said | {"custodes-capture": still}, "obama.jpg")
    ).status_code == 200
    assert not templates.pictured(BARE, "by-name")
    held = (await france.live(france.case(), **{"custodes-gallery": f'"{BARE}"'})).json()
    (likeness,) = (await claim(france, held["decision_id"]))["to_judge"]
    assert (likeness["subject"], likeness["pictures"]["candidate"]) == ("by-name", None)
    assert problem(await france.get(likeness["pictures"]["probe"].replace("probe", "candidate"), "reviewer-1")) == (404, "unknown-picture")


async def test_who_withdraws_is_seen_by_no_reviewer_and_a_closed_gallery_keeps_no_picture(france: France) -> None:
    house = france.house
    templates, home = house.gallery_desk.templates, house.settings.home
    held = (await france.live(france.case())).json()
    (likeness,) = (await claim(france, held["decision_id"]))["to_judge"]
    with templates.opened(LIST) as database:
        (sealed,) = database.execute("SELECT sealed FROM portrait").fetchone()
    assert held_in(home, sealed) == [f"{LIST}.db"]
    house.desks.galleries.close(Actor("staff", REGISTRARS[0]), LIST)
    assert (await france.get(likeness["pictures"]["candidate"], "reviewer-1")).status_code == 404
    assert await house.keeping.sweep() == 1
    assert held_in(home, sealed) == []
    assert france.entries("gallery-change")[-1]["act"] == "pictures-removed"
    templates.withdraw(LIST, "canary-subject-7")
    assert (await france.get(likeness["pictures"]["candidate"], "reviewer-1")).status_code == 404
