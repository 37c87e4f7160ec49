"""Find and align faces with dlib, and run `face_recognition` as the reference. The only importer of either; never two at once in threads.

dlib holds the GIL while it works and crashes under threads: use it in a worker process, one call at a time."""

import importlib
import importlib.util
import warnings
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, Final

import dlib
import numpy as np
from PIL import Image, ImageFile

from engine.errors import ModelRefused
from engine.faces import Box, Face, Point
from engine.images import Pixels, shrunk
from engine.recognisers.base import CHIP_PADDING, CHIP_SIDE, LONG_SIDE, TEMPLATE_LENGTH, UPSAMPLING, Template, dlib_digest
from engine.recognisers.weights import LANDMARKS, packaged

DLIB_VERSION: Final[str] = dlib.__version__

# A small face that is looked for beside a large one must be surer than one that is looked for alone, or every hundredth portrait
# would be refused for a face in the pattern of a curtain. Real faces score about 1.
_SURE_BESIDE: Final = 0.2
# A closer look costs some 1.6 s a megapixel: it is for pictures so small that even their small faces can be many. What it alone may add
# is smaller than what the pass before it sees; anything larger that only it finds is a pattern.
_CLOSER_UPSAMPLING: Final = 2
_CLOSER_PIXELS: Final = 140_000
_CLOSER_SIDE: Final = 48
_SAME_FACE: Final = 0.3  # share of the smaller box that lies in the other


class FaceFinder:
    """dlib's HOG detector, its five landmarks, and the alignment that its network was trained on."""

    def __init__(self) -> None:
        self._detector = dlib.get_frontal_face_detector()
        self._landmarks = dlib.shape_predictor(str(packaged(LANDMARKS)))

    def detect(self, image: Pixels) -> list[Face]:
        """Return all faces: the large ones, the surest first, and behind them the small ones beside them.

        What would be found alone is found beside others: a crowd behind one large face is a crowd."""
        seen, scale = shrunk(image, LONG_SIDE)
        plain, twice = UPSAMPLING
        large = self._run(seen, plain, 0.0)
        if not large:
            found = self._run(seen, twice, 0.0)
        else:
            # The boxes of large faces stay those of the plain pass, for templates depend on them; the second pass counts the others.
            # It runs on grey values, which takes a third off its time.
            grey = np.ascontiguousarray(np.asarray(Image.fromarray(seen).convert("L")))
            others = self._run(grey, twice, _SURE_BESIDE)
            found = large + [other for other in others if not any(_overlap(other[0], one) for one, _ in large)]
        return [self._face(image, _box(image, rect, scale), sure) for rect, sure in found]

    def every_face(self, image: Pixels) -> list[Face]:
        """Return what `detect` finds, unchanged, and after it the smallest faces beside them where the picture is small: for counting.

        Templates, calibration and evaluation rest on `detect` alone."""
        found = self.detect(image)
        height, width = image.shape[:2]
        if not found or height * width > _CLOSER_PIXELS or max(height, width) > LONG_SIDE // 2:
            return found
        grey = np.ascontiguousarray(np.asarray(Image.fromarray(image).convert("L")))
        known = [dlib.rectangle(face.box.left, face.box.top, face.box.right, face.box.bottom) for face in found]
        more = [
            (rect, sure)
            for rect, sure in self._run(grey, _CLOSER_UPSAMPLING, _SURE_BESIDE)
            if rect.width() < _CLOSER_SIDE and not any(_overlap(rect, one) for one in known)
        ]
        return found + [self._face(image, _box(image, rect, 1.0), sure) for rect, sure in more]

    def _run(self, image: Pixels, upsampling: int, least: float) -> list[tuple[Any, float]]:
        found, confidences, _ = self._detector.run(image, upsampling, least)
        return list(zip(found, confidences, strict=True))

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


class AlignedRecogniser(ABC):
    """The half that all recognisers with dlib's alignment share; what makes templates of aligned faces is for the other half to say."""

    def __init__(self, finder: FaceFinder, name: str) -> None:
        self._finder = finder
        self.digest: Final = dlib_digest()
        self.name: Final = name

    def detect(self, image: Pixels) -> list[Face]:
        """Return the faces in the image, the surest first."""
        return self._finder.detect(image)

    def every_face(self, image: Pixels) -> list[Face]:
        """Return the faces in the image, and the smallest ones beside them: what a count is of."""
        return self._finder.every_face(image)

    def chip(self, image: Pixels, face: Face) -> Pixels:
        """Return the aligned face."""
        return self._finder.chips(image, [face])[0]

    def template(self, image: Pixels, face: Face) -> Template:
        """Return the face's template of 128 numbers."""
        found: Template = self.templates(image, [face])[0]
        return found

    @abstractmethod
    def templates(self, image: Pixels, faces: Sequence[Face]) -> Template:
        """Return the templates of several faces, in their order."""


class ReferenceRecogniser(AlignedRecogniser):
    """`face_recognition` as its authors ship it: what every other recogniser is held against. Slow: about 150 ms a face."""

    def __init__(self, finder: FaceFinder) -> None:
        super().__init__(finder, f"dlib ResNet v1 on face_recognition (dlib {DLIB_VERSION})")
        self._package = _import_face_recognition()

    def templates(self, image: Pixels, faces: Sequence[Face]) -> Template:
        """Return the templates of several faces, in their order."""
        boxes = [(face.box.top, face.box.right, face.box.bottom, face.box.left) for face in faces]
        # Without boxes it would look for faces of its own.
        found: list[Template] = self._package.face_encodings(image, boxes) if boxes else []
        return np.array(found, dtype=np.float32).reshape(len(faces), TEMPLATE_LENGTH)


def _overlap(one: Any, other: Any) -> bool:  # noqa: ANN401 - dlib ships no types
    """Say whether two rectangles are of one face."""
    return bool(one.intersect(other).area() > _SAME_FACE * min(one.area(), other.area()))


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
