"""What a permit asks for later comes true in time, or the case stops: on the running service, under the AI Act."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.audit.export import write_export
from gateway.audit.verify import verify_export
from gateway.cli.demo.cast import PORTRAITS, PROBE, REGISTRARS
from gateway.registry.rulebook import text_of
from gateway.settings import Home
from tests.stories.gendarmes import GENDARMES, France, running_france

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
async def france(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[France]:
    async with running_france(tmp_path_factory.mktemp("france")) as running:
        yield running


async def test_an_urgent_search_owes_an_authorisation_within_24_hours_and_says_so(france: France) -> None:
    case = france.case()
    held = await france.live(case)
    assert held.status_code == 202, held.text
    slugs = {duty["id"] for duty in held.json()["obligations"]}
    assert {"request_authorisation_24h", "stop_delete_on_reject", "notify_authorities", "human_review_2"} <= slugs
    owed = {duty["obligation"]: duty for duty in (await france.get("/v1/duties", GENDARMES)).json()["duties"] if duty["case"] == case}
    assert owed["request_authorisation_24h"]["seconds_left"] == 24 * 3600
    assert owed["stop_delete_on_reject"]["due_at"] is None
    assert ("owed", "request_authorisation_24h") in france.duty_entries(case)


async def test_an_authorisation_granted_at_23_hours_discharges_the_duty_and_the_next_search_passes(france: France) -> None:
    case = france.case()
    await france.live(case)
    france.later(hours=23)
    france.paper(case, granted=True)
    france.later(hours=1, seconds=1)
    assert ("discharged", "request_authorisation_24h") in france.duty_entries(case)
    assert ("overdue", "request_authorisation_24h") not in france.duty_entries(case)
    assert (await france.live(case)).status_code == 202


async def test_an_authorisation_missing_at_24_hours_stops_the_case(france: France) -> None:
    case = france.case()
    await france.live(case)
    france.later(hours=23, minutes=59)
    assert (await france.live(case)).status_code == 202
    france.clock.at += timedelta(minutes=1)
    # Even before the scheduler has looked:
    refused = await france.live(case)
    assert (refused.status_code, refused.json()["type"]) == (403, "urn:custodes:problem:obligation-overdue")
    assert "put on record" in refused.json()["detail"]
    france.later(seconds=1)
    assert ("overdue", "request_authorisation_24h") in france.duty_entries(case)
    assert (await france.live(case)).json()["type"] == "urn:custodes:problem:obligation-overdue"
    assert (await france.live(france.case())).status_code == 202, "another case goes on"


async def test_a_rejected_authorisation_stops_the_case_and_leaves_no_byte_of_probe_or_candidate(france: France, tmp_path: Path) -> None:
    case = france.case()
    held = (await france.live(case)).json()
    paper = france.paper(case)
    france.house.registry.authorisations.reject(paper.id, "not strictly necessary")
    france.later(hours=2)
    assert ("discharged", "stop_delete_on_reject") in france.duty_entries(case)
    stopped = await france.live(case)
    assert (stopped.status_code, stopped.json()["type"]) == (403, "urn:custodes:problem:case-suspended")
    assert (await france.get(held["result"], GENDARMES)).json()["status"] == "destroyed"
    home = france.house.settings.home
    canaries = {"probe": (PORTRAITS / PROBE).read_bytes()[1000:1032]}
    seen = [
        path for path in home.root.rglob("*") if path.is_file() and home.galleries not in path.parents and home.models not in path.parents
    ]
    assert len(seen) > 5
    # Other cases of this home found the same person; only their results may still be there, and those are sealed.
    france.house.explorer.catch_up()
    outcome = next(i for i, e in enumerate(france.entries()) if e["kind"] == "outcome" and e["decision_id"] == held["decision_id"])
    assert not [path for path in france.house.log.openings(outcome) if path.startswith("/candidates")]
    assert not [path for path in seen if canaries["probe"] in path.read_bytes()]
    key = france.house.log.verifier_keys[0]
    write_export(france.house.log, tmp_path / "export", key, rulebook=text_of(france.house.registry.rulebooks))
    report = verify_export(tmp_path / "export", key)
    assert report.ok, report.findings


def held_in(home: Home, content: bytes) -> list[str]:
    """Return the files that hold any part of these bytes: a page of a database may hold no more than a part of them."""
    parts = [content[place : place + 64] for place in range(0, len(content) - 64, 1024)]
    assert len(parts) > 4
    files = [path for path in home.root.rglob("*") if path.is_file() and home.models not in path.parents]
    held = {path.name: path.read_bytes() for path in files}
    return sorted(name for name, bytes_ in held.items() if any(part in bytes_ for part in parts))


async def test_after_a_rejection_the_canary_is_on_no_disk_at_all(tmp_path: Path) -> None:
    async with running_france(tmp_path / "home") as alone:
        case = alone.case()
        held = (await alone.live(case)).json()
        candidate = b"canary-subject-7"
        home = alone.house.settings.home

        def with_canary() -> list[str]:
            return sorted(
                path.name
                for path in home.root.rglob("*")
                if path.is_file() and home.galleries not in path.parents and candidate in path.read_bytes()
            )

        # The faces that the reviewer sees, as they are and as they are sealed, are on no disk afterwards, and only sealed before.
        review = next(row for row in alone.house.reviews.queue.waiting() if row.held.decision_id == held["decision_id"])
        await alone.post(f"/v1/reviews/{review.held.id}/claim", "reviewer-1", {})
        face = (await alone.get(f"/v1/reviews/{review.held.id}/pictures/0/probe", "reviewer-1")).content
        sealed = review.held.pictures
        assert held_in(home, sealed)
        assert held_in(home, face) == []
        # The log's openings hold it before (also that of the enrolment, which is the client's own and stays).
        assert any(name.startswith("log.sqlite") for name in with_canary())
        alone.house.registry.authorisations.reject(alone.paper(case).id, "no")
        alone.later(minutes=5)
        index = next(i for i, e in enumerate(alone.entries()) if e["kind"] == "outcome" and e["decision_id"] == held["decision_id"])
        assert "/candidates/0/subject" not in alone.house.log.openings(index)
        assert [entry["how"] for entry in alone.entries("duty") if entry["act"] == "discharged"] == ["authorisation-rejected", "done"]
        assert with_canary() == []
        assert held_in(home, sealed) == held_in(home, face) == []
        assert (await alone.get(f"/v1/reviews/{review.held.id}/pictures/0/probe", "reviewer-1")).status_code == 409


async def test_a_person_says_what_was_done_and_names_the_document(france: France) -> None:
    case = france.case()
    await france.live(case)
    duties = (await france.get("/v1/duties", REGISTRARS[0])).json()["duties"]
    duty = next(duty for duty in duties if (duty["case"], duty["obligation"]) == (case, "notify_authorities"))
    path, word = f"/v1/duties/{duty['duty']}/discharge", {"note": "letter to both authorities", "document_sha256": "ab" * 32}
    assert (await france.post(path, GENDARMES, word)).json()["type"] == "urn:custodes:problem:staff-needed"
    assert (await france.post(path, "auditor-1", word)).json()["type"] == "urn:custodes:problem:role-missing"
    assert (await france.post(path, REGISTRARS[0], word | {"document_sha256": "x"})).status_code == 422
    done = await france.post(path, REGISTRARS[0], word)
    assert (done.status_code, done.json()["state"]) == (200, "discharged")
    assert france.entry(done.json()["log_index"])["document_sha256"] == "ab" * 32
    assert (await france.post(path, REGISTRARS[0], word)).status_code == 409
    paper = next(duty for duty in duties if (duty["case"], duty["obligation"]) == (case, "request_authorisation_24h"))
    assert (await france.post(f"/v1/duties/{paper['duty']}/discharge", REGISTRARS[0], word)).status_code == 409


async def test_a_clock_set_back_gives_nobody_more_time_and_the_step_is_recorded(france: France) -> None:
    case = france.case()
    await france.live(case)
    france.later(hours=20)
    france.clock.at -= timedelta(hours=10)
    france.later(seconds=1)
    step = france.entries("clock-step")[-1]
    assert step["from"] > step["to"]
    france.later(hours=3, minutes=58)
    assert (await france.live(case)).status_code == 202
    france.later(minutes=3)
    assert (await france.live(case)).json()["type"] == "urn:custodes:problem:obligation-overdue"
    assert len(france.entries("clock-step")) == 1


async def test_what_runs_out_is_said_ahead_and_when_it_has_come_each_once_and_after_a_restart_too(tmp_path: Path) -> None:
    async with running_france(tmp_path / "home") as alone:
        case = alone.case()
        paper = alone.paper(case, granted=True)

        def said(what: str) -> list[str]:
            return [entry["act"] for entry in alone.entries("expiry") if entry["what"] == what and entry["id"] in (paper.id, shown)]

        shown = alone.house.registry.evidence.all(GENDARMES)[0].id
        alone.later(minutes=2)
        assert said("authorisation") == ["running-out"], "it ends in thirty days, which is what is said ahead"
        assert said("evidence") == []
        near = (await alone.get("/v1/duties", GENDARMES)).json()["running_out"]
        assert {(one["what"], one["case"]) for one in near if one["id"] == paper.id} == {("authorisation", case)}
        alone.later(minutes=2)
        alone.later(days=29)
        assert said("authorisation") == ["running-out"]
        before = alone.house.scheduler.watch
        # A process that has just started knows nothing of what an earlier one has said but by the register.
        before._looked = None
        alone.later(days=2)
        assert said("authorisation") == ["running-out", "ended"]
        alone.later(days=245)
        alone.later(days=30)
        assert said("evidence") == ["running-out", "ended"]
        # What has ended is refused, to the second: the evidence, and then the licence.
        case = alone.case()
        assert (await alone.live(case)).json()["needed"], "the evidence has run out"
        licence = next(one for one in alone.house.registry.licences.all(GENDARMES) if one.state == "granted")
        alone.clock.at = licence.terms.valid_to - timedelta(seconds=1)
        assert (await alone.live(case)).json()["type"] != "urn:custodes:problem:licence-expired"
        alone.clock.at = licence.terms.valid_to
        assert (await alone.live(case)).json()["type"] == "urn:custodes:problem:licence-expired"
