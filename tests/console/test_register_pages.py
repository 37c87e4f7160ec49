"""The register in the browser: two people for a licence, reasons for a stop, a link shown once, and nothing lost of what was typed."""

import html
import re

import pytest

from gateway.registry.acknowledgements import shipped
from tests.stories.town import CASE, NGO, POLICE

EVIL = '"><script>alert(1)</script>'
APPLICATION = {
    "thing": "licence",
    "step": "apply",
    "purposes": "missing_person",
    "operations": "detect",
    "galleries": "own",
    "places": "FR",
    "valid_from": "2026-01-01",
    "valid_to": "2027-01-01",
    "quota_day": "7",
    "quota_case": "3",
    "acknowledgements": "\n".join(shipped().all()),
}


@pytest.fixture
def registered(site, signed_in):
    """A fresh client on record, and the registrar who put it there."""
    web, token = signed_in("ada")
    name = f"c{site.house.log.size}"
    form = {"form_token": token, "id": name, "name": f"House {EVIL}", "kind": "ngo_victim", "place": "FR"}
    answer = web.post("/console/clients", data=form)
    assert answer.headers["location"] == f"/console/clients/{name}", answer.text
    return web, token, name


def test_a_client_is_registered_and_its_name_stays_text(registered):
    web, _token, name = registered
    page = web.get(f"/console/clients/{name}").text
    assert "<script>alert" not in page
    assert "House &#34;&gt;&lt;script&gt;" in page


def test_a_licence_is_applied_for_by_one_registrar_and_granted_by_another_alone(site, signed_in, registered):
    web, token, name = registered
    assert web.post(f"/console/clients/{name}", data={"form_token": token} | APPLICATION).status_code == 303
    (licence,) = site.house.registry.licences.all(name)
    grant = {"thing": "licence", "step": "grant", "id": licence.id}
    own = web.post(f"/console/clients/{name}", data={"form_token": token} | grant)
    assert own.status_code == 409
    assert site.house.registry.licences.get(licence.id).state == "applied"
    other, second = signed_in("fin")
    assert other.post(f"/console/clients/{name}", data={"form_token": second} | grant).status_code == 303
    assert site.house.registry.licences.get(licence.id).state == "granted"
    assert [entry["act"] for entry in site.entries("licence-change")[-2:]] == ["applied", "granted"]


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        ({"places": "Narnia"}, "places"),
        ({"valid_to": "soon"}, "valid_to"),
        ({"quota_day": "-1"}, "quota_day"),
        ({"acknowledgements": ""}, "missing"),
    ],
)
def test_an_application_that_cannot_be_taken_says_why_and_keeps_what_was_typed(registered, wrong, word):
    web, token, name = registered
    answer = web.post(f"/console/clients/{name}", data={"form_token": token} | APPLICATION | wrong)
    assert answer.status_code == 422
    page = html.unescape(answer.text)
    assert re.search(rf'role="alert"[^>]*>[^<]*{word}', page)
    assert 'value="3"' in page


def test_a_stop_needs_a_reason_and_is_in_the_log(site, registered):
    web, token, name = registered
    stop = {"form_token": token, "thing": "client", "step": "suspend", "id": ""}
    assert web.post(f"/console/clients/{name}", data=stop).status_code == 422
    assert web.post(f"/console/clients/{name}", data=stop | {"reason": "asked for something else"}).status_code == 303
    assert site.house.registry.clients.get(name).state == "suspended"
    assert site.entries("client-change")[-1]["act"] == "suspended"


def test_a_form_that_names_no_step_or_another_clients_thing_does_nothing(registered):
    web, token, name = registered
    assert web.post(f"/console/clients/{name}", data={"form_token": token, "thing": "client", "step": "delete"}).status_code == 403
    answer = web.post(f"/console/clients/{name}", data={"form_token": token, "thing": "case", "step": "close", "id": CASE, "reason": "x"})
    assert answer.status_code == 404
    assert web.get("/console/clients/nobody").status_code == 404


def test_who_may_only_look_sees_no_forms_and_cannot_send_any(signed_in):
    web, token = signed_in("cy")
    page = web.get(f"/console/clients/{NGO}")
    assert page.status_code == 200
    assert 'name="step"' not in page.text
    assert (
        web.post(f"/console/clients/{NGO}", data={"form_token": token, "thing": "client", "step": "suspend", "reason": "x"}).status_code
        == 403
    )
    assert web.get("/console/people").status_code == 403


