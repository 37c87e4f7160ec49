"""Verify and sign tokens: the only place that touches python-jose. Knows no client, no purpose and no network.

python-jose alone accepts far too much (docs/decisions, tests/gateway/identity); everything it must not decide is decided here
before it is asked, and the one question it gets is: does this signature fit this key?"""

import hashlib
import json
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Any, Protocol

from jose import jwk, jws
from jose.backends.base import Key
from jose.exceptions import JOSEError

from gateway.clock import Clock
from gateway.identity.compact import DEEPEST_CLAIMS, Compact, CompactRefused, read_object, take_apart
from gateway.identity.errors import TokenRefused
from gateway.registry.errors import Malformed
from gateway.registry.keys import PublicKey

LONGEST_LIFE = 15 * 60
SKEW = 30  # an issuer's clock may be ahead of ours by that much; a token that has ended has ended
LONGEST_TEXT = 255
LATEST = 253402300799  # the year 9999: no token is dated beyond what a clock can say
MOST_REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of token: the exact `typ` values that say so (None: no `typ` at all)."""

    types: frozenset[str | None]


ACCESS_TOKEN = Kind(frozenset({"at+jwt"}))  # RFC 9068
ID_TOKEN = Kind(frozenset({None, "JWT"}))  # OpenID Connect Core names none
CLIENT_ASSERTION = Kind(frozenset({None, "JWT", "client-authentication+jwt"}))  # RFC 7523 names none


@dataclass(frozen=True, slots=True)
class Claims:
    """What a verified token says that we are willing to hear. Nothing about the caller's kind, rights or roles is read."""

    issuer_name: str
    subject: str
    token_id: str
    client_id: str | None
    issued_at: int
    expires_at: int
    token_hash: str


class VerifyingKey:
    """A public key bound to its one algorithm, built once."""

    def __init__(self, public: PublicKey) -> None:
        self.public = public
        self._key: Key = jwk.construct(public.jwk, public.algorithm)

    def fits(self, compact: Compact) -> bool:
        """Say whether the signature is this key's. Any failure of the library is a no."""
        if compact.algorithm != self.public.algorithm or not compact.signature:
            return False
        try:
            return bool(self._key.verify(compact.signed, compact.signature))
        except Exception:  # python-jose lets backend errors of several families through
            return False


class SigningKey:
    """A private key that signs tokens and documents of ours."""

    def __init__(self, pem: bytes, algorithm: str = "ES256") -> None:
        try:
            self._key: Key = jwk.construct(pem, algorithm)
            public = self._key.public_key().to_dict()
        except JOSEError:
            raise Malformed("key", "must be an unencrypted private key in PEM form.") from None
        if self._key.is_public():
            raise Malformed("key", "is a public key; only the private one can sign.")
        self._algorithm = algorithm
        self.public = PublicKey.from_jwk({name: value for name, value in public.items() if name in {"kty", "crv", "x", "y", "n", "e"}})

    def sign(self, claims: Mapping[str, Any], kind: str) -> str:
        """Return the claims as a compact JWS of that `typ`."""
        payload = json.dumps(claims, separators=(",", ":"), sort_keys=True, allow_nan=False).encode()
        return str(jws.sign(payload, self._key, headers={"typ": kind, "kid": self.public.kid}, algorithm=self._algorithm))


def open_document(sealed: str, keys: Mapping[str, VerifyingKey], kind: str) -> Mapping[str, Any]:
    """Return the JSON object in a signed document that is no token: a licence, or an authority's statement.

    Raises Malformed for every fault."""
    try:
        compact = take_apart(sealed)
        if compact.kind != kind or compact.kid not in keys or not keys[compact.kid].fits(compact):
            raise Malformed("document", "does not bear the signature that it must bear.")
        return read_object(compact.payload, DEEPEST_CLAIMS, "document")
    except CompactRefused as refused:
        raise Malformed("document", f"is no signed document ({refused.reason}).") from None


@dataclass(frozen=True, slots=True, eq=False)
class Trust:
    """One issuer: its name here, its exact `iss`, the exact `aud` values, and its keys by kid. Replaced whole when keys rotate."""

    name: str
    issuer: str
    audiences: frozenset[str]
    keys: Mapping[str, VerifyingKey]


class TrustBook(Protocol):
    """Whoever knows the trusted issuers."""

    def trust(self, issuer: str) -> Trust | str:
        """Return the issuer's Trust, or the reason why there is none: issuer-unknown, keys-unavailable."""
        ...


