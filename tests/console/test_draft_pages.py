"""Changing the rules in the browser: one drafts, the report shows what it would change, a second person approves, and it is taken back."""

import html
import re
import time

import pytest

from tests.stories.town import NGO

HEADER = "rule, on, effect, client, purpose, operation, place, when, from, to, obligations, sentence, source\n"
STRICT = (
    HEADER
    + "OWN-1, request, deny, ngo_victim, missing_person, *, *, , , , , "
    + "Aid organisations do not look for missing persons here., The operator\n"
)


def check(site):
    async def ask(town):
        asked = {"operation": "detect", "purpose": "missing_person", "place": "US-WA"}
        return (await town.post("/v1/decisions:check", NGO, asked)).json()["decision"]

    return site.town(ask)


def reported(web, token, page):
    assert web.post(page, data={"form_token": token, "step": "report"}).status_code == 303
    for _ in range(600):
        text = html.unescape(web.get(page).text)
        if 'http-equiv="refresh"' not in text:
            return text
        time.sleep(0.1)
    raise AssertionError("the report was never made")


def live(author, approver, page):
    """Take a draft all the way, by two people."""
    (web, token), (other, second) = author, approver
    text = reported(web, token, page)
    digest = re.search(r'title="([0-9a-f]{64})">', text.partition('id="report"')[2])[1]
    approved = other.post(page, data={"form_token": second, "step": "approve", "report": digest})
    assert approved.status_code == 303, html.unescape(approved.text)
    assert other.post(page, data={"form_token": second, "step": "activate"}).status_code == 303
    return text


def test_a_rule_is_drafted_shown_for_what_it_changes_approved_by_another_obeyed_and_taken_back(site, signed_in):
    author, approver = signed_in("hal"), signed_in("bo")
    web, token = author
    assert check(site) == "permit"
    kept = web.post(
        "/console/policies/drafts", data={"form_token": token, "title": "No search by aid organisations", "on": "baseline", "rules": STRICT}
    )
    assert kept.status_code == 303, html.unescape(kept.text)
    page = kept.headers["location"]
    text = reported(web, token, page)
    digest = re.search(r'title="([0-9a-f]{64})">', text.partition('id="report"')[2])[1]
    # The author is an approver too, and may still not approve their own draft.
    own = web.post(page, data={"form_token": token, "step": "approve", "report": digest})
    assert own.status_code == 409
    assert "second person" in own.text
    assert check(site) == "permit"
    text = live(author, approver, page)
    assert "Newly refused" in text
    assert re.search(r'class="newly-refused".*?/console/audit/entries/\d+', text, re.DOTALL)
    assert check(site) == "refusal"
    # Back again: the old rulebook, by a new draft, a new report, and a second person.
    old = re.findall(r'name="digest" value="([0-9a-f]{64})"', web.get("/console/policies/drafts").text)[0]
    back = web.post("/console/policies/drafts", data={"form_token": token, "step": "return", "digest": old}).headers["location"]
    text = live(author, approver, back)
    assert "Newly allowed" in text
    assert check(site) == "permit"
    assert [entry["act"] for entry in site.entries("policy-change") if entry["act"] == "live"][-1] == "live"


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"rules": STRICT.replace("ngo_victim", "ngo_victims")}, "rules:2"),
        ({"rules": STRICT.replace("deny", "Deny")}, "rules:2"),
        ({"rules": STRICT.replace("missing_person,", "miѕsing_person,")}, "rules:2"),
        ({"on": "nothing"}, "nothing"),
        ({"on": ""}, "baseline"),
        ({"title": ""}, "title"),
    ],
)
def test_a_draft_that_does_not_lint_is_refused_whole_with_its_lines_and_stays_in_the_form(site, signed_in, wrong, said):
    web, token = signed_in("hal")
    before = site.house.bench.judge().rulebook.digest
    answer = web.post("/console/policies/drafts", data={"form_token": token, "title": "KEPT", "on": "baseline", "rules": STRICT} | wrong)
    assert answer.status_code == 422
    page = html.unescape(answer.text)
    assert said in page.partition('role="alert"')[2].partition("</div>")[0]
    assert "KEPT" in page or "title" in wrong
    assert site.house.bench.judge().rulebook.digest == before


def test_an_edit_of_an_edition_that_somebody_else_replaced_is_refused_and_kept(site, signed_in):
    web, token = signed_in("hal")
    form = {"form_token": token, "title": "First", "on": "baseline"}
    page = web.post("/console/policies/drafts", data=form).headers["location"]
    replace = form | {"step": "replace", "edition": "1"}
    assert web.post(page, data=replace | {"title": "Second"}).status_code == 303
    late = web.post(page, data=replace | {"title": "Third"})
    assert late.status_code in (409, 412)
    assert 'value="Third"' in late.text


def test_who_only_reads_takes_no_step(site, signed_in):
    web, token = signed_in("cy")
    assert web.get("/console/policies/drafts").status_code == 200
    assert web.post("/console/policies/drafts", data={"form_token": token, "title": "x", "on": "baseline"}).status_code == 403
    reviewer, _token = signed_in("di")
    assert reviewer.get("/console/policies/drafts").status_code == 403
