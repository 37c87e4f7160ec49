"""Two people are two people: under the AI Act's two reviewers, on the running service, with a clock that moves when told to."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import httpx2
import pytest

from gateway.cli.demo.cast import REGISTRARS
from gateway.enforcement.duties.scheduler import Scheduler
from gateway.enforcement.registrar import Actor
from gateway.registry.conduct import KEPT
from gateway.registry.errors import AlreadyOnRecord
from gateway.registry.identities import Identity
from gateway.registry.trainings import Training
from gateway.review.judging import Judgement, Noted
from tests.stories.gendarmes import GENDARMES, France, running_france
from tests.stories.town import judgement

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
    assert unclaimed.json()["type"] == "urn:custodes:problem:review-judged-already"
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
    late = await france.post(f"/v1/reviews/{review}/judgements", "reviewer-1", judgement(1))
    assert (late.status_code, late.json()["type"]) == (409, "urn:custodes:problem:review-claim-expired")
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


def problem(answer: httpx2.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["type"].removeprefix("urn:custodes:problem:")


async def test_a_reviewer_whose_training_nobody_recorded_neither_claims_nor_judges(france: France) -> None:
    staff, desk = france.house.registry.staff, france.house.desks.trainings
    staff.redeem(staff.invite("novice", "Novice", ("reviewer",), REGISTRARS[0]).secret)
    held = (await france.live(france.case())).json()
    review, status = await claimed(france, "novice", held["decision_id"])
    assert status == 403
    now = france.clock.now()
    course = {"what": "Comparing faces, two days", "valid_from": now.isoformat(), "valid_to": (now + timedelta(minutes=10)).isoformat()}
    # Nobody vouches for themselves, not even a registrar, and a client for nobody.
    staff.set_roles("novice", ("reviewer", "registrar"), REGISTRARS[0])
    assert problem(await france.post("/v1/staff/novice/trainings", "novice", course)) == (409, "same-person")
    assert (await france.post("/v1/staff/novice/trainings", GENDARMES, course)).status_code == 403
    recorded = await france.post("/v1/staff/novice/trainings", REGISTRARS[0], course)
    assert recorded.status_code == 201
    entry = france.entry(recorded.json()["log_index"])
    assert (entry["kind"], entry["act"], entry["what"]) == ("staff-change", "training-recorded", "Comparing faces, two days")
    assert entry["person"].startswith("commitment:")
    assert (await claimed(france, "novice", held["decision_id"]))[1] == 200
    # Withdrawn while the claim is held: what was taken away counts no more, the very next moment.
    desk.withdraw(Actor("staff", REGISTRARS[1]), "novice", recorded.json()["id"])
    late = await france.post(f"/v1/reviews/{review}/judgements", "novice", judgement(1))
    assert problem(late) == (403, "reviewer-untrained")
    assert france.entries("access-denied")[-1]["why"] == "reviewer-untrained"
    # And what has ended is as good as none.
    await france.post("/v1/staff/novice/trainings", REGISTRARS[0], course)
    france.clock.at += timedelta(minutes=16)
    assert (await claimed(france, "novice", held["decision_id"]))[1] == 403


async def test_without_any_trained_reviewer_the_rules_are_told_that_nobody_could_look(france: France) -> None:
    view, at = france.house.registry.lookups.now(), france.clock.now()
    assert set(view.trained_reviewers(at)) == {"reviewer-1", "reviewer-2", "reviewer-3"}
    assert view.trained_reviewers(at + timedelta(days=1000)) == ()


async def test_two_who_disagree_are_followed_by_a_third_and_none_sees_the_others_words(france: France) -> None:
    held = (await france.live(france.case())).json()
    states = []
    for who, word in (("reviewer-1", "same"), ("reviewer-2", "different"), ("reviewer-3", "same")):
        waiting = (await france.get("/v1/reviews", who)).json()["reviews"]
        review = next(each for each in waiting if each["decision_id"] == held["decision_id"])
        seen = (await france.post(f"/v1/reviews/{review['review']}/claim", who, {})).json()
        assert not {"judgements", "scores", "similarity", "reviewers"} & set(seen)
        assert "similarity" not in str(seen)
        judged = (await france.post(f"/v1/reviews/{review['review']}/judgements", who, judgement(1, word))).json()
        assert judged["scores"][0]["similarity"] > 99
        states.append(judged["state"])
    assert states == ["waiting", "waiting", "released"]


async def test_a_training_that_is_withdrawn_before_the_last_word_releases_nothing(france: France) -> None:
    staff, desk, now = france.house.registry.staff, france.house.desks.trainings, france.clock.now()
    staff.redeem(staff.invite("forger", "Forger", ("reviewer",), REGISTRARS[0]).secret)
    course = desk.record(Actor("staff", REGISTRARS[0]), Training("forger", "A forged certificate", now, now + timedelta(days=1)))
    held = (await france.live(france.case())).json()
    review, _ = await claimed(france, "forger", held["decision_id"])
    await france.post(f"/v1/reviews/{review}/judgements", "forger", judgement(1))
    desk.withdraw(Actor("staff", REGISTRARS[0]), "forger", course.value.id)
    await claimed(france, "reviewer-2", held["decision_id"])
    ended = (await france.post(f"/v1/reviews/{review}/judgements", "reviewer-2", judgement(1))).json()
    assert ended["state"] == "withheld"
    assert france.entry(ended["log_index"])["reasons"]


async def test_one_judgement_sent_twice_at_once_stands_in_the_log_once(france: France) -> None:
    held = (await france.live(france.case())).json()
    review, _ = await claimed(france, "reviewer-1", held["decision_id"])
    path = f"/v1/reviews/{review}/judgements"
    answers = await asyncio.gather(*(france.post(path, "reviewer-1", judgement(1)) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409]
    judged = [entry for entry in france.entries("review") if entry["review"] == review and entry["act"] == "judged"]
    assert len(judged) == 1


async def test_a_result_whose_end_the_log_did_not_take_ends_when_the_next_person_looks(france: France) -> None:
    held = (await france.live(france.case())).json()
    review, _ = await claimed(france, "reviewer-1", held["decision_id"])
    await france.post(f"/v1/reviews/{review}/judgements", "reviewer-1", judgement(1))
    await claimed(france, "reviewer-2", held["decision_id"])
    # As a log leaves it that fails between the last judgement and the end.
    queue = france.house.reviews.queue
    queue.judge(review, "reviewer-2", (Noted(Judgement.SAME, ("ears",)),), 0)
    assert (await france.get(held["result"], GENDARMES)).status_code == 202
    assert problem(await france.post(f"/v1/reviews/{review}/claim", "reviewer-3", {})) == (409, "review-settled")
    assert (await france.get(held["result"], GENDARMES)).status_code == 200
    assert france.entries("review")[-1]["act"] == "released"


async def test_whoever_filed_the_case_or_handled_its_papers_does_not_judge_it(france: France) -> None:
    staff, desk, now = france.house.registry.staff, france.house.desks.trainings, france.clock.now()
    for who, by in ((REGISTRARS[0], REGISTRARS[1]), (REGISTRARS[1], REGISTRARS[0])):
        staff.set_roles(who, ("registrar", "reviewer"), by)
        desk.record(Actor("staff", by), Training(who, "Comparing faces", now, now + timedelta(days=1)))
    held = (await france.live(france.case())).json()
    review, status = await claimed(france, REGISTRARS[0], held["decision_id"])
    assert status == 409
    for who in (REGISTRARS[0], REGISTRARS[1]):  # the one recorded the paper, the other confirmed it
        assert problem(await france.post(f"/v1/reviews/{review}/claim", who, {})) == (409, "review-own-request")
    for who, by in ((REGISTRARS[0], REGISTRARS[1]), (REGISTRARS[1], REGISTRARS[0])):
        staff.set_roles(who, ("registrar",), by)


async def test_nothing_is_judged_in_bulk_by_half_or_on_nothing(france: France) -> None:
    held = (await france.live(france.case())).json()
    review, _ = await claimed(france, "reviewer-1", held["decision_id"])
    path = f"/v1/reviews/{review}/judgements"
    for document, expected in (
        ({"judgements": ["same"]}, (422, "judgement-unfounded")),
        ({"judgements": []}, (422, "judgement-malformed")),
        ({"judgements": "same"}, (422, "field-malformed")),
        ({"judgements": [{"judgement": "same", "features": ["aura"]}]}, (422, "field-malformed")),
        ({"judgements": ["same"], "reviews": [review]}, (422, "no-bulk-judgement")),
    ):
        assert problem(await france.post(path, "reviewer-1", document)) == expected
    assert problem(await france.post("/v1/reviews/judgements", "reviewer-1", {"reviews": [review]})) == (422, "no-bulk-judgement")
    assert (await france.get("/v1/reviews", "reviewer-1")).json()["reviews"][-1]["judged_by_you"] is False
