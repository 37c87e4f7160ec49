"""Cut one face out of a picture for people to look at: upright, small, and made anew from pixels alone. Knows nobody, and keeps nothing.

What people are shown is what was compared, and no more: one face with its hair, ears and chin, and not who stood beside it."""

import io
from typing import Final

from PIL import Image

from engine.faces import Face
from engine.images import Pixels
from engine.quality import alignment

SIDE: Final = 320
PADDING: Final = 0.6  # of the face's own width, on every side: enough for ears, hairline and chin
BYTES_MOST: Final = 128 * 1024
_QUALITY: Final = 88


def portrait(image: Pixels, face: Face) -> bytes:
    """Return the face as a JPEG of SIDE x SIDE pixels, eyes level. It holds pixels and nothing else: no date, place or camera.

    What lies outside the picture is grey."""
    scale, turn, shift = alignment(face)
    # One pixel of the portrait is so many of the picture; beyond two, a single sample would alias what it skips.
    step = scale * (1 + 2 * PADDING) / SIDE
    source = Image.fromarray(image)
    shrink = max(1, int(step))
    if shrink > 1:
        source = source.reduce(shrink)
    # A pixel (u, v) of the portrait lies at turn @ (step * (u, v) - scale * padding) + shift of the picture.
    corner = shift - scale * PADDING * turn.sum(axis=1)
    rows = [(step * turn[n, 0] / shrink, step * turn[n, 1] / shrink, corner[n] / shrink) for n in (0, 1)]
    upright = source.transform(
        (SIDE, SIDE), Image.Transform.AFFINE, (*rows[0], *rows[1]), resample=Image.Resampling.BICUBIC, fillcolor=(128, 128, 128)
    )
    out = io.BytesIO()
    upright.save(out, "JPEG", quality=_QUALITY)
    return out.getvalue()
