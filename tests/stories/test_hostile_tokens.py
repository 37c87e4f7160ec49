"""Every hostile token knocks at the door of the running service: each gets the one sentence, and each leaves one entry.

The tokens are those of tests/gateway/identity; here they come in the Authorization header, odd headers among them."""

import asyncio
import hashlib
import json
import secrets
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx2
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from gateway.cli.demo.cast import NGO
from gateway.identity.issuer import ASSERTION_TYPE
from gateway.registry.identities import Identity
from gateway.registry.issuers import IssuerRecord
from tests.gateway.identity import hostile, hostile_more
from tests.gateway.identity.hostile import AUDIENCE, FAMILIES, ISSUER, OTHER, Bench, controls, public_of
from tests.gateway.identity.hostile_more import MORE, more_controls, with_the_twin
from tests.stories.town import Town

pytestmark = pytest.mark.anyio
PATH = "/v1/licences"
# Of another subject than their client_id: good tokens that the register, which alone knows who acts for whom, does not let in.
OF_NOBODY = {"text beyond ASCII", "a subject of 255 characters"}
WITHIN_A_SECOND = {"ends in a second", "15 minutes, all but a second of it gone"}


@pytest.fixture(scope="module")
def bench() -> Bench:
    r, other = [rsa.generate_private_key(65537, 2048) for _ in range(2)]
    e, stranger = [ec.generate_private_key(ec.SECP256R1()) for _ in range(2)]
    return Bench(r, e, other, stranger)


@pytest.fixture
async def trusting(town: Town, bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Town]:
    """The town, which trusts two issuers that share no key, at this moment."""
    for module in (hostile, hostile_more):
        monkeypatch.setattr(module, "NOW", int(time.time()))
    registry = town.house.registry
    keys = {"idp": (ISSUER, {"r1": bench.r, "e1": bench.e}), "other": (OTHER, {"o1": bench.other})}
    for name, (issuer, named) in keys.items():
        file = tmp_path / f"{name}.json"
        file.write_text(json.dumps({"keys": [public_of(key, kid).jwk for kid, key in named.items()]}))
        registry.issuers.add(IssuerRecord(name, issuer, AUDIENCE, jwks_file=str(file)))
    registry.identities.bind("idp", "ngo", Identity("client", NGO))
    yield town
    registry.identities.unbind("idp", "ngo")
    for name in keys:
        registry.issuers.remove(name)


def knocking(bench: Bench) -> Iterator[tuple[str, bytes]]:
    """Every hostile token that is a text at all, as its bytes, but those that will be good in a moment: no test races a real clock."""
    for family in (*FAMILIES, *MORE):
        for name, token in family(bench):
            if isinstance(token, str) and not name.startswith(("issued ", "begins ")):
                yield name, token.encode("utf-8", "surrogatepass")


async def knock(town: Town, authorization: bytes | list[bytes]) -> httpx2.Response:
    values = authorization if isinstance(authorization, list) else [authorization]
    return await town.web.get(PATH, headers=[(b"authorization", value) for value in values])