def hash_of(token: object) -> str:
    """Return the SHA-256 of a token, in hex: all that is ever recorded of it. Empty for what is no text, or an empty one."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest() if isinstance(token, str) and token else ""


class TokenVerifier:
    """Verifies access tokens, and remembers the good ones until they end, their key goes, or they are revoked."""

    def __init__(self, book: TrustBook, clock: Clock) -> None:
        self._book = book
        self._clock = clock
        self._known: OrderedDict[bytes, tuple[Claims, Trust]] = OrderedDict()
        self._lock = Lock()

    def verify(self, token: object, revoked: Callable[[str, str], bool]) -> Claims:
        """Return the claims of a token that is good now.

        Raises TokenRefused with the reason for the audit entry, and nothing else."""
        digest = hashlib.sha256(token.encode("utf-8", "surrogatepass") if isinstance(token, str) else b"").digest()
        try:
            claims = self._verified(token, digest)
        except TokenRefused as refused:
            refused.token_hash = digest.hex()
            raise
        # Asked always, and after everything else: a remembered token is no better than a new one once it is revoked.
        if revoked(claims.issuer_name, claims.token_id):
            raise TokenRefused("revoked", digest.hex())
        return claims

    def _verified(self, token: object, digest: bytes) -> Claims:
        now = int(self._clock.now().timestamp())
        known = self._known.get(digest)
        if known is not None:
            claims, trust = known
            if now < claims.expires_at and self._book.trust(trust.issuer) is trust:
                return claims
            with self._lock:
                self._known.pop(digest, None)  # it has ended, or the issuer's keys are others now
        claims, trust = check(token, ACCESS_TOKEN, self._book, now)
        with self._lock:
            self._known[digest] = (claims, trust)
            if len(self._known) > MOST_REMEMBERED:
                self._known.popitem(last=False)
        return claims


def check(token: object, kind: Kind, book: TrustBook, now: int) -> tuple[Claims, Trust]:
    """Check a token from its first byte to its last claim: authentic(), and then its claims.

    Raises TokenRefused; beside the reasons of authentic(): claim-NAME, not-yet-valid, expired and life-too-long."""
    claims, trust = authentic(token, kind, book)
    assert isinstance(token, str)
    return _read_claims(claims, trust, token, now), trust


def authentic(token: object, kind: Kind, book: TrustBook) -> tuple[Mapping[str, Any], Trust]:
    """Return what a token says and whose word that is; nothing of what it says is checked yet but its issuer.

    1 form   2 kind   3 issuer   4 key   5 signature. Raises TokenRefused; its reasons are those of compact.take_apart(),
    claims-json, claims-duplicate, claims-depth, claim-iss, issuer-unknown, keys-unavailable, key-unknown and signature."""
    try:
        compact = take_apart(token)  # 1
        if compact.kind not in kind.types:  # 2
            raise TokenRefused("header-typ")
        claims = read_object(compact.payload, DEEPEST_CLAIMS, "claims")
    except CompactRefused as refused:
        raise TokenRefused(refused.reason) from None
    issuer = claims.get("iss")  # 3: believed only as the question whose key to use; the signature answers it
    if not isinstance(issuer, str):
        raise TokenRefused("claim-iss")
    trust = book.trust(issuer)
    if isinstance(trust, str):
        raise TokenRefused(trust, issuer=issuer)
    key = trust.keys.get(compact.kid)  # 4
    if key is None:
        raise TokenRefused("key-unknown", issuer=issuer)
    if compact.algorithm != key.public.algorithm:
        raise TokenRefused("header-alg")
    if not key.fits(compact):  # 5
        raise TokenRefused("signature")
    if issuer != trust.issuer:
        raise TokenRefused("claim-iss")
    return claims, trust


def _read_claims(claims: Mapping[str, Any], trust: Trust, token: str, now: int) -> Claims:
    check_audience(claims, trust.audiences)
    issued, ends = check_dates(claims, now)
    if ends - issued > LONGEST_LIFE:
        raise TokenRefused("life-too-long")
    return Claims(
        issuer_name=trust.name,
        subject=text_claim(claims, "sub"),
        token_id=text_claim(claims, "jti"),
        client_id=text_claim(claims, "client_id") if "client_id" in claims else None,
        issued_at=issued,
        expires_at=ends,
        token_hash=hashlib.sha256(token.encode()).hexdigest(),
    )


def check_audience(claims: Mapping[str, Any], audiences: frozenset[str]) -> None:
    """Return if the token is for one of these and for nobody else; raise TokenRefused (claim-aud) otherwise."""
    audience = claims.get("aud")
    # A list of one is the same statement as the bare name; a token for several services is for none of them alone.
    if isinstance(audience, list) and len(audience) == 1:
        audience = audience[0]
    if not isinstance(audience, str) or audience not in audiences:
        raise TokenRefused("claim-aud")


def check_dates(claims: Mapping[str, Any], now: int) -> tuple[int, int]:
    """Return when the token was issued and when it ends, in seconds, if it is valid now.

    Raises TokenRefused: claim-iat, claim-exp, claim-nbf, not-yet-valid, expired, and life-too-long for one that ends before it begins."""
    issued, ends, begins = _date(claims, "iat"), _date(claims, "exp"), _date(claims, "nbf") if "nbf" in claims else 0
    if issued > now + SKEW or begins > now + SKEW:
        raise TokenRefused("not-yet-valid")
    if ends <= now:
        raise TokenRefused("expired")
    if ends <= issued:
        raise TokenRefused("life-too-long")
    return issued, ends


def _date(claims: Mapping[str, Any], name: str) -> int:
    value = claims.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= LATEST:
        raise TokenRefused(f"claim-{name}")
    return value


def text_claim(claims: Mapping[str, Any], name: str) -> str:
    """Return a claim that is a short printable text; raise TokenRefused (claim-NAME) otherwise."""
    value = claims.get(name)
    if not isinstance(value, str) or not 1 <= len(value) <= LONGEST_TEXT or not value.isprintable() or not value.strip():
        raise TokenRefused(f"claim-{name.replace('_', '-')}")
    return value
