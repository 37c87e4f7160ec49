"""Open, confirm and close galleries, and withdraw people, each in the log before it is true. Sees no template, wakes no recogniser."""

import asyncio
from dataclasses import dataclass
from typing import Final

from engine.errors import GalleryUnknown
from engine.galleries.store import Galleries as TemplateGalleries
from engine.galleries.store import GalleryCount
from gateway.audit.log import Receipt
from gateway.clock import Clock
from gateway.enforcement.journal import Journal
from gateway.enforcement.registrar import Actor, Done, Registrar
from gateway.identity.callers import Caller
from gateway.records import entries
from gateway.registry.errors import NotOnRecord
from gateway.registry.galleries import Galleries, Gallery

REGISTRAR: Final = "registrar"


@dataclass(frozen=True, slots=True)
class GalleryRecordDesk:
    """The record of a gallery. Every step blocks for a commit; it raises what Registrar.give() and take() raise."""

    registrar: Registrar
    records: Galleries

    def open(self, actor: Actor, gallery: Gallery) -> Done[Gallery]:
        """Put a gallery on record: a client its own, a registrar anybody's. It serves once another person has confirmed its provenance."""
        return self.registrar.give(
            actor,
            None if actor == Actor("client", gallery.owner) else REGISTRAR,
            "gallery-change",
            "opened",
            lambda: self.records.create(gallery, actor.name),
            _told,
        )

    def confirm(self, actor: Actor, gallery_id: str) -> Done[Gallery]:
        """Say, as a registrar, that the faces come from where the owner says."""
        return self.registrar.give(
            actor, REGISTRAR, "gallery-change", "provenance-confirmed", lambda: self.records.confirm(gallery_id, actor.name), _told
        )

    def close(self, actor: Actor, gallery_id: str) -> Done[Gallery]:
        """Stop every use of a gallery, for good; its owner may, and a registrar."""
        own = {"client": actor.id} if actor.kind == "client" else {}
        done = self.registrar.take(actor, None if own else REGISTRAR, "gallery-change", "closed", {"gallery": gallery_id, **own})
        return Done(self.records.get(own.get("client"), gallery_id), done.receipt)


@dataclass(frozen=True, slots=True)
class GalleryDesk:
    """The two halves of a gallery, its record and its templates, kept in step."""

    desk: GalleryRecordDesk
    records: Galleries
    templates: TemplateGalleries
    journal: Journal
    clock: Clock
    recogniser: str

    async def open(self, caller: Caller, gallery: Gallery) -> tuple[Gallery, Receipt]:
        """Put a gallery of the calling client on record. Raises Malformed, AlreadyOnRecord or AuditUnavailable."""
        done = await asyncio.to_thread(self.desk.open, Actor.of(caller), gallery)
        return done.value, done.receipt

    def show(self, caller: Caller, gallery_id: str) -> tuple[Gallery, GalleryCount]:
        """Return a client's gallery and how much it holds; to staff, anybody's. Raises NotOnRecord."""
        record = self.records.get(caller.id if caller.kind == "client" else None, gallery_id)
        try:
            return record, self.templates.count(gallery_id)
        except GalleryUnknown:
            return record, GalleryCount(0, 0, 0)  # nobody has been enrolled yet

    async def withdraw(self, caller: Caller, gallery_id: str, subject: str) -> Receipt:
        """Withdraw a person from the client's own gallery. Raises NotOnRecord (gallery or subject) or AuditUnavailable."""
        await asyncio.to_thread(self.records.get, caller.id, gallery_id)
        if not await asyncio.to_thread(self._holds, gallery_id, subject):
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

    def _holds(self, gallery_id: str, subject: str) -> bool:
        try:
            return self.templates.holds(gallery_id, subject)
        except GalleryUnknown:
            return False


def _told(gallery: Gallery) -> dict[str, object]:
    return {
        "gallery": gallery.id,
        "client": gallery.owner,
        "provenance": gallery.provenance,
        "purposes": list(gallery.purposes),
        "pictures": gallery.pictures,
    }
