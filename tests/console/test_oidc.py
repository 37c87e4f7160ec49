"""Sign-in at the organisation's own provider: a real one (npm oidc-provider), over plain HTTP and in a browser.
What needs the provider skips where Node or its packages cannot be had."""

import re
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest

from gateway.identity.attempts import SECONDS
from gateway.identity.fetching import Fetcher
from gateway.identity.issuers import new_record
from gateway.registry.identities import Identity
from tests.console.conftest import free_port
from tests.gateway.oidc.provider import Provider, install, private_jwk

ATTEMPT = "custodes_attempt"


@pytest.fixture(scope="module")
def provider(site) -> Iterator[Provider]:
    # Known as localhost: for browsers another site than the console's 127.0.0.1.
    running = Provider(install(), [private_jwk("first")], free_port(), callback=f"{site.url}/console/oidc/callback", host="localhost")
    running.start()
    registry = site.house.registry
    registry.issuers.add(site.ask(new_record(Fetcher(), "idp", running.issuer, "api")))
    for subject, person in (("ada@corp", "ada"), ("cy@corp", "cy")):
        registry.identities.bind("idp", subject, Identity("staff", person))
    registry.staff.invite("gil", "Gil Amaru", ("auditor",), by="installation")
    registry.identities.bind("idp", "gil@corp", Identity("staff", "gil"))
    for who in ("ada", "cy"):
        enter(site, who)
    yield running
    running.stop()
    registry.issuers.remove("idp")


def enter(site, who: str) -> None:
    with httpx2.Client(base_url=site.url) as web:
        assert web.post("/console/enter", data={"secret": site.link(who)}).status_code == 303


@pytest.fixture
def web(site) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=site.url, trust_env=False) as client:
        yield client


def to_provider(web: httpx2.Client, next_page: str = "/console") -> str:
    """Begin at the console, and return the provider's address."""
    answer = web.get("/console/oidc", params={"next": next_page})
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


def through_provider(address: str, name: str, site) -> str:
    """Name oneself at the provider, and return the address at which the console is to be told."""
    with httpx2.Client(trust_env=False) as browser:
        for _ in range(10):
            answer = browser.get(address)
            if answer.status_code == 200:
                address = f"{answer.url}?name={name}"
                continue
            address = str(answer.url.join(answer.headers["location"]))
            if address.startswith(site.url):
                return address
    raise AssertionError(address)


def came_back(site, web: httpx2.Client, name: str, next_page: str = "/console") -> httpx2.Response:
    return web.get(through_provider(to_provider(web, next_page), name, site))


def denied(site) -> str:
    return site.entries("authn-denied")[-1]["why"]


def test_the_request_to_the_provider_carries_a_challenge_a_state_and_a_nonce_and_no_secret(provider, web):
    asked = {name: value[0] for name, value in parse_qs(urlsplit(to_provider(web)).query).items()}
    assert asked["response_type"] == "code"
    assert asked["scope"] == "openid"
    assert asked["code_challenge_method"] == "S256"
    attempt = web.cookies[ATTEMPT]
    assert len({asked["state"], asked["nonce"], asked["code_challenge"], attempt}) == 4
    assert attempt.split(".")[1] not in str(asked)


def test_a_person_whose_subject_is_bound_is_let_in_with_their_roles_and_it_is_in_the_log(site, provider, web):
    answer = came_back(site, web, "cy@corp", "/console/audit?kind=denial")
    assert answer.status_code == 200
    assert 'url=/console/audit?kind=denial"' in answer.text
    assert "Cy &lt;script&gt;" in web.get("/console").text
    assert web.get("/console/audit").status_code == 200
    entry = site.entries("staff-change")[-1]
    assert (entry["act"], entry["issuer"]) == ("signed-in", "idp")


def test_the_cookies_are_out_of_reach_and_the_attempt_is_gone_after_its_answer(site, provider, web):
    kept = web.get("/console/oidc").headers["set-cookie"].lower()
    assert "httponly" in kept
    assert "samesite=lax" in kept
    assert f"max-age={SECONDS}" in kept
    given = [header.lower() for header in came_back(site, web, "cy@corp").headers.get_list("set-cookie")]
    assert any("custodes_signin=" in one and "samesite=strict" in one and "httponly" in one for one in given)
    assert ATTEMPT not in web.cookies


