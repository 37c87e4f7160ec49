"""Find and align faces with dlib, and run `face_recognition` as the reference. The only importer of either; never two at once in threads.

dlib holds the GIL while it works and crashes under threads: use it in a worker process, one call at a time."""

import importlib
import importlib.util
import warnings
from collections.abc import Sequence
from typing import Any, Final

import dlib
import numpy as np
from PIL import ImageFile

from engine.errors import ModelRefused
from engine.faces import Box, Face, Point
from engine.images import Pixels, shrunk
from engine.recognisers.base import CHIP_PADDING, CHIP_SIDE, LONG_SIDE, TEMPLATE_LENGTH, UPSAMPLING, Template, dlib_digest
from engine.recognisers.weights import LANDMARKS, packaged

DLIB_VERSION: Final[str] = dlib.__version__


class FaceFinder:
    """dlib's HOG detector, its five landmarks, and the alignment that its network was trained on."""

    def __init__(self) -> None:
        self._detector = dlib.get_frontal_face_detector()
        self._landmarks = dlib.shape_predictor(str(packaged(LANDMARKS)))

    def detect(self, image: Pixels) -> list[Face]:
        """Return the faces, the surest first. Small ones are looked for only where there is no large one."""
        small, scale = shrunk(image, LONG_SIDE)
        for upsampling in UPSAMPLING:
            found, confidences, _ = self._detector.run(small, upsampling, 0.0)
            if found:
                return [self._face(image, _box(image, rect, scale), sure) for rect, sure in zip(found, confidences, strict=True)]
        return []

    def locate(self, image: Pixels, box: Box) -> Face:
        """Return the face that fills this box, for images that are known to be of a face."""
        return self._face(image, box, 0.0)

    def chips(self, image: Pixels, faces: Sequence[Face]) -> list[Pixels]:
        """Return each face aligned: 150 x 150 pixels with dlib's padding."""
        return [dlib.get_face_chip(image, _shape(face), CHIP_SIDE, CHIP_PADDING) for face in faces]

    def _face(self, image: Pixels, box: Box, confidence: float) -> Face:
        found = self._landmarks(image, dlib.rectangle(box.left, box.top, box.right, box.bottom))
        one, two, three, four, five = (Point(point.x, point.y) for point in found.parts())
        return Face(box, (one, two, three, four, five), float(confidence))


class ReferenceRecogniser:
    """`face_recognition` as its authors ship it: what every other recogniser is held against. Slow: about 150 ms a face."""

    def __init__(self, finder: FaceFinder) -> None:
        self._finder = finder
        self._package = _import_face_recognition()
        self.digest: Final = dlib_digest()
        self.name: Final = f"dlib ResNet v1 on face_recognition (dlib {DLIB_VERSION})"

    def detect(self, image: Pixels) -> list[Face]:
        """Return the faces in the image, the surest first."""
        return self._finder.detect(image)

    def chip(self, image: Pixels, face: Face) -> Pixels:
        """Return the aligned face."""
        return self._finder.chips(image, [face])[0]

    def template(self, image: Pixels, face: Face) -> Template:
        """Return the face's template of 128 numbers."""
        found: Template = self.templates(image, [face])[0]
        return found

    def templates(self, image: Pixels, faces: Sequence[Face]) -> Template:
        """Return the templates of several faces, in their order."""
        boxes = [(face.box.top, face.box.right, face.box.bottom, face.box.left) for face in faces]
        # Without boxes it would look for faces of its own.
        found: list[Template] = self._package.face_encodings(image, boxes) if boxes else []
        return np.array(found, dtype=np.float32).reshape(len(faces), TEMPLATE_LENGTH)


def _box(image: Pixels, rect: Any, scale: float) -> Box:  # noqa: ANN401 - dlib ships no types
    """Return the detector's rectangle in the image's own pixels, cut at its edges as face_recognition cuts it."""
    height, width = image.shape[:2]
    left, top, right, bottom = (round(side / scale) for side in (rect.left(), rect.top(), rect.right(), rect.bottom()))
    return Box(max(left, 0), max(top, 0), min(right, width), min(bottom, height))


def _shape(face: Face) -> Any:  # noqa: ANN401 - dlib ships no types
    box = dlib.rectangle(face.box.left, face.box.top, face.box.right, face.box.bottom)
    return dlib.full_object_detection(box, [dlib.point(point.x, point.y) for point in face.landmarks])


def _import_face_recognition() -> Any:  # noqa: ANN401 - it ships no types
    """Import the package with its traps disarmed: it warns, it may quit() the process, and it loosens Pillow for everyone."""
    if importlib.util.find_spec("pkg_resources") is None:
        raise ModelRefused("face_recognition needs pkg_resources: install setuptools below 81 (requirements.lock does).")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return importlib.import_module("face_recognition")
    except (ImportError, SystemExit) as fault:
        raise ModelRefused("face_recognition or its models cannot be imported; install requirements.lock.") from fault
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = False
