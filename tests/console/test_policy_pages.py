"""The rules in the browser: the matrix says what the judge says, and what was tried is answered by the same judge."""

import html
import json
import re
from datetime import UTC, datetime
from urllib.parse import parse_qsl, urlsplit

import pytest

from gateway.console.changes import built, changes
from gateway.console.drafts import given_of
from gateway.console.pages import inline
from gateway.console.rules import cell
from gateway.enforcement.registrar import Actor
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


def pages_of_rules(page):
    return [html.unescape(one) for one in re.findall(r'href="(/console/policies/rule\?[^"]+)"', page)]


def test_each_rule_of_a_cell_has_a_page_with_its_conditions_term_source_and_why(site, signed_in):
    web, _token = signed_in("bo")
    found = pages_of_rules(web.get("/console/policies/cells/mass_surveillance/police_local").text)
    assert len(found) > 5
    rules = {(rule.pack, rule.row): rule for rule in site.house.bench.judge().rulebook.rules}
    for address in found:
        answer = web.get(address)
        assert answer.status_code == 200, address
        page = html.unescape(answer.text)
        asked = dict(parse_qsl(urlsplit(address).query))
        rule = rules[asked["pack"], asked["row"]]
        assert rule.sentence in page and rule.source in page
        # The rows are for the tab that says so; nobody reads columns where sentences are promised.
        assert f"p, {rule.row}" not in page and not re.search(r">\s*v[0-5]\s*<", page)
        if rule.pack == "baseline":
            assert "without an end" in page or "20" in page
        rows = html.unescape(web.get(f"{address}&view=casbin").text)
        assert rows.count(f"p, {rule.row}, {rule.pack}, ") == len(rule.clients) * len(rule.purposes) * len(rule.operations)
        assert web.get(f"{address}&view=diff").status_code == 200
        assert "This holds when" in html.unescape(web.get(f"{address}&view=%3Cscript%3E").text) or not rule.when
    why = web.get(
        "/console/policies/rule", params={"pack": "baseline", "row": next(row for pack, row in rules if row.startswith("BASE-8"))}
    )
    assert "Why it says what it says" in html.unescape(why.text)


@pytest.mark.parametrize(
    "asked", ["", "?pack=baseline", "?row=BASE-8%231", "?pack=own&row=OWN-1%00", "?pack=%F0%9F%92%A9&row=" + "x" * 3000]
)
def test_a_rule_that_is_not_in_force_is_a_404_page(site, signed_in, asked):
    web, _token = signed_in("bo")
    assert web.get(f"/console/policies/rule{asked}").status_code == 404


def test_rulebooks_are_held_against_each_other_rule_by_rule_and_another_line_is_no_change():
    own = {"rule": "OWN-1", "effect": "deny", "client": "ngo_victim", "purpose": "missing_person", "sentence": "No.", "on": "request"}
    other = own | {"rule": "OWN-2", "sentence": "Neither."}
    first, second = build(("baseline",), own_rules=[own]), build(("baseline",), own_rules=[other, own])
    assert changes(first, first) == []
    (come,) = changes(first, second)
    assert (come.name, come.after.rule.rule) == ("came", "OWN-2")
    (went,) = changes(second, first)
    assert (went.name, went.before.rule.rule) == ("went", "OWN-2")
    (changed,) = changes(first, build(("baseline",), own_rules=[own | {"place": "US-WA"}]))
    assert (changed.name, changed.before.rule.place, changed.after.rule.place) == ("changed", "*", "US-WA")


def test_a_draft_from_the_api_is_edited_in_the_form_without_losing_its_settings_or_its_rules(site, signed_in):
    web, token = signed_in("hal")
    rules = [
        {"rule": "OWN-1", "effect": "deny", "client": "ngo_victim", "purpose": "missing_person", "sentence": "No, thanks.", "source": "Us"}
    ]
    document = {"title": "By the API", "packs": {"baseline": {}}, "rules": rules, "settings": {"live_window_s": 7200}}
    draft = site.house.rulebook_desk.draft(Actor("staff", "hal"), document).value
    address = f"/console/policies/drafts/{draft.id}"
    page = html.unescape(web.get(address).text)
    assert "No, thanks." in page
    given = given_of(json.loads(draft.document))
    kept = web.post(address, data={**given, "form_token": token, "step": "replace", "edition": "1", "title": "By the form"})
    assert kept.status_code == 303, html.unescape(kept.text)
    after = json.loads(site.house.rulebook_desk.drafts.get(draft.id).document)
    assert after["settings"] == {"live_window_s": 7200}
    assert built(after).rules == built(document).rules
    for view in ("sentence", "casbin", "diff"):
        tab = html.unescape(web.get(f"{address}?view={view}").text)
        assert "By the form" in tab
        assert ("p, OWN-1#1, own, ngo_victim, missing_person" in tab.partition("<form")[2].partition("data-keep")[0]) == (view == "casbin")
    came = html.unescape(web.get(f"{address}?view=diff").text).partition('class="change came"')[2].partition("</article>")[0]
    assert "No, thanks." in came


def test_what_a_pack_says_for_itself_is_text_but_for_its_code_and_its_emphasis():
    assert inline("`live_window_s` of *missing persons*, 2 * 3 * 4") == "<code>live_window_s</code> of <em>missing persons</em>, 2 * 3 * 4"
    assert "<script>" not in inline("`<script>` *<script>*")