def test_a_person_is_invited_by_a_link_that_is_shown_once_and_lets_them_in(site, signed_in):
    web, token = signed_in("ada")
    person = f"p{site.house.log.size}"
    form = {"form_token": token, "step": "invite", "id": person, "name": "Gus Park", "roles": "auditor"}
    link = re.search(rf"{site.url}/console/enter#([\w-]+)", web.post("/console/people", data=form).text)
    assert link[1] not in web.get("/console/people").text
    assert site.house.desks.people.enter(link[1]).value.id == person


def test_nobody_gives_themselves_a_role(site, signed_in):
    web, token = signed_in("ada")
    answer = web.post("/console/people", data={"form_token": token, "step": "roles", "id": "ada", "roles": "auditor"})
    assert answer.status_code == 409
    assert "auditor" not in site.house.registry.staff.get("ada").roles


def test_a_cases_page_tells_each_request_with_the_rules_that_answered_it(site, signed_in):
    async def ask(town):
        return await town.search(POLICE), await town.search()

    site.town(ask)
    web, _token = signed_in("cy")
    page = html.unescape(web.get(f"/console/cases/{NGO}/{CASE}").text)
    assert "The client's licence grants this purpose for this operation." in page
    assert "Why this was allowed" in page
    assert site.entries("log-read")[-1]["asked"]["case_ref"].startswith("commitment:")
    assert web.get(f"/console/cases/{POLICE}/{CASE}").status_code == 404


FREE = {
    "/console/clients": {"id": EVIL, "name": EVIL, "kind": EVIL, "place": EVIL, "acts_for": EVIL},
    f"/console/clients/{NGO}": [
        {"thing": "licence", "step": "apply", "purposes": EVIL, "operations": EVIL, "galleries": EVIL, "places": EVIL, "valid_from": EVIL}
        | {"valid_to": EVIL, "quota_day": EVIL, "quota_case": EVIL, "acknowledgements": EVIL},
        {"thing": "case", "step": "open", "reference": EVIL, "target": EVIL, "role": EVIL},
        {"thing": "case", "step": "suspend", "id": EVIL, "reason": EVIL},
        {"thing": "paper", "step": "record", "type": EVIL, "issuer": EVIL, "place": EVIL, "purpose": EVIL, "operation": EVIL}
        | {"case_ref": EVIL, "valid_from": EVIL, "valid_to": EVIL, "paper_digest": EVIL},
        {"thing": EVIL, "step": EVIL, "id": EVIL},
    ],
    "/console/people": {"step": "invite", "id": EVIL, "name": EVIL, "roles": EVIL},
    "/console/policies/drafts": {"title": EVIL, "on": EVIL, "rules": EVIL, "vectors": EVIL, "never": EVIL, "from.baseline": EVIL},
    "/console/duties": {"id": EVIL, "note": EVIL, "document_sha256": EVIL},
    "/console/duties/tripwires": [{"client": EVIL, "case": EVIL, "reason": EVIL}, {"client": NGO, "case": CASE, "reason": ""}],
    f"/console/clients/{NGO}/webhooks": [
        {"step": "register", "url": EVIL},
        {"step": "register", "url": f"https://x.example/{EVIL}"},
        {"step": "retry", "id": EVIL, "delivery": EVIL},
        {"step": EVIL, "id": EVIL},
    ],
    "/console/policies/try": [{"place": EVIL, "case": EVIL, "threshold": EVIL, "client": EVIL, "purpose": EVIL}, {"facts": EVIL}],
}


@pytest.mark.parametrize("page", FREE)
def test_markup_in_any_field_of_any_form_stays_text_and_breaks_nothing(site, signed_in, page):
    web, token = signed_in("ada")
    for form in FREE[page] if isinstance(FREE[page], list) else [FREE[page]]:
        answer = web.post(page, data={"form_token": token} | form, follow_redirects=True)
        assert answer.status_code < 500, form
        assert "<script>alert" not in answer.text, form


def test_markup_in_an_address_stays_text(site, signed_in):
    web, _token = signed_in("cy")
    for name in ("client", "purpose", "code", "case_ref", "rule", "kind", "since", "before", "next", EVIL):
        for page in ("/console/audit", "/console/policies", "/console/sign-in"):
            answer = web.get(page, params={name: EVIL}, headers={"user-agent": EVIL})
            assert answer.status_code < 500
            assert "<script>alert" not in answer.text, (page, name)
