"""Remove what nobody may use any more: photos whose retention has ended, pictures of closed galleries, and the photos of persons of
closed cases.

No search has used them since their end; this takes away their bytes, each time behind an entry in the log."""

import asyncio
import contextlib
from dataclasses import dataclass

from engine.errors import EngineError
from engine.galleries.store import Galleries as TemplateGalleries
from gateway.clock import Clock
from gateway.enforcement.answers import AuditUnavailable
from gateway.enforcement.journal import Journal
from gateway.enforcement.registered import gallery_of, shred
from gateway.records import entries
from gateway.registry.cases import Cases
from gateway.registry.galleries import Galleries


@dataclass(frozen=True, slots=True)
class Keeping:
    """The sweep over all galleries of one home."""

    cases: Cases
    records: Galleries
    templates: TemplateGalleries
    journal: Journal
    clock: Clock

    async def for_ever(self, seconds: float) -> None:
        """Sweep now and every so many seconds; what cannot be done, or recorded, is tried again by the next sweep."""
        while True:
            # Readiness tells of a log that cannot write, and the next search of a gallery that cannot be read.
            with contextlib.suppress(AuditUnavailable, EngineError):
                await self.sweep()
            await asyncio.sleep(seconds)

    async def sweep(self) -> int:
        """Remove what has ended, and return how many photos and persons that were. Raises AuditUnavailable or EngineError."""
        removed = 0
        names = await asyncio.to_thread(self.templates.names)
        for name in names:
            if ended := await asyncio.to_thread(self.templates.ended, name):
                await self._write("retention-ended", {"gallery": name, "photos": ended})
                removed += await asyncio.to_thread(self.templates.remove_ended, name)
        for record in await asyncio.to_thread(self.records.all):
            if record.state != "open" and record.id in names and (kept := await asyncio.to_thread(self.templates.portraits, record.id)):
                await self._write("pictures-removed", {"gallery": record.id, "pictures": kept})
                removed += await asyncio.to_thread(self.templates.forget_portraits, record.id)
        for case in await asyncio.to_thread(self.cases.closed):
            if gallery_of(case.client_id, case.reference) in names:
                await self._write("person-shredded", {"client": case.client_id, "case_ref": case.reference})
                removed += await asyncio.to_thread(shred, self.templates, case.client_id, case.reference)
        return removed

    async def _write(self, act: str, more: dict[str, object]) -> None:
        await self.journal.write(entries.change("gallery-change", at=self.clock.now(), by="retention", act=act, more=more))
