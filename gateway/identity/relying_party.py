"""Sign people in at the organisation's own OpenID provider: authorisation code, PKCE, state and nonce. Knows nobody on record.

Authlib writes the requests and reads the provider's answers; where they go is pinned here, and what the ID token says is believed
only after id_tokens.py."""

import asyncio
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

import httpx2
from authlib.integrations.httpx_client import AsyncOAuth2Client, OAuthError

from gateway.clock import Clock
from gateway.identity.attempts import Attempt
from gateway.identity.compact import CompactRefused, read_object
from gateway.identity.errors import IssuerRefused, ProviderUnavailable, SignInRefused, TokenRefused
from gateway.identity.fetching import DEEPEST_DISCOVERY, DISCOVERY, SECONDS, Fetcher, check_url
from gateway.identity.id_tokens import Expected, check_id_token
from gateway.identity.issuers import TrustedIssuers
from gateway.identity.keysets import LARGEST
from gateway.registry.issuers import IssuerRecord
from gateway.registry.lookups import View
from gateway.settings import Settings, SettingsRefused

KEPT: Final = timedelta(minutes=5)
ASK_AGAIN: Final = timedelta(seconds=5)
LONGEST_TOLD: Final = 300
LONGEST_SECRET: Final = 1024
CALLBACK: Final = "/console/oidc/callback"
_WAYS: Final = ("client_secret_basic", "client_secret_post")


@dataclass(frozen=True, slots=True)
class Registration:
    """How the gateway is registered at the provider: the trusted issuer's name here, our client id and secret, and where to return."""

    issuer: str
    client_id: str
    secret: str = field(repr=False)
    callback: str


def read_registration(settings: Settings) -> Registration | None:
    """Return how the gateway is registered, or None where people do not sign in at a provider.

    Raises SettingsRefused if only a part of it is given, or the file holds no secret."""
    given = (settings.oidc_issuer, settings.oidc_client_id, settings.oidc_secret)
    if not any(given):
        return None
    if settings.oidc_issuer is None or settings.oidc_client_id is None or settings.oidc_secret is None:
        raise SettingsRefused("Give CUSTODES_OIDC_ISSUER, CUSTODES_OIDC_CLIENT_ID and CUSTODES_OIDC_SECRET_FILE together, or none of them.")
    try:
        secret = settings.oidc_secret.read_text("utf-8").strip()
    except (OSError, ValueError) as fault:
        raise SettingsRefused(f"CUSTODES_OIDC_SECRET_FILE cannot be read: {type(fault).__name__}.") from None
    if not 1 <= len(secret) <= LONGEST_SECRET or not secret.isprintable():
        raise SettingsRefused("CUSTODES_OIDC_SECRET_FILE must hold the client secret, on one line, and nothing else.")
    return Registration(settings.oidc_issuer, settings.oidc_client_id, secret, settings.url + CALLBACK)


@dataclass(frozen=True, slots=True)
class Arrival:
    """Who came back from the provider: its name here, its subject, and the hash of the token that says so."""

    issuer: str
    subject: str
    token_hash: str


@dataclass(frozen=True, slots=True)
class _Endpoints:
    record: IssuerRecord
    asked_at: datetime
    authorisation: str = ""
    token: str = ""
    way: str = ""
    names_itself: bool = False
    fault: str = ""


