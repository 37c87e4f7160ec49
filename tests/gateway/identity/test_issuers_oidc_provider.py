"""The doorway against a real OpenID provider (npm oidc-provider on Node): discovery, rotation, outage and poisoning."""

import asyncio
import base64
import json
import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from gateway.identity.errors import TokenRefused
from gateway.identity.fetching import Fetcher
from gateway.identity.issuers import new_record
from gateway.identity.relying_party import Arrival, Registration, RelyingParty
from gateway.identity.tokens import SigningKey
from gateway.registry.identities import Identities, Identity
from gateway.registry.issuers import IssuerRecord, Issuers
from tests.gateway.identity.conftest import Doorway, pem_of
from tests.gateway.identity.serving import serving
from tests.gateway.identity.test_issuers_fetching import until
from tests.gateway.oidc.provider import AUDIENCE, Provider, install, private_jwk

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def installed() -> Path:
    return install()


@pytest.fixture
def provider(installed: Path) -> Iterator[Provider]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    running = Provider(installed, [private_jwk("first")], port)
    running.start()
    yield running
    running.stop()


async def trusted(doorway: Doorway, provider: Provider, fetcher: Fetcher) -> None:
    doorway.clock.at = datetime.now(UTC)
    Issuers(doorway.database).add(await new_record(fetcher, "idp", provider.issuer, AUDIENCE))
    Identities(doorway.database).bind("idp", "find-them", Identity("client", "ngo"))


async def caller(doorway: Doorway, token: str) -> str:
    try:
        return (await doorway.callers.identify(token, doorway.lookups.now())).client_id
    except TokenRefused as refused:
        return refused.reason


def header(token: str) -> dict[str, Any]:
    return dict(json.loads(base64.urlsafe_b64decode(token.split(".")[0] + "==")))


async def test_a_real_provider_is_trusted_by_discovery_and_its_clients_token_lets_it_in(
    doorway: Doorway, provider: Provider, fetcher: Fetcher
) -> None:
    await trusted(doorway, provider, fetcher)
    token = await provider.token()
    assert header(token) == {"alg": "ES256", "typ": "at+jwt", "kid": "first"}
    assert await caller(doorway, token) == "ngo"
    assert await caller(doorway, await provider.token("https://elsewhere.example")) == "claim-aud"


async def test_a_real_rotation_needs_no_restart_and_loses_no_token(doorway: Doorway, provider: Provider, fetcher: Fetcher) -> None:
    await trusted(doorway, provider, fetcher)
    before = await provider.token()
    assert await caller(doorway, before) == "ngo"
    first, second = provider.keys[0], private_jwk("second", "RSA")
    provider.restart(second, first)
    doorway.clock.advance(31)
    after = await provider.token()
    assert header(after)["kid"] == "second"
    assert [await caller(doorway, token) for token in (after, before, after)] == ["ngo"] * 3
    provider.restart(second)
    doorway.clock.advance(301)
    assert await caller(doorway, after) == "ngo"
    for _ in range(500):
        if await caller(doorway, before) != "ngo":
            break
        await asyncio.sleep(0.01)
    assert [await caller(doorway, token) for token in (after, before)] == ["ngo", "key-unknown"]


async def test_a_real_outage_is_bridged_for_an_hour_and_heals_by_itself(doorway: Doorway, provider: Provider, fetcher: Fetcher) -> None:
    await trusted(doorway, provider, fetcher)
    token = await provider.token()
    assert await caller(doorway, token) == "ngo"
    provider.stop()
    doorway.clock.advance(400)
    assert await caller(doorway, token) == "ngo"
    await until(lambda: doorway.issuers.report() == {"idp": "issuer-unreachable"})
    assert await caller(doorway, token) == "ngo"
    doorway.clock.advance(3601)
    assert await caller(doorway, token) == "keys-unavailable"
    provider.start()
    doorway.clock.at = datetime.now(UTC)
    doorway.clock.advance(301)
    assert await caller(doorway, await provider.token()) == "ngo"
    await until(lambda: doorway.issuers.report() == {"idp": ""})


