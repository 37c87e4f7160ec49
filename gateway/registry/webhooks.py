"""Keep where clients are told of their decisions, and what is still to be told: each message until it was taken or given up.

Holds secrets only sealed, and of a decision nothing but its id and its new state. Sends nothing."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlmodel import Field, Session, SQLModel, UniqueConstraint, col, select

from gateway.registry.clients import ClientRow
from gateway.registry.errors import NotOnRecord, StateForbids
from gateway.store.columns import Moment
from gateway.store.sessions import Database

MOST_OF_A_CLIENT: Final = 8
TEST_SECONDS: Final = 5
ACTIVE, STOPPED = "active", "stopped"
DUE, DELIVERED, GIVEN_UP = "due", "delivered", "given-up"


class WebhookRow(SQLModel, table=True):
    """One address of one client. `state` is active, or stopped: its receiver said that it is gone (410)."""

    __tablename__ = "webhooks"

    id: str = Field(primary_key=True, max_length=63)
    client: str = Field(foreign_key="clients.id", index=True)
    url: str
    sealed: bytes
    old_sealed: bytes | None = None
    old_ends: datetime | None = Field(default=None, sa_type=Moment)
    state: str
    failures: int
    quiet_until: datetime = Field(sa_type=Moment)
    tested_at: datetime | None = Field(default=None, sa_type=Moment)
    created_by: str
    created_at: datetime = Field(sa_type=Moment)


class DeliveryRow(SQLModel, table=True):
    """One message. `change` is the state that its decision came to; the same is never told twice under another id."""

    __tablename__ = "webhook_deliveries"
    __table_args__ = (UniqueConstraint("webhook", "decision_id", "change"),)

    id: str = Field(primary_key=True, max_length=63)
    webhook: str = Field(index=True)
    decision_id: str
    change: str
    state: str = Field(index=True)
    attempts: int
    next_at: datetime = Field(sa_type=Moment)
    made_at: datetime = Field(sa_type=Moment)
    ended_at: datetime | None = Field(default=None, sa_type=Moment)
    why: str


@dataclass(frozen=True, slots=True)
class Webhook:
    """An address as it stands; the secrets are sealed under a key that lies elsewhere."""

    id: str
    client: str
    url: str
    sealed: bytes
    old_sealed: bytes | None
    old_ends: datetime | None
    state: str
    failures: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message as it stands: due, delivered or given up, after how many attempts; `why` is how the last one ended."""

    id: str
    webhook: str
    decision_id: str
    change: str
    state: str
    attempts: int
    next_at: datetime
    made_at: datetime
    ended_at: datetime | None = None
    why: str = ""


