"""Turn a bearer token into a Caller: who it is according to our own register. Knows no purpose, no licence and no HTTP.

What a token says of its holder's kind or rights is never read; only its issuer and subject are, and the register knows the rest."""

from dataclasses import dataclass

from gateway.identity.errors import CallerRefused, RoleMissing, TokenRefused
from gateway.identity.issuers import TrustedIssuers
from gateway.identity.tokens import TokenVerifier
from gateway.registry.lookups import View


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is calling: `kind` is client or staff, `id` the client's or the person's. `token_hash` is all the log ever sees of the token."""

    kind: str
    id: str
    roles: frozenset[str]
    issuer: str
    token_id: str
    token_hash: str
    expires_at: int

    @property
    def client_id(self) -> str:
        """The client that is calling; raises CallerRefused (client-needed) when a member of staff is."""
        if self.kind != "client":
            raise CallerRefused("This is for clients; a member of staff cannot ask for it. Use a client's token.", code="client-needed")
        return self.id

    def require(self, role: str) -> None:
        """Raise unless the caller is staff (CallerRefused, staff-needed) and holds the role (RoleMissing)."""
        if self.kind != "staff":
            raise CallerRefused("This is for staff; a client cannot ask for it. Sign in as a person.", code="staff-needed")
        if role not in self.roles:
            raise RoleMissing(role)


class Callers:
    """The doorkeeper."""

    def __init__(self, issuers: TrustedIssuers, verifier: TokenVerifier) -> None:
        self._issuers = issuers
        self._verifier = verifier

    async def identify(self, token: object, view: View) -> Caller:
        """Return who is calling, according to the registry as the View has it. Waits only when an issuer's keys must be fetched.

        Raises TokenRefused (the token), CallerRefused or ClientRefused (the token is good, its holder may not act)."""
        self._issuers.keep_fresh()
        try:
            return self.recognise(token, view)
        except TokenRefused as refused:
            if not await self._issuers.may_help(refused):
                raise
        return self.recognise(token, view)

    def recognise(self, token: object, view: View) -> Caller:
        """Do the same with the keys at hand, without waiting."""
        self._issuers.follow(view.issuers())
        claims = self._verifier.verify(token, view.revoked)
        identity = view.identity(claims.issuer_name, claims.subject)
        if identity is None:
            raise CallerRefused("Your issuer is trusted, but you are not on record here; ask the registrar to register you.")
        roles: frozenset[str] = frozenset()
        if identity.kind == "client":
            # A user's token must not act as the client through which the user signed in (RFC 9068: sub is the client itself only
            # when the client asked on its own behalf).
            if claims.client_id not in (None, claims.subject):
                raise TokenRefused("claim-client-id", claims.token_hash)
            view.client(identity.holder).must_be_active()
        else:
            person = view.staff(identity.holder)
            if person.state != "active":
                raise CallerRefused("You are on record, but not active here; ask a registrar for a link.", code="staff-inactive")
            roles = person.roles
        return Caller(identity.kind, identity.holder, roles, claims.issuer_name, claims.token_id, claims.token_hash, claims.expires_at)