class RelyingParty:
    """The gateway as a client of the provider. Lives in one event loop."""

    def __init__(self, registration: Registration, issuers: TrustedIssuers, fetcher: Fetcher, clock: Clock) -> None:
        self.registration = registration
        self._issuers = issuers
        self._fetcher = fetcher
        self._clock = clock
        self._lock = asyncio.Lock()
        self._known: _Endpoints | None = None

    @classmethod
    def registered(cls, settings: Settings, issuers: TrustedIssuers, fetcher: Fetcher, clock: Clock) -> "RelyingParty | None":
        """Return it as the operator registered it, or None where people do not sign in at a provider. Raises SettingsRefused."""
        registration = read_registration(settings)
        return None if registration is None else cls(registration, issuers, fetcher, clock)

    async def begin(self, wanted: str, view: View) -> tuple[Attempt, str]:
        """Return a fresh attempt, which the browser must keep, and the address to send it to. Raises ProviderUnavailable."""
        endpoints = await self._endpoints(view)
        attempt = Attempt.begin(wanted, self._clock.now())
        async with self._client(endpoints) as client:
            address, _state = client.create_authorization_url(
                endpoints.authorisation, state=attempt.state, code_verifier=attempt.verifier, nonce=attempt.nonce
            )
        return attempt, str(address)

    async def finish(self, attempt: Attempt | None, said: list[tuple[str, str]], view: View) -> Arrival:
        """Return who came back, from what the browser kept and what the provider had it say.

        1 the answer is for this attempt, and from this provider; 2 the code is exchanged; 3 the ID token is checked.
        Raises SignInRefused (attempt-unknown, answer-twice, state-other, issuer-other, provider-refused, code-missing, code-refused,
        id-token-missing, and the reasons of check_id_token() with `id-token-` before them) and ProviderUnavailable."""
        # 1
        if attempt is None:
            raise SignInRefused("attempt-unknown")
        answer = dict(said)
        if len(answer) != len(said):
            raise SignInRefused("answer-twice")
        if not hmac.compare_digest(answer.get("state", "").encode("utf-8", "surrogatepass"), attempt.state.encode()):
            raise SignInRefused("state-other")
        endpoints = await self._endpoints(view)
        if answer.get("iss", None if endpoints.names_itself else endpoints.record.issuer) != endpoints.record.issuer:
            raise SignInRefused("issuer-other")  # RFC 9207: an answer that another provider was asked for
        if "error" in answer:
            raise SignInRefused("provider-refused", _told(answer["error"], answer.get("error_description")))
        if not answer.get("code"):
            raise SignInRefused("code-missing")
        # 2
        token = await self._exchange(endpoints, attempt, answer["code"])
        # 3
        token_hash = hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
        try:
            return Arrival(self.registration.issuer, await self._subject(token, attempt), token_hash)
        except TokenRefused as refused:
            raise SignInRefused(f"id-token-{refused.reason}", token_hash=token_hash) from None

    async def _subject(self, token: str, attempt: Attempt) -> str:
        expected = Expected(self.registration.issuer, self.registration.client_id, attempt.nonce, attempt.began_at)
        try:
            return check_id_token(token, self._issuers, expected, int(self._clock.now().timestamp()))
        except TokenRefused as refused:
            if not await self._issuers.may_help(refused):
                raise
        return check_id_token(token, self._issuers, expected, int(self._clock.now().timestamp()))

    async def _exchange(self, endpoints: _Endpoints, attempt: Attempt, code: str) -> str:
        try:
            async with asyncio.timeout(SECONDS), self._client(endpoints) as client:
                got = await client.fetch_token(endpoints.token, grant_type="authorization_code", code=code, code_verifier=attempt.verifier)
        except OAuthError as refused:
            raise SignInRefused("code-refused", _told(refused.error, refused.description)) from None
        except (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError, TimeoutError, OSError, ValueError) as fault:
            raise ProviderUnavailable(f"The provider did not exchange the code: {type(fault).__name__}.") from None
        token = got.get("id_token") if isinstance(got, Mapping) else None
        if not isinstance(token, str):
            raise SignInRefused("id-token-missing")
        return token

    def _client(self, endpoints: _Endpoints) -> Any:  # noqa: ANN401  (Authlib has no types)
        return AsyncOAuth2Client(
            client_id=self.registration.client_id,
            client_secret=self.registration.secret,
            token_endpoint_auth_method=endpoints.way,
            redirect_uri=self.registration.callback,
            scope="openid",
            code_challenge_method="S256",
            transport=_Bounded(verify=self._fetcher.tls, trust_env=False),
            headers={"Accept-Encoding": "identity"},
            follow_redirects=False,
            timeout=SECONDS,
            trust_env=False,
        )

    async def _endpoints(self, view: View) -> _Endpoints:
        """Return where the provider is asked, as its discovery document said at most five minutes ago."""
        self._issuers.follow(view.issuers())
        record = next((one for one in view.issuers() if one.name == self.registration.issuer), None)
        if record is None:
            raise ProviderUnavailable(f"The issuer `{self.registration.issuer}` is not trusted here; an operator has to put it on record.")
        async with self._lock:  # many who come at once are one question
            known, now = self._known, self._clock.now()
            kept = KEPT if known is not None and not known.fault else ASK_AGAIN
            if known is None or known.record != record or not timedelta(0) <= now - known.asked_at < kept:
                known = self._known = await self._discovered(record, now)
        if known.fault:
            raise ProviderUnavailable(known.fault)
        return known

    async def _discovered(self, record: IssuerRecord, now: datetime) -> _Endpoints:
        try:
            document = await self._fetcher.fetch(record.issuer.removesuffix("/") + DISCOVERY)
            return _read_discovery(record, read_object(document, DEEPEST_DISCOVERY, "discovery"), now)
        except IssuerRefused as refused:
            return _Endpoints(record, now, fault=refused.sentence)
        except CompactRefused as refused:
            return _Endpoints(record, now, fault=f"The discovery document is not a JSON object ({refused.reason}).")


class _Bounded(httpx2.AsyncHTTPTransport):
    """Reads answers of at most 64 KiB, and none that is compressed: a small answer must not grow in our memory."""

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        answer = await super().handle_async_request(request)
        try:
            body = b""
            if "content-encoding" in answer.headers:
                raise httpx2.DecodingError("The answer is compressed.", request=request)
            async for chunk in answer.aiter_raw():
                body += chunk
                if len(body) > LARGEST:
                    raise httpx2.ReadError("The answer is too large.", request=request)
        finally:
            await answer.aclose()
        return httpx2.Response(answer.status_code, headers=answer.headers, content=body, request=request)


def _read_discovery(record: IssuerRecord, members: Mapping[str, Any], now: datetime) -> _Endpoints:
    if members.get("issuer") != record.issuer:
        raise IssuerRefused("The discovery document is for another issuer.", code="discovery-other-issuer")
    authorisation, token = members.get("authorization_endpoint"), members.get("token_endpoint")
    challenges = members.get("code_challenge_methods_supported", ["S256"])  # some providers support it, and do not say so
    offered = members.get("token_endpoint_auth_methods_supported", [_WAYS[0]])
    way = next((way for way in _WAYS if isinstance(offered, list) and way in offered), None)
    if not isinstance(authorisation, str) or not isinstance(token, str) or way is None:
        raise IssuerRefused("The discovery document names no endpoints for a client with a secret.", code="discovery-malformed")
    if not isinstance(challenges, list) or "S256" not in challenges:
        raise IssuerRefused("The provider does not support PKCE with S256.", code="discovery-malformed")
    names_itself = members.get("authorization_response_iss_parameter_supported") is True
    return _Endpoints(record, now, check_url(authorisation), check_url(token), way, names_itself)


def _told(error: object, description: object) -> str:
    """Return what a provider said, short and printable; it is a stranger's text all the same."""
    said = ": ".join(part for part in (error, description) if isinstance(part, str) and part)
    return "".join(letter for letter in said[:LONGEST_TOLD] if letter.isprintable())
