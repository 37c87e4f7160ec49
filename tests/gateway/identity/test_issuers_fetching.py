"""Where an issuer's documents may come from, against a real server on the loopback that misbehaves in every way it can."""

import asyncio
import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.identity import fetching
from gateway.identity.errors import IssuerRefused, TokenRefused
from gateway.identity.issuers import new_record
from gateway.identity.tokens import SigningKey
from gateway.registry.identities import Identities, Identity
from gateway.registry.issuers import IssuerRecord, Issuers
from tests.gateway.identity.conftest import Doorway, client_pem, pem_of
from tests.gateway.identity.serving import Server, serving

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def code_of(url: str) -> str:
    with pytest.raises(IssuerRefused) as caught:
        await fetching.Fetcher().fetch(url)
    return caught.value.code


@pytest.mark.parametrize(
    "url",
    [
        "", "idp", "//idp.example/jwks", "http://idp.example/jwks", "http://10.0.0.1/jwks", "http://169.254.169.254/latest", "http://0.0.0.0/",
        "ftp://127.0.0.1/jwks", "file:///etc/passwd", "https://user:secret@idp.example/jwks", "https://idp.example/jwks?x=1", "https://idp.example/#a",
        "https://", "https:///jwks", "http://localhost.attacker.example/", "http://127.0.0.1.attacker.example/", "https://idp.example:0/",
        "https://idp.example:99999/", "https://idp.example/a b", "https://idp.example/\n", "http://[::2]/", "https://idp\u3002example/",
        "javascript:1", "http://[::1", "unix:///run/x",
    ],
)  # fmt: skip
def test_an_address_that_is_neither_https_nor_the_loopback_is_never_fetched(url: str) -> None:
    with pytest.raises(IssuerRefused) as caught:
        fetching.check_url(url)
    assert caught.value.code == "issuer-url"


@pytest.mark.parametrize(
    "url", ["https://idp.example/jwks", "http://127.0.0.1:9/jwks", "http://localhost:9/", "http://[::1]:9/jwks", "http://127.9.9.9/"]
)
def test_https_and_the_loopback_may_be_fetched(url: str) -> None:
    assert fetching.check_url(url) == url


async def test_a_redirect_is_not_followed() -> None:
    async with serving() as server:
        server.head = f"HTTP/1.1 302 Found\r\nLocation: {server.url}/elsewhere\r\nContent-Length: 0\r\n"
        server.body = b""
        assert await code_of(server.url + "/jwks") == "issuer-unreachable"
        assert server.visits == ["/jwks"]


@pytest.mark.parametrize("status", ["204 No Content", "401 Unauthorized", "404 Not Found", "500 Oops", "206 Partial Content"])
async def test_any_status_but_200_is_no_answer(status: str) -> None:
    async with serving() as server:
        server.head = f"HTTP/1.1 {status}\r\nConnection: close\r\n"
        assert await code_of(server.url) == "issuer-unreachable"


async def test_a_compressed_answer_is_not_inflated() -> None:
    async with serving() as server:
        server.head += "Content-Encoding: gzip\r\n"
        assert await code_of(server.url) == "issuer-unreachable"


async def test_an_endless_answer_is_cut_at_64_kib() -> None:
    async with serving() as server:
        server.body = b"x" * 50_000_000
        assert await code_of(server.url) == "jwks-too-large"


async def test_an_answer_in_drops_ends_at_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "SECONDS", 0.3)
    async with serving() as server:
        server.body, server.pause = b"x" * 60_000, 0.1
        begun = asyncio.get_running_loop().time()
        assert await code_of(server.url) == "issuer-unreachable"
        assert asyncio.get_running_loop().time() - begun < 1


async def test_an_answer_that_is_no_http_is_no_answer() -> None:
    async with serving() as server:
        server.head = "SSH-2.0-OpenSSH\r\n"
        assert await code_of(server.url) == "issuer-unreachable"


async def test_nobody_listening_is_no_answer() -> None:
    async with serving() as server:
        pass
    assert await code_of(server.url) == "issuer-unreachable"


