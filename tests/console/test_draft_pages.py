"""Changing the rules in the browser: one drafts, the report shows what it would change, a second person approves, and it is taken back."""

import html
import json
import re
import time

import pytest

from gateway.records import entries
from policies.lint import rows_of
from policies.rulebook import build

HEADER = "rule, on, effect, client, purpose, operation, place, when, from, to, obligations, sentence, source\n"
STRICT = (
    HEADER
    + "OWN-1, request, deny, ngo_victim, missing_person, *, *, , , , , "
    + "Aid organisations do not look for missing persons here., The operator\n"
)


LOOSER = STRICT.replace("missing_person, *, *,", "missing_person, *, US-OR,")


def seek(site):
    """Let the aid organisation look for the missing person, in Washington."""
    return site.town(lambda town: town.search())


@pytest.fixture
def strict(site):
    """Let a rulebook be live by which aid organisations find nobody; afterwards what was live before is so again."""
    held = site.house.rulebook_desk.rulebooks
    before, (rule,) = held.live().digest, rows_of(STRICT)
    made = held.keep(build(("baseline",), own_rules=[rule]).text(), "installation")

    def put(digest):
        # In the log as well: a rulebook that the registry alone calls live refuses everything.
        said = entries.change("policy-change", at=site.house.clock.now(), by="start", act="live", more={"rulebook": digest})
        site.ask(site.house.journal.write(said))
        held.point(digest, None)

    put(made.digest)
    yield made.digest
    put(before)


def reported(web, token, page):
    assert web.post(page, data={"form_token": token, "step": "report"}).status_code == 303
    for _ in range(600):
        text = html.unescape(web.get(page).text)
        if 'http-equiv="refresh"' not in text:
            return text
        time.sleep(0.1)
    raise AssertionError("the report was never made")


def go_live(approver, page, digest):
    """Approve what exactly this report says, and make it live."""
    web, token = approver
    approved = web.post(page, data={"form_token": token, "step": "approve", "report": digest})
    assert approved.status_code == 303, html.unescape(approved.text)
    assert web.post(page, data={"form_token": token, "step": "activate"}).status_code == 303


def live(author, approver, page):
    """Take a draft all the way, by two people."""
    web, token = author
    text = reported(web, token, page)
    digest = re.search(r'title="([0-9a-f]{64})">', text.partition('id="report"')[2])[1]
    go_live(approver, page, digest)
    return text


def test_a_looser_rule_is_drafted_shown_for_what_it_allows_approved_by_another_obeyed_and_taken_back(site, strict, visitor, signed_in):
    """One author who is an approver too, one other approver, one auditor.

    1 it is drafted; 2 what it would allow leads to the record; 3 nobody approves their own; 4 another does, and it is obeyed; 5 back."""
    refused = seek(site)
    assert refused.status_code == 403 and refused.json()["reasons"][0]["rule"] == "OWN-1", refused.text
    record = refused.json()["log_index"]
    # 1 The author types it.
    page = visitor("hal", color_scheme="light")
    page.goto(f"{site.url}/console/policies/drafts")
    page.locator("summary:text-is('Draft a change')").click()
    page.fill("#d-title", "Aid organisations may look outside of Oregon")
    page.fill("#d-rules", LOOSER)
    page.get_by_role("button", name="Keep the draft").click()
    page.wait_for_url(f"{site.url}/console/policies/drafts/*")
    draft = page.url
    page.get_by_role("button", name="Report on it").click()
    page.wait_for_selector("#report")
    # 2 What it would allow stands there in red, and leads to the very record: an auditor to its entry, others to what it rested on.
    line = page.locator("#report li.newly-allowed:has(a)").filter(has_text="missing_person")
    assert line.locator("strong").evaluate("mark => getComputedStyle(mark).color") == "rgb(151, 32, 42)"
    link = line.locator(f"a:text-is('{record}')")
    link.click()
    page.wait_for_url(f"{site.url}/console/policies/try?entry={record}")
    assert json.loads(page.input_value("#f-facts"))["request"]["purpose"] == "missing_person"
    auditor = visitor("cy", color_scheme="light")
    auditor.goto(draft)
    auditor.locator(f"#report li.newly-allowed a:text-is('{record}')").click()
    auditor.wait_for_url(f"{site.url}/console/audit/entries/{record}")
    told = auditor.locator("main").inner_text()
    assert f"Entry {record}" in told and "OWN-1" in told and refused.json()["decision_id"] in told
    # 3 The author is an approver too, and may still not approve their own draft.
    page.goto(draft)
    page.get_by_role("button", name="Approve this report").click()
    page.wait_for_selector("[role=alert]:has-text('second person')")
    assert seek(site).json()["rulebook"] == strict
    # 4 A second person approves, and makes it live: the next request is decided by it.
    (web, token), other = signed_in("hal"), signed_in("bo")
    path = draft.removeprefix(site.url)
    digest = re.search(r'title="([0-9a-f]{64})">', web.get(path).text.partition('id="report"')[2])[1]
    go_live(other, path, digest)
    loose = site.house.rulebook_desk.rulebooks.live().digest
    assert loose != strict
    found = seek(site)
    assert found.status_code in (200, 202), found.text
    assert site.entries("intent")[-1]["rulebook"] == loose
    # 5 Back again: the old rulebook, by a new draft, a new report, and a second person. The approval's page, sent again, does nothing.
    back = web.post("/console/policies/drafts", data={"form_token": token, "step": "return", "digest": strict}).headers["location"]
    text = live((web, token), other, back)
    assert "Newly refused" in text
    again = other[0].post(path, data={"form_token": other[1], "step": "activate"})
    assert again.status_code == 409
    assert (seek(site).status_code, site.house.rulebook_desk.rulebooks.live().digest) == (403, strict)
    assert [entry.get("way") for entry in site.entries("policy-change") if entry["act"] == "live"][-2:] == ["forward", "rolled-back"]


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
