"""A paper that does not fit is refused, and the answer says why: another case, place, purpose, time or client."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateway.cli.demo.cast import REGISTRARS
from gateway.registry.authorisations import Paper
from tests.stories.town import CASE, LIVE, NGO, POLICE, Town

pytestmark = pytest.mark.anyio

NOW = datetime.now(UTC)
MISFITS: dict[str, dict[str, Any]] = {
    "authorisation-other-case": {"case_ref": "MP-OTHER"},
    "authorisation-other-place": {"place": "US-OR"},
    "authorisation-other-purpose": {"purpose": "humanitarian"},
    "authorisation-other-operation": {"operation": "verify"},
    "authorisation-ended": {"valid_to": NOW - timedelta(hours=1)},
    "authorisation-not-yet-valid": {"valid_from": NOW + timedelta(hours=1)},
    "authorisation-other-client": {"client_id": POLICE},
    "authorisation-requested": {},
    "authorisation-revoked": {},
}


def put(town: Town, number: int, wanted: str, changes: dict[str, Any]) -> str:
    """Put a paper on record that fits a search of the aid organisation but for the changes."""
    papers = town.house.registry.authorisations
    fitting = {
        "client_id": NGO, "type": "court_order", "issuer": "court", "place": "US-WA", "purpose": "missing_person",
        "operation": "identify", "case_ref": CASE, "paper_digest": f"{number:064x}",
        "valid_from": NOW - timedelta(days=1), "valid_to": NOW + timedelta(days=1),
    }  # fmt: skip
    made = papers.record(Paper(**{**fitting, **changes}), REGISTRARS[0])
    if wanted != "authorisation-requested":
        papers.confirm(made.id, REGISTRARS[1])
    if wanted == "authorisation-revoked":
        papers.revoke(made.id, "withdrawn")
    return made.id


async def test_a_paper_that_is_named_and_does_not_fit_is_refused_and_the_answer_says_which_way(town: Town) -> None:
    for number, (wanted, changes) in enumerate(MISFITS.items(), start=1):
        calls = town.calls
        paper = put(town, number, wanted, changes)
        answer = await town.search(authorisation=f'"{paper}"')
        assert (answer.status_code, answer.json()["type"]) == (403, f"urn:custodes:problem:{wanted}"), answer.text
        assert paper in answer.json()["detail"]
        assert town.entry(answer.json()["log_index"])["answer"]["code"] == wanted
        assert town.calls == calls


async def test_a_paper_that_is_named_and_fits_is_no_obstacle_and_one_that_is_not_there_is_not_found(town: Town) -> None:
    fitting = put(town, 100, "", {})
    assert (await town.search(authorisation=f'"{fitting}"')).status_code == 202
    assert (await town.search(authorisation='"auth-none"')).status_code == 404


async def test_where_a_rule_misses_a_paper_the_answer_says_why_those_on_record_do_not_fit(town: Town) -> None:
    put(town, 200, "", {"operation": "live_identify", "case_ref": "MP-ELSEWHERE"})
    put(town, 201, "", {"operation": "live_identify", "place": "US-OR"})
    refused = await town.search(operation="live_identify", capture=LIVE)
    rules = {reason["rule"] for reason in refused.json()["reasons"]}
    assert refused.status_code == 403
    assert {"authorisation-other-case", "authorisation-other-place"} <= rules


async def test_among_many_papers_those_are_named_that_were_most_likely_meant(town: Town) -> None:
    for number in range(300, 312):
        put(town, number, "", {"operation": "verify", "case_ref": f"MP-{number}"})
    put(town, 320, "", {"operation": "live_identify", "place": "US-ID"})
    refused = await town.search(operation="live_identify", capture=LIVE)
    assert "authorisation-other-place" in {reason["rule"] for reason in refused.json()["reasons"]}
