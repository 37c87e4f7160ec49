"""Issue access tokens to registered clients and staff, so that the demo and small sites need no other issuer.

OAuth 2.0 client_credentials with private_key_jwt (RFC 7523) and nothing else; tokens are RFC 9068. Never holds a client's secret,
and never says in a token what its holder may do."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from gateway.clock import Clock
from gateway.identity.errors import KeyringDamaged, TokenRefused, TokenRequestRefused
from gateway.identity.keyring import Keyring, PreparedKey
from gateway.identity.tokens import ACCESS_TOKEN, CLIENT_ASSERTION, LONGEST_LIFE, SKEW, Claims, SigningKey, Trust, VerifyingKey, check
from gateway.registry.errors import NotOnRecord, RegistryError
from gateway.registry.identities import BUILT_IN
from gateway.registry.lookups import Lookups, View
from gateway.registry.revocations import Revocations

TOKEN_PATH = "/oauth/token"  # noqa: S105 - an address
JWKS_PATH = "/oauth/jwks"
REVOCATION_PATH = "/oauth/revoke"
INTROSPECTION_PATH = "/oauth/introspect"
METADATA_PATH = "/.well-known/oauth-authorization-server"
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
OLD_KEYS_KEPT = timedelta(seconds=LONGEST_LIFE + SKEW)


@dataclass(frozen=True, slots=True)
class Issued:
    """A new access token, and for how many seconds it is good."""

    access_token: str
    expires_in: int

    def to_json(self) -> dict[str, Any]:
        """The token endpoint's answer (RFC 6749, 5.1); send it with `Cache-Control: no-store`."""
        return {"access_token": self.access_token, "token_type": "Bearer", "expires_in": self.expires_in}


