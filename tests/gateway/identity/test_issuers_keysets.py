"""What a published key set must be before a single key of it is trusted: twenty-odd sets, good, useless and poisoned."""

import json
from base64 import urlsafe_b64encode
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from gateway.identity.errors import IssuerRefused
from gateway.identity.keysets import LARGEST, read_key_set
from gateway.registry.errors import Malformed
from gateway.registry.keys import PublicKey
from tests.gateway.identity.hostile import b64


def number(value: int, size: int | None = None) -> str:
    return b64(value.to_bytes(size or (value.bit_length() + 7) // 8, "big"))


@pytest.fixture(scope="module")
def good(ec_key: ec.EllipticCurvePrivateKey, rsa_key: rsa.RSAPrivateKey) -> dict[str, dict[str, Any]]:
    point, numbers = ec_key.public_key().public_numbers(), rsa_key.public_key().public_numbers()
    return {
        "ec": {"kty": "EC", "crv": "P-256", "kid": "e", "x": number(point.x, 32), "y": number(point.y, 32)},
        "rsa": {"kty": "RSA", "kid": "r", "n": number(numbers.n), "e": number(numbers.e)},
    }


def kids(*keys: Any) -> list[str]:
    return sorted(read_key_set(json.dumps({"keys": keys}).encode()))


def test_good_keys_are_taken_with_one_algorithm_each(good: dict[str, dict[str, Any]]) -> None:
    found = read_key_set(
        json.dumps({"keys": [good["ec"], {**good["rsa"], "alg": "RS256", "use": "sig", "x5c": ["MII"], "x5t": "a"}]}).encode()
    )
    assert {kid: key.algorithm for kid, key in found.items()} == {"e": "ES256", "r": "RS256"}


def test_only_public_members_are_kept(good: dict[str, dict[str, Any]]) -> None:
    key = PublicKey.from_jwk({**good["rsa"], "x5u": "https://attacker.example", "x5c": ["MII"]})
    assert key.jwk.keys() == {"kty", "n", "e", "kid", "alg", "use"}


def bad_keys(good: dict[str, dict[str, Any]]) -> dict[str, Any]:
    one, two = good["ec"], good["rsa"]
    weak = rsa.generate_private_key(65537, 1024).public_key().public_numbers()  # noqa: S505 - weak on purpose
    other = ec.generate_private_key(ec.SECP384R1()).public_key().public_numbers()
    n = int.from_bytes(__import__("base64").urlsafe_b64decode(two["n"] + "=="), "big")
    return {
        "for encryption": {**two, "use": "enc"},
        "for signing only": {**two, "key_ops": ["sign"]},
        "key_ops no list": {**two, "key_ops": "verify"},
        "use no text": {**two, "use": ["sig"]},
        "of another algorithm": {**two, "alg": "RS512"},
        "of the wrong family": {**two, "alg": "ES256"},
        "RSA as HMAC": {**two, "alg": "HS256"},
        "symmetric": {"kty": "oct", "kid": "o", "k": "c2VjcmV0", "alg": "HS256"},
        "private": {**one, "d": number(5)},
        "RSA of 1024 bits": {"kty": "RSA", "kid": "w", "n": number(weak.n), "e": number(weak.e)},
        "RSA of 16384 bits": {"kty": "RSA", "kid": "w", "n": number((1 << 16383) | 1), "e": "AQAB"},
        "an exponent of one": {**two, "e": "AQ"},
        "an exponent of three": {**two, "e": "Aw"},
        "an even exponent": {**two, "e": number(65538)},
        "a huge exponent": {**two, "e": number((1 << 64) + 1)},
        "an even modulus": {**two, "n": number(n & ~1)},
        "no modulus": {name: value for name, value in two.items() if name != "n"},
        "a modulus that is a number": {**two, "n": n % 2**50},
        "a modulus with line breaks": {**two, "n": two["n"][:9] + "\u00e9" + two["n"][9:]},
        "P-384": {"kty": "EC", "crv": "P-384", "kid": "p", "x": number(other.x, 48), "y": number(other.y, 48)},
        "secp256k1": {**one, "crv": "secp256k1"},
        "off the curve": {**one, "y": one["x"]},
        "the point at nowhere": {**one, "x": number(0, 32), "y": number(0, 32)},
        "Ed25519": {"kty": "OKP", "crv": "Ed25519", "kid": "d", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},
        "without a kid": {name: value for name, value in one.items() if name != "kid"},
        "with an empty kid": {**one, "kid": ""},
        "with a kid that is a number": {**one, "kid": 7},
        "with a kid of control characters": {**one, "kid": "a\nb"},
        "with a kid without end": {**one, "kid": "k" * 129},
        "no object": "MIIB",
        "null": None,
        "empty": {},
    }


def test_each_unusable_key_is_left_out_and_the_good_one_beside_it_stays(good: dict[str, dict[str, Any]]) -> None:
    keeper = {**good["ec"], "kid": "keeper"}
    assert {name: kids(keeper, bad) for name, bad in bad_keys(good).items()} == {name: ["keeper"] for name in bad_keys(good)}


def test_a_set_with_no_usable_key_at_all_is_refused_so_that_the_last_good_one_stays(good: dict[str, dict[str, Any]]) -> None:
    with pytest.raises(IssuerRefused) as caught:
        kids(*bad_keys(good).values())
    assert caught.value.code == "jwks-empty"


def test_a_kid_that_stands_for_two_keys_stands_for_none(good: dict[str, dict[str, Any]]) -> None:
    assert kids(good["ec"], {**good["rsa"], "kid": "same"}, {**good["ec"], "kid": "same"}) == ["e"]
    assert kids(good["ec"], {**good["ec"], "alg": "ES256"}) == ["e"]


def test_documents_that_are_no_key_set_are_refused(good: dict[str, dict[str, Any]]) -> None:
    key = json.dumps(good["ec"])
    codes = {}
    for name, document in {
        "nothing": b"",
        "HTML": b"<!doctype html>",
        "an array": f"[{key}]".encode(),
        "no keys": b"{}",
        "keys no list": f'{{"keys":{key}}}'.encode(),
        "keys twice": f'{{"keys":[{key}],"keys":[]}}'.encode(),
        "a member twice": f'{{"keys":[{key[:-1]},"x":"AA"}}]}}'.encode(),
        "deep": b'{"keys":' + b"[" * 2000 + b"]" * 2000 + b"}",
        "cut short": f'{{"keys":[{key}'.encode(),
        "UTF-16": f'{{"keys":[{key}]}}'.encode("utf-16"),
        "too many": ('{"keys":[' + ",".join([key] * 101) + "]}").encode(),
    }.items():
        with pytest.raises(IssuerRefused) as caught:
            read_key_set(document)
        codes[name] = caught.value.code
    assert codes == dict.fromkeys(codes, "jwks-malformed")


def test_a_key_set_of_more_than_64_kib_is_not_even_read(good: dict[str, dict[str, Any]]) -> None:
    with pytest.raises(IssuerRefused) as caught:
        read_key_set(json.dumps({"keys": [good["ec"]], "pad": "x" * LARGEST}).encode())
    assert caught.value.code == "jwks-too-large"


def test_a_key_without_a_name_is_named_by_its_thumbprint_when_a_registrar_hands_it_in() -> None:
    # The example of RFC 7638, section 3.1.
    modulus = (
        "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9"
        "yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6We"
        "Zu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"
    )
    key = PublicKey.from_jwk({"kty": "RSA", "n": modulus, "e": "AQAB"})
    assert key.kid == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"


def test_a_private_key_handed_in_by_mistake_is_refused_and_says_so(good: dict[str, dict[str, Any]]) -> None:
    with pytest.raises(Malformed, match="private"):
        PublicKey.from_jwk({**good["ec"], "d": "AQ"})


def test_numbers_are_normalised_so_that_one_key_has_one_spelling(good: dict[str, dict[str, Any]]) -> None:
    padded = urlsafe_b64encode(b"\0\0" + (65537).to_bytes(3, "big")).rstrip(b"=").decode()
    assert PublicKey.from_jwk({**good["rsa"], "e": padded}) == PublicKey.from_jwk(good["rsa"])