async def test_discovery_pins_the_key_sets_address_and_the_issuer_must_be_equal(client_key: SigningKey) -> None:
    async with serving() as server:
        keys = {"issuer": server.url, "jwks_uri": server.url + "/keys", "keys": [client_key.public.jwk]}
        server.body = json.dumps(keys).encode()
        record = await new_record(fetching.Fetcher(), "idp", server.url, "https://us")
        assert (record.jwks_url, server.visits) == (server.url + "/keys", ["/.well-known/openid-configuration", "/keys"])
        for changed, code in (
            ({"issuer": server.url + "/"}, "discovery-other-issuer"),
            ({"issuer": None}, "discovery-other-issuer"),
            ({"jwks_uri": None}, "discovery-malformed"),
            ({"jwks_uri": "http://attacker.example/keys"}, "issuer-url"),
            ({"keys": []}, "jwks-empty"),
        ):
            server.body = json.dumps({**keys, **changed}).encode()
            with pytest.raises(IssuerRefused) as caught:
                await new_record(fetching.Fetcher(), "idp", server.url, "https://us")
            assert caught.value.code == code


async def test_a_key_set_file_is_checked_when_it_is_added_and_read_again_when_it_changes(doorway: Doorway, tmp_path: Path) -> None:
    first, second = SigningKey(client_pem()), doorway.keyring.current()
    file = tmp_path / "idp.json"
    with pytest.raises(IssuerRefused) as caught:
        await new_record(fetching.Fetcher(), "idp", "https://idp.example", "https://us", jwks_file=str(file))
    assert caught.value.code == "issuer-unreachable"
    file.write_text(json.dumps({"keys": [first.public.jwk]}))
    Issuers(doorway.database).add(await new_record(fetching.Fetcher(), "idp", "https://idp.example", "https://us", jwks_file=str(file)))
    Identities(doorway.database).bind("idp", "abc", Identity("client", "ngo"))
    assert (await doorway.callers.identify(external(doorway, first), doorway.lookups.now())).client_id == "ngo"
    file.write_text(json.dumps({"keys": [second.public.jwk]}))
    doorway.clock.advance(31)
    assert (await doorway.callers.identify(external(doorway, second), doorway.lookups.now())).client_id == "ngo"
    with pytest.raises(TokenRefused) as gone:
        await doorway.callers.identify(external(doorway, first), doorway.lookups.now())
    assert gone.value.reason == "key-unknown"


def external(doorway: Doorway, key: SigningKey, **changes: object) -> str:
    now = int(doorway.clock.now().timestamp())
    claims = {"iss": "https://idp.example", "aud": "https://us", "sub": "abc", "iat": now, "exp": now + 600, "jti": "1"}
    return key.sign({**claims, **changes}, "at+jwt")


async def followed(doorway: Doorway, server: Server) -> SigningKey:
    """Trust an issuer whose keys that server publishes, and return its key."""
    key = SigningKey(client_pem())
    server.body = json.dumps({"keys": [key.public.jwk]}).encode()
    Issuers(doorway.database).add(IssuerRecord("idp", "https://idp.example", "https://us", jwks_url=server.url + "/jwks"))
    Identities(doorway.database).bind("idp", "abc", Identity("client", "ngo"))
    await doorway.callers.identify(external(doorway, key), doorway.lookups.now())
    return key


async def refused(doorway: Doorway, token: str) -> str:
    with pytest.raises(TokenRefused) as caught:
        await doorway.callers.identify(token, doorway.lookups.now())
    return caught.value.reason


async def until(met: Callable[[], bool]) -> None:
    """Wait for what goes on in the background, for at most five seconds."""
    for _ in range(500):
        if met():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it did not come about")


async def test_a_flood_of_unknown_key_names_causes_one_question_in_30_seconds(doorway: Doorway, ec_key: object) -> None:
    async with serving() as server:
        await followed(doorway, server)
        stranger = doorway.keyring.current()
        doorway.clock.advance(31)
        answers = await asyncio.gather(*(refused(doorway, external(doorway, stranger, jti=str(n))) for n in range(40)))
        assert set(answers) == {"key-unknown"}
        assert len(server.visits) == 2
        doorway.clock.advance(29)
        await refused(doorway, external(doorway, stranger))
        assert len(server.visits) == 2
        doorway.clock.advance(2)
        await refused(doorway, external(doorway, stranger))
        assert len(server.visits) == 3


async def test_the_last_good_keys_stay_through_an_outage_for_one_hour_and_not_longer(doorway: Doorway) -> None:
    async with serving() as server:
        key = await followed(doorway, server)
    for minutes in (6, 30, 23):
        doorway.clock.advance(minutes * 60)
        assert (await doorway.callers.identify(external(doorway, key), doorway.lookups.now())).client_id == "ngo"
        await until(lambda: doorway.issuers.report() == {"idp": "issuer-unreachable"})
    doorway.clock.advance(2 * 60)
    assert await refused(doorway, external(doorway, key)) == "keys-unavailable"


