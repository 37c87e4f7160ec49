"""Read the log's entries from its file, each held against its leaf, for a process that works aside. Writes nothing, and trusts no entry."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from gateway.audit.ledger import leaves_of
from gateway.audit.stores.sqlite import SqliteStore
from gateway.audit.tiles import decode_bundle


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
                leaves_of(batch)  # raises for an entry that is not the one its leaf was made of
                yield from enumerate(decode_bundle(batch.bundle, batch.width), start=batch.first)
