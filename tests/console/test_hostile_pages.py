"""The console before people who wish it ill, or press a button twice: markup in every field, wrong roles, forms from elsewhere."""

import html
import json
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest

from gateway.console.rulepages import VIEWS
from gateway.records import entries
from gateway.registry.cases import Case, Target
from gateway.registry.clients import NewClient
from gateway.registry.duties import Promise
from gateway.registry.evidence import Evidence
from gateway.registry.trainings import Training
from gateway.registry.webhooks import Webhook
from tests.stories.town import NGO

EVIL = '"><script>alert(1)</script>'
# What people may write as they like, as it reaches the pages from the register and from the log.
OWN = {"rule": "OWN-1", "effect": "deny", "client": "ngo_victim", "purpose": "missing_person"}


@pytest.fixture
def hostile(site):
    """Put markup into every free field that the register takes, and into the log; return the pages that could show it."""
    registry, now, ends = site.house.registry, datetime.now(UTC), datetime.now(UTC) + timedelta(days=3)
    name = f"h{site.house.log.size}"
    evil = f"{EVIL}<img src=x onerror=alert(1)>"
    registry.clients.register(NewClient(name, evil, "ngo_victim", place="FR"), by="fin")
    registry.staff.invite(f"{name}-person", evil, ("reviewer",), by="installation")
    training = registry.trainings.record(Training(f"{name}-person", evil, now, ends), by="fin")
    piece = registry.evidence.record(Evidence(name, "dpia", evil, now, ends), "fin")
    case = registry.cases.open(Case(name, f"C-{name}", Target("specific_person", "missing")), by="fin")
    registry.cases.suspend(name, case.reference, evil)
    hook = registry.webhooks.register(Webhook(name, name, f"https://x.example/{name}?{evil}", b"", None, None, "active", 0, now), "fin")
    promise = Promise("notify_authorities", "notify_authorities", f"{name}/{now}", name, case.reference, evil, {}, now)
    duty = registry.duties.owe(promise, now)
    draft = site.house.rulebook_desk.drafts.begin(
        json.dumps({"title": evil, "packs": {"baseline": {}}, "rules": [OWN | {"sentence": evil, "source": evil}]}), "hal"
    )
    more = {"wire": evil, "act": "touched", "client": name, "decision_id": evil}
    touched = entries.tripwire(at=now, case_ref=case.reference, more=more)
    index = site.ask(site.house.journal.write(touched)).index
    client, duties = f"/console/clients/{name}", ["/console/duties", "/console/duties/tripwires"]
    drafts = [f"/console/policies/drafts{tail}" for tail in ("", *(f"/{draft.id}?view={view}" for view in VIEWS))]
    case_page = f"/console/cases/{name}/{case.reference}"
    yield {
        "ada": ["/console/people", *duties, "/console/clients", client, f"{client}/webhooks", *drafts],
        "cy": ["/console", "/console/audit", f"/console/audit/entries/{index}", case_page],
    }
    registry.cases.resume(name, case.reference, "the test is over")
    registry.duties.discharge(duty.id, "the test is over", now)
    registry.trainings.withdraw(f"{name}-person", training.id)
    registry.evidence.withdraw(name, piece.id)
    registry.webhooks.remove(name, hook.id)
    site.house.rulebook_desk.drafts.discard(draft.id, 1)


def test_markup_that_people_wrote_into_the_register_and_the_log_stays_text_in_a_browser(site, hostile, visitor):
    ran = []
    for who, paths in hostile.items():
        page = visitor(who)
        page.on("dialog", lambda dialog: (ran.append(dialog.message), dialog.dismiss()))
        for path in paths:
            assert page.goto(site.url + path).status == 200, path
            assert page.locator("script:not([src]), img[onerror]").count() == 0, path
    assert ran == []


def test_the_pages_that_show_what_people_wrote_do_show_it(site, hostile, signed_in):
    web, _token = signed_in("ada")
    shown = [path for path in hostile["ada"] if "onerror=alert(1)" in html.unescape(web.get(path).text)]
    assert len(shown) >= 7, shown


@pytest.mark.parametrize("who", ["di", "bo", "hal"])
def test_a_page_that_a_role_may_not_see_says_so_with_403_and_is_logged(site, signed_in, who):
    web, token = signed_in(who)
    for path in ("/console/people", "/console/audit", "/console/audit/entries/0", "/console/clients", "/console/duties"):
        before = len(site.entries("access-denied"))
        answer = web.get(path)
        assert answer.status_code == 403, path
        assert "<h1>" in answer.text and "/console/sign-out" in answer.text
        denied = site.entries("access-denied")
        assert len(denied) == before + 1
        assert denied[-1]["asked"].startswith("GET /console/")
    assert web.post("/console/people", data={"form_token": token, "step": "leave", "id": "cy"}).status_code == 403
    assert site.house.registry.staff.get("cy").state != "left"


FORMS = ("/console/people", "/console/clients", f"/console/clients/{NGO}", "/console/policies/drafts", "/console/policies/try")
MORE_FORMS = ("/console/duties", "/console/duties/tripwires", f"/console/clients/{NGO}/webhooks", "/console/sign-out")


