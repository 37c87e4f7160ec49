"""Read the ID token with which a provider answers a sign-in. Knows no browser, no network and nobody on record."""

import hmac
from dataclasses import dataclass

from gateway.identity.errors import TokenRefused
from gateway.identity.tokens import ID_TOKEN, SKEW, TrustBook, authentic, check_audience, check_dates, text_claim


@dataclass(frozen=True, slots=True)
class Expected:
    """What the token must say: from which issuer (its name here), for which client, in answer to which attempt."""

    issuer_name: str
    client_id: str
    nonce: str
    began_at: int


def check_id_token(token: object, book: TrustBook, expected: Expected, now: int) -> str:
    """Return the subject that signed in (OpenID Connect Core 3.1.3.7, with no choice that it leaves open taken loosely).

    The hash of the access token is not compared: that token is thrown away unread. Raises TokenRefused; beside the reasons of
    tokens.authentic() and check_dates(): issuer-other, claim-aud, claim-azp, claim-nonce, claim-sub, and too-old."""
    claims, trust = authentic(token, ID_TOKEN, book)
    if trust.name != expected.issuer_name:
        raise TokenRefused("issuer-other")
    check_audience(claims, frozenset({expected.client_id}))
    if "azp" in claims and claims["azp"] != expected.client_id:
        raise TokenRefused("claim-azp")
    if not hmac.compare_digest(text_claim(claims, "nonce").encode(), expected.nonce.encode()):
        raise TokenRefused("claim-nonce")
    issued, _ends = check_dates(claims, now)
    if issued < expected.began_at - SKEW:
        raise TokenRefused("too-old")
    return text_claim(claims, "sub")
