"""Register the photos of the person whom a case seeks, so that no search under the case starts from anybody else's face.

Never sees a template: photos go to a worker by an ordered enrolment, into a gallery of the case's own, under a key of its own."""

import asyncio
from dataclasses import dataclass

from engine.errors import GalleryRefused, GalleryUnknown
from engine.galleries.store import Galleries as TemplateGalleries
from gateway.audit.log import Receipt
from gateway.enforcement.declaration import Declaration
from gateway.enforcement.desks.papers import REGISTRAR
from gateway.enforcement.images import ImageSource
from gateway.enforcement.pipeline import Pipeline, Served
from gateway.enforcement.registered import gallery_of, shred
from gateway.enforcement.registrar import Actor, Registrar
from gateway.identity.callers import Caller
from gateway.registry.cases import Case, Cases
from gateway.registry.errors import NotOnRecord
from gateway.registry.lookups import View


@dataclass(frozen=True, slots=True)
class PersonPhotos:
    """The photos of the people whom cases seek: counted, and withdrawn. Wakes no recogniser."""

    cases: Cases
    templates: TemplateGalleries
    registrar: Registrar

    def photos(self, client: str, reference: str) -> int:
        """Count the photos of the client's case. Raises NotOnRecord. Blocks."""
        self.cases.get(client, reference)
        try:
            return self.templates.count(gallery_of(client, reference)).photos
        except GalleryUnknown:
            return 0

    def withdraw(self, actor: Actor, client: str, reference: str) -> Receipt:
        """Shred the photos and their key; from then on the case asks nothing of a probe. The client itself may, or a registrar.

        Raises NotOnRecord, or as Registrar.give. Blocks."""
        case = self.cases.get(client, reference)
        if not case.reference_face and not self.photos(client, reference):
            raise NotOnRecord("person")
        # In the log before it is true; photos that a crash leaves go on being held against every probe, and can be withdrawn again.
        done = self.registrar.give(
            actor,
            None if actor == Actor("client", client) else REGISTRAR,
            "case-change",
            "person-withdrawn",
            lambda: self.cases.withdraw_face(client, reference),
            _told,
        )
        shred(self.templates, client, reference)
        return done.receipt


@dataclass(frozen=True, slots=True)
class PersonDesk(PersonPhotos):
    """Where a photo comes in, by a decision, an order and entries of its own, as every enrolment."""

    pipeline: Pipeline
    recogniser: str

    async def register(self, caller: Caller, declaration: Declaration, source: ImageSource, view: View) -> Served:
        """Add one photo of the person. A second photo must be of the person on the first.

        Raises as Pipeline.run; the photo is in the case's gallery when this returns, and counts from the next search on."""
        reference = declaration.case_ref or ""
        case = await asyncio.to_thread(self.cases.get, caller.id, reference)
        await asyncio.to_thread(self._make_gallery, gallery_of(caller.id, reference))
        served = await self.pipeline.run(caller, declaration, source, view)
        if not case.reference_face:
            await asyncio.to_thread(
                self.registrar.give,
                Actor.of(caller),
                None,
                "case-change",
                "person-registered",
                lambda: self.cases.register_face(caller.id, reference),
                _told,
            )
        return served

    def _make_gallery(self, name: str) -> None:
        try:
            self.templates.create(name, self.recogniser)
        except GalleryRefused as refusal:
            if refusal.code != "gallery-exists":
                raise


def _told(case: Case) -> dict[str, object]:
    return {"client": case.client_id, "case_ref": case.reference}
