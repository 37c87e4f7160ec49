"""Say of one image, before anything is done with it, whether it could be searched with or enrolled. Knows no gallery; names nobody."""

from dataclasses import asdict

from engine.errors import ImageReason, ImageRefused
from engine.faces import Face, Quality
from engine.images import Picture, read_picture
from engine.quality import ENROLMENT, PROBE, measure, shortcomings
from engine.recognisers.base import Recogniser


def check(data: bytes, recogniser: Recogniser) -> dict[str, object]:
    """Return what can be said of an image as one JSON object.

    Accepted: its format, its size, its faces with their measures, and whether each could be a probe or be enrolled. Refused: a reason
    code and a sentence. Never raises for what the bytes are."""
    try:
        picture = read_picture(data)
    except ImageRefused as refusal:
        return {"accepted": False, "reason": refusal.code, "sentence": refusal.sentence}
    faces = recogniser.every_face(picture.pixels)
    if not faces:
        return {"accepted": False, "reason": ImageReason.NO_FACE.value, "sentence": "No face was found in this image."}
    capture = picture.capture
    return {
        "accepted": True,
        "format": capture.format,
        "width": capture.width,
        "height": capture.height,
        "taken_at": None if capture.taken_at is None else capture.taken_at.isoformat(),
        "faces": [_face(picture, face, recogniser) for face in faces],
    }


def _face(picture: Picture, face: Face, recogniser: Recogniser) -> dict[str, object]:
    quality = measure(picture.pixels, face, recogniser.chip(picture.pixels, face))
    return {
        "box": asdict(face.box),
        "confidence": round(face.confidence, 3),
        "quality": {name: round(value, 3) for name, value in asdict(quality).items()},
        "probe": _faults(quality, enrolment=False),
        "enrolment": _faults(quality, enrolment=True),
    }


def _faults(quality: Quality, *, enrolment: bool) -> list[dict[str, str]]:
    """Return what stands in the way of the use; empty if nothing does."""
    found = shortcomings(quality, ENROLMENT if enrolment else PROBE)
    return [{"reason": fault.code, "sentence": fault.sentence} for fault in found]
