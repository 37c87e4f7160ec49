"""Write an entry when nothing else was written for a while, so that silence in the log shows. Never sees a request."""

import asyncio
from collections.abc import Callable

from gateway.clock import Clock
from gateway.enforcement.answers import AuditUnavailable
from gateway.enforcement.journal import Journal
from gateway.records import entries


async def beat(journal: Journal, clock: Clock, seconds: float, calls: Callable[[], int], boot: str) -> None:
    """Look every so many seconds; if the log has not grown since the last look, say that the service lives and what its engine counts."""
    size = journal.log.size
    while True:
        await asyncio.sleep(seconds)
        if journal.log.size == size:
            try:
                await journal.write(entries.note("heartbeat", at=clock.now(), more={"boot": boot, "calls": calls()}))
            except AuditUnavailable:
                # The next request hears of it too, and readiness says so; the heart goes on trying.
                continue
        size = journal.log.size
