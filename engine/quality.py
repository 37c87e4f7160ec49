"""Measure what a face image is worth before anyone is named by it, and say what is wrong with it. Knows no identity."""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.errors import ImageReason, ImageRefused
from engine.faces import Face, Quality
from engine.images import Pixels

# Where dlib's alignment puts the five landmarks, as shares of the unpadded face (dlib, image_transforms/interpolation.h).
_MEAN_FACE: Final = np.array(
    [(0.8595674595992, 0.2134981538014), (0.6460604764104, 0.2289674387677), (0.1205750620789, 0.2137274526848),
     (0.3340850613712, 0.2290642403242), (0.4901123135679, 0.6277975316475)]
)  # fmt: skip
_CHIP_PADDING: Final = 0.25
_GREY: Final = np.array([0.299, 0.587, 0.114])


@dataclass(frozen=True, slots=True)
class QualityLimits:
    """What a face must have to be used; the defaults are for probes, `ENROLMENT` for what stays in a gallery.

    The probe's limits refuse almost none of the 2,311 faces found in faces-pairs; enrolment's refuse about one in twenty-five of them."""

    side: int = 40
    sharpness: float = 5.0
    brightness_least: float = 25.0
    brightness_most: float = 235.0
    roll: float = 45.0
    yaw: float = 60.0
    inside: float = 0.60


PROBE: Final = QualityLimits()
ENROLMENT: Final = QualityLimits(side=60, sharpness=12.0, brightness_least=40.0, brightness_most=220.0, roll=30.0, yaw=35.0, inside=0.95)


def measure(image: Pixels, face: Face, chip: Pixels) -> Quality:
    """Return the measures of one face; `chip` is the same face aligned by the recogniser."""
    grey = chip @ _GREY
    roll, yaw = _pose(face)
    return Quality(
        side=min(face.box.width, face.box.height),
        sharpness=float(_laplacian(grey).var()),
        brightness=float(grey.mean()),
        contrast=float(grey.std()),
        roll=roll,
        yaw=yaw,
        inside=_share_inside(image, face),
    )


def shortcomings(quality: Quality, limits: QualityLimits = PROBE) -> list[ImageRefused]:
    """Return why this face should not be used, the gravest first; empty if it may be."""
    found: list[ImageRefused] = []

    def unless(fine: bool, reason: ImageReason, sentence: str) -> None:
        if not fine:
            found.append(ImageRefused(reason, sentence))

    unless(quality.side >= limits.side, ImageReason.TOO_SMALL, f"The face is {quality.side} pixels wide; it needs {limits.side}.")
    unless(
        quality.inside >= limits.inside,
        ImageReason.CUT_OFF,
        f"Only {quality.inside:.0%} of the face lies in the picture; it needs {limits.inside:.0%}.",
    )
    unless(
        quality.sharpness >= limits.sharpness,
        ImageReason.TOO_BLURRED,
        f"The face is too blurred (sharpness {quality.sharpness:.0f}; it needs {limits.sharpness:.0f}).",
    )
    unless(
        quality.brightness >= limits.brightness_least,
        ImageReason.TOO_DARK,
        f"The face is too dark (brightness {quality.brightness:.0f} of 255; it needs {limits.brightness_least:.0f}).",
    )
    unless(
        quality.brightness <= limits.brightness_most,
        ImageReason.TOO_BRIGHT,
        f"The face is too bright (brightness {quality.brightness:.0f} of 255; at most {limits.brightness_most:.0f}).",
    )
    unless(
        abs(quality.roll) <= limits.roll and abs(quality.yaw) <= limits.yaw,
        ImageReason.TURNED_AWAY,
        f"The head is turned away (by about {abs(quality.yaw):.0f} degrees) or tilted ({abs(quality.roll):.0f} degrees);"
        f" at most {limits.yaw:.0f} and {limits.roll:.0f}.",
    )
    return found


def _laplacian(grey: NDArray[np.float64]) -> NDArray[np.float64]:
    inner = grey[1:-1, 1:-1]
    return grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:] - 4 * inner


def _pose(face: Face) -> tuple[float, float]:
    """Return roll and yaw in degrees: the tilt of the line between the eyes, and how far the nose stands from their middle.

    On a frontal face the base of the nose lies under the middle; turned sideways it wanders by about the nose's own depth."""
    points = np.array([(point.x, point.y) for point in face.landmarks], dtype=np.float64)
    right, left, nose = points[:2].mean(axis=0), points[2:4].mean(axis=0), points[4]
    between = right - left
    distance = float(np.hypot(*between))
    if distance == 0:
        return 0.0, 90.0
    along = float((nose - (right + left) / 2) @ between) / distance
    depth = 0.55 * distance  # the nose stands out by about half the distance between the eyes
    return math.degrees(math.atan2(between[1], between[0])), math.degrees(math.asin(max(-1.0, min(1.0, along / depth))))


def alignment(face: Face) -> tuple[float, NDArray[np.float64], NDArray[np.float64]]:
    """Return the scale, rotation and shift that bring the unpadded aligned face, a square of side 1, to its place in the image."""
    return _similarity(_MEAN_FACE, np.array([(point.x, point.y) for point in face.landmarks], dtype=np.float64))


def _share_inside(image: Pixels, face: Face) -> float:
    """Return the share of the aligned face (without its padding) that comes from inside the image."""
    scale, turn, shift = alignment(face)
    steps = (np.arange(16) + 0.5) / 16
    grid = np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2)
    placed = scale * grid @ turn.T + shift
    height, width = image.shape[:2]
    inside = (placed >= 0).all(axis=1) & (placed[:, 0] < width) & (placed[:, 1] < height)
    return float(inside.mean())


def _similarity(source: NDArray[np.float64], target: NDArray[np.float64]) -> tuple[float, NDArray[np.float64], NDArray[np.float64]]:
    """Return the scale, rotation and shift that bring source nearest to target (Umeyama 1991)."""
    mean_source, mean_target = source.mean(axis=0), target.mean(axis=0)
    centred = source - mean_source
    u, singular, vt = np.linalg.svd((target - mean_target).T @ centred)
    signs = np.array([1.0, np.sign(np.linalg.det(u @ vt)) or 1.0])
    turn = (u * signs) @ vt
    scale = float((singular * signs).sum() / (centred**2).sum())
    return scale, turn, mean_target - scale * turn @ mean_source
