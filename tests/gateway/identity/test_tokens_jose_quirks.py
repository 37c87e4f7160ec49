"""What python-jose does that the strict layer guards against, pinned: an upgrade that changes it must be looked at by a person."""

import base64
import json
import time
from importlib.metadata import version

import jose.jws
import jose.jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from jose import jwk
from jose.backends.cryptography_backend import CryptographyECKey, CryptographyRSAKey
from jose.exceptions import JWKError, JWTError

from tests.gateway.identity.hostile import b64

NOW = int(time.time())


@pytest.fixture(scope="module")
def pem(rsa_key: rsa.RSAPrivateKey) -> bytes:
    return rsa_key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


@pytest.fixture(scope="module")
def public(rsa_key: rsa.RSAPrivateKey) -> dict[serialization.Encoding, bytes]:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return {
        encoding: rsa_key.public_key().public_bytes(encoding, form) for encoding in (serialization.Encoding.PEM, serialization.Encoding.DER)
    }


def test_the_version_is_the_one_whose_quirks_are_known() -> None:
    assert version("python-jose") == "3.5.0"


def test_the_backend_is_cryptography_and_never_ecdsa_or_rsa() -> None:
    assert jwk.get_key("RS256") is CryptographyRSAKey
    assert jwk.get_key("ES256") is CryptographyECKey


def test_hs256_with_the_public_keys_der_bytes_is_accepted(public: dict[serialization.Encoding, bytes]) -> None:
    der = public[serialization.Encoding.DER]
    forged = jose.jwt.encode({"sub": "x"}, der, algorithm="HS256")
    assert jose.jwt.decode(forged, der, algorithms=["HS256", "RS256"]) == {"sub": "x"}


def test_hs256_with_the_public_keys_pem_is_refused(public: dict[serialization.Encoding, bytes]) -> None:
    with pytest.raises(JWKError):
        jwk.construct(public[serialization.Encoding.PEM], "HS256")


def test_no_claim_is_required_by_default(pem: bytes, public: dict[serialization.Encoding, bytes]) -> None:
    bare = jose.jwt.encode({}, pem, algorithm="RS256")
    assert jose.jwt.decode(bare, public[serialization.Encoding.PEM], algorithms="RS256") == {}


def test_an_audience_that_is_asked_for_may_be_absent(pem: bytes, public: dict[serialization.Encoding, bytes]) -> None:
    bare = jose.jwt.encode({"sub": "x"}, pem, algorithm="RS256")
    assert jose.jwt.decode(bare, public[serialization.Encoding.PEM], algorithms="RS256", audience="us") == {"sub": "x"}


def test_an_end_given_as_text_is_taken_for_a_number(pem: bytes, public: dict[serialization.Encoding, bytes]) -> None:
    token = jose.jwt.encode({"exp": str(NOW + 86_400)}, pem, algorithm="RS256")
    assert jose.jwt.decode(token, public[serialization.Encoding.PEM], algorithms="RS256")["exp"] == str(NOW + 86_400)


def test_an_infinite_end_crashes_with_an_error_that_is_not_its_own(pem: bytes, public: dict[serialization.Encoding, bytes]) -> None:
    token = jose.jws.sign(b'{"exp":1e999}', pem, algorithm="RS256")
    with pytest.raises(OverflowError):
        jose.jwt.decode(token, public[serialization.Encoding.PEM], algorithms="RS256")


def test_an_end_that_is_a_list_crashes_with_an_error_that_is_not_its_own(pem: bytes, public: dict[serialization.Encoding, bytes]) -> None:
    token = jose.jwt.encode({"exp": [NOW + 60]}, pem, algorithm="RS256")
    with pytest.raises(TypeError):
        jose.jwt.decode(token, public[serialization.Encoding.PEM], algorithms="RS256")


def test_critical_headers_and_other_types_are_ignored(pem: bytes, public: dict[serialization.Encoding, bytes]) -> None:
    headers = {"crit": ["exp"], "typ": "logout+jwt", "jku": "https://attacker.example"}
    token = jose.jwt.encode({"sub": "x"}, pem, algorithm="RS256", headers=headers)
    assert jose.jwt.decode(token, public[serialization.Encoding.PEM], algorithms="RS256") == {"sub": "x"}


def test_of_two_claims_of_one_name_the_last_wins(pem: bytes, public: dict[serialization.Encoding, bytes]) -> None:
    token = jose.jws.sign(b'{"sub":"a","sub":"b"}', pem, algorithm="RS256")
    assert jose.jwt.decode(token, public[serialization.Encoding.PEM], algorithms="RS256") == {"sub": "b"}


def test_foreign_characters_and_spare_bits_in_a_signature_are_skipped(pem: bytes, public: dict[serialization.Encoding, bytes]) -> None:
    token = jose.jwt.encode({"sub": "x"}, pem, algorithm="RS256")
    head, body, signature = token.split(".")
    padded = base64.urlsafe_b64encode(base64.urlsafe_b64decode(signature + "==")).decode()
    for spelling in (signature[:8] + "\n!" + signature[8:] + "==", padded):
        assert jose.jwt.decode(f"{head}.{body}.{spelling}", public[serialization.Encoding.PEM], algorithms="RS256") == {"sub": "x"}


def test_a_kid_chooses_nothing_every_key_of_a_set_is_tried(pem: bytes, rsa_key: rsa.RSAPrivateKey) -> None:
    numbers = rsa_key.public_key().public_numbers()
    key = {"kty": "RSA", "kid": "mine", "n": b64(numbers.n.to_bytes(256, "big")), "e": "AQAB"}
    token = jose.jwt.encode({"sub": "x"}, pem, algorithm="RS256", headers={"kid": "another"})
    assert jose.jwt.decode(token, {"keys": [key]}, algorithms="RS256") == {"sub": "x"}


def test_a_weak_key_is_no_reason_to_refuse() -> None:
    weak = rsa.generate_private_key(65537, 1024)  # noqa: S505 - weak on purpose
    token = jose.jwt.encode({"sub": "x"}, weak, algorithm="RS256")
    assert jose.jwt.decode(token, weak.public_key(), algorithms="RS256") == {"sub": "x"}


def test_a_key_object_survives_its_use_and_says_no_to_a_wrong_signature(pem: bytes, public: dict[serialization.Encoding, bytes]) -> None:
    signing, verifying = jwk.construct(pem, "RS256"), jwk.construct(public[serialization.Encoding.PEM], "RS256")
    signature = signing.sign(b"message")
    assert [verifying.verify(b"message", signature), verifying.verify(b"massage", signature), verifying.verify(b"message", signature)] == [
        True,
        False,
        True,
    ]


def test_neither_eddsa_nor_ps256_is_known() -> None:
    assert jwk.get_key("EdDSA") is None
    assert jwk.get_key("PS256") is None


def test_without_a_list_of_algorithms_a_token_that_names_none_crashes_it(public: dict[serialization.Encoding, bytes]) -> None:
    head, body = b64(json.dumps({"alg": "none"}).encode()), b64(b"{}")
    with pytest.raises(JWKError) as caught:  # not a JWTError, which is what its documentation promises
        jose.jwt.decode(f"{head}.{body}.", public[serialization.Encoding.PEM])
    assert not isinstance(caught.value, JWTError)
