"""What is owed, what was stopped, and where clients are told, in the browser: the same desks as the API's, in two languages."""

import html
import re
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from axe_playwright_python.sync_playwright import Axe

from gateway.records import entries
from gateway.registry.duties import Promise
from gateway.registry.errors import StateForbids
from gateway.registry.evidence import Evidence
from gateway.registry.webhooks import Webhook
from tests.stories.town import CASE, NGO

DIGEST = "ab" * 32


@pytest.fixture
def owed(site):
    now = datetime.now(UTC)
    promise = Promise("notify_authorities", "notify_authorities", f"page/{site.house.log.size}/{now}", NGO, CASE, "d-1", {}, now)
    duty = site.house.registry.duties.owe(promise, now)
    yield duty
    # The house is everybody's: a duty left overdue would stop its case for every test that comes after.
    with suppress(StateForbids):
        site.house.registry.duties.discharge(duty.id, "the test is over", now)


def test_a_duty_is_shown_and_discharged_with_a_document(site, signed_in, owed):
    web, token = signed_in("ada")
    assert f'id="{owed.id}"' in web.get("/console/duties").text
    said = {"form_token": token, "id": owed.id, "note": "letter sent", "document_sha256": "x"}
    refused = web.post("/console/duties", data=said)
    assert refused.status_code == 422
    assert 'role="alert"' in refused.text
    assert 'value="letter sent"' in refused.text
    assert web.post("/console/duties", data=said | {"document_sha256": DIGEST}).status_code == 303
    assert site.house.registry.duties.get(owed.id).state == "discharged"
    assert site.entries("duty")[-1]["document_sha256"] == DIGEST


def test_what_runs_out_is_on_the_page_and_counted_on_the_first(site, signed_in):
    now = datetime.now(UTC)
    shown = Evidence(NGO, "dpia", True, now - timedelta(days=1), now + timedelta(days=3))
    piece = site.house.registry.evidence.record(shown, "fin")
    web, _token = signed_in("ada")
    assert piece.id in web.get("/console/duties").text
    assert "run out soon" in web.get("/console").text
    web.cookies.set("custodes_language", "fr")
    assert "Ce qui arrive à échéance" in web.get("/console/duties").text


def test_a_registrar_opens_a_case_again_that_a_tripwire_stopped_and_an_auditor_may_only_look(site, signed_in):
    house = site.house
    more = {"wire": "many-people", "act": "touched", "client": NGO, "decision_id": "d-2"}
    site.ask(house.journal.write(entries.tripwire(at=house.clock.now(), case_ref=CASE, more=more)))
    house.registry.cases.suspend(NGO, CASE, "A tripwire was touched.")
    looking, token = signed_in("cy")
    page = looking.get("/console/duties/tripwires")
    assert "many-people" in page.text
    assert site.entries("log-read")[-1]["what"] == {"tripwires": 50, "console": True}
    again = {"form_token": token, "client": NGO, "case": CASE, "reason": "looked into"}
    assert looking.post("/console/duties/tripwires", data=again).status_code == 403
    web, token = signed_in("ada")
    assert web.post("/console/duties/tripwires", data=again | {"form_token": token, "reason": " "}).status_code == 422
    assert web.post("/console/duties/tripwires", data=again | {"form_token": token}).status_code == 303
    assert house.registry.cases.get(NGO, CASE).state == "open"
    assert "Open the case again" not in web.get("/console/duties/tripwires").text


def test_a_webhook_is_registered_its_secret_shown_once_tested_and_removed(site, signed_in, monkeypatch):
    sender = site.house.webhook_desk.sender
    object.__setattr__(sender, "allowed", type(sender.allowed)(frozenset({"http://127.0.0.1:9"})))
    web, token = signed_in("ada")
    page = f"/console/clients/{NGO}/webhooks"
    refused = web.post(page, data={"form_token": token, "step": "register", "url": "https://169.254.169.254/"})
    assert (refused.status_code, 'role="alert"' in refused.text) == (422, True)
    made = web.post(page, data={"form_token": token, "step": "register", "url": "http://127.0.0.1:9/x"})
    (secret,) = re.findall(r"whsec_[A-Za-z0-9+/=]+", html.unescape(made.text))
    assert secret not in html.unescape(web.get(page).text)
    (hook,) = site.house.registry.webhooks.all(NGO)
    step = {"form_token": token, "id": hook.id}
    assert "unreachable" in web.post(page, data=step | {"step": "test"}).text
    assert "whsec_" in web.post(page, data=step | {"step": "rotate"}).text
    assert web.post(page, data=step | {"step": "nonsense"}).status_code == 403
    assert web.post(page, data=step | {"step": "remove"}).status_code == 303
    assert site.house.registry.webhooks.all(NGO) == ()


def test_the_pages_are_for_those_whom_they_concern(signed_in):
    web, _token = signed_in("di")
    for path in ("/console/duties", "/console/duties/tripwires", f"/console/clients/{NGO}/webhooks"):
        assert web.get(path).status_code == 403


def test_the_role_of_an_ombudsman_is_on_the_page_of_people(signed_in):
    web, _token = signed_in("ada")
    assert 'value="ombudsman"' in web.get("/console/people").text


@pytest.mark.parametrize(("theme", "width"), [("light", 1280), ("dark", 400)])
def test_these_pages_have_no_serious_fault_for_people_who_cannot_see_or_point(site, visitor, owed, theme, width):
    more = {"wire": "crowd", "act": "touched", "client": NGO, "decision_id": "d-3"}
    site.ask(site.house.journal.write(entries.tripwire(at=site.house.clock.now(), case_ref=CASE, more=more)))
    name, now = f"wh-{site.house.log.size}", datetime.now(UTC)
    site.house.registry.webhooks.register(Webhook(name, NGO, f"https://x.example/{name}", b"", None, None, "stopped", 0, now), "fin")
    site.house.registry.webhooks.owe(name, "00000000-0000-4000-8000-000000000000", "released", now)
    page = visitor("ada", viewport={"width": width, "height": 900}, color_scheme=theme)
    for path in ("/console/duties", "/console/duties/tripwires", f"/console/clients/{NGO}/webhooks"):
        page.goto(site.url + path)
        faults = [fault for fault in Axe().run(page).response["violations"] if fault["impact"] in ("serious", "critical")]
        assert faults == [], (path, [(fault["id"], [node["html"] for node in fault["nodes"]][:3]) for fault in faults])
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{path} is wider than {width} px"
    site.house.registry.webhooks.remove(NGO, name)
