"""Pairs whose truth is known wait among the results, look like them, count for whoever judges them, and never leave the house."""

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from engine.faces import Portrait
from engine.pairs import Pair, shipped_pairs
from gateway.cli.demo.cast import PORTRAITS
from gateway.cli.main import app
from gateway.records.tally import tally
from gateway.review.calibration import OwnRate, Pairs
from gateway.review.vault import Vault
from gateway.settings import Home
from gateway.store.migrate import upgrade
from gateway.store.sessions import Database
from tests.stories.gendarmes import GENDARMES, France, running_france
from tests.stories.test_duties import held_in
from tests.stories.town import judgement

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
async def france(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[France]:
    async with running_france(tmp_path_factory.mktemp("pairs"), calibration=100) as running:
        yield running


def shape(value: object) -> object:
    """Return what a document looks like, without what it says."""
    if isinstance(value, dict):
        return {name: shape(member) for name, member in value.items()}
    return [shape(member) for member in value] if isinstance(value, list) else type(value)


async def test_a_pair_looks_like_a_result_counts_for_its_reviewer_and_never_leaves(france: France) -> None:
    held = (await france.live(france.case())).json()
    first = (await france.get("/v1/reviews", "reviewer-1")).json()["reviews"]
    assert [review["decision_id"] for review in first] == [held["decision_id"]], "a pair that came at once would be known by that"
    france.clock.at += timedelta(minutes=15)
    queue = (await france.get("/v1/reviews", "reviewer-1")).json()["reviews"]
    real, pair = sorted(queue, key=lambda review: review["decision_id"] != held["decision_id"])
    assert shape(real) == shape(pair)
    assert {name for name in real if real[name] != pair[name]} == {"review", "decision_id", "since"}
    claims = [(await france.post(f"/v1/reviews/{review['review']}/claim", "reviewer-1", {})).json() for review in (real, pair)]
    shown = [{**claim, "to_judge": [{**each, "warnings": []} for each in claim["to_judge"]]} for claim in claims]
    assert shape(shown[0]) == shape(shown[1])
    for claim in claims:
        for path in claim["to_judge"][0]["pictures"].values():
            seen = await france.get(path, "reviewer-1")
            assert (seen.status_code, seen.headers["content-type"]) == (200, "image/jpeg")
    truth = france.house.reviews.queue.get(pair["review"]).held.truth
    before = tally(france.house.log.entries(0, france.house.log.size)).to_json(hide_below=0)["tables"]
    wrong = "different" if truth == "same" else "same"
    judged = (await france.post(f"/v1/reviews/{pair['review']}/judgements", "reviewer-1", judgement(1, wrong))).json()
    assert (judged["state"], judged["truth"], judged["scores"]) == ("calibrated", truth, [])
    # The log has it as an act of its own; no count of searches or results moves.
    assert [entry["act"] for entry in france.entries("review")][-2:] == ["calibration-claimed", "calibration-judged"]
    assert tally(france.house.log.entries(0, france.house.log.size)).to_json(hide_below=0)["tables"] == before
    # No client reaches it, under whatever name.
    assert (await france.get(f"/v1/searches/{pair['decision_id']}", GENDARMES)).status_code == 404
    assert all(review["review"] != pair["review"] for review in (await france.get("/v1/reviews", "reviewer-2")).json()["reviews"])
    mine = (await france.get("/v1/reviews/mine", "reviewer-1")).json()
    counted = mine["false_different" if truth == "same" else "false_same"]
    assert (counted["errors"], counted["n"], counted["share"]) == (1, 1, 1.0)
    assert counted["interval_95"][0] < 0.5 < counted["interval_95"][1] == 1.0
    assert (await france.get("/v1/reviews/reviewers", "reviewer-1")).status_code == 403


def test_an_operator_keeps_own_pairs_from_the_command_line_and_the_log_says_who(france: France, tmp_path: Path) -> None:
    """A reviewer may not: whoever chooses the pairs would choose how well they judge."""
    staff = france.house.registry.staff
    staff.redeem(staff.invite("olga", "Olga", ("operator",), "test").secret)
    listed = tmp_path / "pairs.csv"
    listed.write_text("probe,candidate,truth\nobama.jpg,obama2.jpg,same\n", "utf-8")
    typed = ["reviews", "pairs", "--images", str(PORTRAITS), "--pairs", str(listed), "--home", str(france.house.settings.home.root)]
    refused = CliRunner().invoke(app, [*typed, "--by", "reviewer-1"])
    assert (refused.exit_code, "role-missing" in refused.output) == (2, True)
    france.house.log.follow()  # a command is a process of its own, by the log that it opened
    assert france.entries("access-denied")[-1]["why"] == "role-missing"
    kept = CliRunner().invoke(app, [*typed, "--by", "olga", "--json"])
    assert kept.exit_code == 0, kept.output
    said = json.loads(kept.stdout)
    france.house.log.follow()
    entry = json.loads(france.house.log.entry(said["log_index"]))
    assert (entry["kind"], entry["act"], entry["pairs"], said["pairs"]) == ("evaluation-change", "pairs-kept", 1, 1)
    assert france.house.log.openings(said["log_index"])["/by"].value == b"olga"


def test_an_operators_own_pairs_lie_sealed_and_replace_what_was_there(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.make()
    upgrade(home)
    database = Database.open(home.registry)
    pairs = Pairs(database, Vault(home.keys / "cases"))
    shipped = shipped_pairs()
    drawn, truth = pairs.draw()
    known = pairs.get(drawn)
    assert known is not None
    assert known.truth == truth
    face = shipped[0].probe.jpeg
    assert pairs.keep([Pair("same", Portrait(0, 0, face), Portrait(1, 0, face))]) == 1
    drawn, truth = pairs.draw()
    found = pairs.get(drawn)
    assert found is not None
    assert (found.truth, truth, found.probe.jpeg) == ("same", "same", face)
    assert held_in(home, face) == []
    pairs.keep([Pair("different", Portrait(0, 0, face), Portrait(1, 0, face))])
    assert pairs.get(drawn) is None
    assert pairs.competence("nobody").false_same == OwnRate(0, 0)
    assert OwnRate(0, 0).interval is None
    database.close()
