"""Read a log's entries from its file or from an export, each held against its leaf, for work aside. Writes nothing, trusts no entry.

Who signed an export is not looked at here: that is `audit verify`."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from gateway.audit.failures import LogDamaged
from gateway.audit.ledger import leaves_of
from gateway.audit.note import Checkpoint, Note
from gateway.audit.published import ExportDirectory
from gateway.audit.report import Broken
from gateway.audit.stores.base import Batch
from gateway.audit.stores.sqlite import SqliteStore
from gateway.audit.tiles import Tile, TileError, decode_bundle, decode_tile, tiles_of_level


@dataclass(frozen=True, slots=True)
class RecordedEntries:
    """The entries of the log in that file."""

    path: Path

    def size(self) -> int:
        """Return how many there are now. Raises LogDamaged, LogUnavailable."""
        with closing(SqliteStore(self.path, create=False)) as store:
            return store.size()

    def first(self, size: int) -> Iterator[tuple[int, bytes]]:
        """Return the first `size`, each with its index. Raises LogDamaged naming the first that is not what was logged, LogUnavailable."""
        with closing(SqliteStore(self.path, create=False)) as store:
            for batch in store.batches(0, size):
                yield from _entries_of(batch)


@dataclass(frozen=True, slots=True)
class ExportedEntries:
    """The entries of a log that `audit export` wrote into that directory."""

    directory: Path

    def size(self) -> int:
        """Return how many the checkpoint speaks of. Raises CannotVerify or another AuditError if this is no export."""
        return Checkpoint.parse(Note.parse(ExportDirectory(self.directory).checkpoint()).text).size

    def first(self, size: int) -> Iterator[tuple[int, bytes]]:
        """Return the first `size`, each with its index. Raises LogDamaged naming the first that is not what was logged, or is missing."""
        export = ExportDirectory(self.directory)
        for bundle in tiles_of_level(size, None):
            try:
                raw, leaves = export.tile(bundle), export.tile(Tile(0, bundle.index, bundle.width))
                decode_tile(leaves, bundle.width)  # raises for fewer hashes than entries, or more
            except (Broken, TileError) as wrong:
                raise LogDamaged(f"the entries from {bundle.first} on cannot be read: {wrong.sentence}", index=bundle.first) from wrong
            yield from _entries_of(Batch(bundle.first + bundle.width, b"", leaves, raw))


def _entries_of(batch: Batch) -> Iterator[tuple[int, bytes]]:
    leaves_of(batch)  # raises for an entry that is not the one its leaf was made of
    yield from enumerate(decode_bundle(batch.bundle, batch.width), start=batch.first)
