"""Create, count, withdraw from and destroy galleries: all that the gateway's own process may do with them.
Never opens a template: the vault does that, in a worker."""

import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from engine.errors import GalleryDamaged, GalleryRefused, GalleryUnknown
from engine.galleries.keys import KeyDirectory, sync_directory
from engine.names import is_gallery_name, is_subject_name

FOREVER = 2**62  # the end of a photo in a gallery without retention, in seconds since 1970 as all ends are
MEAN = "mean"  # the photo name of a subject's mean template, which stands beside those of its single photos

_SCHEMA = """
CREATE TABLE gallery (
    only INTEGER PRIMARY KEY CHECK (only = 1), name TEXT NOT NULL, incarnation TEXT NOT NULL, recogniser TEXT NOT NULL,
    normalised INTEGER NOT NULL, generation INTEGER NOT NULL, retention_days INTEGER) STRICT;
CREATE TABLE template (
    row INTEGER PRIMARY KEY AUTOINCREMENT, subject TEXT NOT NULL, photo TEXT NOT NULL, cohort TEXT NOT NULL,
    synthetic INTEGER NOT NULL, nonce BLOB NOT NULL, sealed BLOB NOT NULL, ends_at INTEGER NOT NULL, UNIQUE (subject, photo)) STRICT;
CREATE INDEX template_ends ON template (ends_at);
CREATE VIEW kept AS SELECT * FROM template WHERE ends_at > unixepoch();
CREATE VIEW ended AS SELECT * FROM template WHERE ends_at <= unixepoch();
CREATE TABLE departure (row INTEGER PRIMARY KEY, generation INTEGER NOT NULL) STRICT;
CREATE INDEX departure_generation ON departure (generation);
"""
# Beside the templates of photos that may be looked at; a gallery from before this table gets it with its next change.
_PORTRAITS = "CREATE TABLE IF NOT EXISTS portrait (row INTEGER PRIMARY KEY, nonce BLOB NOT NULL, sealed BLOB NOT NULL) STRICT"


@dataclass(frozen=True, slots=True)
class GalleryRecord:
    """What a gallery is. `incarnation` changes when a gallery is made anew under an old name; `generation` with every change."""

    name: str
    incarnation: str
    recogniser: str
    normalised: bool
    generation: int
    retention_days: int | None = None


@dataclass(frozen=True, slots=True)
class GalleryCount:
    """How many subjects and photos a gallery holds, and how many of the photos are synthetic: nobody's face."""

    subjects: int
    photos: int
    synthetic: int


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """A subject is gone: no search that starts after `generation` can find it. `photos` were removed."""

    generation: int
    photos: int


