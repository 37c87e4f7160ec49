"""The ID token with which a provider answers a sign-in: every claim that is wrong is refused by its name. Real keys, no network."""

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from gateway.identity.errors import TokenRefused
from gateway.identity.id_tokens import Expected, check_id_token
from gateway.identity.tokens import SigningKey, Trust, VerifyingKey
from tests.gateway.identity.conftest import pem_of

NOW = 1_800_000_000
ISSUER = "https://idp.example"
EXPECTED = Expected("idp", "console", "the-nonce", NOW - 60)
KEY = SigningKey(pem_of(ec.generate_private_key(ec.SECP256R1())))
GOOD = {"iss": ISSUER, "aud": "console", "sub": "ada", "nonce": "the-nonce", "iat": NOW - 5, "exp": NOW + 3600}


class Book:
    def __init__(self, name: str = "idp", issuer: str = ISSUER) -> None:
        self.known = Trust(name, issuer, frozenset({"api"}), {KEY.public.kid: VerifyingKey(KEY.public)})

    def trust(self, issuer: str) -> Trust | str:
        return self.known if issuer == ISSUER else "issuer-unknown"


def reason(claims: dict, kind: str = "JWT", book: Book | None = None, key: SigningKey = KEY) -> str:
    try:
        return check_id_token(key.sign(claims, kind), book or Book(), EXPECTED, NOW)
    except TokenRefused as refused:
        return refused.reason


@pytest.mark.parametrize("more", [{}, {"aud": ["console"]}, {"azp": "console"}, {"nbf": NOW}, {"email": "ada@corp", "auth_time": 5}])
def test_a_good_token_names_its_subject(more):
    assert reason(GOOD | more) == "ada"


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"iss": "https://evil.example"}, "issuer-unknown"),
        ({"iss": None}, "claim-iss"),
        ({"aud": "api"}, "claim-aud"),
        ({"aud": ["console", "other"], "azp": "console"}, "claim-aud"),
        ({"aud": []}, "claim-aud"),
        ({"azp": "other"}, "claim-azp"),
        ({"azp": None}, "claim-azp"),
        ({"nonce": "another"}, "claim-nonce"),
        ({"nonce": None}, "claim-nonce"),
        ({"nonce": ""}, "claim-nonce"),
        ({"sub": ""}, "claim-sub"),
        ({"sub": 7}, "claim-sub"),
        ({"sub": "a" * 256}, "claim-sub"),
        ({"iat": NOW + 31}, "not-yet-valid"),
        ({"nbf": NOW + 31}, "not-yet-valid"),
        ({"iat": "5"}, "claim-iat"),
        ({"exp": True}, "claim-exp"),
        ({"exp": NOW}, "expired"),
        ({"iat": NOW + 20, "exp": NOW + 10}, "life-too-long"),
        ({"iat": EXPECTED.began_at - 31}, "too-old"),
    ],
)
def test_a_claim_that_is_wrong_is_refused_by_its_name(change, why):
    assert reason({name: value for name, value in (GOOD | change).items() if value is not None or name == "azp"}) == why


def test_an_access_token_or_a_logout_token_is_no_id_token():
    assert reason(GOOD, "at+jwt") == "header-typ"
    assert reason(GOOD, "logout+jwt") == "header-typ"


def test_another_issuer_that_is_trusted_for_something_else_signs_nobody_in():
    assert reason(GOOD, book=Book(name="clients")) == "issuer-other"


def test_a_key_that_the_issuer_does_not_publish_signs_nobody_in():
    stranger = SigningKey(pem_of(ec.generate_private_key(ec.SECP256R1())))
    assert reason(GOOD, key=stranger) == "key-unknown"
    head, body, signature = KEY.sign(GOOD, "JWT").split(".")
    forged = stranger.sign(GOOD, "JWT").split(".")[2]
    assert signature != forged
    with pytest.raises(TokenRefused) as refused:
        check_id_token(f"{head}.{body}.{forged}", Book(), EXPECTED, NOW)
    assert refused.value.reason == "signature"
