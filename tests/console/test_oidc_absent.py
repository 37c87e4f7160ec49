"""Sign-in at the organisation's provider while that is down, or not trusted; and what a browser keeps of an attempt. Needs no Node."""

from datetime import timedelta

import httpx2
import pytest

from gateway.identity.attempts import SECONDS, Attempt
from gateway.identity.relying_party import read_registration
from gateway.registry.issuers import IssuerRecord
from gateway.settings import SettingsRefused, read_settings
from tests.console.conftest import free_port


@pytest.fixture
def web(site):
    with httpx2.Client(base_url=site.url, trust_env=False) as client:
        yield client


def test_a_provider_that_is_down_is_said_to_be_and_a_link_still_lets_in(site, web):
    registry = site.house.registry
    registry.issuers.add(IssuerRecord("idp", f"http://127.0.0.1:{free_port()}", "api", jwks_url="http://127.0.0.1:9/jwks"))
    try:
        answer = web.get("/console/oidc?next=/console/audit")
        assert answer.status_code == 503
        assert "one-time link" in answer.text
        assert 'value="/console/audit"' in answer.text
        assert web.post("/console/enter", data={"secret": site.link("cy")}).status_code == 303
    finally:
        registry.issuers.remove("idp")


def test_an_issuer_that_is_not_trusted_here_signs_nobody_in(site, web):
    answer = web.get("/console/oidc")
    assert answer.status_code == 503
    assert "is not trusted here" in answer.text


@pytest.mark.parametrize("kept", ["", "x", "1.2.3", "9" * 4000, *(f"{when}.{'a' * 43}." for when in ("1", "٣", "99999999999", "-1", ""))])
def test_a_cookie_that_is_no_attempt_or_an_old_one_is_none(site, kept):
    assert Attempt.read(kept, site.house.clock.now()) is None


def test_an_attempt_reads_back_as_it_was_kept_and_derives_three_different_values(site):
    now = site.house.clock.now()
    attempt = Attempt.begin("/console/audit?x=é", now)
    assert Attempt.read(attempt.text(), now) == attempt
    assert len({attempt.state, attempt.nonce, attempt.verifier, attempt.secret}) == 4
    assert Attempt.read(Attempt.begin("/console/" + "x" * 5000, now).text(), now).wanted == ""


def test_an_attempt_is_forgotten_after_ten_minutes(site):
    began = site.house.clock.now()
    attempt = Attempt.begin("/console", began)
    assert Attempt.read(attempt.text(), began + timedelta(seconds=SECONDS)) == attempt
    assert Attempt.read(attempt.text(), began + timedelta(seconds=SECONDS + 1)) is None


def test_a_registration_that_is_half_given_or_without_a_secret_stops_the_start(tmp_path):
    secret = tmp_path / "secret"
    whole = {"CUSTODES_OIDC_ISSUER": "idp", "CUSTODES_OIDC_CLIENT_ID": "console", "CUSTODES_OIDC_SECRET_FILE": str(secret)}
    for content in (b"", b"\n", b"two\nlines", b"\xff", b"x" * 2000):
        secret.write_bytes(content)
        with pytest.raises(SettingsRefused, match="CUSTODES_OIDC_SECRET_FILE"):
            read_registration(read_settings(whole))
    secret.write_text("a-secret\n")
    for missing in whole:
        with pytest.raises(SettingsRefused, match="together"):
            read_registration(read_settings({name: value for name, value in whole.items() if name != missing}))
    assert read_registration(read_settings({})) is None
    registration = read_registration(read_settings(whole | {"CUSTODES_PUBLIC_URL": "https://gateway.example/"}))
    assert registration.callback == "https://gateway.example/console/oidc/callback"
    assert "a-secret" not in repr(registration)