async def test_each_hostile_token_gets_the_one_sentence_and_leaves_one_entry_with_nothing_of_what_it_says(
    trusting: Town, bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    before, sent, answers = trusting.house.log.size, list(knocking(bench)), Counter[tuple[int, str]]()
    for at in range(0, len(sent), 64):  # many at once: they share their commits
        batch = sent[at : at + 64]
        for answer in await asyncio.gather(*(knock(trusting, b"Bearer " + token) for _, token in batch)):
            answers[answer.status_code, answer.json().get("detail", "")] += 1
    assert len(sent) >= 1000
    # A header beyond any measure is turned away before anybody asks what it says, and leaves no entry.
    statuses = Counter(status for status, _ in answers.elements())
    refused = statuses[401]
    assert statuses.keys() == {401, 431}
    assert statuses[431] <= 5
    assert len([sentence for status, sentence in answers if status == 401]) == 1
    entries = [trusting.entry(index) for index in range(before, trusting.house.log.size)]
    assert Counter(entry["kind"] for entry in entries) == {"authn-denied": refused}
    assert all(set(entry) == {"v", "kind", "at", "token_sha256", "why", "path"} for entry in entries)
    hashes = Counter(entry["token_sha256"] for entry in entries)
    assert hashes[None] <= 1  # the empty token
    assert hashes.keys() - {None} <= {hashlib.sha256(token.decode("latin-1").encode()).hexdigest() for _, token in sent}
    with capsys.disabled():
        sys.stdout.write(f"\n{len(sent)} hostile tokens over HTTP: {dict(statuses)}\n")


async def test_the_good_ones_pass(trusting: Town, bench: Bench) -> None:
    good = [(name, token) for name, token in (*controls(bench), *more_controls(bench)) if name not in OF_NOBODY | WITHIN_A_SECOND]
    assert len(good) >= 20
    assert {name: (await knock(trusting, f"Bearer {token}".encode())).status_code for name, token in good} == {
        name: 200 for name, _ in good
    }


async def test_a_good_token_of_somebody_whom_nobody_registered_is_refused_and_known_by_its_hash(trusting: Town, bench: Bench) -> None:
    token = bench.token(claims=bench.claims(sub="nobody", client_id="nobody"))
    answer = await knock(trusting, f"Bearer {token}".encode())
    entry = trusting.entry(trusting.house.log.size - 1)
    assert (answer.status_code, entry["why"]) == (401, "unknown-client")
    assert entry["token_sha256"] == hashlib.sha256(token.encode()).hexdigest()
    assert "nobody" not in json.dumps(entry)


async def test_the_twin_of_a_signature_is_revoked_with_it(trusting: Town, bench: Bench) -> None:
    jti = secrets.token_hex(8)
    token = bench.token(bench.header(alg="ES256", kid="e1"), bench.claims(jti=jti))
    twin = with_the_twin(bench, token)
    assert [(await knock(trusting, f"Bearer {one}".encode())).status_code for one in (token, twin)] == [200, 200]
    trusting.house.registry.revocations.revoke("idp", jti, datetime.now(UTC) + timedelta(hours=1), "test", "registrar-1")
    assert [(await knock(trusting, f"Bearer {one}".encode())).status_code for one in (token, twin)] == [401, 401]


async def test_an_assertion_that_came_before_is_refused_and_known_by_its_hash(trusting: Town, bench: Bench) -> None:
    assertion = bench.token(claims=bench.claims(iss=NGO, sub=NGO))
    form = {"grant_type": "client_credentials", "client_assertion_type": ASSERTION_TYPE, "client_assertion": assertion}
    answer = await trusting.web.post("/oauth/token", data=form)
    entry = trusting.entry(trusting.house.log.size - 1)
    assert (answer.status_code, answer.json()["error"], entry["kind"]) == (401, "invalid_client", "authn-denied")
    assert entry["token_sha256"] == hashlib.sha256(assertion.encode()).hexdigest()
    assert NGO not in json.dumps(entry)


@pytest.mark.parametrize("scheme", [b"Bearer ", b"bearer ", b"BEARER ", b"bEaReR "])
async def test_the_scheme_is_read_in_any_case(trusting: Town, bench: Bench, scheme: bytes) -> None:
    assert (await knock(trusting, scheme + bench.token().encode())).status_code == 200


@pytest.mark.parametrize(
    "header",
    [
        b"", b" ", b"Bearer", b"Bearer ", b"Bearer\t%s", b"Bearer%s", b"Bearer:%s", b"Bearer=%s", b"Bearer  %s", b"Bearer \t%s",
        b"\tBearer %s", b"Bearer %s\x0b", b"Bearer \xa0%s", b"Bearer %s\x85", b"Bearer %s\x1f", b"Bearer %s, Bearer %s",
        b"Bearer %s,Basic YTpi", b"Basic YTpi", b"Basic %s", b"Digest username=ngo", b"DPoP %s", b"Token %s", b"JWT %s",
        b"token=%s", b"%s", b"B\xc3\xa9arer %s", b"\xef\xbb\xbfBearer %s", b"Bearer " + b"A" * 9000,
        b"Bearer " + "\u0142".encode() * 20, b"Bearer %s" + b" " * 9000 + b"x", b"Negotiate YII=", b"bearer bearer %s",
    ],
)  # fmt: skip
async def test_odd_headers_are_refused_with_one_entry_each(trusting: Town, bench: Bench, header: bytes) -> None:
    before, token = trusting.house.log.size, bench.token()
    answer = await knock(trusting, header.replace(b"%s", token.encode()))
    assert answer.status_code == 401, answer.text
    assert answer.headers["www-authenticate"].startswith("Bearer")
    (entry,) = [trusting.entry(index) for index in range(before, trusting.house.log.size)]
    assert entry["kind"] == "authn-denied"
    assert token.split(".")[1] not in json.dumps(entry)


async def test_two_authorization_headers_have_two_meanings_and_are_refused_before_either_is_read(trusting: Town, bench: Bench) -> None:
    good = f"Bearer {bench.token()}".encode()
    for pair in ([good, good], [good, b"Basic YTpi"], [b"", good]):
        answer = await knock(trusting, pair)
        assert (answer.status_code, answer.json()["type"]) == (400, "urn:custodes:problem:request-malformed")
