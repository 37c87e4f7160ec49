"""Seal new templates into galleries, and open the enrolled ones for a search: the half of the galleries that only workers run.
Never decides what is a match, and never hands a template to anything but the index and the matcher of the same process."""

import itertools
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from engine.cohort import Cohort
from engine.errors import GalleryRefused, OrderRefused, WrongRecogniser
from engine.galleries.keys import KeyDirectory
from engine.galleries.sealing import Place, Sealed, TemplateSeal, Vector, template_and_mean
from engine.galleries.store import (
    FOREVER,
    MEAN,
    Galleries,
    GalleryRecord,
    changing,
    has_portraits,
    read_record,
    remove_rows,
    require_subject_name,
)
from engine.orders import GalleryState, SubjectReference
from engine.recognisers.base import TEMPLATE_LENGTH

PHOTOS_MOST = 32  # of one subject
_BATCH = 1000

_Row = tuple[int, str, str, str, bytes, bytes]


@dataclass(frozen=True, slots=True)
class OpenTemplates:
    """Templates in the clear, in the order of their rows: `vectors` (n, 128) and `means` (n,), both float32."""

    rows: NDArray[np.int64]
    subjects: tuple[str, ...]
    vectors: Vector
    means: Vector


@dataclass(frozen=True, slots=True)
class Changes:
    """What happened to a gallery since a state that was known. `anew` says to forget that state first."""

    record: GalleryRecord
    anew: bool
    departed: tuple[int, ...]
    arrived: OpenTemplates


@dataclass(frozen=True, slots=True)
class NewTemplate:
    """A template on its way into a gallery. `synthetic` says that it is nobody's; `portrait` is a picture to keep beside it, or empty."""

    subject: str
    photo: str
    template: Vector
    synthetic: bool = False
    portrait: bytes = field(default=b"", repr=False)


