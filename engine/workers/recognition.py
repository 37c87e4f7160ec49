"""Carry out one work order, from sealed bytes to answer: the whole way of a probe through a worker, to be read from top to bottom.
Never learns why it was ordered, keeps nothing of the image, and lets no template out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from engine.errors import EngineError, ImageReason, ImageRefused, PersonRefused
from engine.faces import Answer, Candidate, Face, Portrait, Quality
from engine.galleries.store import GalleryRecord
from engine.galleries.vault import NewTemplate, Vault
from engine.images import Picture, read_picture
from engine.index import Indexes
from engine.matching import Matcher, Probe, Scale, as_held
from engine.orders import Accepted, GalleryState, Operation, SearchLimits, SubjectReference, WorkOrder
from engine.portraits import portrait
from engine.quality import ENROLMENT, PROBE, measure, shortcomings
from engine.recognisers.base import Recogniser
from engine.sketches import Sketcher

SECOND_IMAGE = "second-image"  # the name of the candidate when two images are compared
_ONE_FACE = (Operation.VERIFY, Operation.ENROLL)


@dataclass(frozen=True, slots=True)
class _Seen:
    """What one picture showed: all its faces, and those of them that are good enough to be compared."""

    picture: Picture
    faces: tuple[Face, ...]
    qualities: tuple[Quality, ...]
    usable: tuple[int, ...]
    remarks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Found:
    """What the operation added to the answer."""

    candidates: tuple[Candidate, ...] = ()
    scale: Scale | None = None
    gallery: GalleryState | None = None
    gallery_size: int = 0
    verified: bool | None = None
    enrolled: str | None = None
    second: _Seen | None = None


class Recognition:
    """A worker's equipment and its one skill."""

    def __init__(
        self,
        recogniser: Recogniser,
        matcher: Matcher,
        vault: Vault,
        indexes: Indexes,
        now: Callable[[], datetime],
        sketcher: Sketcher | None = None,
    ) -> None:
        self._recogniser = recogniser
        self._matcher = matcher
        self._vault = vault
        self._indexes = indexes
        self._now = now
        self._sketcher = sketcher

    def carry_out(self, accepted: Accepted, images: Sequence[bytes], announce: Callable[[int], None]) -> Answer:
        """Return the answer to an order that orders.accept has accepted for exactly these images.

        1 the order is checked and spent (orders.accept: seal, boot, time, images, once)  2 hostile input ends  3 faces are found and
        counted against the order  4 poor ones are turned away  5 templates are made  6 the probe must be the case's person, where
        the order says so  7 the operation itself  8 the answer: counts, candidates, digests. Raises EngineError with the engine's
        own number of the order; `announce` hears how many templates must be read from disk before 7."""
        # 1 has happened
        order, started_at = accepted.order, self._now()
        try:
            # 2, 3, 4
            seen = self._look(images[0], order.operation, order.limits)
            # 5
            probes = self._probes(seen) if order.operation is not Operation.DETECT else ()
            # 6
            if order.person is not None:
                self._require_person(order.person, probes, order.limits)
            # 7
            found = self._perform(order, probes, images, seen, announce)
        except EngineError as refusal:
            refusal.call = accepted.call
            raise
        # 8
        answer = self._answer(accepted, seen, found, started_at)
        if order.portraits:
            answer = replace(answer, portraits=self._portraits(seen, found))
        return self._sketched(answer, seen, probes)

    def _portraits(self, seen: _Seen, found: _Found) -> tuple[Portrait, ...]:
        """Return the faces that were named or compared, for people to look at; who else is in the picture is nobody's business."""
        faces = {candidate.face for candidate in found.candidates} or (set(seen.usable[:1]) if found.verified is not None else set())
        of_probe = tuple(_portrait(seen, 0, face) for face in sorted(faces))
        return of_probe if found.second is None else (*of_probe, _portrait(found.second, 1, found.second.usable[0]))

    def _sketched(self, answer: Answer, seen: _Seen, probes: Sequence[Probe]) -> Answer:
        """Add what the gateway needs to notice that searches are alike: of a search alone, and only where there is a key."""
        if self._sketcher is None or answer.operation != Operation.IDENTIFY:
            return answer
        sketches = tuple(self._sketcher.person(probe.template) for probe in probes)
        return replace(answer, sketches=sketches, scene=self._sketcher.scene(seen.picture.pixels))

    def _look(self, image: bytes, operation: Operation, limits: SearchLimits) -> _Seen:
        picture = read_picture(image)
        faces = tuple(self._recogniser.every_face(picture.pixels))
        detecting, enrolling = operation is Operation.DETECT, operation is Operation.ENROLL
        _require_count(len(faces), 1 if operation in _ONE_FACE else limits.max_faces, none_will_do=detecting)
        qualities = tuple(measure(picture.pixels, face, self._recogniser.chip(picture.pixels, face)) for face in faces)
        faults = [shortcomings(quality, ENROLMENT if enrolling else PROBE) for quality in qualities]
        lenient = detecting or (limits.accept_poor_quality and not enrolling)
        usable = tuple(number for number, short in enumerate(faults) if lenient or not short)
        if faces and not usable:
            raise faults[0][0]
        remarks = tuple(f"face {number}: {reason.code}" for number, short in enumerate(faults) for reason in short)
        return _Seen(picture, faces, qualities, usable, remarks)

    def _probes(self, seen: _Seen) -> tuple[Probe, ...]:
        templates = self._recogniser.templates(seen.picture.pixels, [seen.faces[number] for number in seen.usable])
        return self._matcher.probes(seen.usable, templates)

    def _require_person(self, person: SubjectReference, probes: Sequence[Probe], limits: SearchLimits) -> None:
        """Every face that would be compared must be the registered person: one that is would otherwise carry a crowd with it."""
        record, held = self._vault.subject(person)
        scale = self._matcher.scale(normalised=record.normalised)
        if any(self._matcher.verify(probe, held, scale, limits.person_similarity) is None for probe in probes):
            raise PersonRefused("The image is not of the person whose photos this case has registered; it was not searched for.")

    def _perform(
        self, order: WorkOrder, probes: Sequence[Probe], images: Sequence[bytes], seen: _Seen, announce: Callable[[int], None]
    ) -> _Found:
        match order.operation:
            case Operation.DETECT:
                return _Found()
            case Operation.IDENTIFY:
                assert order.gallery is not None
                return self._identify(order, order.gallery, probes, announce)
            case Operation.VERIFY:
                return self._verify(order, probes[0], images)
            case Operation.ENROLL:
                assert order.subject is not None
                return self._enroll(order, order.subject, probes[0], seen)

    def _identify(self, order: WorkOrder, gallery: GalleryState, probes: Sequence[Probe], announce: Callable[[int], None]) -> _Found:
        record, index = self._indexes.current(gallery, announce)
        scale = self._matcher.scale(normalised=record.normalised)
        limits, without = order.limits, frozenset(order.without)
        candidates = self._matcher.identify(probes, index, scale, limits.min_similarity, limits.max_candidates, without)
        return _Found(candidates, scale, _state(record), index.subjects)

    def _verify(self, order: WorkOrder, probe: Probe, images: Sequence[bytes]) -> _Found:
        second = None
        if order.subject is not None:
            record, held = self._vault.subject(order.subject)
            scale, state = self._matcher.scale(normalised=record.normalised), _state(record)
        else:
            second = self._look(images[1], Operation.VERIFY, order.limits)
            (other,) = self._probes(second)
            held, scale, state = as_held(other, SECOND_IMAGE), self._matcher.scale(normalised=True), None
        match = self._matcher.verify(probe, held, scale, order.limits.min_similarity)
        return _Found((match,) if match else (), scale, state, 1, verified=match is not None, second=second)

    def _enroll(self, order: WorkOrder, subject: SubjectReference, probe: Probe, seen: _Seen) -> _Found:
        photo = order.photo
        picture = portrait(seen.picture.pixels, seen.faces[probe.face]) if order.portraits else b""
        new = NewTemplate(subject.subject, photo, probe.template, portrait=picture)
        record = self._vault.enroll(GalleryState(subject.gallery, subject.generation), new)
        return _Found(gallery=_state(record), enrolled=photo)

    def _answer(self, accepted: Accepted, seen: _Seen, found: _Found, started_at: datetime) -> Answer:
        order, scale = accepted.order, found.scale
        return Answer(
            order_id=order.order_id,
            operation=order.operation,
            boot=order.boot,
            call=accepted.call,
            recogniser=self._recogniser.digest,
            capture=seen.picture.capture,
            faces=seen.faces,
            qualities=seen.qualities,
            started_at=started_at,
            ended_at=self._now(),
            candidates=found.candidates,
            threshold_similarity=order.limits.min_similarity if scale else None,
            gallery=found.gallery.gallery if found.gallery else None,
            generation=found.gallery.generation if found.gallery else 0,
            gallery_size=found.gallery_size,
            calibration=scale.digest if scale else None,
            cohort=scale.calibration.cohort if scale else None,
            verified=found.verified,
            enrolled=found.enrolled,
            remarks=seen.remarks,
        )


def _portrait(seen: _Seen, image: int, face: int) -> Portrait:
    # By the stricter limits: what may be compared by a machine may still be hard to judge by eye.
    warnings = tuple(str(short.code) for short in shortcomings(seen.qualities[face], ENROLMENT))
    return Portrait(image, face, portrait(seen.picture.pixels, seen.faces[face]), warnings)


def _require_count(faces: int, most: int, *, none_will_do: bool) -> None:
    if faces == 0 and not none_will_do:
        raise ImageRefused(ImageReason.NO_FACE, "No face was found in the image; send one that shows the face from the front.")
    if faces > most:
        raise ImageRefused(
            ImageReason.SEVERAL_FACES, f"The image shows {faces} faces, and this order allows {most}; send a narrower picture."
        )


def _state(record: GalleryRecord) -> GalleryState:
    return GalleryState(record.name, record.generation)
