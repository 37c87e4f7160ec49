"""The built-in issuer's door: a token for a signed client assertion, the keys, the metadata. Decides nothing about requests."""

import asyncio
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl

from fastapi import APIRouter, Request, Response

from gateway.api.body_limits import BodyLimits, read_bounded
from gateway.api.door import headers_of
from gateway.api.rendering import json_response
from gateway.clock import Clock
from gateway.enforcement.journal import Journal
from gateway.identity.errors import TokenRequestRefused
from gateway.identity.issuer import JWKS_PATH, METADATA_PATH, TOKEN_PATH, BuiltInIssuer
from gateway.identity.tokens import hash_of
from gateway.records import entries

_FORM: Final = "application/x-www-form-urlencoded"
_FORM_BYTES: Final = 16 * 1024
_STATUS: Final = {"invalid-client": 401}


@dataclass(frozen=True, slots=True)
class OAuthDoor:
    """POST /oauth/token (RFC 6749 section 4.4 with RFC 7523), JWKS and metadata (RFC 8414)."""

    issuer: BuiltInIssuer
    journal: Journal
    clock: Clock
    limits: BodyLimits

    def router(self) -> APIRouter:
        """Return the routes."""
        router = APIRouter(tags=["identity"])
        router.add_api_route(TOKEN_PATH, self.token, methods=["POST"], summary="Get an access token for a signed assertion")
        router.add_api_route(JWKS_PATH, self.jwks, methods=["GET"], summary="The issuer's public keys")
        router.add_api_route(METADATA_PATH, self.metadata, methods=["GET"], summary="The issuer's metadata")
        return router

    async def token(self, request: Request) -> Response:
        """Answer in RFC 6749's own form, errors too; a refused assertion is in the log."""
        form: dict[str, str] = {}
        try:
            form = await self._form(request)
            issued = await asyncio.to_thread(self.issuer.answer, form)
        except TokenRequestRefused as refused:
            shown = hash_of(form.get("client_assertion")) or None
            await self.journal.write(
                entries.authn_denied(at=self.clock.now(), token_sha256=shown, why=f"token-request:{refused.reason}", path=TOKEN_PATH)
            )
            error = refused.code.replace("-", "_")
            return json_response({"error": error, "error_description": refused.sentence}, _STATUS.get(refused.code, 400))
        return json_response(issued.to_json())

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