class Vault:
    """The galleries' templates, for a worker with one recogniser and one cohort."""

    def __init__(self, galleries: Galleries, keys: KeyDirectory, recogniser: str, cohort: Cohort) -> None:
        self._galleries = galleries
        self._keys = keys
        self._recogniser = recogniser
        self._cohort = cohort
        self._cohort_digest = cohort.digest

    def enroll(self, gallery: GalleryState, new: NewTemplate) -> GalleryRecord:
        """Add one photo of a subject, renew the subject's mean template, and return the gallery once that is durable.

        Raises GalleryRefused: already-enrolled for the same photo, too-many-photos beyond PHOTOS_MOST; and as `changes`."""
        require_subject_name(new.subject)
        with self._galleries.opened(gallery.gallery) as database:
            record = self._record(database, gallery)
            seal = self._seal(record)
            with changing(database) as generation:
                past = database.execute("SELECT row FROM ended WHERE subject = ?", (new.subject,)).fetchall()
                remove_rows(database, [row for (row,) in past], generation)
                held = _rows_of(database, new.subject)
                singles = [row for row in held if row[2] != MEAN]
                if any(row[2] == new.photo for row in held):
                    raise GalleryRefused("This photo of the subject is enrolled already.", code="already-enrolled")
                if len(singles) >= PHOTOS_MOST:
                    raise GalleryRefused(f"A subject has at most {PHOTOS_MOST} photos.", code="too-many-photos")
                self._insert(database, seal, record, [new])
                # A mean is of photos that may be used: one of a photo whose retention has ended goes, whatever its own end.
                means = database.execute("SELECT row FROM template WHERE subject = ? AND photo = ?", (new.subject, MEAN))
                remove_rows(database, [row for (row,) in means.fetchall()], generation)
                if singles:
                    known = self._open(record, seal, singles, len(singles)).vectors
                    mean = np.vstack([known, new.template]).mean(axis=0)
                    self._insert(database, seal, record, [NewTemplate(new.subject, MEAN, mean, new.synthetic)])
                    # It ends with the first of the photos that are in it.
                    query = "SELECT min(ends_at) FROM kept WHERE subject = ? AND photo != ?"
                    (first,) = database.execute(query, (new.subject, MEAN)).fetchone()
                    database.execute("UPDATE template SET ends_at = ? WHERE subject = ? AND photo = ?", (first, new.subject, MEAN))
            return read_record(database)

    def enroll_many(self, gallery: GalleryState, many: Iterable[NewTemplate]) -> GalleryRecord:
        """Add first photos of subjects that are not enrolled yet, all or none; raises GalleryRefused(already-enrolled)."""
        rest = iter(many)
        with self._galleries.opened(gallery.gallery) as database:
            record = self._record(database, gallery)
            seal = self._seal(record)
            try:
                with changing(database):
                    while some := list(itertools.islice(rest, _BATCH)):
                        self._insert(database, seal, record, some)
            except sqlite3.IntegrityError:
                raise GalleryRefused(f"Some of these are enrolled in {record.name} already.", code="already-enrolled") from None
            return read_record(database)

    def subject(self, reference: SubjectReference) -> tuple[GalleryRecord, OpenTemplates]:
        """Return all templates of one subject; raises GalleryRefused(subject-unknown), and as `changes`."""
        with self._galleries.opened(reference.gallery) as database:
            database.execute("BEGIN")
            record = self._record(database, GalleryState(reference.gallery, reference.generation))
            rows = _rows_of(database, reference.subject)
            if not rows:
                raise GalleryRefused(f"Gallery {reference.gallery} has no such subject.", code="subject-unknown")
            return record, self._open(record, self._seal(record), rows, len(rows))

    def portrait(self, reference: SubjectReference) -> bytes | None:
        """Return the picture of the subject's newest photo that has one; None where none is kept.

        Raises GalleryRefused(subject-unknown) where nobody of that name is enrolled any more, and as `changes`."""
        with self._galleries.opened(reference.gallery) as database:
            database.execute("BEGIN")
            record = self._record(database, GalleryState(reference.gallery, reference.generation))
            if not _rows_of(database, reference.subject):
                raise GalleryRefused(f"Gallery {reference.gallery} has no such subject.", code="subject-unknown")
            if not has_portraits(database):
                return None
            query = (
                "SELECT cohort, photo, portrait.nonce, portrait.sealed FROM kept JOIN portrait USING (row)"
                " WHERE subject = ? ORDER BY row DESC LIMIT 1"
            )
            row = database.execute(query, (reference.subject,)).fetchone()
            if row is None:
                return None
            cohort, photo, nonce, body = row
            place = Place(record.name, record.recogniser, cohort, reference.subject, photo)
            return self._seal(record).open_portrait(place, Sealed(nonce, body))

    def changes(self, state: GalleryState, known: GalleryRecord | None, last_row: int, announce: Callable[[int], None]) -> Changes:
        """Return what a memory of the gallery, as it was at `known` and up to `last_row`, needs to be up to date.

        `announce` hears beforehand how many templates are to be opened: a million take some seconds.
        Raises GalleryUnknown, GalleryDamaged, WrongRecogniser, and OrderRefused(order-mismatch) where the gallery on this disk
        is older than the order says it is: a withdrawal may be missing."""
        with self._galleries.opened(state.gallery) as database:
            database.execute("BEGIN")
            record = self._record(database, state)
            anew = not _continues(known, record)
            after, since = (0, record.generation) if anew or known is None else (last_row, known.generation)
            gone = database.execute("SELECT row FROM departure WHERE generation > ? AND row <= ?", (since, after))
            # A photo whose retention has ended has left, whether or not anybody has removed its bytes yet.
            ended = database.execute("SELECT row FROM ended WHERE row <= ?", (after,))
            departed = tuple(row for (row,) in itertools.chain(gone.fetchall(), ended.fetchall()))
            (count,) = database.execute("SELECT count(*) FROM kept WHERE row > ?", (after,)).fetchone()
            announce(count)
            query = "SELECT row, subject, photo, cohort, nonce, sealed FROM kept WHERE row > ? ORDER BY row"
            arrived = self._open(record, self._seal(record), database.execute(query, (after,)), count)
            return Changes(record, anew, departed, arrived)

    def _record(self, database: sqlite3.Connection, state: GalleryState) -> GalleryRecord:
        record = read_record(database)
        if record.recogniser != self._recogniser:
            raise WrongRecogniser(f"Gallery {record.name} was made by another recogniser; enroll its photos anew in a new gallery.")
        if record.generation < state.generation:
            raise OrderRefused(f"Gallery {record.name} is older here than the order says; see to its replica.", code="order-mismatch")
        return record

    def _seal(self, record: GalleryRecord) -> TemplateSeal:
        return TemplateSeal(self._keys.read(record.name, record.incarnation))

    def _insert(self, database: sqlite3.Connection, seal: TemplateSeal, record: GalleryRecord, new: Sequence[NewTemplate]) -> None:
        means = self._cohort.means(np.stack([one.template for one in new])).tolist()
        for one, mean in zip(new, means, strict=True):
            place = Place(record.name, record.recogniser, self._cohort_digest, one.subject, one.photo)
            sealed = seal.seal(place, one.template, mean)
            inserted = database.execute(
                "INSERT INTO template (subject, photo, cohort, synthetic, nonce, sealed, ends_at)"
                " VALUES (?, ?, ?, ?, ?, ?, coalesce(unixepoch() + 86400 * ?, ?))",
                (one.subject, one.photo, self._cohort_digest, one.synthetic, sealed.nonce, sealed.body, record.retention_days, FOREVER),
            )
            if one.portrait:
                picture = seal.seal_portrait(place, one.portrait)
                database.execute("INSERT INTO portrait VALUES (?, ?, ?)", (inserted.lastrowid, picture.nonce, picture.body))

    def _open(self, record: GalleryRecord, seal: TemplateSeal, sealed_rows: Iterable[_Row], count: int) -> OpenTemplates:
        """Open `count` rows into matrices that are made once: a million templates must not lie in memory twice."""
        rows = np.empty(count, dtype=np.int64)
        vectors = np.empty((count, TEMPLATE_LENGTH), dtype=np.float32)
        means = np.empty(count, dtype=np.float32)
        subjects: list[str] = []
        stale: list[int] = []
        for place, (row, subject, photo, cohort, nonce, body) in enumerate(sealed_rows):
            plain = seal.open(Place(record.name, record.recogniser, cohort, subject, photo), Sealed(nonce, body))
            rows[place] = row
            vectors[place], means[place] = template_and_mean(plain)
            subjects.append(subject)
            if cohort != self._cohort_digest:
                stale.append(place)
        if stale:
            # Sealed with another cohort: measured again, in memory only.
            means[stale] = self._cohort.means(vectors[stale])
        return OpenTemplates(rows, tuple(subjects), vectors, means)


def _rows_of(database: sqlite3.Connection, subject: str) -> list[_Row]:
    query = "SELECT row, subject, photo, cohort, nonce, sealed FROM kept WHERE subject = ? ORDER BY row"
    return database.execute(query, (subject,)).fetchall()


def _continues(known: GalleryRecord | None, record: GalleryRecord) -> bool:
    return known is not None and known.incarnation == record.incarnation and known.generation <= record.generation