class Galleries:
    """The galleries under one directory, a database file each. Calls block for as long as the disk takes."""

    def __init__(self, directory: Path, keys: KeyDirectory) -> None:
        self._directory = directory
        self._keys = keys

    def create(self, gallery: str, recogniser: str, *, normalised: bool = True, retention_days: int | None = None) -> GalleryRecord:
        """Make an empty gallery for templates of one recogniser, with a key of its own.

        A photo is used for `retention_days` after its enrolment, and then by no search that starts; None: until it is withdrawn.

        Raises GalleryRefused: gallery-name for a name that may not be, gallery-exists for one that is taken."""
        if not is_gallery_name(gallery):
            raise GalleryRefused("A gallery's name is 1 to 64 letters, digits, - and _.", code="gallery-name")
        record = GalleryRecord(gallery, secrets.token_hex(16), recogniser, normalised, 1, retention_days)
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        unborn = self._directory / f".{record.incarnation}.new"
        try:
            _write_empty(unborn, record)
            # The key before the gallery: a crash in between leaves a key for nothing, never a gallery without one.
            self._keys.make(gallery, record.incarnation)
            unborn.chmod(0o600)
            self._path(gallery).hardlink_to(unborn)
            sync_directory(self._directory)
        except FileExistsError:
            self._keys.destroy(gallery, record.incarnation)
            raise GalleryRefused(f"There is a gallery {gallery} already.", code="gallery-exists") from None
        finally:
            unborn.unlink(missing_ok=True)
        return record

    def destroy(self, gallery: str) -> None:
        """Shred a gallery: its key first, so that a crash leaves sealed bytes that nobody can open; then the database."""
        path = self._path(gallery)
        if not path.exists():
            raise _unknown(gallery)
        self._keys.destroy(gallery)
        # The log before the database: a stale one would be replayed into a later gallery of the same name.
        for remains in (path.with_name(path.name + "-wal"), path.with_name(path.name + "-shm"), path):
            remains.unlink(missing_ok=True)
        sync_directory(self._directory)

    def names(self) -> tuple[str, ...]:
        """Return the names of all galleries, in order."""
        return tuple(sorted(path.stem for path in self._directory.glob("*.db")))

    def record(self, gallery: str) -> GalleryRecord:
        """Return what the gallery is now; raises GalleryUnknown."""
        with self.opened(gallery) as database:
            return read_record(database)

    def count(self, gallery: str) -> GalleryCount:
        """Count what the gallery holds."""
        query = "SELECT count(DISTINCT subject), count(*), coalesce(sum(synthetic), 0) FROM kept WHERE photo != ?"
        with self.opened(gallery) as database:
            return GalleryCount(*database.execute(query, (MEAN,)).fetchone())

    def subjects(self, gallery: str, *, after: str = "", limit: int = 1000) -> tuple[str, ...]:
        """Return the names of enrolled subjects in order, from the first one behind `after`: a page at a time."""
        query = "SELECT DISTINCT subject FROM kept WHERE subject > ? ORDER BY subject LIMIT ?"
        with self.opened(gallery) as database:
            return tuple(subject for (subject,) in database.execute(query, (after, limit)))

    def holds(self, gallery: str, subject: str) -> bool:
        """Say whether the subject is enrolled. Raises GalleryUnknown."""
        with self.opened(gallery) as database:
            return database.execute("SELECT 1 FROM kept WHERE subject = ? LIMIT 1", (subject,)).fetchone() is not None

    def pictured(self, gallery: str, subject: str) -> bool:
        """Say whether there is a picture of the subject for people to look at. Raises GalleryUnknown."""
        with self.opened(gallery) as database:
            query = "SELECT 1 FROM kept JOIN portrait USING (row) WHERE subject = ? LIMIT 1"
            return has_portraits(database) and database.execute(query, (subject,)).fetchone() is not None

    def portraits(self, gallery: str) -> int:
        """Count the pictures that are kept. Raises GalleryUnknown."""
        with self.opened(gallery) as database:
            return int(database.execute("SELECT count(*) FROM portrait").fetchone()[0]) if has_portraits(database) else 0

    def forget_portraits(self, gallery: str) -> int:
        """Overwrite every picture of the gallery, and return how many they were. Its templates stay. Raises GalleryUnknown."""
        with self.opened(gallery) as database:
            with changing(database):
                gone = database.execute("DELETE FROM portrait").rowcount
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return gone

    def ended(self, gallery: str) -> int:
        """Count the photos whose retention has ended and whose bytes are still there."""
        with self.opened(gallery) as database:
            (count,) = database.execute("SELECT count(*) FROM ended WHERE photo != ?", (MEAN,)).fetchone()
            return int(count)

    def remove_ended(self, gallery: str) -> int:
        """Overwrite the photos whose retention has ended, and return how many they were. No search has used them since their end."""
        with self.opened(gallery) as database:
            with changing(database) as generation:
                rows = database.execute("SELECT row, photo FROM ended").fetchall()
                remove_rows(database, [row for row, _ in rows], generation)
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return sum(photo != MEAN for _, photo in rows)

    def withdraw(self, gallery: str, subject: str) -> Withdrawal:
        """Take a subject out with all its photos, at once and for good; the bytes are overwritten.

        Raises GalleryUnknown, or GalleryRefused(subject-unknown) where there was none to take out."""
        with self.opened(gallery) as database:
            with changing(database) as generation:
                rows = database.execute("SELECT row, photo FROM template WHERE subject = ?", (subject,)).fetchall()
                if not rows:
                    raise GalleryRefused(f"Gallery {gallery} has no such subject.", code="subject-unknown")
                remove_rows(database, [row for row, _ in rows], generation)
            # The write-ahead log still holds the old pages until it is folded back.
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return Withdrawal(generation, sum(photo != MEAN for _, photo in rows))

    def set_normalised(self, gallery: str, *, normalised: bool) -> GalleryRecord:
        """Switch cohort normalisation on or off for every search of this gallery that starts from now on."""
        with self.opened(gallery) as database:
            with changing(database):
                database.execute("UPDATE gallery SET normalised = ?", (normalised,))
            return read_record(database)

    @contextmanager
    def opened(self, gallery: str) -> Iterator[sqlite3.Connection]:
        """Lend a connection to the gallery's database. Raises GalleryUnknown, and GalleryDamaged for a file that is none of ours.

        It is opened anew each time: a gallery that was destroyed or made anew must not be seen through an old handle."""
        path = self._path(gallery)
        if not (is_gallery_name(gallery) and path.exists()):
            raise _unknown(gallery)
        try:
            with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True, timeout=5, isolation_level=None)) as database:
                database.execute("PRAGMA synchronous = FULL")
                database.execute("PRAGMA secure_delete = ON")
                yield database
        except sqlite3.Error as fault:
            if not path.exists():
                raise _unknown(gallery) from None
            raise GalleryDamaged(f"Gallery {gallery} cannot be read or written ({fault}); see to its disk or its backup.") from None

    def _path(self, gallery: str) -> Path:
        return self._directory / f"{gallery}.db"


