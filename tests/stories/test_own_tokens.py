"""A client gives a token of its own back, and asks about it; of anybody else's it learns nothing, and takes nothing away."""

import secrets
import time
from typing import Any

import httpx2
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from gateway.cli.demo.cast import POLICE, REGISTRARS
from gateway.identity.issuer import ASSERTION_TYPE
from gateway.identity.tokens import SigningKey
from gateway.registry.clients import NewClient
from tests.gateway.identity.conftest import pem_of
from tests.stories.town import Town

pytestmark = pytest.mark.anyio
MINE = "keyholder"


@pytest.fixture(scope="module")
async def key(town: Town) -> SigningKey:
    signing = SigningKey(pem_of(ec.generate_private_key(ec.SECP256R1())))
    town.house.registry.clients.register(NewClient(MINE, "Keyholder", "ngo_victim", keys=(signing.public.jwk,)), REGISTRARS[0])
    return signing


async def ask(town: Town, key: SigningKey, path: str, **said: str) -> httpx2.Response:
    issuer, now = town.house.registry.issuer.issuer, int(time.time())
    claims = {"iss": MINE, "sub": MINE, "aud": issuer, "iat": now, "exp": now + 60, "jti": secrets.token_hex(8)}
    form = {"client_assertion_type": ASSERTION_TYPE, "client_assertion": key.sign(claims, "JWT")}
    return await town.web.post(f"/oauth/{path}", data=form | said)


async def get(town: Town, token: str) -> int:
    return (await town.web.get("/v1/licences", headers={"authorization": f"Bearer {token}"})).status_code


async def test_a_token_is_described_to_its_client_given_back_and_refused_from_then_on(town: Town, key: SigningKey) -> None:
    token = (await ask(town, key, "token", grant_type="client_credentials")).json()["access_token"]
    told: dict[str, Any] = (await ask(town, key, "introspect", token=token)).json()
    assert (told["active"], told["sub"], told["client_id"], told["token_type"]) == (True, MINE, MINE, "Bearer")
    assert await get(town, token) == 200
    for _ in range(2):  # a second time is no fault
        gone = await ask(town, key, "revoke", token=token, token_type_hint="access_token")
        assert (gone.status_code, gone.json()) == (200, {})
    assert await get(town, token) == 401
    assert (await ask(town, key, "introspect", token=token)).json() == {"active": False}
    acts = [entry for entry in town.entries("key-change") if entry.get("jti") == told["jti"]]
    assert [entry["act"] for entry in acts] == ["token-revoked"]


async def test_of_anybody_elses_token_nothing_is_told_and_nothing_taken(town: Town, key: SigningKey) -> None:
    theirs = town.token(POLICE)
    for token in (theirs, theirs[:-2], "none", "a.b.c", "\u00e9"):
        assert (await ask(town, key, "introspect", token=token)).json() == {"active": False}
        assert (await ask(town, key, "revoke", token=token)).json() == {}
    assert await get(town, theirs) == 200


@pytest.mark.parametrize("path", ["revoke", "introspect"])
async def test_nobody_asks_without_proving_a_key_or_without_naming_a_token(town: Town, key: SigningKey, path: str) -> None:
    stranger = SigningKey(pem_of(ec.generate_private_key(ec.SECP256R1())))
    refused = await ask(town, stranger, path, token=town.token(POLICE))
    assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")
    assert town.entries("authn-denied")[-1]["path"] == f"/oauth/{path}"
    bare = await town.web.post(f"/oauth/{path}", data={"token": "x"})
    nameless = await ask(town, key, path)
    assert [(answer.status_code, answer.json()["error"]) for answer in (bare, nameless)] == [(400, "invalid_request")] * 2


async def test_the_metadata_names_both(town: Town) -> None:
    told = (await town.get("/.well-known/oauth-authorization-server")).json()
    assert {told["revocation_endpoint"], told["introspection_endpoint"]} == {
        f"{told['issuer']}/oauth/{name}" for name in ("revoke", "introspect")
    }
