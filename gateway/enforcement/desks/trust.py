"""Say whose tokens are believed: issuers, the subjects behind which somebody on record stands, and tokens that are taken back.

Fetches nothing: an issuer's documents are looked at before they get here. Every step blocks for a commit and raises as Registrar does."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from gateway.clock import iso
from gateway.enforcement.registrar import Actor, Done, Registrar
from gateway.identity.issuer import BuiltInIssuer
from gateway.identity.tokens import LONGEST_LIFE, Claims
from gateway.registry.clients import Clients
from gateway.registry.errors import SamePerson
from gateway.registry.fields import moment
from gateway.registry.identities import BUILT_IN, Identities, Identity
from gateway.registry.issuers import IssuerRecord, Issuers
from gateway.registry.staff import Staff

OPERATOR: Final = "operator"
REGISTRAR: Final = "registrar"


@dataclass(frozen=True, slots=True)
class TrustDesk:
    """The operator's desk for issuers and tokens, and the registrar's for who stands behind a subject."""

    registrar: Registrar
    issuers: Issuers
    identities: Identities
    clients: Clients
    staff: Staff
    own: BuiltInIssuer

    def add_issuer(self, actor: Actor, record: IssuerRecord) -> Done[IssuerRecord]:
        """Trust an issuer from the next request on."""

        def add() -> IssuerRecord:
            self.issuers.add(record)
            return record

        return self.registrar.give(
            actor,
            OPERATOR,
            "key-change",
            "issuer-added",
            add,
            lambda made: {"issuer": made.name, "url": made.issuer, "audience": made.audience, "keys": made.jwks_url or "file"},
        )

    def remove_issuer(self, actor: Actor, name: str) -> Done[object]:
        """Trust it no longer, from the next request on."""
        return self.registrar.take(actor, OPERATOR, "key-change", "issuer-removed", {"issuer": name})

    def bind(self, actor: Actor, issuer: str, subject: str, holder: Identity) -> Done[Identity]:
        """Let a subject of an issuer act as a client or a person on record. Raises NotOnRecord for an issuer or holder that is not."""

        def bind() -> Identity:
            self.issuers.get(issuer)
            if holder.kind == "staff" and self.staff.get(holder.holder).id == actor.id:
                raise SamePerson("Binding somebody's own sign-in")
            if holder.kind == "client":
                self.clients.get(holder.holder)
            self.identities.bind(issuer, subject, holder)
            return holder

        said = {"issuer": issuer, "subject": subject, "holder_kind": holder.kind}
        name = "client" if holder.kind == "client" else "person"
        return self.registrar.give(actor, REGISTRAR, "key-change", "subject-bound", bind, lambda _made: {**said, name: holder.holder})

    def unbind(self, actor: Actor, issuer: str, subject: str) -> Done[object]:
        """Let that subject act as nobody."""
        return self.registrar.take(actor, REGISTRAR, "key-change", "subject-unbound", {"issuer": issuer, "subject": subject})

    def revoke_token(self, actor: Actor, issuer: str, jti: str, ends_at: datetime, reason: str) -> Done[object]:
        """Refuse a token from the next request on; the list forgets it once it has ended by itself."""
        said = {"issuer": issuer, "jti": jti, "ends_at": iso(moment("ends_at", ends_at)), "reason": reason}
        return self.registrar.take(actor, OPERATOR, "key-change", "token-revoked", said)

    def give_back_token(self, actor: Actor, claims: Claims) -> Done[object]:
        """Refuse a token of the built-in issuer because its own client asks for it (RFC 7009)."""
        ends_at = datetime.fromtimestamp(claims.expires_at + LONGEST_LIFE, UTC)  # long enough for a clock that is set back
        said = {"issuer": BUILT_IN, "jti": claims.token_id, "ends_at": iso(ends_at), "reason": "its client gave it back"}
        return self.registrar.take(
            actor, None if actor == Actor("client", claims.subject) else OPERATOR, "key-change", "token-revoked", said
        )

    def rotate_issuer_key(self, actor: Actor) -> Done[str]:
        """Sign tokens with a new key from now on; the old one verifies until its last token has ended.

        The new key is made aside, its entry written, and only then does it sign."""
        done = self.registrar.give(
            actor,
            OPERATOR,
            "key-change",
            "issuer-key-rotated",
            self.own.prepare_key,
            lambda prepared: {"issuer": BUILT_IN, "kid": prepared.kid},
        )
        self.own.adopt_key(done.value)
        return Done(done.value.kid, done.receipt)
