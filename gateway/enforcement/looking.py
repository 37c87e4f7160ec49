"""Show a reviewer the two faces of a likeness: the probe's as it was sealed with the result, the candidate's as its gallery keeps it.

Decides nothing: whoever asks has been found to hold the claim. A candidate's picture never lies outside its gallery, so that it is
gone when the person is."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from engine.errors import EngineError, GalleryRefused, GalleryUnknown
from engine.faces import Answer, Candidate, Portrait
from engine.galleries.store import Galleries as TemplateGalleries
from engine.orders import SubjectReference
from engine.stamps import OrderSeal
from engine.views import ViewOrder, seal_view
from engine.workers.pool import Workers
from gateway.enforcement.answers import NotReady
from gateway.enforcement.waiting import Content, WaitingRoom
from gateway.errors import CustodesError
from gateway.registry.errors import NotOnRecord
from gateway.registry.galleries import Galleries
from gateway.review.calibration import Pairs
from gateway.review.queue import Review


class PictureUnknown(CustodesError):
    """There is no such picture: none was kept, or the person was withdrawn since."""

    code = "unknown-picture"

    def __init__(self) -> None:
        super().__init__("No picture is kept of this face; compare the agency's own, or say that you cannot tell.")


class Side(StrEnum):
    """Which of the two faces."""

    PROBE = "probe"
    CANDIDATE = "candidate"


@dataclass(frozen=True, slots=True)
class Likeness:
    """What there is to look at: whether each of the two faces has a picture, and what makes the probe hard to judge."""

    subject: str
    probe: bool
    picture: bool
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Looking:
    """The pictures of held results."""

    waiting: WaitingRoom
    pairs: Pairs
    records: Galleries
    templates: TemplateGalleries
    workers: Workers
    seal: OrderSeal
    boot: str

    async def likeness(self, review: Review, number: int) -> Likeness:
        """Return what there is to see of a candidate, in the result's own order. Raises ResultShredded."""
        if review.held.pair is not None:
            pair = await asyncio.to_thread(self.pairs.get, review.held.pair)
            return Likeness("", pair is not None, pair is not None, () if pair is None else pair.probe.warnings)
        content, portraits = await self.waiting.opened(review), await self.waiting.portraits(review)
        candidate = candidate_of(content.answer, number)
        probe = _of(portraits, 0, candidate.face)
        whom = _enrolled(content, number)
        pictured = _of(portraits, 1) is not None if whom is None else await asyncio.to_thread(self._pictured, whom)
        # Of a comparison the name that was compared would say how it ended; there are two faces, and that is all.
        subject = candidate.subject if content.answer.verified is None else ""
        return Likeness(subject, probe is not None, pictured, () if probe is None else probe.warnings)

    async def picture(self, review: Review, number: int, side: Side) -> bytes:
        """Return one of the two faces as a JPEG. Raises PictureUnknown, ResultShredded, NotReady."""
        if review.held.pair is not None:
            pair = await asyncio.to_thread(self.pairs.get, review.held.pair)
            if pair is None:
                raise PictureUnknown
            return pair.probe.jpeg if side is Side.PROBE else pair.candidate.jpeg
        content, portraits = await self.waiting.opened(review), await self.waiting.portraits(review)
        whom = _enrolled(content, number)
        if side is Side.PROBE or whom is None:
            face = candidate_of(content.answer, number).face if side is Side.PROBE else None
            found = _of(portraits, 0 if side is Side.PROBE else 1, face)
            jpeg = None if found is None else found.jpeg
        else:
            jpeg = await self._enrolled_face(review, whom)
        if jpeg is None:
            raise PictureUnknown
        return jpeg

    async def _enrolled_face(self, review: Review, whom: SubjectReference) -> bytes | None:
        if not await asyncio.to_thread(self._pictured, whom):
            return None
        # By the machine's clock, by which the workers live.
        order = ViewOrder(self.boot, review.held.outcome_index, whom, datetime.now(UTC))
        try:
            return await self.workers.look(seal_view(order, self.seal))
        except (GalleryRefused, GalleryUnknown):
            return None  # withdrawn in this very moment
        except EngineError as fault:
            raise NotReady("The picture cannot be opened now; try again shortly.") from fault

    def _pictured(self, whom: SubjectReference) -> bool:
        try:
            # Pictures of a closed gallery are shown to nobody, whether or not their bytes are gone yet.
            return self.records.get(None, whom.gallery).state == "open" and self.templates.pictured(whom.gallery, whom.subject)
        except (NotOnRecord, EngineError):
            return False


def candidate_of(answer: Answer, number: int) -> Candidate:
    """Return a candidate; a comparison that found none alike has none, and is judged all the same."""
    if number < len(answer.candidates):
        return answer.candidates[number]
    return Candidate("", 0.0, 0.0)


def _enrolled(content: Content, number: int) -> SubjectReference | None:
    """Return where the candidate is enrolled; None where two images were compared."""
    answer = content.answer
    if content.compared is not None:
        return content.compared
    if answer.gallery is None or answer.verified is not None:
        return None
    return SubjectReference(answer.gallery, candidate_of(answer, number).subject)


def _of(portraits: Sequence[Portrait], image: int, face: int | None = None) -> Portrait | None:
    of_image = [portrait for portrait in portraits if portrait.image == image]
    named = [portrait for portrait in of_image if face is None or portrait.face == face]
    # A comparison that found nobody alike names no face: there was but one.
    return next(iter(named or (of_image if len(of_image) == 1 else [])), None)
