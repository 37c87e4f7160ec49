"""Send one message to one webhook: opened secrets, signed headers, a pinned address. Says how it went, and keeps nothing."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from gateway.clock import Clock, iso
from gateway.enforcement.webhooks import signing
from gateway.enforcement.webhooks.addresses import AddressRefused, AllowList, Resolver
from gateway.enforcement.webhooks.posting import SECONDS, Post, Undelivered
from gateway.registry.webhooks import Delivery, Webhook
from gateway.review.endings import TOLD_AS
from gateway.review.vault import ResultShredded, Vault

GONE: Final = 410


@dataclass(frozen=True, slots=True)
class Sent:
    """How one attempt went: the status of the answer, if there was one, and a word or number that says why it counts or does not."""

    status: int | None
    why: str

    @property
    def delivered(self) -> bool:
        """Whether the receiver has taken the message: any 2xx, and nothing else."""
        return self.status is not None and 200 <= self.status < 300


@dataclass(frozen=True, slots=True)
class Sender:
    """The one way by which a message leaves the house."""

    allowed: AllowList
    vault: Vault
    clock: Clock
    resolve: Resolver
    post: Post

    async def send(self, webhook: Webhook, message_id: str, body: bytes) -> Sent:
        """Try once. Never raises for anything that the receiver, its name or the network does."""
        try:
            async with asyncio.timeout(SECONDS):
                address, places = await self.allowed.pinned(webhook.url, self.resolve)
            known = await asyncio.to_thread(self._secrets, webhook)
            status = await self.post(address, places, signing.headers(known, message_id, self.clock.now(), body), body)
        except AddressRefused as refused:
            return Sent(None, refused.code)
        except (OSError, UnicodeError):
            return Sent(None, "unreachable")
        except TimeoutError:
            return Sent(None, "too-slow")
        except Undelivered as fault:
            return Sent(None, str(fault))
        except ResultShredded:
            return Sent(None, "secret-gone")
        return Sent(status, str(status))

    def seal(self, webhook_id: str, secret: str) -> bytes:
        """Seal a secret for the register, under a key file of this webhook's own."""
        return self.vault.seal(_key(webhook_id), webhook_id, secret.encode())

    def forget(self, webhook_id: str) -> None:
        """Destroy the key: what was sealed with it cannot be opened again, wherever a copy lies."""
        self.vault.shred(_key(webhook_id))

    def _secrets(self, webhook: Webhook) -> list[str]:
        """Return the secret, and the one before it for as long as both sign."""
        sealed = [webhook.sealed]
        if webhook.old_sealed is not None and webhook.old_ends is not None and self.clock.now() < webhook.old_ends:
            sealed.append(webhook.old_sealed)
        return [self.vault.unseal(_key(webhook.id), webhook.id, one).decode() for one in sealed]


def body_of(message: Delivery) -> bytes:
    """Return what a client is told: that a decision of its changed its state. The same bytes at each attempt."""
    state = TOLD_AS[message.change]
    return _body(f"decision.{state}", iso(message.made_at), {"decision_id": message.decision_id, "state": state})


def test_body(webhook: Webhook, at: str) -> bytes:
    """Return what a receiver is sent for a test."""
    return _body("webhook.test", at, {"webhook": webhook.id})


def _body(kind: str, at: str, data: Mapping[str, str]) -> bytes:
    return json.dumps({"type": kind, "timestamp": at, "data": data}, separators=(",", ":")).encode()


def _key(webhook_id: str) -> str:
    return f"webhook/{webhook_id}"
