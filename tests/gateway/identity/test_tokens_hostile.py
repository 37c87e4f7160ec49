"""Every hostile token that we could think of is refused, every good one passes, and a second library agrees with us on each.

The tokens are made in hostile.py; python-jose's own answer to the usual call is counted beside ours."""

import base64
import json
import random
import sys
import warnings
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import jose.jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jose.exceptions import JOSEError
from joserfc import errors as second_errors
from joserfc import jwk as second_jwk
from joserfc import jws as second_jws
from joserfc import jwt as second_jwt

from gateway.clock import FixedClock
from gateway.identity.errors import TokenRefused
from gateway.identity.tokens import TokenVerifier, Trust, VerifyingKey
from tests.gateway.identity.hostile import AUDIENCE, FAMILIES, ISSUER, NOW, OTHER, Bench, Book, b64, controls, public_of
from tests.gateway.identity.hostile_more import MORE, more_controls


class Stopped(datetime):
    """The clock that python-jose reads, stopped at the moment for which the tokens are made."""

    @classmethod
    def now(cls, tz=None):
        return datetime.fromtimestamp(NOW, tz)


@pytest.fixture(scope="module")
def bench(rsa_key: rsa.RSAPrivateKey, ec_key: ec.EllipticCurvePrivateKey) -> Bench:
    return Bench(rsa_key, ec_key, rsa.generate_private_key(65537, 2048), ec.generate_private_key(ec.SECP256R1()))


@pytest.fixture(scope="module")
def verifier(bench: Bench) -> TokenVerifier:
    return TokenVerifier(Book(bench), FixedClock(datetime.fromtimestamp(NOW, UTC)))


def ours(verifier: TokenVerifier, token: object) -> str:
    try:
        verifier.verify(token, lambda issuer, jti: False)
    except TokenRefused as refused:
        return refused.reason
    return "accepted"


