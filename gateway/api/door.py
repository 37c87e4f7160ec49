"""The door of every route: who is calling, what they declare, which body is still unread. Decides nothing about the request itself."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from starlette.requests import Request

from gateway.api.bodies import JsonBody, RawBody, body_of
from gateway.api.body_limits import BodyLimits, read_bounded
from gateway.api.declaration import from_headers, from_part, strict_json
from gateway.api.forms import FormBody
from gateway.clock import Clock
from gateway.enforcement.declaration import Declaration
from gateway.enforcement.images import BodyRefused
from gateway.enforcement.journal import Journal
from gateway.enforcement.registrar import Actor
from gateway.errors import CustodesError
from gateway.identity.callers import Caller, Callers
from gateway.identity.errors import CallerRefused, RoleMissing, TokenRefused
from gateway.identity.tokens import hash_of
from gateway.records import entries
from gateway.registry.errors import ClientRefused, NotOnRecord
from gateway.registry.lookups import Lookups, View

_SCHEME: Final = "bearer "
_DOCUMENT_BYTES: Final = 64 * 1024


class Unauthenticated(CustodesError):
    """Nobody is calling whom we know. One sentence for every reason: what is wrong with a forgery is not told to the forger."""

    code = "unauthenticated"

    def __init__(self) -> None:
        super().__init__("The access token is not accepted; get a new one from your issuer and send it as `Authorization: Bearer TOKEN`.")


class FieldMalformed(CustodesError):
    """A document that was sent has a member that cannot be taken; `field` names it."""

    code = "field-malformed"

    def __init__(self, field: str, sentence: str) -> None:
        super().__init__(sentence)
        self.field = field


@dataclass(frozen=True, slots=True)
class Door:
    """What every route does first."""

    callers: Callers
    lookups: Lookups
    journal: Journal
    clock: Clock
    limits: BodyLimits

    async def recognised(self, request: Request) -> tuple[Caller, View]:
        """Return who is calling, and the registry as it was when they were recognised. A refusal is in the log before it is answered.

        Raises Unauthenticated, or AuditUnavailable if it cannot be recorded."""
        view = self.lookups.now()
        try:
            return await self.callers.identify(_bearer(request), view), view
        except (TokenRefused, CallerRefused, ClientRefused) as refused:
            why = refused.reason if isinstance(refused, TokenRefused) else refused.code
            path, shown = entries.route_of(request.scope), _shown(request)
            await self.journal.write(entries.authn_denied(at=self.clock.now(), token_sha256=shown, why=why, path=path))
            raise Unauthenticated from refused

    async def caller(self, request: Request) -> Caller:
        """Return who is calling. Raises Unauthenticated or AuditUnavailable."""
        return (await self.recognised(request))[0]

    async def client(self, request: Request) -> Caller:
        """Return the calling client. Raises CallerRefused (client-needed) for staff, who act through their own routes."""
        return (await self.client_seen(request))[0]

    async def client_seen(self, request: Request) -> tuple[Caller, View]:
        """Return the calling client and the registry by which it was recognised, so that one request asks the database once."""
        caller, view = await self.recognised(request)
        if caller.kind != "client":
            raise CallerRefused("This route is for clients; a person signs in elsewhere.", code="client-needed")
        return caller, view

    async def staff(self, request: Request, role: str) -> Caller:
        """Return the calling person, who must hold the role. Raises RoleMissing, once the attempt is in the log."""
        caller = await self.caller(request)
        await self.must_hold(request, caller, role)
        return caller

    async def actor(self, request: Request) -> Actor:
        """Return the caller as whoever changes something: the registrar asks, at the change, whether they may."""
        return Actor.of(await self.caller(request))

    async def own_or_staff(self, request: Request, client_id: str, noun: str) -> Actor:
        """Return the caller as an actor: a person, or the client itself. Raises NotOnRecord (of the noun) for any other client."""
        actor = await self.actor(request)
        if actor.kind == "client" and actor.id != client_id:
            raise NotOnRecord(noun)
        return actor

    async def reader(self, request: Request, client_id: str, noun: str) -> None:
        """Let pass the client itself and registrars. Raises NotOnRecord (of the noun) for any other client, RoleMissing for others."""
        caller = await self.caller(request)
        if caller.kind == "client" and caller.id != client_id:
            raise NotOnRecord(noun)
        if caller.kind != "client":
            await self.must_hold(request, caller, "registrar")

    async def must_hold(self, request: Request, caller: Caller, role: str) -> None:
        """Let pass who holds the role. Raises RoleMissing or CallerRefused, once the attempt is in the log, or AuditUnavailable."""
        try:
            caller.require(role)
        except (CallerRefused, RoleMissing) as refused:
            asked = f"{request.method} {entries.route_of(request.scope)}"
            await self.journal.write(entries.access_denied(at=self.clock.now(), by=caller.id, why=refused.code, asked=asked))
            raise

    def body(self, request: Request) -> RawBody | FormBody | JsonBody:
        """Return the body, unread. Raises BodyRefused for a Content-Type that cannot hold images."""
        return body_of(headers_of(request), request.stream(), self.limits)

    async def declaration(self, request: Request, body: RawBody | FormBody | JsonBody, operations: tuple[str, ...]) -> Declaration:
        """Return what the client declares, from the first form part if it is there, else from the headers.

        The first of `operations` is what the path means unless another is named. Raises DeclarationMalformed."""
        allowed = frozenset(operations)
        if isinstance(body, FormBody):
            part = await body.declaration()
            if part is not None:
                return from_part(part, operations[0], allowed)
        return from_headers(headers_of(request), operations[0], allowed)

    async def document(self, request: Request, most: int = _DOCUMENT_BYTES) -> Mapping[str, object]:
        """Return the JSON object in the body, 64 KiB at most unless a route takes more. Raises BodyRefused or FieldMalformed."""
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/json":
            raise BodyRefused("Send a JSON object as application/json.", code="unsupported-media-type")
        body = await read_bounded(headers_of(request), request.stream(), self.limits, most)
        try:
            said = strict_json(body)
        except ValueError as fault:
            raise BodyRefused(f"The body is not JSON: {fault}.") from fault
        if not isinstance(said, dict):
            raise FieldMalformed("", "The body must be a JSON object.")
        return said


def _bearer(request: Request) -> str:
    header = request.headers.get("authorization", "")
    if header[: len(_SCHEME)].lower() != _SCHEME:
        raise TokenRefused("not-bearer" if header else "no-token")
    # One blank, and nothing that is trimmed away: what is verified is what was sent, and what the entry has the hash of.
    return header[len(_SCHEME) :]


def _shown(request: Request) -> str | None:
    """Return the hash of the token that was shown, whatever is wrong with it; None where none was."""
    try:
        return hash_of(_bearer(request)) or None
    except TokenRefused:
        return None


def headers_of(request: Request) -> dict[str, str]:
    """Return the headers by their lower-case names; the guard has seen to it that none that matters comes twice."""
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in request.scope["headers"]}


def text_of(document: Mapping[str, object], name: str, *, longest: int = 256) -> str:
    """Return a text member of a document. Raises FieldMalformed."""
    value = document.get(name)
    if not isinstance(value, str) or not 1 <= len(value) <= longest:
        raise FieldMalformed(name, f"{name!r} takes text of 1 to {longest} characters.")
    return value
