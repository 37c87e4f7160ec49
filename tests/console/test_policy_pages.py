"""The rules in the browser: the matrix says what the judge says, and what was tried is answered by the same judge."""

import html
import json
from datetime import UTC, datetime

import pytest

from gateway.console.rules import cell
from policies.decision import Permit
from policies.facts import Facts
from policies.judge import Judge
from policies.packs import names
from policies.rulebook import build
from tests.stories.town import LIVE, POLICE


@pytest.mark.parametrize("packs", [("baseline",), ("baseline", "vendor-amazon", "us-wa-43.386")])
def test_the_matrix_never_says_open_where_the_judge_permits_nothing_nor_never_where_it_permits(packs):
    rulebook = build(packs)
    judge, words = Judge(rulebook), rulebook.words
    for purpose in words.purposes:
        for client in words.clients:
            stand = cell(rulebook, purpose, client).stand
            asked = {
                "client": {"kind": client},
                "operation": "detect",
                "purpose": purpose,
                "place": "US-WA-SEATTLE",
                "capture": {"source": "upload"},
                "target": {"kind": "specific_person"},
                "case": {"ref": "C-1"},
            }
            allowed = {
                operation
                for operation in words.operations
                if isinstance(
                    judge.decide(
                        Facts.from_json(
                            asked | {"operation": operation}, at=datetime(2026, 11, 1, tzinfo=UTC), licence=[f"{purpose}:{operation}"]
                        )
                    ),
                    Permit,
                )
            }
            if stand in ("never", "closed"):
                assert allowed == set(), (purpose, client, stand)


def test_every_pack_has_a_page_that_says_why(site, signed_in):
    web, _token = signed_in("bo")
    for name in names():
        page = web.get(f"/console/policies/packs/{name}")
        assert page.status_code == 200, name
        assert "ot legal advice" in html.unescape(page.text), name


def test_a_tried_request_is_answered_by_the_judge_with_its_reasons(site, signed_in):
    web, token = signed_in("bo")
    form = {"form_token": token, "client": "police_local", "purpose": "mass_surveillance", "operation": "live_identify", "licensed": "yes"}
    page = html.unescape(web.post("/console/policies/try", data=form).text)
    assert "Mass surveillance is refused to every client, whatever papers it shows." in page
    form |= {"client": "ngo_victim", "purpose": "missing_person", "operation": "detect"}
    assert 'class="badge permit"' in web.post("/console/policies/try", data=form).text


@pytest.mark.parametrize("wrong", [{"facts": "{"}, {"facts": "[]"}, {"facts": "[" * 5000}, {"threshold": "many"}, {"place": "x" * 59}])
def test_facts_that_cannot_be_read_are_a_sentence_and_what_was_typed_stays(site, signed_in, wrong):
    web, token = signed_in("bo")
    given = {"form_token": token, "client": "company", "purpose": "research", "operation": "detect", "case": "KEPT-1"} | wrong
    answer = web.post("/console/policies/try", data=given)
    assert answer.status_code in (200, 422)
    assert "KEPT-1" in answer.text
    assert answer.status_code == 422 or "unknown-place" in answer.text


def test_a_recorded_decision_is_opened_with_its_inputs_and_answered_as_it_was(site, signed_in):
    async def ask(town):
        return await town.search(POLICE, purpose="mass_surveillance", capture=LIVE)

    index = site.town(ask).json()["log_index"]
    web, token = signed_in("cy")
    page = html.unescape(web.get(f"/console/policies/try?entry={index}").text)
    facts = page.partition("<textarea")[2].partition(">")[2].partition("</textarea>")[0]
    assert json.loads(facts)["request"]["purpose"] == "mass_surveillance"
    answer = html.unescape(web.post("/console/policies/try", data={"form_token": token, "facts": facts}).text)
    assert "purpose-prohibited" in answer


def test_a_cell_or_pack_that_does_not_exist_is_a_404_page(site, signed_in):
    web, _token = signed_in("bo")
    for path in (
        "/console/policies/cells/nothing/police_local",
        "/console/policies/packs/nothing",
        "/console/policies/packs/..%2fbaseline",
    ):
        assert web.get(path).status_code in (400, 404)
