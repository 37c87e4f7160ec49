"""Read a published key set, and keep only the keys that may verify a token. Pure: knows no network and no file."""

from collections.abc import Mapping

from gateway.identity.compact import CompactRefused, read_object
from gateway.identity.errors import IssuerRefused
from gateway.registry.errors import Malformed
from gateway.registry.keys import PublicKey

LARGEST = 64 * 1024
MOST_KEYS = 100
DEEPEST = 6


def read_key_set(document: bytes) -> Mapping[str, PublicKey]:
    """Return the usable keys of a JWKS document by kid; keys of other kinds, uses, algorithms or sizes are left out.

    A kid that stands for two different keys stands for none. Raises IssuerRefused: jwks-too-large, jwks-malformed, or jwks-empty
    when no usable key is left, so that the last good set stays in force."""
    if len(document) > LARGEST:
        raise IssuerRefused(
            f"The key set is larger than {LARGEST // 1024} KiB; the issuer must publish a smaller one.", code="jwks-too-large"
        )
    try:
        keys = read_object(document, DEEPEST, "jwks").get("keys")
    except CompactRefused as refused:
        raise IssuerRefused(f"The key set is not a JSON object as RFC 7517 wants it ({refused.reason}).", code="jwks-malformed") from None
    if not isinstance(keys, list) or len(keys) > MOST_KEYS:
        raise IssuerRefused(f"The key set must hold `keys`, a list of at most {MOST_KEYS}.", code="jwks-malformed")
    usable: dict[str, PublicKey] = {}
    ambiguous: set[str] = set()
    for jwk in keys:
        try:
            if not isinstance(jwk, dict) or "kid" not in jwk:
                continue  # a token names its key; a key without a name is never asked
            key = PublicKey.from_jwk(jwk)
        except Malformed:
            continue
        if usable.setdefault(key.kid, key) != key:
            ambiguous.add(key.kid)
    for kid in ambiguous:
        del usable[kid]
    if not usable:
        raise IssuerRefused("The key set holds no key that may verify a token (RSA from 2048 bits, or P-256).", code="jwks-empty")
    return usable
