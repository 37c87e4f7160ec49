"""Two people are two people: under the AI Act's two reviewers, on the running service, with a clock that moves when told to."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from gateway.enforcement.duties.scheduler import Scheduler
from gateway.registry.conduct import KEPT
from gateway.registry.errors import AlreadyOnRecord
from gateway.registry.identities import Identity
from tests.stories.gendarmes import GENDARMES, France, running_france

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
async def france(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[France]:
    async with running_france(tmp_path_factory.mktemp("two")) as running:
        yield running


async def claimed(france: France, who: str, decision: str) -> tuple[str, int]:
    waiting = (await france.get("/v1/reviews", who)).json()["reviews"]
    review = next(review["review"] for review in waiting if review["decision_id"] == decision)
    answer = await france.post(f"/v1/reviews/{review}/claim", who, {})
    return review, answer.status_code


async def test_a_second_judgement_of_the_same_person_counts_for_nothing_and_a_second_person_releases(france: France) -> None:
    held = (await france.live(france.case())).json()
    word = {"judgements": ["same"], "features": "left ear, scar"}
    review, _ = await claimed(france, "reviewer-1", held["decision_id"])
    first = await france.post(f"/v1/reviews/{review}/judgements", "reviewer-1", word)
    assert first.json()["state"] == "waiting"
    again = await france.post(f"/v1/reviews/{review}/claim", "reviewer-1", {})
    assert (again.status_code, again.json()["type"]) == (409, "urn:custodes:problem:review-judged-already")
    unclaimed = await france.post(f"/v1/reviews/{review}/judgements", "reviewer-1", word)
    assert unclaimed.json()["type"] == "urn:custodes:problem:review-not-claimed"
    assert (await france.get(held["result"], GENDARMES)).status_code == 202
    # The second sees nothing of what the first said.
    seen = (await france.post(f"/v1/reviews/{review}/claim", "reviewer-2", {})).json()
    assert "said" not in str(seen)
    assert "similarity" not in str(seen)
    assert (await france.post(f"/v1/reviews/{review}/judgements", "reviewer-2", word)).json()["state"] == "released"
    assert (await france.get(held["result"], GENDARMES)).status_code == 200
    assert "reviewer-1" not in str(france.entries("review"))


async def test_a_judgement_after_the_claim_has_expired_is_refused(france: France) -> None:
    held = (await france.live(france.case())).json()
    review, _ = await claimed(france, "reviewer-1", held["decision_id"])
    france.clock.at += timedelta(minutes=15)
    late = await france.post(f"/v1/reviews/{review}/judgements", "reviewer-1", {"judgements": ["same"]})
    assert (late.status_code, late.json()["type"]) == (409, "urn:custodes:problem:review-not-claimed")
    assert (await claimed(france, "reviewer-2", held["decision_id"]))[1] == 200


async def test_one_person_of_an_issuer_cannot_stand_behind_two_reviewers(france: France) -> None:
    identities = france.house.registry.identities
    identities.bind("ministry", "anne", Identity("staff", "reviewer-1"))
    with pytest.raises(AlreadyOnRecord):
        identities.bind("ministry", "anne", Identity("staff", "reviewer-2"))


async def test_what_is_kept_of_conduct_is_forgotten_after_a_week(france: France) -> None:
    case = france.case()
    await france.live(case)
    book, scheduler = france.house.pipeline.conduct.book, france.house.scheduler
    assert isinstance(scheduler, Scheduler)
    begins = france.clock.now() - KEPT
    assert book.of(f"{GENDARMES}/{case}", begins)
    france.later(days=7, seconds=1)
    assert book.of(f"{GENDARMES}/{case}", begins) == ()
