"""Who comes in to the console, and how: one-time links, roles, forms that came from elsewhere."""

import httpx2
import pytest

from gateway.clock import FixedClock, SystemClock
from gateway.console.visits import page_of_ours
from gateway.registry.signins import IDLE, LONGEST, Signins


def test_a_one_time_link_lets_its_bearer_in_once_and_both_are_in_the_log(site):
    secret = site.link("cy")
    with httpx2.Client(base_url=site.url, timeout=60) as web:
        assert web.post("/console/enter", data={"secret": secret}).status_code == 303
        again = web.post("/console/enter", data={"secret": secret})
    assert again.status_code == 401
    assert "Ask a registrar for another" in again.text
    assert site.entries("staff-change")[-1]["act"] == "entered"
    assert site.entries("authn-denied")[-1]["why"] == "one-time-link"


def test_a_page_asked_for_without_a_sign_in_is_shown_after_it(site):
    with httpx2.Client(base_url=site.url, timeout=60) as web:
        answer = web.get("/console/audit?kind=denial")
        assert answer.status_code == 303
        assert answer.headers["location"] == "/console/sign-in?next=%2Fconsole%2Faudit%3Fkind%3Ddenial"
        entered = web.post("/console/enter", data={"secret": site.link("cy"), "next": "/console/audit?kind=denial"})
    assert entered.headers["location"] == "/console/audit?kind=denial"


@pytest.mark.parametrize(
    "path", [None, "", "//evil.example", "https://evil.example", "/consolex", "/console/../x\\", "/console/\n", "/v1/x"]
)
def test_nobody_is_led_out_of_the_console(path):
    assert page_of_ours(path) in ("/console", path) and not (page_of_ours(path) or "").startswith(("//", "http"))
    assert "\\" not in page_of_ours(path) and "\n" not in page_of_ours(path)


def test_a_role_that_may_not_read_the_log_gets_a_403_page_and_an_entry(site, signed_in):
    web, _token = signed_in("bo")
    answer = web.get("/console/audit")
    assert answer.status_code == 403
    assert "auditor" in answer.text
    assert site.entries("access-denied")[-1]["asked"] == "GET /console/audit"


@pytest.mark.parametrize("headers", [{"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}])
def test_a_form_from_another_site_does_nothing(site, headers, signed_in):
    web, token = signed_in("bo")
    assert web.post("/console/sign-out", data={"form_token": token}, headers=headers).status_code == 403
    assert web.get("/console").status_code == 200


def test_a_form_without_this_sign_ins_token_does_nothing(site, signed_in):
    web, token = signed_in("bo")
    assert web.post("/console/sign-out", data={"form_token": "0" * len(token)}).status_code == 403
    assert web.get("/console").status_code == 200
    assert web.post("/console/sign-out", data={"form_token": token}).status_code == 303
    assert web.get("/console").status_code == 303


def test_a_sign_in_that_is_stolen_from_the_browser_is_worthless_after_signing_out(site, signed_in):
    web, token = signed_in("bo")
    stolen = dict(web.cookies)
    web.post("/console/sign-out", data={"form_token": token})
    with httpx2.Client(base_url=site.url, cookies=stolen, timeout=60) as thief:
        assert thief.get("/console").status_code == 303


def test_the_cookie_is_out_of_reach_for_scripts_and_other_sites(site):
    with httpx2.Client(base_url=site.url, timeout=60) as web:
        header = web.post("/console/enter", data={"secret": site.link("bo")}).headers["set-cookie"].lower()
    assert "httponly" in header
    assert "samesite=strict" in header


def test_a_person_who_left_is_out_at_their_next_click(site, signed_in):
    site.house.registry.staff.invite("fay", "Fay Weber", ("auditor",), by="installation")
    web, _token = signed_in("fay")
    assert web.get("/console").status_code == 200
    site.house.registry.staff.leave("fay")
    assert web.get("/console").status_code == 303


def test_a_sign_in_ends_after_half_an_hour_of_rest_and_after_ten_hours_of_work(site):
    clock = FixedClock(SystemClock().now())
    signins = Signins(site.house.registry.database, clock)
    rests, works = signins.begin("cy"), signins.begin("cy")
    clock.advance(IDLE.total_seconds() + 1)
    assert signins.find(rests.secret) is None
    works = signins.begin("cy")
    for _ in range(int(LONGEST / IDLE) * 2):
        clock.advance(IDLE.total_seconds() / 2)
        assert signins.find(works.secret) is not None
    clock.advance(IDLE.total_seconds() / 2)
    assert signins.find(works.secret) is None


@pytest.mark.parametrize("body", [b"\xff\xfe", b"a=%ff", b"&" * 2000 + b"a=1", b"x" * 400_000])
def test_a_form_that_cannot_be_read_is_refused_in_a_sentence(site, body):
    with httpx2.Client(base_url=site.url, timeout=60) as web:
        answer = web.post("/console/enter", content=body, headers={"content-type": "application/x-www-form-urlencoded"})
    assert answer.status_code in (401, 403)
    assert "<h1>" in answer.text


def test_the_overview_is_a_reading_of_the_log_for_those_who_may_read_it_and_for_nobody_else(site, signed_in):
    others, _token = signed_in("bo")
    before = len(site.entries("log-read"))
    others.get("/console")
    assert len(site.entries("log-read")) == before
    auditor, _token = signed_in("cy")
    auditor.get("/console")
    assert len(site.entries("log-read")) > before
    assert site.entries("log-read")[-1]["what"] == {"latest": 8, "console": True}


def test_a_fresh_link_stands_on_the_page_of_people_once_and_in_no_form_of_it(site, signed_in):
    web, token = signed_in("fin")
    form = {"form_token": token, "step": "invite", "id": "ivo-ito", "name": "Ivo Ito", "roles": "reviewer"}
    page = web.post("/console/people", data=form)
    assert page.text.count("/console/enter#") == 1
    assert 'name="back" value="/console/people"' in page.text
    assert 'name="back" value="/console/people"' in web.get("/console/people").text


@pytest.mark.parametrize("path", ["/console/../v1/x", "/console/%2e%2e//evil.example", "/console/..%2f..//evil.example"])
def test_a_page_is_named_without_going_up(path):
    assert page_of_ours(path) == "/console"


def test_signing_in_again_ends_the_sign_in_that_was_there(site, signed_in):
    web, _token = signed_in("bo")
    former = dict(web.cookies)
    assert web.post("/console/enter", data={"secret": site.link("cy").partition("#")[2]}).status_code == 303
    with httpx2.Client(base_url=site.url, cookies=former) as old:
        assert old.get("/console").status_code == 303