class BuiltInIssuer:
    """The gateway's own issuer. `audience` is the gateway's API; both are usually its public URL."""

    def __init__(self, url: str, keyring: Keyring, lookups: Lookups, revocations: Revocations, clock: Clock) -> None:
        self.issuer = url
        self.audience = url
        self._keyring = keyring
        self._lookups = lookups
        self._revocations = revocations
        self._clock = clock
        self._trust: tuple[tuple[SigningKey, ...], Trust] | None = None

    def mint(self, subject: str, life: int = LONGEST_LIFE) -> Issued:
        """Sign a token for a client or a member of staff on record. What they may do is asked of the registry at each use.

        Raises NotOnRecord (client)."""
        if self._lookups.now().identity(BUILT_IN, subject) is None:
            raise NotOnRecord("client")
        now = int(self._clock.now().timestamp())
        life = max(1, min(life, LONGEST_LIFE))
        claims = {
            "iss": self.issuer,
            "sub": subject,
            "client_id": subject,
            "aud": self.audience,
            "iat": now,
            "exp": now + life,
            "jti": secrets.token_hex(16),
        }
        return Issued(self._keyring.current().sign(claims, "at+jwt"), life)

    def answer(self, form: Mapping[str, str]) -> Issued:
        """Answer a token request. Writes (the assertion is used up), so call it in a thread.

        Raises TokenRequestRefused: unsupported-grant-type, invalid-request, invalid-scope, invalid-client."""
        if form.get("grant_type") != "client_credentials":
            raise TokenRequestRefused("unsupported-grant-type", "Only `client_credentials` is answered here.", "grant-type")
        if form.get("scope"):
            raise TokenRequestRefused(
                "invalid-scope", "There are no scopes here: the licence says what you may do. Leave `scope` out.", "scope"
            )
        return self.mint(self.authenticate(form))

    def own_token(self, form: Mapping[str, str]) -> tuple[str, Claims | None]:
        """Return which client asks about `token`, and its claims if it is a good one of that very client. Writes, as answer() does.

        Of any other token, revoked and expired ones among them, nothing is told. Raises TokenRequestRefused."""
        client = self.authenticate(form)
        if not form.get("token"):
            raise TokenRequestRefused("invalid-request", "Name the token that you ask about in `token`.", "token-missing")
        try:
            claims, _ = check(form["token"], ACCESS_TOKEN, _Alone(self), int(self._clock.now().timestamp()))
        except TokenRefused:
            return client, None
        stands = claims.subject == client and not self._lookups.now().revoked(BUILT_IN, claims.token_id)
        return client, claims if stands else None

    def authenticate(self, form: Mapping[str, str]) -> str:
        """Return the client that signed the assertion, which is used up. Raises TokenRequestRefused: invalid-request, invalid-client."""
        if form.get("client_assertion_type") != ASSERTION_TYPE or "client_secret" in form:
            raise TokenRequestRefused("invalid-request", f"Authenticate with `client_assertion_type={ASSERTION_TYPE}`.", "assertion-type")
        view = self._lookups.now()
        try:
            claims, _ = check(form.get("client_assertion"), CLIENT_ASSERTION, _Clients(view, self), int(self._clock.now().timestamp()))
            if claims.subject != claims.issuer_name or form.get("client_id", claims.subject) != claims.subject:
                raise _invalid_client("claim-sub")
            view.client(claims.subject).must_be_active()
            self._use_up(claims)
        except TokenRefused as refused:
            raise _invalid_client(refused.reason) from None
        except RegistryError as refused:
            raise _invalid_client(refused.code) from None
        return claims.subject

    def trust(self) -> Trust | str:
        """Return the keys that verify our tokens now; the same object until a key comes or goes."""
        try:
            signing = self._keyring.verifying()
        except KeyringDamaged:
            return "keys-unavailable"
        known = self._trust
        if known is None or signing != known[0]:
            keys = {key.public.kid: VerifyingKey(key.public) for key in signing}
            known = self._trust = (signing, Trust(BUILT_IN, self.issuer, frozenset({self.audience}), keys))
        return known[1]

    def jwks(self) -> dict[str, Any]:
        """The published key set (RFC 7517)."""
        return {"keys": [key.public.jwk for key in self._keyring.verifying()]}

    def metadata(self) -> dict[str, Any]:
        """The authorization server's metadata (RFC 8414)."""
        return {
            "issuer": self.issuer,
            "token_endpoint": self.issuer + TOKEN_PATH,
            "jwks_uri": self.issuer + JWKS_PATH,
            "grant_types_supported": ["client_credentials"],
            "response_types_supported": [],
            "token_endpoint_auth_methods_supported": ["private_key_jwt"],
            "token_endpoint_auth_signing_alg_values_supported": ["ES256", "RS256"],
            "revocation_endpoint": self.issuer + REVOCATION_PATH,
            "revocation_endpoint_auth_methods_supported": ["private_key_jwt"],
            "revocation_endpoint_auth_signing_alg_values_supported": ["ES256", "RS256"],
            "introspection_endpoint": self.issuer + INTROSPECTION_PATH,
            "introspection_endpoint_auth_methods_supported": ["private_key_jwt"],
            "introspection_endpoint_auth_signing_alg_values_supported": ["ES256", "RS256"],
        }

    def rotate_keys(self) -> str:
        """Sign with a new key from now on, and return its kid; the old one verifies until its last token has ended."""
        prepared = self.prepare_key()
        self.adopt_key(prepared)
        return prepared.kid

    def prepare_key(self) -> PreparedKey:
        """Make the next key, which signs nothing until it is adopted."""
        return self._keyring.prepare()

    def adopt_key(self, prepared: PreparedKey) -> None:
        """Sign with that key from now on."""
        self._keyring.adopt(prepared)

    def _use_up(self, claims: Claims) -> None:
        # Kept a little longer than the assertion is good for, so that a clock set back does not let it in again.
        ends = datetime.fromtimestamp(claims.expires_at + SKEW, UTC)
        self._revocations.redeem_assertion(claims.subject, claims.token_id, ends)


class _Alone:
    """The built-in issuer as the only one: what others issued is not ours to tell of."""

    def __init__(self, issuer: BuiltInIssuer) -> None:
        self._issuer = issuer

    def trust(self, issuer: str) -> Trust | str:
        return self._issuer.trust() if issuer == self._issuer.issuer else "issuer-unknown"


class _Clients:
    """The registered clients as issuers of their own assertions."""

    def __init__(self, view: View, issuer: BuiltInIssuer) -> None:
        self._view = view
        self._audiences = frozenset({issuer.issuer, issuer.issuer + TOKEN_PATH})

    def trust(self, issuer: str) -> Trust | str:
        try:
            client = self._view.client(issuer)
        except NotOnRecord:
            return "unknown-client"
        return Trust(client.id, client.id, self._audiences, {key.kid: VerifyingKey(key) for key in client.keys})


def _invalid_client(reason: str) -> TokenRequestRefused:
    return TokenRequestRefused(
        "invalid-client", "The client assertion is not accepted; sign a new one with a key that is on record.", reason
    )
