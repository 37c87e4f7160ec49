"""Read pairs of photos whose truth is known, and cut out their faces as a search would: to find out how well people judge, not machines.

Recognises nobody: no template is made, and nothing is compared."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Final

from engine.errors import ImageReason, ImageRefused
from engine.faces import Portrait
from engine.images import read_picture
from engine.portraits import portrait
from engine.quality import ENROLMENT, measure, shortcomings
from engine.recognisers.base import Recogniser

COLUMNS: Final = ("probe", "candidate", "truth")
TRUTHS: Final = ("same", "different")
MOST: Final = 10_000


@dataclass(frozen=True, slots=True)
class Pair:
    """Two faces, and whether they are one person's: `same` or `different`."""

    truth: str
    probe: Portrait
    candidate: Portrait


class PairsRefused(Exception):
    """The list of pairs cannot be read; the sentence names the line."""


def read_pairs(images: Path, listed: Path, recogniser: Recogniser) -> Iterator[Pair]:
    """Yield the pairs that a CSV (probe, candidate, truth) lists, with their pictures from the folder.

    Raises PairsRefused for a list that is none, and for a picture without exactly one face, naming the line."""
    with listed.open(encoding="utf-8-sig", newline="") as file:
        rows = csv.DictReader(file)
        if not set(COLUMNS) <= set(rows.fieldnames or ()):
            raise PairsRefused(f"{listed.name}: the first line must name the columns {', '.join(COLUMNS)}.")
        for number, row in enumerate(rows, start=2):
            if number > MOST + 1:
                raise PairsRefused(f"{listed.name}: there are more than {MOST:,} pairs.")
            if row["truth"] not in TRUTHS:
                raise PairsRefused(f"{listed.name}, line {number}: the truth is one of {', '.join(TRUTHS)}.")
            try:
                faces = [_face(images, row[column], place, recogniser) for place, column in enumerate(COLUMNS[:2])]
            except (OSError, ImageRefused) as fault:
                why = fault.sentence if isinstance(fault, ImageRefused) else "a picture cannot be read."
                raise PairsRefused(f"{listed.name}, line {number}: {why}") from fault
            yield Pair(row["truth"], faces[0], faces[1])


def shipped_pairs() -> tuple[Pair, ...]:
    """Return the few pairs that come with the package: enough to try the way, too few to measure anybody by."""
    folder = resources.files("engine").joinpath("data", "pairs")
    rows = csv.DictReader(folder.joinpath("pairs.csv").read_text("utf-8").splitlines())
    faces = {file.name: file.read_bytes() for file in folder.iterdir() if file.name.endswith(".jpg")}
    return tuple(Pair(row["truth"], Portrait(0, 0, faces[row["probe"]]), Portrait(1, 0, faces[row["candidate"]])) for row in rows)


def _face(images: Path, name: str, place: int, recogniser: Recogniser) -> Portrait:
    path = (images / name).resolve()
    if not path.is_relative_to(images.resolve()):
        raise ImageRefused(ImageReason.CORRUPT, "a picture's name leads out of the folder.")
    pixels = read_picture(path.read_bytes()).pixels
    faces = recogniser.detect(pixels)
    if len(faces) != 1:
        raise ImageRefused(ImageReason.NO_FACE, f"the {COLUMNS[place]} shows {len(faces)} faces; a pair needs one in each picture.")
    quality = measure(pixels, faces[0], recogniser.chip(pixels, faces[0]))
    warnings = tuple(str(short.code) for short in shortcomings(quality, ENROLMENT))
    return Portrait(place, 0, portrait(pixels, faces[0]), warnings)
