"""Turn a permitted request into the one work order that its durable intent allows. Knows no purpose by then, and seals nothing."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from engine.orders import GalleryState, Operation, SearchLimits, SubjectReference, WorkOrder
from gateway.enforcement.images import Images

# What each operation of the vocabulary means to the engine. A search of a live frame is, to the engine, a search.
ENGINE_OPERATION = {
    "detect": Operation.DETECT,
    "verify": Operation.VERIFY,
    "identify": Operation.IDENTIFY,
    "live_identify": Operation.IDENTIFY,
    "enroll": Operation.ENROLL,
}


@dataclass(frozen=True, slots=True)
class Work:
    """What is to be done, as far as it can be said before the intent has its place in the log."""

    operation: Operation
    limits: SearchLimits
    seconds: float
    gallery: GalleryState | None = None
    subject: SubjectReference | None = None
    person: SubjectReference | None = None
    without: tuple[str, ...] = ()
    portraits: bool = False


def order_for(work: Work, images: Images, *, boot: str, order_id: str, intent_index: int, now: datetime) -> WorkOrder:
    """Return the order that this intent, and no other, gives for these images."""
    digests = images.digests
    two = work.operation is Operation.VERIFY and len(digests) == 2
    return WorkOrder(
        boot=boot,
        intent_index=intent_index,
        operation=work.operation,
        image_sha256=digests[0],
        second_sha256=digests[1] if two else None,
        limits=work.limits,
        issued_at=now,
        expires_at=now + timedelta(seconds=work.seconds),
        gallery=work.gallery,
        subject=None if two else work.subject,
        person=work.person,
        without=work.without,
        order_id=order_id,
        portraits=work.portraits,
    )