def read_record(database: sqlite3.Connection) -> GalleryRecord:
    """Return what an opened gallery is at this moment."""
    query = "SELECT name, incarnation, recogniser, normalised, generation, retention_days FROM gallery"
    row = database.execute(query).fetchone()
    if row is None:
        raise GalleryDamaged("A gallery's database holds no gallery; restore it from a backup.")
    name, incarnation, recogniser, normalised, generation, retention_days = row
    return GalleryRecord(name, incarnation, recogniser, bool(normalised), generation, retention_days)


@contextmanager
def changing(database: sqlite3.Connection) -> Iterator[int]:
    """Change a gallery in one transaction that is durable at its end; yields the generation that it brings about."""
    database.execute("BEGIN IMMEDIATE")
    try:
        database.execute(_PORTRAITS)
        yield database.execute("UPDATE gallery SET generation = generation + 1 RETURNING generation").fetchone()[0]
        database.execute("COMMIT")
    except BaseException:
        if database.in_transaction:
            database.execute("ROLLBACK")
        raise


def remove_rows(database: sqlite3.Connection, rows: list[int], generation: int) -> None:
    """Take templates out, with their pictures; only the row's number remains, for the workers that hold it in memory."""
    database.executemany("DELETE FROM portrait WHERE row = ?", [(row,) for row in rows])
    database.executemany("DELETE FROM template WHERE row = ?", [(row,) for row in rows])
    database.executemany("INSERT INTO departure VALUES (?, ?)", [(row, generation) for row in rows])


def has_portraits(database: sqlite3.Connection) -> bool:
    """Say whether the gallery has come to keep pictures at all."""
    return database.execute("SELECT 1 FROM sqlite_schema WHERE name = 'portrait'").fetchone() is not None


def require_subject_name(subject: str) -> None:
    """Raise GalleryRefused(subject-name) for a name that no subject may have."""
    if not is_subject_name(subject):
        raise GalleryRefused("A subject's name is 1 to 128 letters, digits, and . _ : -.", code="subject-name")


def _unknown(gallery: str) -> GalleryUnknown:
    return GalleryUnknown(f"There is no gallery {gallery[:64]!r} here.")


def _write_empty(path: Path, record: GalleryRecord) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = FULL")
        database.executescript(_SCHEMA)
        database.execute(_PORTRAITS)
        values = (record.name, record.incarnation, record.recogniser, record.normalised, record.generation, record.retention_days)
        database.execute("INSERT INTO gallery VALUES (1, ?, ?, ?, ?, ?, ?)", values)
