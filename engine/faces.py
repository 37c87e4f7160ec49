"""The plain values that cross the engine's border: boxes, faces, candidates, answers. They hold no pixel and no template."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in pixels of the upright image; `right` and `bottom` lie just outside it."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        """Columns covered."""
        return self.right - self.left

    @property
    def height(self) -> int:
        """Rows covered."""
        return self.bottom - self.top


@dataclass(frozen=True, slots=True)
class Point:
    """A place in the upright image, in pixels."""

    x: int
    y: int


@dataclass(frozen=True, slots=True)
class Face:
    """One detected face: where it is, its five landmarks, and how sure the detector was.

    Landmarks stand in the order of dlib's 5-point predictor: the right-hand eye's outer and inner corner as the viewer sees it,
    the left-hand eye's outer and inner corner, the base of the nose."""

    box: Box
    landmarks: tuple[Point, Point, Point, Point, Point]
    confidence: float


@dataclass(frozen=True, slots=True)
class Quality:
    """What can be measured of a face before it is recognised.

    `side` is the face box's shorter side in pixels of the original; `sharpness` the variance of the Laplacian of the aligned face;
    `brightness` and `contrast` the mean and spread of its grey values (0..255); `roll` and `yaw` degrees away from upright and frontal
    (yaw is a rough estimate from five points); `inside` the share of the face box that lies in the image (0..1)."""

    side: int
    sharpness: float
    brightness: float
    contrast: float
    roll: float
    yaw: float
    inside: float


@dataclass(frozen=True, slots=True)
class Capture:
    """What the file says of its own making, read before everything but the pixels is thrown away. Never stored.

    `taken_at` is the latest moment that the file's own date allows (a camera's word, not proof), so that a frame is never
    believed to be older than it can be; None where the file has no date."""

    format: str
    width: int
    height: int
    taken_at: datetime | None = None

    def age_at(self, now: datetime) -> timedelta | None:
        """Return the least age that the file's date allows, never below zero; None where it has no date."""
        return None if self.taken_at is None else max(now - self.taken_at, timedelta(0))


@dataclass(frozen=True, slots=True)
class Candidate:
    """One enrolled subject that scored at or above the threshold for one face of the probe.

    `similarity` is 100 x (1 - estimated false match rate at this score); `expected_false_candidates` how many strangers of this gallery
    would score as high by chance."""

    subject: str
    similarity: float
    expected_false_candidates: float
    face: int = 0


@dataclass(frozen=True, slots=True)
class Portrait:
    """One face that was compared, as a small JPEG for the people who will look. `warnings` name what makes it hard to judge.

    `image` is 0 for the probe and 1 for a second image; `face` its face's place there."""

    image: int
    face: int
    jpeg: bytes
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """What a worker gives back for one work order: counts and candidates, never a template, and of an image nothing but `portraits`
    of the faces that were compared, where the order asks for them because people will look.

    `boot` and `call` are the worker's own monotone counter; `generation` is the state of the gallery that was searched. `verified` is
    set for 1:1 alone, `enrolled` for enrolment alone. `sketches` and `scene` are keyed digests (sketches.py), for the gateway alone."""

    order_id: str
    operation: str
    boot: str
    call: int
    recogniser: str
    capture: Capture
    faces: tuple[Face, ...]
    qualities: tuple[Quality, ...]
    started_at: datetime
    ended_at: datetime
    candidates: tuple[Candidate, ...] = ()
    threshold_similarity: float | None = None
    gallery: str | None = None
    generation: int = 0
    gallery_size: int = 0
    calibration: str | None = None
    cohort: str | None = None
    verified: bool | None = None
    enrolled: str | None = None
    remarks: tuple[str, ...] = field(default=())
    sketches: tuple[str, ...] = ()
    scene: str | None = None
    portraits: tuple[Portrait, ...] = ()
