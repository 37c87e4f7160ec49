"""Read what an image file says of itself, without decoding a pixel. Knows the outsides of JPEG, PNG and WEBP, and nothing of Pillow.

Every loop here is bounded by the length of the file, and every size is checked before anyone allocates it."""

import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from engine.errors import ImageReason, ImageRefused

METADATA_LIMIT: Final = 1024 * 1024
CHUNK_LIMIT: Final = 10_000
SCAN_LIMIT: Final = 64  # a progressive JPEG has about ten; each costs a pass over the whole picture

_PNG: Final = b"\x89PNG\r\n\x1a\n"
_PNG_COMPRESSED: Final = frozenset({b"zTXt", b"iTXt", b"iCCP"})
_PNG_METADATA: Final = _PNG_COMPRESSED | {b"tEXt", b"eXIf"}
_PNG_CHANNELS: Final = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_ADAM7: Final = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
_JPEG_FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_JPEG_SCAN: Final = 0xDA
_JPEG_END: Final = 0xD9
_JPEG_BARE: Final = frozenset({0x01, *range(0xD0, 0xD8)})
_WEBP_ANIMATED: Final = 0x02
_AFTER_SCAN: Final = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")


@dataclass(frozen=True, slots=True)
class Outside:
    """The format and the declared size of an image file that has one frame and an end."""

    format: str
    width: int
    height: int


def read_outside(data: bytes) -> Outside:
    """Return what the file declares. Raises ImageRefused for anything that is not one whole JPEG, PNG or WEBP picture."""
    if data.startswith(b"\xff\xd8\xff"):
        return _read_jpeg(data)
    if data.startswith(_PNG):
        return _read_png(data)
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return _read_webp(data)
    raise ImageRefused(ImageReason.NOT_AN_IMAGE, "These bytes are not a JPEG, PNG or WEBP image; send one of those.")


def _read_png(data: bytes) -> Outside:
    chunks = _png_chunks(data)
    kind, header = next(chunks)
    if kind != b"IHDR" or len(header) != 13:
        raise _corrupt("PNG", "it does not begin with its header")
    metadata, saw_pixels = 0, False
    for kind, body in chunks:
        if kind in (b"acTL", b"fcTL", b"fdAT"):
            raise _several("PNG")
        if kind in _PNG_METADATA:
            metadata += _inflated(kind, body)
            if metadata > METADATA_LIMIT:
                raise _metadata("PNG")
        saw_pixels = saw_pixels or kind == b"IDAT"
    if not saw_pixels:
        raise _corrupt("PNG", "it has no pixels")
    return Outside("PNG", int.from_bytes(header[:4], "big"), int.from_bytes(header[4:8], "big"))


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield each chunk's kind and body up to the one that ends the file; raises ImageRefused where the file ends before it."""
    at = len(_PNG)
    for _ in range(CHUNK_LIMIT):
        length, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        if at + 12 + length > len(data):
            raise _truncated("PNG")
        yield kind, data[at + 8 : at + 8 + length]
        if kind == b"IEND":
            return
        at += 12 + length
    raise _metadata("PNG")


def check_rows(data: bytes) -> None:
    """Raise ImageRefused if a PNG's rows end before its picture does: Pillow would fill up with black and say nothing.

    It unpacks the rows, so the size must have been allowed; data is a PNG that read_outside has let pass."""
    header, rows = b"", []
    for kind, body in _png_chunks(data):
        if kind == b"IHDR":
            header = body
        elif kind == b"IDAT":
            rows.append(body)
    missing, packed = _row_bytes(header), b"".join(rows)
    unpacker = zlib.decompressobj()
    try:
        while missing > 0:
            got = unpacker.decompress(packed, 1024 * 1024)
            if not got:
                raise _truncated("PNG")
            missing, packed = missing - len(got), unpacker.unconsumed_tail
    except zlib.error:
        raise _corrupt("PNG", "its pixels cannot be unpacked") from None