@pytest.mark.parametrize("poison", [b"", b"{}", b'{"keys":[]}', b"<html>", b'{"keys":[{"kty":"oct","k":"AA","kid":"x"}]}', b"x" * 70_000])
async def test_a_useless_answer_leaves_the_last_good_keys_in_force(doorway: Doorway, poison: bytes) -> None:
    async with serving() as server:
        key = await followed(doorway, server)
        server.body = poison
        doorway.clock.advance(301)
        await doorway.callers.identify(external(doorway, key), doorway.lookups.now())
        await until(lambda: doorway.issuers.report()["idp"] != "")
        assert len(server.visits) == 2
        assert (await doorway.callers.identify(external(doorway, key), doorway.lookups.now())).client_id == "ngo"


async def test_a_key_that_the_issuer_withdrew_is_dropped_with_its_remembered_tokens(doorway: Doorway, ec_key: object) -> None:
    from cryptography.hazmat.primitives.asymmetric import ec

    async with serving() as server:
        key = await followed(doorway, server)
        token = external(doorway, key)
        server.body = json.dumps({"keys": [SigningKey(pem_of(ec.generate_private_key(ec.SECP256R1()))).public.jwk]}).encode()
        doorway.clock.advance(301)
        await doorway.callers.identify(token, doorway.lookups.now())
        await until(lambda: len(server.visits) == 2)
        with pytest.raises(TokenRefused) as gone:
            for _ in range(500):
                doorway.callers.recognise(token, doorway.lookups.now())
                await asyncio.sleep(0.01)
        assert gone.value.reason == "key-unknown"


async def test_one_issuers_key_never_serves_another_nor_the_built_in_one(doorway: Doorway) -> None:
    async with serving() as server:
        key = await followed(doorway, server)
        own = doorway.issuer.issuer
        assert await refused(doorway, external(doorway, key, iss=own, aud=own, sub="ngo", client_id="ngo")) == "key-unknown"
        assert await refused(doorway, external(doorway, doorway.keyring.current())) == "key-unknown"


async def test_an_issuer_that_is_removed_is_trusted_no_longer_from_the_next_request_on(doorway: Doorway) -> None:
    async with serving() as server:
        key = await followed(doorway, server)
        token = external(doorway, key)
        Issuers(doorway.database).remove("idp")
        assert await refused(doorway, token) == "issuer-unknown"


async def test_nobody_can_be_registered_who_would_speak_for_the_built_in_issuer(doorway: Doorway) -> None:
    async with serving() as server:
        key = SigningKey(client_pem())
        server.body = json.dumps({"keys": [key.public.jwk]}).encode()
        own = doorway.issuer.issuer
        Issuers(doorway.database).add(IssuerRecord("usurper", own, own, jwks_url=server.url))
        assert await refused(doorway, external(doorway, key, iss=own, aud=own, sub="ngo", client_id="ngo")) == "key-unknown"
        assert server.visits == []


async def test_a_caller_who_hangs_up_does_not_end_the_question_for_the_others(doorway: Doorway) -> None:
    async with serving() as server:
        key = SigningKey(client_pem())
        server.body, server.pause = json.dumps({"keys": [key.public.jwk]}).encode(), 0.2
        Issuers(doorway.database).add(IssuerRecord("idp", "https://idp.example", "https://us", jwks_url=server.url))
        Identities(doorway.database).bind("idp", "abc", Identity("client", "ngo"))
        token, view = external(doorway, key), doorway.lookups.now()
        first = asyncio.ensure_future(doorway.callers.identify(token, view))
        second = asyncio.ensure_future(doorway.callers.identify(token, view))
        await asyncio.sleep(0.05)
        first.cancel()
        assert (await second).client_id == "ngo"
        assert len(server.visits) == 1


async def test_a_clock_set_back_does_not_stop_the_questions_for_ever(doorway: Doorway) -> None:
    async with serving() as server:
        await followed(doorway, server)
        doorway.clock.advance(-timedelta(days=1).total_seconds())
        await refused(doorway, external(doorway, doorway.keyring.current()))
        assert len(server.visits) == 2
