"""Keep the organisations whose software may call: what kind they are, for whom they act, and their public keys.

Never holds a private key, and never believes a token about any of this."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import JSON
from sqlmodel import Field, Session, SQLModel, select

from gateway.clock import Clock
from gateway.registry import fields
from gateway.registry.errors import AlreadyOnRecord, ClientRefused, Malformed, NotOnRecord, StateForbids
from gateway.registry.fields import Words
from gateway.registry.identities import BUILT_IN, IdentityRow
from gateway.registry.keys import PublicKey
from gateway.store.columns import Moment
from gateway.store.sessions import Database

MOST_KEYS = 8


class ClientRow(SQLModel, table=True):
    """One client; `state` is active, suspended or closed."""

    __tablename__ = "clients"

    id: str = Field(primary_key=True, max_length=63)
    name: str
    kind: str
    acts_for: str | None
    place: str | None
    agency_authorised: bool
    keys: list[dict[str, str]] = Field(sa_type=JSON)
    state: str
    reason: str
    registered_by: str
    registered_at: datetime = Field(sa_type=Moment)


@dataclass(frozen=True, slots=True)
class Client:
    """A client as it stands now."""

    id: str
    name: str
    kind: str
    acts_for: str | None
    place: str | None
    agency_authorised: bool
    keys: tuple[PublicKey, ...]
    state: str
    reason: str

    def must_be_active(self) -> None:
        """Raise ClientRefused unless the client may act now."""
        if self.state != "active":
            sentence = f"The client `{self.id}` is {self.state}; its requests are refused until the registrar changes that."
            raise ClientRefused(sentence, code=f"client-{self.state}")


@dataclass(frozen=True, slots=True)
class NewClient:
    """What the registrar hands in. `kind` and `acts_for` are what the registrar has checked, not what the client says of itself."""

    id: str
    name: str
    kind: str
    place: str | None = None
    acts_for: str | None = None
    agency_authorised: bool = False
    keys: tuple[dict[str, Any], ...] = field(default=())


class Clients:
    """The register of clients. Every change acts on the very next request, in every process."""

    def __init__(self, database: Database, clock: Clock, words: Words) -> None:
        self._database = database
        self._clock = clock
        self._words = words

    def register(self, new: NewClient, by: str) -> Client:
        """Put a client on record, active, known to the built-in issuer under its own id.

        Raises Malformed (with the field) or AlreadyOnRecord."""
        keys = [PublicKey.from_jwk(jwk) for jwk in new.keys]
        _distinct(keys)
        row = ClientRow(
            id=fields.identifier("id", new.id),
            name=fields.text("name", new.name),
            kind=fields.word("kind", new.kind, self._words.client_kinds),
            acts_for=None if new.acts_for is None else fields.word("acts_for", new.acts_for, self._words.client_kinds),
            place=None if new.place is None else fields.place("place", new.place),
            agency_authorised=new.agency_authorised is True,
            keys=[key.jwk for key in keys],
            state="active",
            reason="",
            registered_by=by,
            registered_at=self._clock.now(),
        )
        with self._database.writing() as session:
            if session.get(ClientRow, row.id) or session.get(IdentityRow, (BUILT_IN, row.id)):
                raise AlreadyOnRecord("client", row.id)
            session.add(row)
            session.add(IdentityRow(issuer=BUILT_IN, subject=row.id, kind="client", holder=row.id))
        return client_of(row)

    def get(self, client_id: str) -> Client:
        """Return one client or raise NotOnRecord."""
        with self._database.reading() as session:
            return client_of(_row(session, client_id))

    def all(self) -> tuple[Client, ...]:
        """Return every client, by id."""
        with self._database.reading() as session:
            return tuple(client_of(row) for row in session.exec(select(ClientRow).order_by(ClientRow.id)))

    def suspend(self, client_id: str, reason: str) -> Client:
        """Refuse everything this client asks, from its next request on."""
        return self._move(client_id, {"active"}, "suspended", reason)

    def resume(self, client_id: str, reason: str) -> Client:
        """Let a suspended client act again."""
        return self._move(client_id, {"suspended"}, "active", reason)

    def close(self, client_id: str, reason: str) -> Client:
        """End the relation for good; the record stays."""
        return self._move(client_id, {"active", "suspended"}, "closed", reason)

    def add_key(self, client_id: str, jwk: object) -> Client:
        """Trust one more public key for private_key_jwt; the old ones stay until removed, so keys can be rotated without a gap."""
        key = PublicKey.from_jwk(jwk)
        with self._database.writing() as session:
            row = _row(session, client_id)
            keys = [*(PublicKey.from_jwk(known) for known in row.keys), key]
            _distinct(keys)
            row.keys = [known.jwk for known in keys]
        return client_of(row)

    def remove_key(self, client_id: str, kid: str) -> Client:
        """Stop trusting a key at once."""
        with self._database.writing() as session:
            row = _row(session, client_id)
            rest = [jwk for jwk in row.keys if jwk["kid"] != kid]
            if len(rest) == len(row.keys):
                raise NotOnRecord("key")
            row.keys = rest
        return client_of(row)

    def _move(self, client_id: str, allowed: set[str], state: str, reason: str) -> Client:
        reason = fields.text("reason", reason)
        with self._database.writing() as session:
            row = _row(session, client_id)
            if row.state not in allowed:
                raise StateForbids(f"The client `{client_id}` is {row.state}; it cannot become {state} from there.")
            row.state, row.reason = state, reason
        return client_of(row)


def client_of(row: ClientRow) -> Client:
    """Turn a row into the value that the rest of the gateway sees."""
    keys = tuple(PublicKey.from_jwk(jwk) for jwk in row.keys)
    return Client(row.id, row.name, row.kind, row.acts_for, row.place, row.agency_authorised, keys, row.state, row.reason)


def _row(session: Session, client_id: str) -> ClientRow:
    row = session.get(ClientRow, client_id)
    if row is None:
        raise NotOnRecord("client")
    return row


def _distinct(keys: list[PublicKey]) -> None:
    if len(keys) > MOST_KEYS or len({key.kid for key in keys}) != len(keys):
        raise Malformed("keys", f"must be at most {MOST_KEYS} keys with distinct `kid`s.")