def _row_bytes(header: bytes) -> int:
    """Return how many bytes a PNG's rows have once unpacked: a filter byte and the pixels of each row of each pass."""
    width, height = int.from_bytes(header[:4], "big"), int.from_bytes(header[4:8], "big")
    bits = header[8] * _PNG_CHANNELS.get(header[9], 1)
    passes = _ADAM7 if header[12] else ((0, 0, 1, 1),)
    total = 0
    for x, y, step_x, step_y in passes:
        columns, lines = -(-(width - x) // step_x), -(-(height - y) // step_y)
        total += lines * (1 + (columns * bits + 7) // 8) if columns > 0 else 0
    return total


def _inflated(kind: bytes, body: bytes) -> int:
    """Return how large a metadata chunk is once unpacked, unpacking at most one byte more than is allowed."""
    if kind not in _PNG_COMPRESSED:
        return len(body)
    keyword, _, rest = body.partition(b"\0")
    if kind == b"iTXt":
        if rest[:1] != b"\1":
            return len(body)
        packed = rest[2:].split(b"\0", 2)[-1]
    else:
        packed = rest[1:]
    try:
        return len(keyword) + len(zlib.decompressobj().decompress(packed, METADATA_LIMIT + 1))
    except zlib.error:
        raise _corrupt("PNG", "one of its text chunks cannot be unpacked") from None


def _read_jpeg(data: bytes) -> Outside:
    size: tuple[int, int] | None = None
    metadata = scans = 0
    for marker, body in _jpeg_segments(data):
        if marker in _JPEG_FRAMES:
            if size is not None or len(body) < 6:
                raise _corrupt("JPEG", "its frame header is broken or comes twice")
            size = int.from_bytes(body[3:5], "big"), int.from_bytes(body[1:3], "big")
        elif marker == _JPEG_SCAN:
            scans += 1
            if scans > SCAN_LIMIT:
                raise _corrupt("JPEG", f"it has more than {SCAN_LIMIT} scans")
        elif marker >= 0xE0:
            metadata += len(body)
            if metadata > METADATA_LIMIT:
                raise _metadata("JPEG")
    if size is None or not scans:
        raise _corrupt("JPEG", "it has no pixels")
    return Outside("JPEG", *size)


def _jpeg_segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield each segment's marker and body up to the one that ends the picture, stepping over the coded pixels of each scan."""
    at = 2
    while True:
        at, marker = _next_marker(data, at)
        if marker == _JPEG_END:
            return
        if marker in _JPEG_BARE:
            continue
        length = int.from_bytes(data[at : at + 2], "big")
        if at + max(length, 2) > len(data):
            raise _truncated("JPEG")
        if length < 2:
            raise _corrupt("JPEG", "one of its segments has no length")
        yield marker, data[at + 2 : at + length]
        at += length
        if marker == _JPEG_SCAN:
            found = _AFTER_SCAN.search(data, at)
            if found is None:
                raise _truncated("JPEG")
            at = found.start()


def _next_marker(data: bytes, at: int) -> tuple[int, int]:
    """Return the place after the marker at `at`, and the marker."""
    if at >= len(data):
        raise _truncated("JPEG")
    if data[at] != 0xFF:
        raise _corrupt("JPEG", "its segments do not follow one another")
    while at < len(data) and data[at] == 0xFF:
        at += 1
    if at >= len(data):
        raise _truncated("JPEG")
    return at + 1, data[at]


def _read_webp(data: bytes) -> Outside:
    size: tuple[int, int] | None = None
    metadata, saw_pixels = 0, False
    for kind, body in _webp_chunks(data):
        if kind in (b"ANIM", b"ANMF") or (kind == b"VP8X" and body[:1] and body[0] & _WEBP_ANIMATED):
            raise _several("WEBP")
        if kind in (b"EXIF", b"XMP ", b"ICCP"):
            metadata += len(body)
            if metadata > METADATA_LIMIT:
                raise _metadata("WEBP")
        if kind in (b"VP8X", b"VP8 ", b"VP8L"):
            size = _larger(size, _webp_size(kind, body[:10]))
            saw_pixels = saw_pixels or kind != b"VP8X"
    if size is None or not saw_pixels:
        raise _corrupt("WEBP", "it has no pixels")
    return Outside("WEBP", *size)


def _webp_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield each chunk's kind and body up to the length that the file declares; raises ImageRefused where it is shorter."""
    at, end = 12, 8 + int.from_bytes(data[4:8], "little")
    if end > len(data):
        raise _truncated("WEBP")
    for _ in range(CHUNK_LIMIT):
        if at + 8 > end:
            return
        length = int.from_bytes(data[at + 4 : at + 8], "little")
        if at + 8 + length > end:
            raise _truncated("WEBP")
        yield data[at : at + 4], data[at + 8 : at + 8 + length]
        at += 8 + length + (length & 1)
    raise _metadata("WEBP")


def _webp_size(kind: bytes, head: bytes) -> tuple[int, int]:
    if kind == b"VP8X" and len(head) == 10:
        return int.from_bytes(head[4:7], "little") + 1, int.from_bytes(head[7:10], "little") + 1
    if kind == b"VP8 " and len(head) == 10 and head[3:6] == b"\x9d\x01\x2a":
        return int.from_bytes(head[6:8], "little") & 0x3FFF, int.from_bytes(head[8:10], "little") & 0x3FFF
    if kind == b"VP8L" and len(head) >= 5 and head[0] == 0x2F:
        bits = int.from_bytes(head[1:5], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    raise _corrupt("WEBP", "its frame header is broken")


def _larger(one: tuple[int, int] | None, other: tuple[int, int]) -> tuple[int, int]:
    return other if one is None else (max(one[0], other[0]), max(one[1], other[1]))


def _truncated(form: str) -> ImageRefused:
    return ImageRefused(ImageReason.TRUNCATED, f"This {form} file ends before its picture does; send the whole file.")


def _corrupt(form: str, what: str) -> ImageRefused:
    return ImageRefused(ImageReason.CORRUPT, f"This {form} file is broken: {what}. Save the picture anew and send that.")


def _several(form: str) -> ImageRefused:
    return ImageRefused(ImageReason.ANIMATED, f"This {form} file holds several pictures; send a single one.")


def _metadata(form: str) -> ImageRefused:
    limit = METADATA_LIMIT // 1024
    return ImageRefused(
        ImageReason.TOO_MUCH_METADATA, f"This {form} file carries more than {limit} KiB beside its picture; save it without metadata."
    )
