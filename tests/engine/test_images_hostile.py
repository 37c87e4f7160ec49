"""Throw more than a hundred files that mean harm at the image guard. Each is made here; none is a picture of anybody.

Long because each file is made by hand, byte by byte."""

import io
import random
import struct
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from engine.errors import ImageReason as R
from engine.errors import ImageRefused
from engine.images import BYTES_LIMIT, read_picture

PNG = b"\x89PNG\r\n\x1a\n"
Made = bytes | Callable[[], bytes]  # the three dear ones are made when a test first asks: collecting tests must not cost seconds
Case = tuple[str, Made, R | None]


def picture(width: int = 96, height: int = 80, mode: str = "RGB") -> Image.Image:
    ramp = np.add.outer(np.arange(height), np.arange(width)) % 256
    return Image.fromarray(np.stack([ramp, ramp[::-1], 255 - ramp], axis=2).astype(np.uint8)).convert(mode)


def saved(image: Image.Image, form: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, form, **options)
    return out.getvalue()


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(
    width: int, height: int, *, depth: int = 8, colour: int = 2, rows: bytes | None = None, before: bytes = b"", interlace: int = 0
) -> bytes:
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]
    if rows is None:
        rows = b"".join(b"\0" + bytes((width * depth * channels + 7) // 8) for _ in range(height))
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlace)
    return PNG + chunk(b"IHDR", header) + before + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def segment(marker: int, body: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body


def webp_chunk(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("<I", len(body)) + body + b"\0" * (len(body) & 1)


def webp(*chunks: bytes) -> bytes:
    body = b"WEBP" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def vp8x(width: int, height: int, flags: int = 0) -> bytes:
    return webp_chunk(b"VP8X", bytes([flags, 0, 0, 0]) + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little"))


def exif(**tags: object) -> bytes:
    made = Image.Exif()
    detail = made.get_ifd(0x8769)
    for name, value in tags.items():
        if name == "orientation":
            made[0x0112] = value
        else:
            detail[{"taken": 0x9003, "offset": 0x9011}[name]] = value
    return made.tobytes()


def bytes_of(data: Made) -> bytes:
    """Return a case's file, made now if it is a dear one."""
    return data if isinstance(data, bytes) else data()


@cache
def bomb() -> bytes:
    return zlib.compress(bytes(200 * 1024 * 1024), 9)


@cache
def widest() -> bytes:
    return png(6000, 2000)


@cache
def largest() -> bytes:
    return saved(picture(4000, 3000), "JPEG", quality=50)


def bombed(kind: bytes, head: bytes) -> Callable[[], bytes]:
    return lambda: png(90, 90, before=chunk(kind, head + bomb()))


def endless() -> bytes:
    header = struct.pack(">IIBBBBB", 90, 90, 8, 2, 0, 0, 0)
    return PNG + chunk(b"IHDR", header) + chunk(b"IDAT", bomb()) + chunk(b"IEND", b"")


JPEG, PNG_RGB, WEBP = (saved(picture(), form) for form in ("JPEG", "PNG", "WEBP"))


def not_images() -> Iterator[Case]:
    yield "empty", b"", R.NOT_AN_IMAGE
    yield "one-byte", b"\xff", R.NOT_AN_IMAGE
    yield "text", b"Please recognise me.", R.NOT_AN_IMAGE
    yield "html", b"<html><script>alert(1)</script></html>", R.NOT_AN_IMAGE
    yield "svg", b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>', R.NOT_AN_IMAGE
    yield "pdf", b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\n", R.NOT_AN_IMAGE
    for brand in (b"heic", b"heix", b"hevc", b"mif1", b"avif", b"avis"):
        yield (
            f"container-{brand.decode()}",
            struct.pack(">I", 24) + b"ftyp" + brand + bytes(4) + b"mif1" + brand + bytes(200),
            R.NOT_AN_IMAGE,
        )
    yield "jpeg-xl-bare", b"\xff\x0a" + bytes(200), R.NOT_AN_IMAGE
    yield "jpeg-xl-boxed", b"\x00\x00\x00\x0cJXL \r\n\x87\n" + bytes(200), R.NOT_AN_IMAGE
    yield "zip", b"PK\x03\x04" + bytes(100), R.NOT_AN_IMAGE
    yield "elf", b"\x7fELF" + bytes(100), R.NOT_AN_IMAGE
    yield "pickle", b"\x80\x04\x95\x1a\x00\x00\x00\x00\x00\x00\x00\x8c\x08builtins\x94\x8c\x04eval\x94\x93\x94.", R.NOT_AN_IMAGE
    yield "eps-that-runs-ghostscript", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 100 100\n", R.NOT_AN_IMAGE
    for form in ("GIF", "BMP", "TIFF", "ICO", "PPM", "TGA", "JPEG2000", "DDS", "PCX", "SGI", "AVIF"):
        yield f"foreign-format-{form.lower()}", saved(picture(), form), R.NOT_AN_IMAGE
    yield "animated-gif", saved(picture(), "GIF", save_all=True, append_images=[picture().rotate(9)] * 3), R.NOT_AN_IMAGE
    for seed in range(5):
        yield f"noise-{seed}", random.Random(seed).randbytes(5000), R.NOT_AN_IMAGE
    yield "riff-but-a-sound", b"RIFF" + struct.pack("<I", 100) + b"WAVE" + bytes(96), R.NOT_AN_IMAGE
    yield "magic-late", b"\n" + PNG_RGB, R.NOT_AN_IMAGE
    yield "html-then-png", b"<html></html>" + PNG_RGB, R.NOT_AN_IMAGE
    yield "nothing-but-jpeg-magic", b"\xff\xd8\xff", R.TRUNCATED
    yield "nothing-but-png-magic", PNG, R.TRUNCATED
    yield "nothing-but-webp-magic", b"RIFF\x04\0\0\0WEBP", R.CORRUPT


def cut_off() -> Iterator[Case]:
    for name, whole in (("jpeg", JPEG), ("png", PNG_RGB), ("webp", WEBP)):
        for part in (0.1, 0.3, 0.5, 0.7, 0.9, 0.99):
            yield f"{name}-cut-at-{part}", whole[: int(len(whole) * part)], R.TRUNCATED
        yield f"{name}-cut-by-one", whole[:-1], R.TRUNCATED
    progressive = saved(picture(), "JPEG", progressive=True)
    yield "progressive-jpeg-cut", progressive[: len(progressive) // 2], R.TRUNCATED
    # the thumbnail in the EXIF block brings an end marker of its own, which must not count for the picture
    thumb = b"\xff\xd8\xff\xe0" + JPEG[4:]
    with_thumb = JPEG[:2] + segment(0xE1, b"Exif\0\0" + thumb) + JPEG[2:]
    yield "jpeg-with-thumbnail-cut", with_thumb[: len(with_thumb) - len(JPEG) // 3], R.TRUNCATED
    yield "png-too-few-rows", png(90, 90, rows=(b"\0" + bytes(270)) * 40), R.TRUNCATED
    yield "png-no-rows", png(90, 90, rows=b""), R.TRUNCATED


def too_big() -> Iterator[Case]:
    yield "nine-megabytes", JPEG + bytes(9 * 1024 * 1024), R.TOO_LARGE
    yield "one-byte-too-many", JPEG + bytes(BYTES_LIMIT - len(JPEG) + 1), R.TOO_LARGE
    yield "png-50000-square", png(50_000, 50_000, rows=b"\0"), R.TOO_MANY_PIXELS
    yield "png-largest-integers", png(2**31 - 1, 2**31 - 1, rows=b"\0"), R.TOO_MANY_PIXELS
    yield "png-beyond-the-format", png(2**32 - 1, 2**32 - 1, rows=b"\0"), R.TOO_MANY_PIXELS
    yield "png-12-megapixels-and-a-row", png(4000, 3001, rows=b"\0"), R.TOO_MANY_PIXELS
    yield "png-6001-wide", png(6001, 100, rows=b"\0"), R.TOO_MANY_PIXELS
    yield "png-6001-high", png(100, 6001, rows=b"\0"), R.TOO_MANY_PIXELS
    yield "png-1-bit-bomb", png(30_000, 30_000, depth=1, colour=0, rows=b"\0" * 1000), R.TOO_MANY_PIXELS
    yield "png-16-bit-bomb", png(20_000, 20_000, depth=16, colour=6, rows=b"\0" * 1000), R.TOO_MANY_PIXELS
    at = JPEG.index(b"\xff\xc0")
    for width, height in ((65_535, 65_535), (65_500, 41), (6001, 80)):
        yield f"jpeg-says-{width}x{height}", JPEG[: at + 5] + struct.pack(">HH", height, width) + JPEG[at + 9 :], R.TOO_MANY_PIXELS
    yield "webp-canvas-16-million-wide", webp(vp8x(2**24, 2**24), WEBP[12:]), R.TOO_MANY_PIXELS
    yield "webp-canvas-larger-than-frame", webp(vp8x(16_383, 16_383), WEBP[12:]), R.TOO_MANY_PIXELS
    yield (
        "webp-lossless-16383",
        webp(webp_chunk(b"VP8L", b"\x2f" + (16_382 | 16_382 << 14).to_bytes(4, "little") + bytes(20))),
        R.TOO_MANY_PIXELS,
    )
    yield "webp-lossy-16383", webp(webp_chunk(b"VP8 ", b"\x30\x01\x00\x9d\x01\x2a\xff\x3f\xff\x3f" + bytes(20))), R.TOO_MANY_PIXELS


def too_small() -> Iterator[Case]:
    for width, height in ((1, 1), (39, 400), (400, 39), (0, 0), (0, 100)):
        yield f"png-{width}x{height}", png(width, height), R.TOO_SMALL
    yield "jpeg-16x16", saved(picture(16, 16), "JPEG"), R.TOO_SMALL
    yield "webp-8x200", saved(picture(8, 200), "WEBP"), R.TOO_SMALL


def several_frames() -> Iterator[Case]:
    more = [picture().rotate(angle) for angle in (10, 20)]
    yield "animated-webp", saved(picture(), "WEBP", save_all=True, append_images=more), R.ANIMATED
    yield "animated-lossless-webp", saved(picture(), "WEBP", save_all=True, append_images=more, lossless=True), R.ANIMATED
    yield "apng", saved(picture(), "PNG", save_all=True, append_images=more), R.ANIMATED
    yield "apng-default-image", saved(picture(), "PNG", save_all=True, append_images=more, default_image=True), R.ANIMATED
    yield "png-claims-4-billion-frames", png(90, 90, before=chunk(b"acTL", struct.pack(">II", 2**32 - 1, 0))), R.ANIMATED
    yield "webp-animation-flag", webp(vp8x(96, 80, 0x02), WEBP[12:]), R.ANIMATED
    yield "several-pictures-jpeg", saved(picture(), "MPO", save_all=True, append_images=more), R.ANIMATED


def corrupt() -> Iterator[Case]:
    yield "png-wrong-crc", PNG_RGB.replace(b"IDAT", b"IDAT", 1)[:40] + b"\xff" + PNG_RGB[41:], R.CORRUPT
    yield "png-no-header", PNG + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b""), R.CORRUPT
    yield "png-no-pixels", PNG + chunk(b"IHDR", struct.pack(">IIBBBBB", 90, 90, 8, 2, 0, 0, 0)) + chunk(b"IEND", b""), R.CORRUPT
    yield "png-short-header", PNG + chunk(b"IHDR", b"\0\0\0\x5a") + chunk(b"IDAT", b"x") + chunk(b"IEND", b""), R.CORRUPT
    yield "png-chunk-of-4-gigabytes", PNG_RGB[:33] + b"\xff\xff\xff\xffIDAT" + PNG_RGB[41:], R.TRUNCATED
    yield "png-depth-3", PNG_RGB[:24] + b"\x03" + PNG_RGB[25:], R.CORRUPT
    broken = PNG + chunk(b"IHDR", struct.pack(">IIBBBBB", 90, 90, 8, 2, 0, 0, 0)) + chunk(b"IDAT", b"not zlib") + chunk(b"IEND", b"")
    yield "png-pixels-not-zlib", broken, R.CORRUPT
    yield "png-colour-type-5", PNG + chunk(b"IHDR", struct.pack(">IIBBBBB", 90, 90, 8, 5, 0, 0, 0)) + PNG_RGB[33:], R.CORRUPT
    yield "png-half-a-million-empty-chunks", png(90, 90, before=chunk(b"jUnk", b"") * 500_000), R.TOO_MUCH_METADATA
    yield "jpeg-segment-without-length", JPEG[:2] + b"\xff\xe5\x00\x00" + JPEG[2:], R.CORRUPT
    yield "jpeg-two-frame-headers", JPEG[:2] + JPEG[JPEG.index(b"\xff\xc0") :][:19] + JPEG[2:], R.CORRUPT
    yield "jpeg-no-frame", b"\xff\xd8" + segment(0xE0, b"JFIF\0\1\1\0\0\1\0\1\0\0") + b"\xff\xd9", R.CORRUPT
    yield "jpeg-no-tables", JPEG[:20] + JPEG[JPEG.index(b"\xff\xc0") :], R.CORRUPT
    yield "jpeg-rubbish-between-segments", JPEG[:20] + b"rubbish" + JPEG[20:], R.CORRUPT
    head, scan = JPEG[: JPEG.index(b"\xff\xda")], JPEG[JPEG.index(b"\xff\xda") : -2]
    yield "jpeg-of-1000-scans", head + scan * 1000 + b"\xff\xd9", R.CORRUPT
    yield "jpeg-12-bit", JPEG.replace(b"\xff\xc0\x00\x11\x08", b"\xff\xc0\x00\x11\x0c"), R.CORRUPT
    yield "jpeg-lossless-frame", JPEG.replace(b"\xff\xc0", b"\xff\xc3", 1), R.CORRUPT
    yield "webp-no-frame", webp(vp8x(96, 80)), R.CORRUPT
    yield "webp-bad-start-code", WEBP.replace(b"\x9d\x01\x2a", b"\x9d\x01\x2b", 1), R.CORRUPT
    yield "webp-canvas-differs-from-frame", webp(vp8x(200, 300), WEBP[12:]), R.CORRUPT
    yield "webp-rubbish-frame", webp(webp_chunk(b"VP8 ", WEBP[20:30] + random.Random(1).randbytes(50))), R.CORRUPT
    yield "webp-chunk-of-4-gigabytes", WEBP[:16] + b"\xff\xff\xff\xff" + WEBP[20:], R.TRUNCATED


def stuffed() -> Iterator[Case]:
    yield "png-ztxt-bomb", bombed(b"zTXt", b"Comment\0\0"), R.TOO_MUCH_METADATA
    yield "png-itxt-bomb", bombed(b"iTXt", b"Comment\0\1\0en\0\0"), R.TOO_MUCH_METADATA
    yield "png-iccp-bomb", bombed(b"iCCP", b"profile\0\0"), R.TOO_MUCH_METADATA
    many = chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(300 * 1024))) * 8
    yield "png-many-small-bombs", png(90, 90, before=many), R.TOO_MUCH_METADATA
    yield "png-text-of-2-megabytes", png(90, 90, before=chunk(b"tEXt", b"Comment\0" + b"a" * 2 * 1024 * 1024)), R.TOO_MUCH_METADATA
    yield "png-exif-of-2-megabytes", png(90, 90, before=chunk(b"eXIf", bytes(2 * 1024 * 1024))), R.TOO_MUCH_METADATA
    yield "png-text-not-zlib", png(90, 90, before=chunk(b"zTXt", b"Comment\0\0rubbish")), R.CORRUPT
    yield "jpeg-40-comments-of-64k", JPEG[:2] + segment(0xFE, bytes(65_000)) * 40 + JPEG[2:], R.TOO_MUCH_METADATA
    yield "jpeg-40-exif-blocks", JPEG[:2] + segment(0xE1, b"Exif\0\0" + bytes(65_000)) * 40 + JPEG[2:], R.TOO_MUCH_METADATA
    yield "webp-exif-of-2-megabytes", webp(vp8x(96, 80, 0x08), WEBP[12:], webp_chunk(b"EXIF", bytes(2 * 1024 * 1024))), R.TOO_MUCH_METADATA
    yield "webp-half-a-million-chunks", webp(vp8x(96, 80), WEBP[12:], webp_chunk(b"JUNK", b"") * 500_000), R.TOO_MUCH_METADATA
    yield "png-more-pixels-than-declared", endless, None  # decoding stops where the declared picture is full


def controls() -> Iterator[Case]:
    """Honest files, some of them odd: a guard that refuses these is of no use."""
    yield "jpeg", JPEG, None
    yield "png", PNG_RGB, None
    yield "webp", WEBP, None
    yield "jpeg-progressive", saved(picture(), "JPEG", progressive=True), None
    yield "jpeg-grey", saved(picture(mode="L"), "JPEG"), None
    yield "jpeg-cmyk", saved(picture(mode="CMYK"), "JPEG"), None
    yield "jpeg-restart-markers", saved(picture(), "JPEG", restart_marker_blocks=2), None
    yield "jpeg-with-comment", saved(picture(), "JPEG", comment=b"hello"), None
    yield "jpeg-then-a-video", JPEG + random.Random(2).randbytes(100_000), None  # phones append such things
    yield "jpeg-then-a-zip", JPEG + b"PK\x03\x04" + bytes(100), None
    yield "jpeg-fill-bytes", JPEG[:2] + b"\xff\xff\xff" + JPEG[2:], None
    yield "jpeg-broken-exif", saved(picture(), "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff"), None
    yield "jpeg-orientation-out-of-range", saved(picture(), "JPEG", exif=exif(orientation=77)), None
    yield "jpeg-date-rubbish", saved(picture(), "JPEG", exif=exif(taken="9999:99:99 99:99:99", offset="++")), None
    yield "jpeg-date-before-the-calendar", saved(picture(), "JPEG", exif=exif(taken="0001:01:01 00:00:00", offset="+14:00")), None
    yield "jpeg-limit-of-bytes", JPEG + bytes(BYTES_LIMIT - len(JPEG)), None
    for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"):
        image = Image.fromarray(np.full((80, 96), 40_000, np.uint16)) if mode == "I;16" else picture(mode=mode)
        yield f"png-{mode.replace(';', '')}", saved(image, "PNG"), None
    for depth, colour in ((1, 0), (2, 0), (4, 0), (16, 0), (16, 2), (16, 4), (16, 6)):
        yield f"png-depth-{depth}-colour-{colour}", png(90, 90, depth=depth, colour=colour), None
    passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
    rows = b"".join((b"\0" + bytes(3 * len(range(x, 90, dx)))) * len(range(y, 90, dy)) for x, y, dx, dy in passes)
    yield "png-interlaced", png(90, 90, rows=rows, interlace=1), None
    yield "png-palette-transparent", saved(picture(mode="P"), "PNG", transparency=3), None
    info = PngImagePlugin.PngInfo()
    info.add_text("Comment", "small", zip=True)
    info.add_itxt("Title", "klein", "de", zip=True)
    yield "png-small-texts", saved(picture(), "PNG", pnginfo=info), None
    yield "png-then-html", PNG_RGB + b"<html></html>", None
    yield "png-40x40", png(40, 40), None
    yield "png-1-bit-12-megapixels", png(4000, 3000, depth=1, colour=0), None
    yield "png-6000-wide", widest, None
    yield "webp-lossless-alpha", saved(picture(mode="RGBA"), "WEBP", lossless=True), None
    yield "webp-with-exif", saved(picture(), "WEBP", exif=exif(orientation=3)), None
    yield "jpeg-12-megapixels", largest, None


FAMILIES: tuple[Callable[[], Iterator[Case]], ...] = (
    not_images, cut_off, too_big, too_small, several_frames, corrupt, stuffed, controls,
)  # fmt: skip


def corpus() -> list[Case]:
    return [case for family in FAMILIES for case in family()]


CORPUS = corpus()


@pytest.mark.parametrize(("data", "reason"), [pytest.param(data, reason, id=name) for name, data, reason in CORPUS])
def test_each_file_is_refused_for_its_own_reason_or_read_in_bounded_time(data: Made, reason: R | None) -> None:
    data = bytes_of(data)
    started = time.process_time()
    if reason is None:
        found = read_picture(data).pixels
        assert found.dtype == np.uint8
        assert found.ndim == 3
        assert found.shape[2] == 3
    else:
        with pytest.raises(ImageRefused) as refusal:
            read_picture(data)
        assert refusal.value.code == reason
        assert refusal.value.sentence.endswith(".")
    assert time.process_time() - started < 3


def test_there_are_a_hundred_hostile_files_and_thirty_controls() -> None:
    names = [name for name, _, _ in CORPUS]
    assert len(set(names)) == len(names)
    assert sum(reason is not None for _, _, reason in CORPUS) >= 100
    assert sum(reason is None for _, _, reason in CORPUS) >= 30


@pytest.mark.parametrize("whole", [JPEG, PNG_RGB, WEBP], ids=["jpeg", "png", "webp"])
def test_no_flipped_byte_gets_another_error_out_of_the_guard(whole: bytes) -> None:
    chance = random.Random(7)
    for _ in range(400):
        spoiled = bytearray(whole)
        for _ in range(chance.randint(1, 8)):
            spoiled[chance.randrange(len(spoiled))] = chance.randrange(256)
        try:
            read_picture(bytes(spoiled))
        except ImageRefused:
            continue


CHILD = """
import resource, sys
from pathlib import Path
from engine.errors import ImageRefused
from engine.images import read_picture
used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 400 * 1024**2,) * 2)
for path in sorted(Path(sys.argv[1]).iterdir()):
    try:
        read_picture(path.read_bytes())
    except ImageRefused:
        pass
"""


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="the address-space limit is set from Linux's /proc")
def test_the_whole_corpus_is_answered_within_400_megabytes_of_address_space(tmp_path: Path) -> None:
    for number, (_, data, _) in enumerate(CORPUS):
        (tmp_path / f"{number:03}").write_bytes(bytes_of(data))
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", CHILD, str(tmp_path)], cwd=root, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
