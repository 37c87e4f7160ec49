"""Pairs of known truth are cut out as a search would cut them; a list that cannot be used is refused by its line."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.images import read_picture
from engine.pairs import PairsRefused, read_pairs, shipped_pairs
from engine.portraits import portrait


class Finder:
    """dlib's detector and alignment, without the network that would make a template."""

    def __init__(self) -> None:
        from engine.recognisers.dlib import FaceFinder  # dlib is loaded for these tests alone

        self._finder = FaceFinder()

    def detect(self, image):
        return self._finder.detect(image)

    def chip(self, image, face):
        return self._finder.chips(image, [face])[0]


@pytest.fixture(scope="module")
def finder():
    return Finder()


def pixels(jpeg: bytes):
    with Image.open(io.BytesIO(jpeg)) as image:
        return np.asarray(image.convert("RGB")).astype(int)


def test_the_shipped_pairs_are_the_portraits_that_they_are_said_to_be(portraits: Path, finder) -> None:
    pairs = shipped_pairs()
    assert {pair.truth for pair in pairs} == {"same", "different"}
    photo = read_picture((portraits / "obama2.jpg").read_bytes()).pixels
    anew = portrait(photo, finder.detect(photo)[0])
    assert min(np.abs(pixels(anew) - pixels(pair.probe.jpeg)).mean() for pair in pairs) < 1


def test_a_list_is_read_with_its_pictures_or_refused_by_its_line(portraits: Path, finder, tmp_path: Path) -> None:
    listed = tmp_path / "pairs.csv"
    listed.write_text("probe,candidate,truth\nobama.jpg,biden.jpg,different\n")
    (pair,) = read_pairs(portraits, listed, finder)
    assert (pair.truth, pair.probe.image, pair.candidate.image) == ("different", 0, 1)
    for rows, told in (
        ("a,b\n", "first line"),
        ("probe,candidate,truth\nobama.jpg,biden.jpg,perhaps\n", "line 2"),
        ("probe,candidate,truth\nobama.jpg,biden.jpg,different\nobama.jpg,nobody.jpg,same\n", "line 3"),
        ("probe,candidate,truth\nobama.jpg,../portraits/SOURCES.md,same\n", "line 2"),
        ("probe,candidate,truth\nobama.jpg,../../../pyproject.toml,same\n", "line 2"),
    ):
        listed.write_text(rows)
        with pytest.raises(PairsRefused, match=told):
            list(read_pairs(portraits, listed, finder))
