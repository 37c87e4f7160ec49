"""Turn a folder of labelled face images into templates with labels. Knows CSV files and the image guard; keeps no pixel, names nobody."""

import csv
import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from engine.errors import EvaluationRefused, ImageReason, ImageRefused
from engine.faces import Face
from engine.images import BYTES_LIMIT, Pixels, read_picture
from engine.recognisers.base import TEMPLATE_LENGTH, Recogniser, Template

ROWS_MOST: Final = 200_000
ADULT: Final = 18
UNREADABLE: Final = "unreadable"

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Label:
    """What the CSV says of one image; whatever it does not say is None. Without `person`, each image shows a different person."""

    file: str
    person: str | None = None
    group: str | None = None
    sex: str | None = None
    age: int | None = None


@dataclass(frozen=True, slots=True)
class Pair:
    """Two images that show the same person, or do not."""

    left: str
    right: str
    same: bool


@dataclass(frozen=True, slots=True, eq=False)
class Corpus:
    """Templates (n, 128) with their labels, what could not be used and why, and a digest over images and labels.

    `refused` counts failures to enrol: an image without a usable face is an error of the recogniser too, and is reported."""

    name: str
    templates: Template
    labels: tuple[Label, ...]
    refused: tuple[tuple[Label, str], ...]
    digest: str
    pairs: tuple[Pair, ...] = ()

    @property
    def people(self) -> int:
        """How many different people are shown."""
        return len({label.person or label.file for label in self.labels})


def read_labels(path: Path) -> list[Label]:
    """Read a CSV with a column `file` and any of `person`, `group`, `sex`, `age`. Raises EvaluationRefused naming the line."""
    rows = _rows(path, {"file"})
    labels = [
        Label(_file(row["file"], path, line), _text(row, "person"), _text(row, "group"), _text(row, "sex"), _age(row, path, line))
        for line, row in rows
    ]
    _refuse_twice([label.file for label in labels], path)
    return labels


def read_pairs(path: Path) -> list[Pair]:
    """Read a CSV with the columns `left`, `right` and `same` (1 or 0). Raises EvaluationRefused naming the line."""
    found: list[Pair] = []
    said: dict[frozenset[str], bool] = {}
    for line, row in _rows(path, {"left", "right", "same"}):
        if row["same"] not in ("0", "1"):
            raise EvaluationRefused(f"{path.name}, line {line}: same must be 1 or 0.")
        pair = Pair(_file(row["left"], path, line), _file(row["right"], path, line), row["same"] == "1")
        # A pair that is listed both ways would count as a miss and as a false match at once.
        if said.setdefault(frozenset((pair.left, pair.right)), pair.same) != pair.same:
            raise EvaluationRefused(f"{path.name}, line {line}: another line says the opposite of this pair.")
        found.append(pair)
    return found


def labels_of(pairs: Iterable[Pair]) -> list[Label]:
    """Return a label for each image that the pairs name, where nothing more is known of them."""
    return [Label(file) for file in dict.fromkeys(name for pair in pairs for name in (pair.left, pair.right))]


def look(
    images: Path,
    labels: Sequence[Label],
    recogniser: Recogniser,
    *,
    pairs: Sequence[Pair] = (),
    name: str | None = None,
    progress: Progress | None = None,
) -> Corpus:
    """Return the templates of all images that have a usable face; those that have none, or are not to be read, come with the reason.

    Raises EvaluationRefused if a pair names an image without a label."""
    known = {label.file for label in labels}
    if stray := next((file for pair in pairs for file in (pair.left, pair.right) if file not in known), None):
        raise EvaluationRefused(f"A pair names {stray}, which has no label.")
    whole, templates, seen, refused = hashlib.sha256(), [], [], []
    for number, label in enumerate(sorted(labels, key=lambda label: label.file), start=1):
        try:
            data = _bytes(images, label.file)
            whole.update(f"{label}\0".encode() + hashlib.sha256(data).digest())
            templates.append(_template(data, recogniser))
            seen.append(label)
        except OSError:
            whole.update(f"{label}\0{UNREADABLE}\0".encode())
            refused.append((label, UNREADABLE))
        except ImageRefused as refusal:
            refused.append((label, refusal.code))
        if progress is not None:
            progress(number, len(labels))
    for pair in pairs:
        whole.update(f"{pair}\0".encode())
    stacked = np.stack(templates) if templates else np.empty((0, TEMPLATE_LENGTH), dtype=np.float32)
    return Corpus(name or images.parent.name, stacked, tuple(seen), tuple(refused), whole.hexdigest(), tuple(pairs))


def _bytes(images: Path, name: str) -> bytes:
    """Return a picture's bytes, no more than the guard needs to refuse it. Raises OSError for anything but a file inside the folder.

    A pipe would be waited for without end, and a link may lead to what nobody labelled."""
    path = (images / name).resolve()
    if not (path.is_relative_to(images.resolve()) and path.is_file()):
        raise FileNotFoundError(name)
    with path.open("rb") as file:
        return file.read(BYTES_LIMIT + 1)


def middle_face(image: Pixels, faces: Sequence[Face]) -> Face:
    """Return the face nearest to the middle of the image: in a picture made of one person, others stand at its edges.

    Raises ImageRefused if there is none."""
    if not faces:
        raise ImageRefused(ImageReason.NO_FACE, "No face was found in this image.")
    height, width = image.shape[:2]
    return min(faces, key=lambda face: abs(face.box.left + face.box.right - width) + abs(face.box.top + face.box.bottom - height))


def _template(data: bytes, recogniser: Recogniser) -> Template:
    image = read_picture(data).pixels
    return recogniser.template(image, middle_face(image, recogniser.detect(image)))


def _rows(path: Path, needed: set[str]) -> list[tuple[int, dict[str, str]]]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, strict=True)
            named = reader.fieldnames or []
            if len(set(named)) < len(named):
                raise EvaluationRefused(f"{path.name} names a column twice.")
            absent = needed - set(named)
            if absent:
                raise EvaluationRefused(f"{path.name} has no column {', '.join(sorted(absent))}.")
            found = []
            for row in reader:
                if None in row or None in row.values():
                    raise EvaluationRefused(f"{path.name}, line {reader.line_num}: the line has more or fewer fields than the header.")
                found.append((reader.line_num, {name.strip(): value.strip() for name, value in row.items()}))
                if len(found) > ROWS_MOST:
                    raise EvaluationRefused(f"{path.name} has more than {ROWS_MOST:,} lines.")
            return found
    except (OSError, UnicodeDecodeError, csv.Error) as fault:
        raise EvaluationRefused(f"{path.name} cannot be read as a CSV file: {fault}.") from fault


def _file(name: str, path: Path, line: int) -> str:
    """A label may name files inside the folder alone."""
    if not name or Path(name).is_absolute() or ".." in Path(name).parts or "\0" in name:
        raise EvaluationRefused(f"{path.name}, line {line}: the file must be named relative to the folder of images, and lie inside it.")
    return name


def _text(row: dict[str, str], name: str) -> str | None:
    return row.get(name) or None


def _age(row: dict[str, str], path: Path, line: int) -> int | None:
    given = row.get("age", "")
    if not given:
        return None
    if not given.isascii() or not given.isdigit() or int(given) > 130:
        raise EvaluationRefused(f"{path.name}, line {line}: age must be a whole number of years up to 130, or empty.")
    return int(given)


def _refuse_twice(files: Sequence[str], path: Path) -> None:
    seen: set[str] = set()
    for file in files:
        if file in seen:
            raise EvaluationRefused(f"{path.name} names {file} twice.")
        seen.add(file)
