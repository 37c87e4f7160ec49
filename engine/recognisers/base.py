"""What any recogniser must be able to do, and how one is named. Knows no file, no gallery and no threshold."""

import hashlib
import json
from collections.abc import Sequence
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from engine.faces import Face
from engine.images import Pixels
from engine.recognisers.weights import LANDMARKS, NETWORK

Template = NDArray[np.float32]

TEMPLATE_LENGTH: Final = 128
CHIP_SIDE: Final = 150
CHIP_PADDING: Final = 0.25
LONG_SIDE: Final = 1280
UPSAMPLING: Final = (0, 1)


class Recogniser(Protocol):
    """From pixels to faces, and from a face to a template. Templates are compared only where their recognisers' digests are equal."""

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of everything that makes its templates what they are: weights, detector, alignment."""
        ...

    @property
    def name(self) -> str:
        """What to call it in a report, with what it runs on."""
        ...

    def detect(self, image: Pixels) -> list[Face]:
        """Return the faces in the image, the surest first; empty where there is none."""
        ...

    def every_face(self, image: Pixels) -> list[Face]:
        """Return what `detect` returns, and after it the smallest faces beside them that only a closer look shows: for counting."""
        ...

    def chip(self, image: Pixels, face: Face) -> Pixels:
        """Return the aligned face: 150 x 150 RGB pixels, eyes level."""
        ...

    def template(self, image: Pixels, face: Face) -> Template:
        """Return the face's template: 128 float32 numbers; Euclidean distance is the raw score."""
        ...

    def templates(self, image: Pixels, faces: Sequence[Face]) -> Template:
        """Return the templates of several faces of one image, shape (faces, 128), in their order."""
        ...


def dlib_digest() -> str:
    """Return the digest of dlib's network behind dlib's detector and alignment.

    What runs the network is not part of it: the reference recogniser and the ONNX one give the same template to 1e-5
    (tests/engine/test_recognisers.py), so their templates may meet."""
    parts = {
        "network": NETWORK.sha256,
        "landmarks": LANDMARKS.sha256,
        "detector": f"dlib frontal HOG; long side {LONG_SIDE}; upsampling {UPSAMPLING}",
        "chip": f"{CHIP_SIDE} px; padding {CHIP_PADDING}",
        "template": f"{TEMPLATE_LENGTH} float32; Euclidean",
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
