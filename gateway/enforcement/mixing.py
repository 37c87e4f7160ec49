"""Mix pairs whose truth is known among the results that wait, so that nobody can tell which is which. Releases nothing, to nobody."""

import asyncio
import secrets
import uuid
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from gateway.clock import Clock
from gateway.review.calibration import Pairs
from gateway.review.queue import HeldResult, Queue

# Not at once: what always appeared a moment after a result would be known for what it is.
_SOONEST_SECONDS: Final = 60
_LATEST_SECONDS: Final = 900


@dataclass(frozen=True, slots=True)
class Mixing:
    """Adds a pair to the queue for so many of a hundred results. It takes after the result that brought it along: purpose, operation
    and how many people are asked for are those of a real one."""

    queue: Queue
    pairs: Pairs
    clock: Clock
    percent: int

    async def after(self, held: HeldResult) -> None:
        """Perhaps add a pair, to be seen within the next quarter of an hour."""
        dice = secrets.SystemRandom()
        if dice.randrange(100) >= self.percent:
            return
        pair, truth = await asyncio.to_thread(self.pairs.draw)
        like = HeldResult(
            id=secrets.token_hex(12),
            decision_id=str(uuid.uuid4()),
            client="",
            case_ref="",
            purpose=held.purpose,
            operation=held.operation,
            needed=held.needed,
            candidates=1,
            intent_index=0,
            outcome_index=0,
            facts={},
            sealed=b"",
            pair=pair,
            truth=truth,
        )
        since = self.clock.now() + timedelta(seconds=dice.randrange(_SOONEST_SECONDS, _LATEST_SECONDS))
        await asyncio.to_thread(self.queue.put, like, since)
