"""Bring a folder of photos with a CSV (subject,file) into a gallery, one ordered enrolment a photo; stop and resume at any moment.
Never enrolls by itself: each photo goes through the function it is given, which writes the log and orders a worker."""

import asyncio
import csv
import hashlib
import json
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.errors import EngineBusy, EngineError, GalleryRefused
from engine.names import is_subject_name

ENROLLED, FAILED, UNREADABLE = "enrolled", "failed", "unreadable"
_AGAIN = frozenset({FAILED, UNREADABLE})  # what the next run tries once more
_DONE_BEFORE = "already-enrolled"
_PHOTO_MOST = 16 * 1024 * 1024  # bytes read; the engine's own, smaller limit gives the reason

Enroll = Callable[[str, bytes], Awaitable[object]]
"""Enroll one photo of a subject, by an audited order; raises EngineError where that is refused or fails."""


@dataclass(frozen=True, slots=True)
class FolderPhoto:
    """One line of the CSV."""

    line: int
    subject: str
    path: Path


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an import is: `done` of `total` lines, and how often each outcome came (`enrolled`, or a reason code)."""

    done: int
    total: int
    outcomes: dict[str, int]


def read_folder(folder: Path, table: Path) -> tuple[FolderPhoto, ...]:
    """Read the CSV and find its photos. Raises GalleryRefused(import-refused) naming the first line that cannot be used."""
    root = folder.resolve()
    photos = []
    try:
        with table.open(newline="", encoding="utf-8-sig") as file:
            rows = csv.DictReader(file)
            if not {"subject", "file"} <= set(rows.fieldnames or ()):
                raise _refused(1, "the first line must name the columns subject and file")
            for row in rows:
                subject, name, line = row["subject"] or "", row["file"] or "", rows.line_num
                path = (root / name).resolve()
                if not is_subject_name(subject):
                    raise _refused(line, "a subject's name is 1 to 128 letters, digits, and . _ : -")
                if not (path.is_relative_to(root) and path.is_file()):
                    raise _refused(line, "there is no such file in the folder")
                photos.append(FolderPhoto(line, subject, path))
    except (OSError, UnicodeDecodeError, csv.Error, ValueError) as fault:
        raise GalleryRefused(f"The table {table.name} cannot be read: {fault}.", code="import-refused") from None
    return tuple(photos)


async def import_folder(
    photos: Sequence[FolderPhoto], enroll: Enroll, state: Path, progress: Callable[[Progress], None], *, at_once: int = 2
) -> Progress:
    """Enroll all photos, and return how that went; the same state file makes a second run go on where the first was stopped.

    A photo that is refused is counted under its reason and not tried again; one whose worker failed, or whose file could not be
    read, is tried again by the next run. The state file holds line numbers and outcomes, no names. Raises
    GalleryRefused(import-refused) for the state of another import, or one that cannot be read or written."""
    outcomes = _resume_or_refuse(photos, state)
    todo = iter([photo for photo in photos if photo.line not in outcomes])

    with state.open("a", encoding="utf-8") as journal:

        def report(photo: FolderPhoto, outcome: str) -> None:
            outcomes[photo.line] = outcome
            if outcome not in _AGAIN:
                # A line lost in a crash is tried again, and found to be enrolled already.
                journal.write(json.dumps([photo.line, outcome]) + "\n")
                journal.flush()
            progress(_progress(outcomes, len(photos)))

        async def work() -> None:
            for photo in todo:
                report(photo, await _enroll_one(photo, enroll))

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(at_once):
                    group.create_task(work())
        except BaseExceptionGroup as faults:
            raise faults.exceptions[0] from None
    return _progress(outcomes, len(photos))


async def _enroll_one(photo: FolderPhoto, enroll: Enroll) -> str:
    try:
        with photo.path.open("rb") as file:
            image = file.read(_PHOTO_MOST)
    except OSError:
        return UNREADABLE
    while True:
        try:
            await enroll(photo.subject, image)
        except EngineBusy as busy:
            await asyncio.sleep(busy.retry_after)
        except EngineError as refusal:
            if refusal.code == _DONE_BEFORE:
                return ENROLLED
            return FAILED if refusal.code == "engine-failed" else refusal.code
        else:
            return ENROLLED


def _resume_or_refuse(photos: Sequence[FolderPhoto], state: Path) -> dict[int, str]:
    try:
        return _resume(photos, state)
    except (OSError, UnicodeDecodeError):
        raise GalleryRefused(f"The state file {state.name} cannot be read or written; name another.", code="import-refused") from None


def _resume(photos: Sequence[FolderPhoto], state: Path) -> dict[int, str]:
    """Return the outcomes that the state file holds, after making sure that it is of these very photos."""
    identity = hashlib.sha256(json.dumps([[photo.line, photo.subject, photo.path.name] for photo in photos]).encode()).hexdigest()
    if not state.exists():
        state.write_text(json.dumps({"import": identity}) + "\n", encoding="utf-8")
        return {}
    text = state.read_text(encoding="utf-8")
    whole = text[: text.rfind("\n") + 1]
    if whole != text:
        state.write_text(whole, encoding="utf-8")  # a crash cut the last line short; its photo is tried again
    try:
        first, *lines = map(json.loads, whole.splitlines())
        outcomes = {int(line): str(outcome) for line, outcome in lines}
    except (ValueError, TypeError):
        first, outcomes = None, {}
    if first != {"import": identity}:
        raise GalleryRefused(f"{state.name} is the state of another import; name a new file.", code="import-refused")
    return outcomes


def _progress(outcomes: dict[int, str], total: int) -> Progress:
    return Progress(len(outcomes), total, dict(Counter(outcomes.values())))


def _refused(line: int, why: str) -> GalleryRefused:
    return GalleryRefused(f"Line {line} of the table: {why}.", code="import-refused")
