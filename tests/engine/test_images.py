"""What an honest picture becomes: upright, eight bits, three channels, and a date that never makes it older than it is."""

import io
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from PIL import Image, ImageFile

from engine.images import BYTES_LIMIT, read_picture

RED, GREEN, BLUE, WHITE = (220, 30, 30), (30, 200, 30), (30, 30, 220), (250, 250, 250)


def corners() -> Image.Image:
    image = Image.new("RGB", (120, 80), WHITE)
    image.paste(RED, (0, 0, 60, 40))
    image.paste(GREEN, (60, 0, 120, 40))
    image.paste(BLUE, (0, 40, 60, 80))
    return image


def saved(image: Image.Image, form: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, form, **options)
    return out.getvalue()


def dated(**tags: str) -> bytes:
    exif = Image.Exif()
    detail = exif.get_ifd(0x8769)
    detail.update({{"taken": 0x9003, "digitised": 0x9004, "offset": 0x9011}[name]: value for name, value in tags.items()})
    return saved(corners(), "JPEG", exif=exif.tobytes())


TURNED = {
    1: lambda upright: upright,
    2: lambda upright: upright[:, ::-1],
    3: lambda upright: upright[::-1, ::-1],
    4: lambda upright: upright[::-1],
    5: lambda upright: upright.transpose(1, 0, 2),
    6: lambda upright: np.rot90(upright),
    7: lambda upright: upright[::-1, ::-1].transpose(1, 0, 2),
    8: lambda upright: np.rot90(upright, -1),
}


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("form", ["PNG", "WEBP"])
def test_a_picture_stored_in_any_of_the_eight_orientations_comes_out_upright(orientation: int, form: str) -> None:
    upright = np.asarray(corners())
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = Image.fromarray(np.ascontiguousarray(TURNED[orientation](upright)))
    options = {"lossless": True} if form == "WEBP" else {}
    found = read_picture(saved(stored, form, exif=exif.tobytes(), **options))
    np.testing.assert_array_equal(found.pixels, upright)
    assert (found.capture.width, found.capture.height) == (120, 80)


def test_sixteen_bit_grey_is_scaled_and_not_cut_off() -> None:
    ramp = np.linspace(0, 65_535, 100 * 60).astype(np.uint16).reshape(60, 100)
    found = read_picture(saved(Image.fromarray(ramp), "PNG")).pixels
    assert np.abs(found[..., 0].astype(float) - ramp / 257).max() <= 1


def test_what_is_transparent_is_seen_as_on_white_paper() -> None:
    image = Image.new("RGBA", (60, 60), (255, 0, 0, 0))
    image.paste((0, 0, 255, 255), (0, 0, 30, 60))
    found = read_picture(saved(image, "PNG")).pixels
    assert found[10, 10].tolist() == [0, 0, 255]
    assert found[10, 50].tolist() == [255, 255, 255]


def test_inverted_cmyk_comes_out_in_its_own_colours() -> None:
    found = read_picture(saved(corners().convert("CMYK"), "JPEG", quality=95)).pixels
    assert np.abs(found[10, 10].astype(int) - RED).max() < 12


def test_the_pixels_are_the_callers_own_contiguous_array() -> None:
    found = read_picture(saved(corners(), "JPEG")).pixels
    assert found.flags.c_contiguous
    assert found.shape == (80, 120, 3)


def test_a_truncated_picture_is_refused_even_after_another_package_has_asked_for_leniency() -> None:
    ImageFile.LOAD_TRUNCATED_IMAGES = True
    read_picture(saved(corners(), "PNG"))
    assert ImageFile.LOAD_TRUNCATED_IMAGES is False


def test_a_date_with_an_offset_is_exact() -> None:
    taken = read_picture(dated(taken="2026:11:20 12:00:00", offset="+02:00")).capture.taken_at
    assert taken == datetime(2026, 11, 20, 10, tzinfo=UTC)


def test_a_date_without_an_offset_is_taken_for_the_latest_moment_it_can_mean() -> None:
    taken = read_picture(dated(taken="2026:11:20 12:00:00")).capture.taken_at
    assert taken == datetime(2026, 11, 21, 0, tzinfo=UTC)


def test_a_date_with_a_senseless_offset_is_no_date() -> None:
    assert read_picture(dated(taken="2026:11:20 12:00:00", offset="later")).capture.taken_at is None


def test_the_digitisation_date_serves_where_there_is_no_other() -> None:
    taken = read_picture(dated(digitised="2020:01:01 00:00:00")).capture.taken_at
    assert taken == datetime(2020, 1, 1, 12, tzinfo=UTC)


def test_a_frame_from_the_future_has_age_zero_and_one_without_a_date_has_none() -> None:
    now = datetime(2026, 11, 23, tzinfo=UTC)
    assert read_picture(dated(taken="2031:01:01 00:00:00")).capture.age_at(now) == timedelta(0)
    assert read_picture(dated(taken="2026:11:21 12:00:00", offset="+00:00")).capture.age_at(now) == timedelta(hours=36)
    assert read_picture(saved(corners(), "JPEG")).capture.age_at(now) is None


def test_the_sentence_of_a_refusal_names_the_limit() -> None:
    with pytest.raises(Exception, match=f"at most {BYTES_LIMIT:,}"):
        read_picture(bytes(BYTES_LIMIT + 1))