class Webhooks:
    """The register of webhooks. Every method that takes a client sees that client's alone."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def register(self, webhook: Webhook, by: str) -> Webhook:
        """Put an address on record. Raises NotOnRecord (client), or StateForbids where it is there already or there are too many."""
        with self._database.writing() as session:
            if session.get(ClientRow, webhook.client) is None:
                raise NotOnRecord("client")
            theirs = session.exec(select(WebhookRow).where(WebhookRow.client == webhook.client)).all()
            if any(row.url == webhook.url for row in theirs):
                raise StateForbids("This address is registered already; remove it first, or rotate its secret.")
            if len(theirs) >= MOST_OF_A_CLIENT:
                raise StateForbids(f"A client has at most {MOST_OF_A_CLIENT} webhooks; remove one first.")
            row = WebhookRow(
                id=webhook.id,
                client=webhook.client,
                url=webhook.url,
                sealed=webhook.sealed,
                state=ACTIVE,
                failures=0,
                quiet_until=webhook.created_at,
                created_by=by,
                created_at=webhook.created_at,
            )
            session.add(row)
        return webhook_of(row)

    def rotate(self, client: str, webhook_id: str, sealed: bytes, old_ends: datetime) -> Webhook:
        """Sign with a new secret, and with the one before it until `old_ends`; one older than that is forgotten."""
        with self._database.writing() as session:
            row = _row(session, client, webhook_id)
            row.old_sealed, row.old_ends, row.sealed = row.sealed, old_ends, sealed
        return webhook_of(row)

    def remove(self, client: str, webhook_id: str) -> None:
        """Forget an address and what it was still to be told."""
        with self._database.writing() as session:
            row = _row(session, client, webhook_id)
            for message in session.exec(select(DeliveryRow).where(DeliveryRow.webhook == webhook_id)):
                session.delete(message)
            session.delete(row)

    def test(self, client: str, webhook_id: str, at: datetime) -> Webhook:
        """Note that a message is sent for a test. Raises StateForbids within five seconds of the last one."""
        with self._database.writing() as session:
            row = _row(session, client, webhook_id)
            if row.tested_at is not None and timedelta(0) <= at - row.tested_at < timedelta(seconds=TEST_SECONDS):
                raise StateForbids(f"This webhook was tested a moment ago; wait {TEST_SECONDS} seconds.")
            row.tested_at = at
        return webhook_of(row)

    def get(self, client: str, webhook_id: str) -> Webhook:
        """Return the client's webhook; another's is as absent as none."""
        with self._database.reading() as session:
            return webhook_of(_row(session, client, webhook_id))

    def all(self, client: str | None = None) -> tuple[Webhook, ...]:
        """Return the webhooks of a client, or all of them, the oldest first."""
        query = select(WebhookRow).order_by(col(WebhookRow.created_at), WebhookRow.id)
        if client is not None:
            query = query.where(WebhookRow.client == client)
        with self._database.reading() as session:
            return tuple(webhook_of(row) for row in session.exec(query))

    def deliveries(self, webhook_id: str, limit: int = 20) -> tuple[Delivery, ...]:
        """Return the latest messages to an address, the newest first."""
        query = select(DeliveryRow).where(DeliveryRow.webhook == webhook_id).order_by(col(DeliveryRow.made_at).desc(), DeliveryRow.id)
        with self._database.reading() as session:
            return tuple(_delivery(row) for row in session.exec(query.limit(limit)))

    def owe(self, webhook_id: str, decision_id: str, change: str, at: datetime) -> None:
        """Put a message on record, due now; once, however often it is said."""
        with self._database.writing() as session:
            known = select(DeliveryRow).where(
                DeliveryRow.webhook == webhook_id, DeliveryRow.decision_id == decision_id, DeliveryRow.change == change
            )
            if session.exec(known).first() is None:
                row = DeliveryRow(
                    id=f"msg-{secrets.token_hex(16)}",
                    webhook=webhook_id,
                    decision_id=decision_id,
                    change=change,
                    state=DUE,
                    attempts=0,
                    next_at=at,
                    made_at=at,
                    why="",
                )
                session.add(row)

    def due(self, at: datetime, limit: int) -> tuple[tuple[Webhook, Delivery], ...]:
        """Return what is to be sent now, oldest first: to active addresses of active clients that are not left in peace for a while."""
        query = (
            select(WebhookRow, DeliveryRow)
            .where(WebhookRow.id == DeliveryRow.webhook, ClientRow.id == WebhookRow.client, ClientRow.state == "active")
            .where(DeliveryRow.state == DUE, col(DeliveryRow.next_at) <= at)
            .where(WebhookRow.state == ACTIVE, col(WebhookRow.quiet_until) <= at)
            .order_by(col(DeliveryRow.next_at), DeliveryRow.id)
        )
        with self._database.reading() as session:
            return tuple((webhook_of(row), _delivery(message)) for row, message in session.exec(query.limit(limit)))

    def end(self, delivery_id: str, state: str, why: str, at: datetime) -> Delivery:
        """Note that a message was taken (`delivered`), or will not be sent any more (`given-up`). Raises NotOnRecord or StateForbids."""
        with self._database.writing() as session:
            message = _message(session, delivery_id, DUE)
            message.state, message.why, message.ended_at, message.attempts = state, why, at, message.attempts + 1
            row = session.get(WebhookRow, message.webhook)
            if row is not None and state == DELIVERED:
                row.failures, row.quiet_until = 0, at
        return _delivery(message)

    def fail(self, delivery_id: str, why: str, next_at: datetime, quiet_until: datetime) -> None:
        """Note that an attempt failed: when to try again, and until when its address is left in peace."""
        with self._database.writing() as session:
            message = _message(session, delivery_id, DUE)
            message.why, message.next_at, message.attempts = why, next_at, message.attempts + 1
            row = session.get(WebhookRow, message.webhook)
            if row is not None:
                row.failures, row.quiet_until = row.failures + 1, quiet_until

    def stop(self, webhook_id: str) -> Webhook:
        """Note that nobody is at the address any more; nothing is sent there until it is registered anew."""
        with self._database.writing() as session:
            row = session.get(WebhookRow, webhook_id)
            if row is None:
                raise NotOnRecord("webhook")
            row.state = STOPPED
        return webhook_of(row)

    def again(self, client: str, webhook_id: str, delivery_id: str, at: datetime) -> Delivery:
        """Make a message due once more that was given up. Raises NotOnRecord or StateForbids."""
        with self._database.writing() as session:
            row = _row(session, client, webhook_id)
            message = session.get(DeliveryRow, delivery_id)
            if message is None or message.webhook != webhook_id:
                raise NotOnRecord("delivery")
            if message.state != GIVEN_UP:
                raise StateForbids(f"The message is {message.state}; only one that was given up is sent again.")
            message.state, message.attempts, message.next_at, message.ended_at = DUE, 0, at, None
            row.failures, row.quiet_until = 0, at
        return _delivery(message)


def webhook_of(row: WebhookRow) -> Webhook:
    """Turn a row into the value that the rest of the gateway sees."""
    return Webhook(
        row.id, row.client, row.url, row.sealed, row.old_sealed, row.old_ends, row.state, row.failures, created_at=row.created_at
    )


def _delivery(row: DeliveryRow) -> Delivery:
    return Delivery(**{name: getattr(row, name) for name in Delivery.__slots__})


def _row(session: Session, client: str, webhook_id: str) -> WebhookRow:
    row = session.get(WebhookRow, webhook_id)
    if row is None or row.client != client:
        raise NotOnRecord("webhook")
    return row


def _message(session: Session, delivery_id: str, state: str) -> DeliveryRow:
    message = session.get(DeliveryRow, delivery_id)
    if message is None:
        raise NotOnRecord("delivery")
    if message.state != state:
        raise StateForbids(f"The message is {message.state} already.")
    return message
