"""Open galleries and withdraw people, each in the log before it happens. Never sees a template and never wakes the recogniser."""

import asyncio
from dataclasses import dataclass

from engine.galleries.store import Galleries as TemplateGalleries
from engine.galleries.store import GalleryCount
from gateway.audit.log import Receipt
from gateway.clock import Clock
from gateway.enforcement.journal import Journal
from gateway.identity.callers import Caller
from gateway.records import entries
from gateway.registry.errors import NotOnRecord
from gateway.registry.galleries import Galleries, Gallery


@dataclass(frozen=True, slots=True)
class GalleryDesk:
    """The two halves of a gallery, its record and its templates, kept in step."""

    records: Galleries
    templates: TemplateGalleries
    journal: Journal
    clock: Clock
    recogniser: str

    async def open(self, caller: Caller, gallery: Gallery) -> tuple[Gallery, Receipt]:
        """Put a gallery on record and make it ready for templates. Raises Malformed, AlreadyOnRecord or AuditUnavailable."""
        # The record first: it checks every word, and takes the name for good.
        opened = await asyncio.to_thread(self.records.create, gallery)
        more = {"gallery": opened.id, "provenance": opened.provenance, "purposes": list(opened.purposes), "client": caller.id}
        receipt = await self.journal.write(entries.change("gallery-change", at=self.clock.now(), by=caller.id, act="opened", more=more))
        await asyncio.to_thread(self.templates.create, opened.id, self.recogniser)
        return opened, receipt

    def show(self, caller: Caller, gallery_id: str) -> tuple[Gallery, GalleryCount]:
        """Return a client's gallery and how much it holds. Raises NotOnRecord."""
        return self.records.get(caller.id, gallery_id), self.templates.count(gallery_id)

    async def withdraw(self, caller: Caller, gallery_id: str, subject: str) -> Receipt:
        """Withdraw a person from the client's own gallery. Raises NotOnRecord (gallery or subject) or AuditUnavailable."""
        await asyncio.to_thread(self.records.get, caller.id, gallery_id)
        if not await asyncio.to_thread(self.templates.holds, gallery_id, subject):
            raise NotOnRecord("subject")
        # Written before it is done: after a crash in between, the withdrawal is repeated, never forgotten.
        receipt = await self.journal.write(
            entries.change(
                "gallery-change",
                at=self.clock.now(),
                by=caller.id,
                act="withdrawn",
                more={"gallery": gallery_id, "client": caller.id, "subject": subject},
            )
        )
        await asyncio.to_thread(self.templates.withdraw, gallery_id, subject)
        return receipt