async def test_real_keys_poisoned_on_their_way_never_let_the_poisoner_in_and_never_lock_the_client_out(
    doorway: Doorway, provider: Provider
) -> None:
    doorway.clock.at = datetime.now(UTC)
    poisoner = SigningKey(pem_of(ec.generate_private_key(ec.SECP256R1())))
    async with httpx2.AsyncClient(trust_env=False) as client:
        real = (await client.get(f"{provider.issuer}/jwks")).json()["keys"]
    forged = {**poisoner.public.jwk, "kid": "first"}
    async with serving() as between:
        between.body = json.dumps({"keys": real}).encode()
        Issuers(doorway.database).add(IssuerRecord("idp", provider.issuer, AUDIENCE, jwks_url=f"{between.url}/jwks"))
        Identities(doorway.database).bind("idp", "find-them", Identity("client", "ngo"))
        now = int(doorway.clock.now().timestamp())
        claims = {"iss": provider.issuer, "aud": AUDIENCE, "sub": "find-them", "iat": now, "exp": now + 900, "jti": "x"}
        stolen = poisoner.sign(claims, "at+jwt")
        assert await caller(doorway, await provider.token()) == "ngo"
        for poison in (
            json.dumps({"keys": [*real, forged]}).encode(),
            json.dumps({"keys": [forged, *real]}).encode(),
            json.dumps({"keys": [{**real[0], "use": "enc"}, {"kty": "oct", "k": "c2VjcmV0", "kid": "first"}]}).encode(),
            json.dumps({"keys": [{**real[0], "alg": "HS256"}]}).encode(),
            json.dumps({"keys": [*real, forged] * 50}).encode() + b" " * 65_536,
            f'{{"keys":{json.dumps(real)},"keys":[{json.dumps(poisoner.public.jwk)}]}}'.encode(),
            b"<html>sign in to the network first</html>",
        ):
            between.body, asked = poison, len(between.visits)
            doorway.clock.advance(31)
            assert await caller(doorway, stolen) == "key-unknown"
            assert len(between.visits) == asked + 1
            assert doorway.issuers.report()["idp"].startswith("jwks-")
            assert await caller(doorway, await provider.token()) == "ngo"
        between.body = json.dumps({"keys": real}).encode()
        doorway.clock.advance(31)
        assert await caller(doorway, stolen) == "key-unknown"
        assert doorway.issuers.report() == {"idp": ""}


async def test_a_sign_in_after_a_real_rotation_is_good_at_once(doorway: Doorway, provider: Provider, fetcher: Fetcher) -> None:
    provider.callback = "http://127.0.0.1:9/console/oidc/callback"
    provider.restart(provider.keys[0])
    await trusted(doorway, provider, fetcher)
    registration = Registration("idp", "console", "another-secret-of-the-tests", provider.callback)
    party = RelyingParty(registration, doorway.issuers, fetcher, doorway.clock)
    doorway.clock.at = datetime.now(UTC) - timedelta(seconds=20)
    assert (await signed_in(party, doorway)).subject == "ada"
    provider.restart(private_jwk("second"))
    doorway.clock.at = datetime.now(UTC) + timedelta(seconds=20)
    assert (await signed_in(party, doorway)).subject == "ada"


async def signed_in(party: RelyingParty, doorway: Doorway) -> Arrival:
    """Sign in as ada, as a browser does it."""
    view = doorway.lookups.now()
    attempt, address = await party.begin("/console", view)
    async with httpx2.AsyncClient(trust_env=False) as browser:
        while not address.startswith(party.registration.callback):
            answer = await browser.get(address)
            address = f"{answer.url}?name=ada" if answer.status_code == 200 else str(answer.url.join(answer.headers["location"]))
    return await party.finish(attempt, list(httpx2.URL(address).params.multi_items()), view)
