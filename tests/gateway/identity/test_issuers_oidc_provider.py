"""The doorway against a real OpenID provider (npm oidc-provider on Node): discovery, rotation, outage and poisoning."""

import asyncio
import base64
import fcntl
import hashlib
import json
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from joserfc import jwk as second_jwk

from gateway.identity.errors import TokenRefused
from gateway.identity.fetching import Fetcher
from gateway.identity.issuers import new_record
from gateway.identity.tokens import SigningKey
from gateway.registry.identities import Identities, Identity
from gateway.registry.issuers import IssuerRecord, Issuers
from tests.gateway.identity.conftest import Doorway, pem_of
from tests.gateway.identity.serving import serving
from tests.gateway.identity.test_issuers_fetching import until

pytestmark = pytest.mark.anyio
SOURCE = Path(__file__).parents[1] / "oidc"
AUDIENCE = "https://gateway.example"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def installed() -> Path:
    """The provider, installed once into the user's cache; the repository stays as it is."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        pytest.skip("Node and npm are not installed: the tests against a real OpenID provider need them (Node 20 or newer).")
    source = b"".join((SOURCE / name).read_bytes() for name in ("package.json", "server.mjs"))
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "custodes-tests"
    place = cache / f"oidc-provider-{hashlib.sha256(source).hexdigest()[:16]}"
    place.mkdir(parents=True, exist_ok=True)
    with (place / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # one of the parallel test workers installs, the others wait
        if not (place / "installed").exists():
            for name in ("package.json", "server.mjs"):
                shutil.copy(SOURCE / name, place / name)
            command = [npm, "install", "--no-package-lock", "--no-audit", "--no-fund", "--ignore-scripts"]
            done = subprocess.run(command, cwd=place, capture_output=True, text=True, timeout=300, check=False)
            if done.returncode != 0:
                pytest.skip(f"npm could not install oidc-provider (no package registry within reach?): {done.stderr.strip()[-200:]}")
            (place / "installed").touch()
    return place


def private_jwk(kid: str, kind: str = "EC") -> dict[str, Any]:
    """A private key as the provider wants it."""
    key = ec.generate_private_key(ec.SECP256R1()) if kind == "EC" else rsa.generate_private_key(65537, 2048)
    loaded: Any = (second_jwk.ECKey if kind == "EC" else second_jwk.RSAKey).import_key(pem_of(key))
    return {**loaded.as_dict(private=True), "kid": kid, "use": "sig", "alg": "ES256" if kind == "EC" else "RS256"}


@dataclass
class Provider:
    """A running provider; `restart` with other keys is how it rotates."""

    place: Path
    keys: list[dict[str, Any]]
    port: int = 0
    process: "subprocess.Popen[str] | None" = field(default=None)

    @property
    def issuer(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        environment = {**os.environ, "PROVIDER": json.dumps({"port": self.port, "keys": self.keys, "ttl": 600}), "NODE_ENV": "production"}
        command = [str(shutil.which("node")), "server.mjs"]
        self.process = subprocess.Popen(
            command, cwd=self.place, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        while line and line != "ready\n":
            line = self.process.stdout.readline()
        assert line == "ready\n"

    def stop(self) -> None:
        assert self.process is not None
        assert self.process.stdout is not None
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def restart(self, *keys: dict[str, Any]) -> None:
        self.stop()
        self.keys = list(keys)
        self.start()

    async def token(self, resource: str = AUDIENCE) -> str:
        """Ask for an access token as the client does."""
        form = {"grant_type": "client_credentials", "resource": resource}
        async with httpx2.AsyncClient(trust_env=False) as client:
            answer = await client.post(f"{self.issuer}/token", data=form, auth=("find-them", "a-secret-of-the-tests-alone"))
        assert answer.status_code == 200, answer.text
        return str(answer.json()["access_token"])


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