class SecondVerifier:
    """joserfc, told the same rules in its own terms; what it has no terms for (spellings, duplicates, types) is checked around it."""

    def __init__(self, bench: Bench) -> None:
        self._keys = {("r1", "RS256"): public_of(bench.r, "r1").jwk, ("e1", "ES256"): public_of(bench.e, "e1").jwk}
        self._keys |= {("o1", "RS256"): public_of(bench.other, "o1").jwk}
        self._issuers = {"r1": ISSUER, "e1": ISSUER, "o1": OTHER}

    def library(self, token: object) -> bool:
        """joserfc's answer."""
        try:
            header = second_jws.extract_compact(str(token).encode()).headers() if isinstance(token, str) else {}
            chosen = self._keys.get((str(header.get("kid")), str(header.get("alg"))))
            if chosen is None:
                return False
            decoded = second_jwt.decode(str(token), second_jwk.import_key(chosen), algorithms=[chosen["alg"]])
            second_jwt.JWTClaimsRegistry(
                now=NOW,
                leeway=30,
                iss={"essential": True, "value": self._issuers[chosen["kid"]]},
                aud={"essential": True, "value": AUDIENCE},
                sub={"essential": True},
                jti={"essential": True},
                exp={"essential": True},
                iat={"essential": True},
            ).validate(decoded.claims)
        except (second_errors.JoseError, ValueError, RecursionError, TypeError):
            return False
        return bool(decoded.header.get("typ") == "at+jwt")

    def __call__(self, token: object) -> bool:
        """joserfc's answer, and the rules around it."""
        if not self.library(token) or not isinstance(token, str) or len(token) > 8192 or not token.isascii():
            return False
        parts = [base64.urlsafe_b64decode(part + "==") for part in token.split(".")]
        if [b64(part) for part in parts] != token.split("."):
            return False
        names: list[str] = []

        def note(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
            names.extend(["twice"] if len({name for name, _ in pairs}) < len(pairs) else [])
            return dict(pairs)

        try:
            header = json.loads(parts[0].decode("utf-8"), object_pairs_hook=note)
            claims = json.loads(parts[1].decode("utf-8"), object_pairs_hook=note, parse_constant=lambda name: names.append(name))
        except (ValueError, RecursionError):
            return False
        texts = [claims["sub"], claims["jti"], claims.get("client_id", "absent")]
        times = [claims["iat"], claims["exp"], claims.get("nbf", 0)]
        return (
            not names
            and header.keys() <= {"alg", "typ", "kid", "x5t"}
            and depth(claims) <= 8
            and (isinstance(claims["aud"], str) or len(claims["aud"]) == 1)
            and all(isinstance(text, str) and 0 < len(text) < 256 and text.isprintable() and text.strip() for text in texts)
            and all(type(moment) is int and 0 <= moment < 253402300800 for moment in times)
            and claims["exp"] > NOW
            and 0 < claims["exp"] - claims["iat"] <= 900
        )


def depth(value: object) -> int:
    if isinstance(value, dict | list):
        return 1 + max((depth(item) for item in (value.values() if isinstance(value, dict) else value)), default=0)
    return 0


def jose_by_default(bench: Bench, token: Any) -> str:
    """The usual call: the issuer's published keys, both algorithms, audience and issuer."""
    keys = {"keys": [public_of(bench.r, "r1").jwk, public_of(bench.e, "e1").jwk]}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            jose.jwt.decode(token, keys, algorithms=["RS256", "ES256"], audience=AUDIENCE, issuer=ISSUER)
    except JOSEError:
        return "refused"
    except Exception:  # a crash: an HTTP 500 where it is not caught
        return "crashed"
    return "accepted"


def test_every_hostile_token_is_refused_with_a_reason_and_a_second_library_agrees(
    bench: Bench, verifier: TokenVerifier, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # The tokens were made when this module was read, which in a long run is too long ago for python-jose's own clock.
    monkeypatch.setattr(jose.jwt, "datetime", Stopped)
    second, table, loose, disagreements = SecondVerifier(bench), [], [], []
    for family in (*FAMILIES, *MORE):
        counts: Counter[str] = Counter()
        for name, token in family(bench):
            reason = ours(verifier, token)
            counts["tokens"] += 1
            counts[f"jose {jose_by_default(bench, token)}"] += 1
            counts["joserfc accepted"] += second.library(token)
            if reason == "accepted":
                loose.append(name)
                counts["ours accepted"] += 1
            if second(token) != (reason == "accepted"):
                disagreements.append(name)
        table.append((family.__name__.replace("_", " "), counts))
    total = sum((counts for _, counts in table), Counter())
    lines = [f"\n{'hostile tokens':28}{'made':>6}{'ours let in':>13}{'joserfc let in':>16}{'python-jose let in':>20}{'crashed':>9}"]
    for name, counts in [*table, ("all", total)]:
        row = (counts["tokens"], counts["ours accepted"], counts["joserfc accepted"], counts["jose accepted"], counts["jose crashed"])
        lines.append(f"{name:28}{row[0]:>6}{row[1]:>13}{row[2]:>16}{row[3]:>20}{row[4]:>9}")
    with capsys.disabled():
        sys.stdout.write("\n".join(lines) + "\n")
    assert loose == []
    assert disagreements == []
    assert sum(counts["tokens"] for _, counts in table[len(FAMILIES) :]) >= 300
    assert total["jose accepted"] >= 50  # the strict layer is there for a reason: if this falls, python-jose has changed


def test_every_good_token_passes_and_a_second_library_agrees(bench: Bench, verifier: TokenVerifier) -> None:
    second = SecondVerifier(bench)
    good = [*controls(bench), *more_controls(bench)]
    assert len(good) >= 20
    assert {name: (ours(verifier, token), second(token)) for name, token in good} == {name: ("accepted", True) for name, _ in good}


def test_no_two_hostile_tokens_are_the_same(bench: Bench) -> None:
    tokens = [token for family in (*FAMILIES, *MORE) for _, token in family(bench) if isinstance(token, str)]
    assert len(set(tokens)) >= 0.97 * len(tokens)  # a few signatures come out alike by construction


def test_rubbish_of_any_kind_is_refused_and_never_crashes(bench: Bench, verifier: TokenVerifier) -> None:
    chance, good = random.Random(7), bench.token()
    for _ in range(3000):
        cut = bytearray(good.encode())
        for _ in range(chance.randint(1, 4)):
            cut[chance.randrange(len(cut))] = chance.randrange(256)
        token = cut.decode("latin-1")
        if token != good:
            assert ours(verifier, token) != "accepted", token


def test_two_issuers_that_name_their_keys_alike_never_stand_in_for_one_another(bench: Bench) -> None:
    keys = {ISSUER: bench.r, OTHER: bench.other}
    trusts = {
        issuer: Trust(issuer, issuer, frozenset({AUDIENCE}), {"same": VerifyingKey(public_of(key, "same"))}) for issuer, key in keys.items()
    }

    class Alike:
        def trust(self, issuer: str) -> Trust | str:
            return trusts.get(issuer, "issuer-unknown")

    doorkeeper = TokenVerifier(Alike(), FixedClock(datetime.fromtimestamp(NOW, UTC)))
    answers = {}
    for issuer in keys:
        for signer, key in keys.items():
            signing = Bench(key, bench.e, bench.other, bench.stranger)
            token = signing.token(signing.header(kid="same"), signing.claims(iss=issuer))
            answers[issuer, signer] = ours(doorkeeper, token)
    assert answers == {(issuer, signer): "accepted" if issuer == signer else "signature" for issuer in keys for signer in keys}
