"""Let a client, or a registrar for it, say where it wants to be told of its decisions. Every step is in the log before it is true.

A secret is returned once, at the moment it is made; neither the log nor a list ever shows it, or more of an address than its origin."""

import asyncio
import hashlib
import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from gateway.clock import iso
from gateway.enforcement.registrar import Actor, Done, Registrar
from gateway.enforcement.webhooks.addresses import parse
from gateway.enforcement.webhooks.sending import Sender, Sent, test_body
from gateway.enforcement.webhooks.signing import new_secret
from gateway.registry import fields
from gateway.registry.timekeeping import Timekeeping
from gateway.registry.webhooks import ACTIVE, Delivery, Webhook, Webhooks

REGISTRAR: Final = "registrar"
OVERLAP_HOURS: Final = 24
LONGEST_OVERLAP_HOURS: Final = 24 * 14


@dataclass(frozen=True, slots=True)
class Keyed:
    """A webhook and the secret that was made for it a moment ago."""

    webhook: Webhook
    secret: str


@dataclass(frozen=True, slots=True)
class WebhookDesk:
    """The desk for webhooks. Every method but `test` blocks for a commit."""

    registrar: Registrar
    webhooks: Webhooks
    sender: Sender
    time: Timekeeping

    def register(self, actor: Actor, client: str, url: object) -> Done[Keyed]:
        """Put an address on record. Raises AddressRefused, NotOnRecord, StateForbids and what Registrar.give() raises."""
        webhook_id, secret = f"wh-{secrets.token_hex(8)}", new_secret()

        def make() -> Keyed:
            self.sender.allowed.check(url)
            sealed = self.sender.seal(webhook_id, secret)
            new = Webhook(webhook_id, client, str(url), sealed, None, None, ACTIVE, 0, created_at=self.time.now())
            return Keyed(self.webhooks.register(new, actor.name), secret)

        try:
            return self.registrar.give(actor, _role(actor), "webhook", "registered", make, lambda made: described(made.webhook))
        except BaseException:
            self.sender.forget(webhook_id)
            raise

    def rotate(self, actor: Actor, client: str, webhook_id: str, overlap_hours: object = OVERLAP_HOURS) -> Done[Keyed]:
        """Make a new secret; the one before it signs, too, for so many hours. Raises Malformed, NotOnRecord, and as give() does."""
        secret, at = new_secret(), self.sender.clock.now()

        def make() -> Keyed:
            hours = fields.whole("overlap_hours", overlap_hours, 0, LONGEST_OVERLAP_HOURS)
            known = self.webhooks.get(client, webhook_id)
            sealed = self.sender.seal(known.id, secret)
            return Keyed(self.webhooks.rotate(client, webhook_id, sealed, at + timedelta(hours=hours)), secret)

        def tell(made: Keyed) -> dict[str, object]:
            ends = made.webhook.old_ends
            return described(made.webhook) | {"both_sign_until": None if ends is None else iso(ends)}

        return self.registrar.give(actor, _role(actor), "webhook", "rotated", make, tell)

    def remove(self, actor: Actor, client: str, webhook_id: str) -> Done[object]:
        """Stop telling it there; what was still to be told is not."""
        done = self.registrar.take(actor, _role(actor), "webhook", "removed", {"client": client, "webhook": webhook_id})
        self.sender.forget(webhook_id)
        return done

    def again(self, actor: Actor, client: str, webhook_id: str, delivery_id: str) -> Done[Delivery]:
        """Send once more what was given up."""
        return self.registrar.give(
            actor,
            _role(actor),
            "webhook",
            "retried",
            lambda: self.webhooks.again(client, webhook_id, delivery_id, self.time.now()),
            lambda message: {"client": client, "webhook": webhook_id, "decision_id": message.decision_id},
        )

    async def test(self, actor: Actor, client: str, webhook_id: str) -> tuple[Sent, str]:
        """Send a message that says nothing, now and once; return how it went and the message's id."""
        done = await asyncio.to_thread(
            self.registrar.give,
            actor,
            _role(actor),
            "webhook",
            "tested",
            lambda: self.webhooks.test(client, webhook_id, self.time.now()),
            described,
        )
        message_id = f"msg-{secrets.token_hex(16)}"
        sent = await self.sender.send(done.value, message_id, test_body(done.value, iso(self.sender.clock.now())))
        return sent, message_id


def described(webhook: Webhook) -> dict[str, object]:
    """Return what the log says of an address: its origin and its digest. A path may hold a secret of the receiver's."""
    return {
        "client": webhook.client,
        "webhook": webhook.id,
        "origin": parse(webhook.url).origin,
        "url_sha256": hashlib.sha256(webhook.url.encode()).hexdigest(),
    }


def _role(actor: Actor) -> str | None:
    return None if actor.kind == "client" else REGISTRAR