def test_in_a_browser_the_provider_leads_back_into_the_console_although_its_cookie_is_for_this_site_alone(site, provider, browser):
    context = browser.new_context()
    strays = []
    homes = (site.url, provider.issuer)
    context.on("request", lambda request: None if request.url.startswith(homes) else strays.append(request.url))
    page = context.new_page()
    page.goto(f"{site.url}/console/audit?kind=denial")
    page.get_by_role("link", name="Sign in with your organisation").click()
    page.get_by_label("Name").fill("cy@corp")
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{site.url}/console/audit?kind=denial")
    assert page.get_by_role("heading", level=1).inner_text() == "Audit log"
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url(re.compile("/console/sign-in"))
    page.goto(f"{site.url}/console")
    assert "/console/sign-in" in page.url
    context.close()
    assert strays == []


def test_a_subject_that_nobody_is_bound_to_is_told_whom_to_ask_and_is_in_the_log(site, provider, web):
    answer = came_back(site, web, "mallory%3Cscript%3E")
    assert answer.status_code == 403
    assert "Ask a registrar" in answer.text
    assert "mallory&lt;script&gt;" in answer.text
    assert denied(site) == "unknown-subject"
    assert web.get("/console").status_code == 303


def test_a_person_who_was_invited_but_never_came_in_is_not_let_in(site, provider, web):
    answer = came_back(site, web, "gil@corp")
    assert answer.status_code == 403
    assert "one-time link" in answer.text
    assert denied(site) == "staff-inactive"


def test_a_subject_that_is_a_clients_is_nobody_here(site, provider, web):
    site.house.registry.identities.bind("idp", "robot", Identity("client", site.house.registry.clients.all()[0].id))
    assert came_back(site, web, "robot").status_code == 403
    assert denied(site) == "unknown-subject"


def test_an_answer_to_an_attempt_of_another_browser_is_refused(site, provider, web):
    forced = through_provider(to_provider(web), "cy@corp", site)
    with httpx2.Client(base_url=site.url) as victim:
        answer = victim.get(forced)
        assert answer.status_code == 401
        assert denied(site) == "attempt-unknown"
        to_provider(victim)
        assert victim.get(forced).status_code == 401
        assert denied(site) == "state-other"
        assert "custodes_signin" not in victim.cookies


def test_a_code_is_good_once(site, provider, web):
    back = through_provider(to_provider(web), "cy@corp", site)
    kept = web.cookies[ATTEMPT]
    assert web.get(back).status_code == 200
    with httpx2.Client(base_url=site.url, cookies={ATTEMPT: kept}) as thief:
        answer = thief.get(back)
        assert answer.status_code == 401
        assert "custodes_signin" not in thief.cookies
    assert denied(site) == "code-refused"


def test_a_code_that_was_given_for_another_attempt_is_refused(site, provider, web):
    with httpx2.Client(base_url=site.url) as other:
        stolen = parse_qs(urlsplit(through_provider(to_provider(other), "cy@corp", site)).query)["code"][0]
    mine = urlsplit(through_provider(to_provider(web), "ada@corp", site))
    query = {name: value[0] for name, value in parse_qs(mine.query).items()}
    assert web.get(mine.path, params=query | {"code": stolen}).status_code == 401
    assert denied(site) == "code-refused"


def test_an_answer_that_says_something_twice_or_comes_from_another_provider_is_refused(site, provider, web):
    for change, why in (("&code=x", "answer-twice"), (None, "issuer-other")):
        back = through_provider(to_provider(web), "cy@corp", site)
        changed = re.sub(r"&iss=[^&]*", "", back) if change is None else back + change
        assert changed != back
        assert web.get(changed).status_code == 401
        assert denied(site) == why


def test_what_the_provider_says_when_it_refuses_is_shown_as_text(site, provider, web):
    answer = came_back(site, web, "")
    assert answer.status_code == 401
    assert "access_denied: &lt;script&gt;alert(1)&lt;/script&gt; No." in answer.text
    assert "<script>alert" not in answer.text
    assert denied(site) == "provider-refused"


def test_who_was_signed_in_before_in_that_browser_is_so_no_longer(site, provider, signed_in):
    web, _token = signed_in("bo")
    former = dict(web.cookies)
    assert came_back(site, web, "cy@corp").status_code == 200
    with httpx2.Client(base_url=site.url, cookies=former) as old:
        assert old.get("/console").status_code == 303


def test_another_site_cannot_push_a_sign_in_upon_a_reader(site, provider, web):
    answer = web.get("/console/oidc", headers={"sec-fetch-site": "cross-site"})
    assert answer.headers["location"] == "/console/sign-in"
    assert ATTEMPT not in web.cookies
