"""Bring every message to its client, or give it up and say so. One process of a home does so at a time; what is owed outlives all of them.

A message is on record before it is first sent, and is sent until it was taken: a receiver may see one twice, under one id."""

import asyncio
import contextlib
import time
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from gateway.audit.errors import AuditError
from gateway.enforcement.registrar import Actor, Registrar
from gateway.enforcement.webhooks.sending import GONE, Sender, Sent, body_of
from gateway.errors import CustodesError
from gateway.registry.timekeeping import Timekeeping
from gateway.registry.webhooks import DELIVERED, GIVEN_UP, Delivery, Webhook, Webhooks
from gateway.review.endings import TOLD_AS, Endings
from gateway.store.leases import Lease

GATEWAY: Final = Actor("gateway", "")
# How long after each failed attempt the next one comes: the schedule that Standard Webhooks proposes, some three days in all.
WAITS: Final = tuple(timedelta(seconds=seconds) for seconds in (5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400))
_LONGEST_QUIET: Final = timedelta(hours=1)
_BATCH: Final = 64
_AT_ONCE: Final = 8
_ROUND_SECONDS: Final = 20.0  # well under the lease's minute, with the last attempt's ten seconds on top


@dataclass(frozen=True, slots=True)
class Rounded:
    """What one round did: whether it was this process's turn, and the messages that were taken, put off, or given up."""

    ours: bool
    delivered: tuple[str, ...] = ()
    put_off: tuple[str, ...] = ()
    given_up: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Courier:
    """The one that carries."""

    webhooks: Webhooks
    endings: Endings
    sender: Sender
    registrar: Registrar
    time: Timekeeping
    lease: Lease
    _one_at_a_time: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def round(self) -> Rounded:
        """Look once: 1 the lease; 2 what clients are to be told; 3 what is due is sent, each address for itself; 4 and recorded.

        Raises AuditUnavailable, StoreUnavailable or LeaseLost; what was not recorded is sent again."""
        async with self._one_at_a_time:
            # 1, 2
            due = await asyncio.to_thread(self._due)
            if due is None:
                return Rounded(ours=False)
            # 3, 4
            by_address: dict[str, list[tuple[Webhook, Delivery]]] = defaultdict(list)
            for webhook, message in due:
                by_address[webhook.id].append((webhook, message))
            place, until = asyncio.Semaphore(_AT_ONCE), time.monotonic() + _ROUND_SECONDS
            ended = await asyncio.gather(*(self._deliver(messages, place, until) for messages in by_address.values()))
        moved = [one for messages in ended for one in messages]
        return Rounded(True, *(tuple(name for name, became in moved if became == state) for state in (DELIVERED, "due", GIVEN_UP)))

    def _due(self) -> tuple[tuple[Webhook, Delivery], ...] | None:
        known = self.webhooks.all()
        if not known:
            return None  # a house without webhooks takes no lease and writes nothing
        if not self.lease.take(self.sender.clock.now()):
            return None
        self.time.refresh()
        now = self.time.now()
        for webhook in known:
            for decision_id, change in self.endings.untold(webhook):
                self.webhooks.owe(webhook.id, decision_id, change, now)
        return self.webhooks.due(now, _BATCH)

    async def _deliver(self, messages: list[tuple[Webhook, Delivery]], place: asyncio.Semaphore, until: float) -> list[tuple[str, str]]:
        """Send one address's messages, oldest first; after one that failed, the others wait with it."""
        moved: list[tuple[str, str]] = []
        async with place:
            for webhook, message in messages:
                if time.monotonic() >= until:
                    break
                sent = await self.sender.send(webhook, message.id, body_of(message))
                became = await asyncio.to_thread(self._record, webhook, message, sent)
                moved.append((message.id, became))
                if became != DELIVERED:
                    break
        return moved

    def _record(self, webhook: Webhook, message: Delivery, sent: Sent) -> str:
        """Keep how an attempt ended. The log hears of the end: that it was taken, or was given up, and after how many attempts."""
        if sent.delivered:
            self._end(webhook, message, DELIVERED, sent)
            return DELIVERED
        if sent.status == GONE or message.attempts >= len(WAITS):
            self._end(webhook, message, GIVEN_UP, sent)
            if sent.status == GONE:
                said = {"client": webhook.client, "webhook": webhook.id, "why": sent.why}
                self.registrar.give(GATEWAY, None, "webhook", "stopped", lambda: self.webhooks.stop(webhook.id), lambda _stopped: said)
            return GIVEN_UP
        quiet = min(WAITS[0] * 2 ** min(webhook.failures, 20), _LONGEST_QUIET)
        self._put_off(message, sent.why, WAITS[message.attempts], quiet)
        return "due"

    def _end(self, webhook: Webhook, message: Delivery, state: str, sent: Sent) -> None:
        def make() -> Delivery:
            self.lease.must_hold()
            return self.webhooks.end(message.id, state, sent.why, self.time.now())

        said = {"client": webhook.client, "webhook": webhook.id, "decision_id": message.decision_id, "message": message.id}
        self.registrar.give(
            GATEWAY,
            None,
            "webhook",
            state,
            make,
            lambda ended: {**said, "became": TOLD_AS[ended.change], "attempts": ended.attempts, "why": sent.why},
        )

    def _put_off(self, message: Delivery, why: str, wait: timedelta, quiet: timedelta) -> None:
        now = self.time.now()
        with self.endings.database.unit():
            self.lease.must_hold()
            self.webhooks.fail(message.id, why, now + wait, now + quiet)


async def carry(courier: Courier, seconds: float) -> None:
    """Look every so many seconds, for as long as the service runs."""
    while True:
        # Log or registry cannot be written now, or another process has taken over: the next round finds the same messages.
        with contextlib.suppress(CustodesError, AuditError):
            await courier.round()
        await asyncio.sleep(seconds)
