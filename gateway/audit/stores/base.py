"""Say what a store must promise to keep a log, and in which values. Never hashes, signs or judges what it keeps."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from gateway.audit.failures import LogUnavailable
from gateway.audit.tree import HASH_SIZE

MAX_BATCH: Final = 256  # entries in one transaction; bounds what must be read to find one of them
ENOUGH_OPENINGS: Final = 4096  # a batch with so many takes no further entry; SQLite binds 32,766 values in one statement


class HeadMoved(Exception):  # a signal between store and ledger that no caller of the log ever sees
    """Another process has appended since; nothing was written."""


class StoreBusy(LogUnavailable):
    """Another process held the log for too long; nothing was written, and the store is still good."""

    code = "log-busy"


class StoreMissing(LogUnavailable):
    """There is no store at the place named, and none may be created there."""


@dataclass(frozen=True, slots=True)
class Opening:
    """What opens one commitment: HMAC-SHA256(nonce, value) stands in the entry, the value itself only here."""

    nonce: bytes
    value: bytes


@dataclass(frozen=True, slots=True)
class Batch:
    """What one transaction adds: entries in a C2SP bundle, their leaf hashes end to end, and the checkpoint signed over them all."""

    size: int
    checkpoint: bytes
    leaves: bytes
    bundle: bytes

    @property
    def width(self) -> int:
        """Number of entries that it adds."""
        return len(self.leaves) // HASH_SIZE

    @property
    def first(self) -> int:
        """The index of its first entry."""
        return self.size - self.width


@dataclass(frozen=True, slots=True)
class Commit:
    """One transaction: the batch, the openings of its entries by index, and the tiles (level >= 1) that it fills."""

    batch: Batch
    openings: Mapping[int, Mapping[str, Opening]] = field(default_factory=dict)
    tiles: Mapping[tuple[int, int], bytes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Cosigned:
    """A checkpoint as the log signed it, and the signature lines of witnesses, each with its newline."""

    size: int
    checkpoint: bytes
    lines: tuple[str, ...]


class Store(Protocol):
    """Where a log's bytes rest. One thread writes; any thread reads.

    Every method raises LogUnavailable if the storage does not answer, and LogDamaged if what it answers is no store."""

    def head(self) -> Batch | None:
        """Return the newest batch; None if the store is empty."""
        ...

    def size(self) -> int:
        """Return the size that the newest batch states, whoever wrote it."""
        ...

    def begin(self, checkpoint: bytes) -> None:
        """Lay out an empty store and sign its emptiness; without effect if another process was first."""
        ...

    def commit(self, commit: Commit) -> None:
        """Write all of it or nothing, and return once it would survive a power cut.

        Raises HeadMoved or StoreBusy if nothing was written. After any other error the effect is unknown:
        the store must then be closed, and whoever waits be told LogUnavailable."""
        ...

    def make_room(self) -> None:
        """Do between two commits, while nobody waits, what makes the next ones quicker. No promise rests on it.

        Raises StoreBusy if it could not be done now; after any other error the store must be closed."""
        ...

    def batches(self, start: int, stop: int) -> Iterator[Batch]:
        """Read the batches that hold the entries [start, stop), in order."""
        ...

    def leaves(self, start: int, stop: int) -> list[bytes]:
        """Read the leaf hashes of the entries [start, stop)."""
        ...

    def tile(self, level: int, index: int) -> bytes:
        """Read a full tile of level 1 or more. Raises LogDamaged if it is not there."""
        ...

    def checkpoint(self, size: int) -> bytes | None:
        """Read the checkpoint that was signed at exactly this size, if any was."""
        ...

    def openings(self, index: int) -> dict[str, Opening]:
        """Read what opens the commitments of an entry, less what was erased."""
        ...

    def places_of(self, value: bytes) -> list[tuple[int, str]]:
        """Name every opening, by entry and path, that holds this value and is not erased. Reads all of them."""
        ...

    def erase(self, places: Mapping[int, Sequence[str]]) -> dict[int, tuple[str, ...]]:
        """Destroy openings, all of them or none, so that no file of the store holds their bytes any more.

        Returns the paths that were destroyed now, by entry."""
        ...

    def cosign(self, size: int, lines: Sequence[str]) -> None:
        """Keep signature lines of witnesses with the checkpoint of this size, each in place of an older one of the same key."""
        ...

    def cosigned(self, below: int | None = None) -> Cosigned | None:
        """Read the newest checkpoint that any witness has signed; of those below a size, if one is given."""
        ...

    def close(self) -> None:
        """Let go of the storage. Never raises."""
        ...
