"""Turn an uploader's bytes into upright RGB pixels, or refuse them: hostile input ends here. Knows no face, and keeps nothing but pixels.

The order matters: 1. length  2. the file's own outside, without decoding  3. declared size  4. decoding, bounded by 3
5. what the camera says, read and then thrown away  6. upright, 8 bits, three channels."""

import io
import warnings
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile

from engine.containers import Outside, check_rows, read_outside
from engine.errors import ImageReason, ImageRefused
from engine.faces import Capture

Pixels = NDArray[np.uint8]

BYTES_LIMIT: Final = 8 * 1024 * 1024
SIDE_LEAST: Final = 40
SIDE_MOST: Final = 6000
PIXELS_MOST: Final = 12_000_000

_EXIF: Final = 0x8769
_DATE_TAGS: Final = ((0x9003, 0x9011), (0x9004, 0x9012))  # taken, digitised; each with the tag of its offset from UTC
_TURNS: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_WEST_OF_UTC: Final = timedelta(hours=12)


@dataclass(frozen=True, slots=True)
class Picture:
    """Upright RGB pixels (height, width, 3; uint8, contiguous) and what the file said of its making."""

    pixels: Pixels
    capture: Capture


def read_picture(data: bytes) -> Picture:
    """Return the one picture in these bytes, turned upright as its EXIF says, with transparency flattened onto white.

    Raises ImageRefused, and nothing else but MemoryError, whatever the bytes are."""
    # 1
    if len(data) > BYTES_LIMIT:
        raise ImageRefused(ImageReason.TOO_LARGE, f"The image has {len(data):,} bytes; send at most {BYTES_LIMIT:,}.")
    # 2
    outside = read_outside(data)
    # 3
    _check_size(outside)
    if outside.format == "PNG":
        check_rows(data)
    # 4, 5
    image, taken_at = _decode(data, outside)
    # 6
    pixels = np.ascontiguousarray(np.asarray(image, dtype=np.uint8))
    return Picture(pixels, Capture(outside.format, image.width, image.height, taken_at))


def _check_size(outside: Outside) -> None:
    width, height = outside.width, outside.height
    if min(width, height) < SIDE_LEAST:
        raise ImageRefused(ImageReason.TOO_SMALL, f"The image is {width} x {height} pixels; each side needs at least {SIDE_LEAST}.")
    if max(width, height) > SIDE_MOST or width * height > PIXELS_MOST:
        raise ImageRefused(
            ImageReason.TOO_MANY_PIXELS,
            f"The image is {width} x {height} pixels; send at most {SIDE_MOST} a side and {PIXELS_MOST:,} in all.",
        )


def _decode(data: bytes, outside: Outside) -> tuple[Image.Image, datetime | None]:
    # face_recognition sets this for the whole process as it is imported; a truncated picture would then pass as a grey one.
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    try:
        with warnings.catch_warnings():
            # An oversized picture is an error. Broken EXIF warns too, but the picture may be honest.
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data), formats=(outside.format,)) as image:
                _check_opened(image, outside)
                image.load()
                taken_at, orientation = _read_camera(image)
                return _upright(_flat(image), orientation), taken_at
    except (ImageRefused, MemoryError):
        raise
    except Exception as fault:  # Pillow's decoders raise a dozen types on rubbish; here every one means the same
        if "truncated" in str(fault).lower():
            raise ImageRefused(
                ImageReason.TRUNCATED, f"This {outside.format} file ends before its picture does; send the whole file."
            ) from None
        raise _undecodable(outside) from None


def _check_opened(image: Image.Image, outside: Outside) -> None:
    if getattr(image, "n_frames", 1) != 1:
        raise ImageRefused(ImageReason.ANIMATED, f"This {outside.format} file holds several pictures; send a single one.")
    if image.size != (outside.width, outside.height):
        raise _undecodable(outside)


def _undecodable(outside: Outside) -> ImageRefused:
    return ImageRefused(ImageReason.CORRUPT, f"This {outside.format} file cannot be decoded; save the picture anew and send that.")


def _flat(image: Image.Image) -> Image.Image:
    """Return the picture in 8-bit RGB as a person would see it on white paper."""
    if image.mode.startswith("I;16"):
        wide = np.asarray(image).astype(np.uint32)
        return Image.fromarray((wide // 257).astype(np.uint8)).convert("RGB")
    if image.mode in ("I", "F"):
        raise ValueError(image.mode)
    if image.has_transparency_data:
        seen = image.convert("RGBA")
        paper = Image.new("RGBA", seen.size, (255, 255, 255, 255))
        return Image.alpha_composite(paper, seen).convert("RGB")
    return image.convert("RGB")


def _upright(image: Image.Image, orientation: int) -> Image.Image:
    turn = _TURNS.get(orientation)
    return image if turn is None else image.transpose(turn)


def _read_camera(image: Image.Image) -> tuple[datetime | None, int]:
    """Return when the file says it was taken and which way is up. Broken EXIF is common in honest files: it says nothing."""
    try:
        exif = image.getexif()
        orientation = exif.get(0x0112, 1)
        detail = exif.get_ifd(_EXIF)
        taken = next((_moment(detail.get(date), detail.get(offset)) for date, offset in _DATE_TAGS if detail.get(date)), None)
    except MemoryError:
        raise
    except Exception:  # as in _decode: the EXIF parser raises whatever it stumbles over
        return None, 1
    return taken, orientation if isinstance(orientation, int) else 1


def _moment(date: object, offset: object) -> datetime | None:
    """Return the latest moment that a camera's local date allows: without an offset it may have stood twelve hours west of UTC."""
    try:
        local = datetime.strptime(str(date).strip("\0 "), "%Y:%m:%d %H:%M:%S")  # noqa: DTZ007 - the zone follows on the next lines
        if offset is None:
            return local.replace(tzinfo=UTC) + _WEST_OF_UTC
        zone = datetime.strptime(str(offset).strip("\0 "), "%z").tzinfo
        return local.replace(tzinfo=zone if isinstance(zone, timezone) else UTC).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def shrunk(pixels: Pixels, long_side: int) -> tuple[Pixels, float]:
    """Return the picture with no side longer than that, and by how much it was scaled (1.0: not at all)."""
    height, width = pixels.shape[:2]
    scale = long_side / max(height, width)
    if scale >= 1:
        return pixels, 1.0
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.ascontiguousarray(np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BOX), dtype=np.uint8)), scale
