"""The built-in issuer's door: a token for a signed client assertion, its end, the keys, the metadata. Decides nothing about requests."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeVar
from urllib.parse import parse_qsl

from fastapi import APIRouter, Request, Response

from gateway.api.body_limits import BodyLimits, read_bounded
from gateway.api.door import headers_of
from gateway.api.rendering import json_response
from gateway.clock import Clock
from gateway.enforcement.desks.trust import TrustDesk
from gateway.enforcement.journal import Journal
from gateway.enforcement.registrar import Actor
from gateway.identity.errors import TokenRequestRefused
from gateway.identity.issuer import INTROSPECTION_PATH, JWKS_PATH, METADATA_PATH, REVOCATION_PATH, TOKEN_PATH, BuiltInIssuer
from gateway.identity.tokens import Claims, hash_of
from gateway.records import entries

T = TypeVar("T")

_FORM: Final = "application/x-www-form-urlencoded"
_FORM_BYTES: Final = 16 * 1024
_STATUS: Final = {"invalid-client": 401}


@dataclass(frozen=True, slots=True)
class OAuthDoor:
    """POST /oauth/token (RFC 6749 section 4.4 with RFC 7523), revoke (RFC 7009), introspect (RFC 7662), JWKS and metadata (RFC 8414)."""

    issuer: BuiltInIssuer
    desk: TrustDesk
    journal: Journal
    clock: Clock
    limits: BodyLimits

    def router(self) -> APIRouter:
        """Return the routes."""
        router = APIRouter(tags=["identity"])
        router.add_api_route(TOKEN_PATH, self.token, methods=["POST"], summary="Get an access token for a signed assertion")
        router.add_api_route(REVOCATION_PATH, self.revoke, methods=["POST"], summary="Give back a token of one's own (RFC 7009)")
        router.add_api_route(INTROSPECTION_PATH, self.introspect, methods=["POST"], summary="Ask about a token of one's own (RFC 7662)")
        router.add_api_route(JWKS_PATH, self.jwks, methods=["GET"], summary="The issuer's public keys")
        router.add_api_route(METADATA_PATH, self.metadata, methods=["GET"], summary="The issuer's metadata")
        return router

    async def token(self, request: Request) -> Response:
        """Answer in RFC 6749's own form, errors too; a refused assertion is in the log."""
        issued = await self._asked(request, TOKEN_PATH, self.issuer.answer)
        return issued if isinstance(issued, Response) else json_response(issued.to_json())

    async def revoke(self, request: Request) -> Response:
        """Refuse a client's own token from the next request on. What is no token of its own is answered alike, and nothing is done."""
        told = await self._asked(request, REVOCATION_PATH, self.issuer.own_token)
        if isinstance(told, Response):
            return told
        client, claims = told
        if claims is not None:
            await asyncio.to_thread(self.desk.give_back_token, Actor("client", client), claims)
        return json_response({})

    async def introspect(self, request: Request) -> Response:
        """Say whether a client's own token is good now. Any other is `active: false`, whatever is wrong with it."""
        told = await self._asked(request, INTROSPECTION_PATH, self.issuer.own_token)
        if isinstance(told, Response):
            return told
        return json_response({"active": False} if told[1] is None else self._told(told[1]))

    def _told(self, claims: Claims) -> dict[str, object]:
        named = {"iss": self.issuer.issuer, "aud": self.issuer.audience, "sub": claims.subject, "client_id": claims.subject}
        return {
            "active": True,
            "token_type": "Bearer",
            **named,
            "iat": claims.issued_at,
            "exp": claims.expires_at,
            "jti": claims.token_id,
        }

    async def _asked(self, request: Request, path: str, answer: Callable[[dict[str, str]], T]) -> T | Response:
        form: dict[str, str] = {}
        try:
            form = await self._form(request)
            return await asyncio.to_thread(answer, form)
        except TokenRequestRefused as refused:
            shown = hash_of(form.get("client_assertion")) or None
            await self.journal.write(
                entries.authn_denied(at=self.clock.now(), token_sha256=shown, why=f"token-request:{refused.reason}", path=path)
            )
            error = refused.code.replace("-", "_")
            return json_response({"error": error, "error_description": refused.sentence}, _STATUS.get(refused.code, 400))

    async def _form(self, request: Request) -> dict[str, str]:
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _FORM:
            raise TokenRequestRefused("invalid-request", f"Send the request as {_FORM}.", "content-type")
        body = await read_bounded(headers_of(request), request.stream(), self.limits, _FORM_BYTES)
        try:
            pairs = parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=32)
        except ValueError as fault:
            raise TokenRequestRefused("invalid-request", "There are too many parameters.", "parameters") from fault
        if len({name for name, _value in pairs}) != len(pairs):
            raise TokenRequestRefused("invalid-request", "A parameter is given twice.", "parameter-twice")
        return dict(pairs)

    async def jwks(self) -> Response:
        """Return the key set (RFC 7517)."""
        return json_response(self.issuer.jwks())

    async def metadata(self) -> Response:
        """Return the metadata."""
        return json_response(self.issuer.metadata())