@pytest.mark.parametrize("page", [*FORMS, *MORE_FORMS])
def test_a_form_without_the_token_of_this_very_sign_in_or_from_another_site_does_nothing(site, signed_in, page):
    web, token = signed_in("ada")
    other, foreign = signed_in("ada")
    size = site.house.log.size
    said = {"step": "invite", "id": "mallory", "name": "M", "roles": "registrar"}
    for form in (said, said | {"form_token": ""}, said | {"form_token": foreign}, said | {"form_token": f"{token}x"}):
        assert web.post(page, data=form).status_code == 403
    stranger = {"origin": "https://evil.example", "sec-fetch-site": "cross-site"}
    assert web.post(page, data=said | {"form_token": token}, headers=stranger).status_code == 403
    assert web.post(page, json=said | {"form_token": token}).status_code == 403
    assert site.house.log.size == size
    assert other.get("/console").status_code == 200


@pytest.mark.parametrize("path", ["/console", "/console/audit", "/console/policies", "/console/fairness", "/console/audit/entries/0"])
def test_a_page_that_is_only_read_takes_no_form_and_says_so(signed_in, path):
    web, _token = signed_in("cy")
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        assert web.request(method, path).status_code == 405, method
    assert web.head(path).status_code in (200, 405)


def test_the_same_form_sent_twice_takes_one_step(site, signed_in):
    web, token = signed_in("ada")
    name = f"d{site.house.log.size}"
    form = {"form_token": token, "id": name, "name": "Twice", "kind": "ngo_victim", "place": "FR"}
    assert web.post("/console/clients", data=form).status_code == 303
    again = web.post("/console/clients", data=form)
    assert again.status_code == 409
    assert 'value="Twice"' in again.text
    stop = {"form_token": token, "thing": "client", "step": "suspend", "id": "", "reason": "Once"}
    assert web.post(f"/console/clients/{name}", data=stop).status_code == 303
    assert web.post(f"/console/clients/{name}", data=stop).status_code in (303, 409)
    stopped = [one for one in site.entries("client-change") if one.get("client") == name and one["act"] == "suspended"]
    assert len(stopped) == 1


def test_what_was_typed_for_one_of_many_things_is_back_after_the_sign_in_ran_out_in_that_form_alone(site, visitor):
    page = visitor("ada")
    page.goto(f"{site.url}/console/clients/{NGO}")
    forms = page.locator("form:has(input[name=reason])")
    assert forms.count() >= 2
    forms.nth(1).evaluate("form => form.closest('details').open = true")
    forms.nth(1).locator("[name=reason]").fill("KEPT <b>reason</b>")
    page.context.clear_cookies()
    forms.nth(1).locator("button").first.click()
    page.wait_for_url("**/console/sign-in*")
    page.fill("[name=secret]", site.link("ada"))
    page.locator("#enter button").click()
    page.wait_for_url(f"{site.url}/console/clients/{NGO}")
    assert forms.nth(1).locator("[name=reason]").input_value() == "KEPT <b>reason</b>"
    assert forms.nth(0).locator("[name=reason]").input_value() == ""


@pytest.mark.parametrize("path", ["/console/nothing", "/console/policies/nothing", "/console/%F0%9F%92%A9", "/console/audit/entries/1/2"])
def test_an_address_below_the_console_that_is_no_page_is_answered_by_a_page(signed_in, path):
    web, _token = signed_in("cy")
    answer = web.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert "/console/sign-out" in answer.text


def test_a_slash_too_many_is_forgiven_and_leads_nowhere_else(signed_in):
    web, _token = signed_in("cy")
    for path, there in (
        ("/console/", "/console"),
        ("/console/audit/", "/console/audit"),
        ("/console//evil.example/", "/console//evil.example"),
    ):
        answer = web.get(path)
        assert answer.status_code in (303, 307, 400), path
        assert answer.status_code == 400 or urlsplit(answer.headers["location"]).path == there
        assert answer.status_code == 400 or urlsplit(answer.headers["location"]).netloc in ("", urlsplit(str(web.base_url)).netloc)


@pytest.mark.parametrize("asked", ["kind=nonsense", "kind=DENIAL", "kind=denial&kind=intent", "client=a&client=b", "client=&client="])
def test_a_question_that_is_not_the_one_that_would_be_answered_is_refused_beside_its_field(site, signed_in, asked):
    web, _token = signed_in("cy")
    before = len(site.entries("log-read"))
    answer = web.get(f"/console/audit?{asked}")
    assert answer.status_code == 422
    assert f'id="wrong-{"client" if asked.count("client") > 1 else "kind"}"' in answer.text
    assert len(site.entries("log-read")) == before


@pytest.mark.parametrize("name", ["منظمة الإغاثة", "W" * 120, "שלום " * 20, "Ｆｕｌｌ ｗｉｄｔｈ"])
def test_a_name_in_any_script_and_of_any_length_stays_within_its_page(site, visitor, name):
    client = f"n{site.house.log.size}"
    site.house.registry.clients.register(NewClient(client, name.strip(), "ngo_victim", place="FR"), by="fin")
    site.ask(site.house.journal.write(entries.note("heartbeat", at=site.house.clock.now(), more={})))
    page = visitor("ada", viewport={"width": 400, "height": 900})
    for path in ("/console/clients", f"/console/clients/{client}"):
        page.goto(site.url + path)
        assert name.strip() in page.locator("main").inner_text()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
