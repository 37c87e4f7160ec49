"""Throw away what has had its day: answers kept for repeated requests, and counters of days that are over. Touches nothing that decides."""

import asyncio
import contextlib
from typing import Final

from gateway.clock import Clock
from gateway.errors import CustodesError
from gateway.registry.idempotency import IdempotencyKeys
from gateway.registry.quotas import Quotas

EVERY_SECONDS: Final = 3600.0


async def keep_tidy(keys: IdempotencyKeys, quotas: Quotas, clock: Clock) -> None:
    """Tidy up now and every hour, until cancelled. What the database does not allow now is left to the next time."""
    while True:
        with contextlib.suppress(CustodesError):
            await asyncio.to_thread(keys.forget_old)
            await asyncio.to_thread(quotas.forget_days_before, clock.now())
        await asyncio.sleep(EVERY_SECONDS)
