"""What is measured of a face follows what was done to it, and each shortcoming has its own reason."""

from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, ImageFilter

from engine.errors import ImageReason
from engine.faces import Box, Face, Point, Quality
from engine.images import Picture, Pixels
from engine.quality import ENROLMENT, PROBE, measure, shortcomings
from engine.recognisers.onnx import OnnxRecogniser

Portrait = Callable[[str], Picture]
GOOD = Quality(side=120, sharpness=100.0, brightness=120.0, contrast=50.0, roll=2.0, yaw=3.0, inside=1.0)


@pytest.fixture
def measured(recogniser: OnnxRecogniser) -> Callable[[Pixels], Quality]:
    def look(image: Pixels) -> Quality:
        face = recogniser.detect(image)[0]
        return measure(image, face, recogniser.chip(image, face))

    return look


def edited(image: Pixels, edit: Callable[[Image.Image], Image.Image]) -> Pixels:
    return np.ascontiguousarray(np.asarray(edit(Image.fromarray(image))))


@pytest.mark.parametrize("name", ["astronaut.png", "biden.jpg", "obama.jpg", "obama2.jpg", "obama3.jpg"])
def test_an_official_portrait_may_be_enrolled(name: str, portrait: Portrait, measured: Callable[[Pixels], Quality]) -> None:
    assert shortcomings(measured(portrait(name).pixels), ENROLMENT) == []


def test_a_blurred_face_is_called_blurred(portrait: Portrait, measured: Callable[[Pixels], Quality]) -> None:
    blurred = edited(portrait("obama.jpg").pixels, lambda image: image.filter(ImageFilter.GaussianBlur(14)))
    assert [fault.code for fault in shortcomings(measured(blurred))] == [ImageReason.TOO_BLURRED]


def test_a_dark_face_is_called_dark(portrait: Portrait, measured: Callable[[Pixels], Quality]) -> None:
    dark = edited(portrait("obama.jpg").pixels, lambda image: image.point(lambda value: value // 8))
    assert ImageReason.TOO_DARK in [fault.code for fault in shortcomings(measured(dark))]


def test_a_tilted_head_is_measured_in_degrees(portrait: Portrait, measured: Callable[[Pixels], Quality]) -> None:
    upright = measured(portrait("obama.jpg").pixels)
    tilted = measured(edited(portrait("obama.jpg").pixels, lambda image: image.rotate(-15)))
    assert tilted.roll - upright.roll == pytest.approx(15, abs=3)


def test_a_face_cut_by_the_edge_is_not_all_inside(portrait: Portrait, measured: Callable[[Pixels], Quality]) -> None:
    assert measured(portrait("obama.jpg").pixels).inside == 1.0
    partial = measured(portrait("obama_partial_face.jpg").pixels)
    assert partial.inside < ENROLMENT.inside
    assert [fault.code for fault in shortcomings(partial, ENROLMENT)] == [ImageReason.CUT_OFF]


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"side": 39}, ImageReason.TOO_SMALL),
        ({"sharpness": 1.0}, ImageReason.TOO_BLURRED),
        ({"brightness": 10.0}, ImageReason.TOO_DARK),
        ({"brightness": 250.0}, ImageReason.TOO_BRIGHT),
        ({"roll": -60.0}, ImageReason.TURNED_AWAY),
        ({"yaw": -80.0}, ImageReason.TURNED_AWAY),
        ({"inside": 0.3}, ImageReason.CUT_OFF),
    ],
)
def test_each_shortcoming_has_its_own_reason(changed: dict[str, float], reason: ImageReason) -> None:
    values = {name: getattr(GOOD, name) for name in Quality.__slots__} | changed
    (fault,) = shortcomings(Quality(**values), PROBE)
    assert fault.code == reason
    assert fault.sentence.endswith(".")


def test_a_nose_turned_to_the_side_is_yaw() -> None:
    eyes = (Point(160, 100), Point(140, 100), Point(60, 100), Point(80, 100))
    image, chip = np.zeros((200, 220, 3), np.uint8), np.zeros((150, 150, 3), np.uint8)
    box = Box(50, 50, 170, 170)
    frontal = measure(image, Face(box, (*eyes, Point(110, 140)), 1.0), chip)
    turned = measure(image, Face(box, (*eyes, Point(140, 140)), 1.0), chip)
    assert abs(frontal.yaw) < 1
    assert turned.yaw > 35


def test_landmarks_that_all_fall_together_are_answered_without_an_error() -> None:
    point = Point(10, 10)
    found = measure(np.zeros((60, 60, 3), np.uint8), Face(Box(0, 0, 50, 50), (point,) * 5, 0.0), np.zeros((150, 150, 3), np.uint8))
    assert ImageReason.TURNED_AWAY in [fault.code for fault in shortcomings(found)]
