"""Write records into the log so that nothing happens that is not recorded, and no intent stays open for ever. Decides nothing."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field

from gateway.audit.errors import AuditError
from gateway.audit.log import AuditLog, Receipt
from gateway.clock import Clock
from gateway.enforcement.answers import AuditUnavailable
from gateway.records import entries
from gateway.records.commitments import Record
from gateway.records.explorer import Explorer, OpenIntent


@dataclass(slots=True)
class Journal:
    """The one way from enforcement into the log."""

    log: AuditLog
    explorer: Explorer
    clock: Clock
    _unclosed: list[OpenIntent] = field(default_factory=list)

    async def write(self, record: Record) -> Receipt:
        """Add the record and return once it would survive a power cut.

        Raises AuditUnavailable if it might not; the caller must then neither act nor release anything."""
        try:
            if self._unclosed:
                await self._close_what_stayed_open()
            return await self.log.append(record.body, record.openings)
        except AuditError as fault:
            raise AuditUnavailable("The audit log cannot take an entry, so nothing was done. Try again shortly.") from fault

    def outcome_was_lost(self, intent: OpenIntent) -> None:
        """Remember an intent whose outcome the log did not take; it is closed as abandoned with the next entry that succeeds."""
        self._unclosed.append(intent)

    async def abandon(self, intents: Iterable[OpenIntent], why: str) -> int:
        """Close intents whose outcome nobody will ever know; return how many. Raises AuditUnavailable."""
        count = 0
        for intent in intents:
            await self.write(entries.abandoned(at=self.clock.now(), intent_index=intent.index, decision_id=intent.decision_id, why=why))
            count += 1
        return count

    async def _close_what_stayed_open(self) -> None:
        # Taken out first: two requests may come here at once, and an intent is closed once.
        lost, self._unclosed = self._unclosed, []
        try:
            # An append that failed may have reached the disk all the same: the log itself says what is still open.
            still_open = {intent.index for intent in await asyncio.to_thread(self.explorer.open_intents)}
            while lost:
                if lost[-1].index in still_open:
                    record = entries.abandoned(
                        at=self.clock.now(), intent_index=lost[-1].index, decision_id=lost[-1].decision_id, why="outcome-not-recorded"
                    )
                    await self.log.append(record.body, record.openings)
                lost.pop()
        finally:
            self._unclosed += lost
