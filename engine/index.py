"""Hold a gallery's templates in a worker's memory, in step with the disk, and measure a probe's distance to every one of them exactly.
Knows no threshold and no similarity, and never writes."""

from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.galleries.store import GalleryRecord
from engine.galleries.vault import OpenTemplates, Vault
from engine.orders import GalleryState

Vector = NDArray[np.float32]

# |x|^2 + |q|^2 - 2 xq in float32 is off by some 1e-6, and so its root by up to 1e-3 where the distance is nearly nothing:
# cut this much wider than the threshold, then ask `exactly`.
ROUNDING: Final = 2e-3

_SPARE = 0.125
_DEAD_AT_MOST = 0.25


class GalleryIndex:
    """Every template of one gallery, a row each in one matrix. A row that left is wiped at once, and its place given back later.

    The search is a plain product of the matrix with the probe: it reads every template once, at the speed of the memory."""

    def __init__(self, length: int) -> None:
        self._length = length
        self._clear()

    def _clear(self) -> None:
        self.size = 0
        self.dead = 0
        self.names: list[str] = []
        self.templates_of: list[int] = []
        self._number_of: dict[str, int] = {}
        self._rows = np.empty(0, dtype=np.int64)
        self._vectors = np.empty((0, self._length), dtype=np.float32)
        self._squares = np.empty(0, dtype=np.float32)
        self._means = np.empty(0, dtype=np.float32)
        self._owners = np.empty(0, dtype=np.int32)

    @property
    def templates(self) -> int:
        """How many templates can be found."""
        return self.size - self.dead

    @property
    def subjects(self) -> int:
        """How many subjects can be found."""
        return len(self._number_of)

    @property
    def last_row(self) -> int:
        """The greatest row that was ever taken in since the index was empty; 0 for none."""
        return int(self._rows[self.size - 1]) if self.size else 0

    @property
    def owners(self) -> NDArray[np.int32]:
        """For each place of `distances`, whose template it is: a place in `names`."""
        return self._owners[: self.size]

    @property
    def means(self) -> Vector:
        """For each place of `distances`, the template's mean distance to its nearest of the cohort."""
        return self._means[: self.size]

    @property
    def memory(self) -> int:
        """Bytes held by the matrices."""
        return sum(part.nbytes for part in (self._rows, self._vectors, self._squares, self._means, self._owners))

    def add(self, arrived: OpenTemplates) -> None:
        """Take templates in. Their rows are greater than all before, as the database gives no number twice."""
        count = len(arrived.rows)
        squares = np.einsum("ij,ij->i", arrived.vectors, arrived.vectors)
        owners = np.fromiter((self._number(subject) for subject in arrived.subjects), dtype=np.int32, count=count)
        if self.size == 0:
            # Adopted as they are: a first load of a million templates is never in memory twice.
            self._rows, self._vectors, self._squares = arrived.rows, arrived.vectors, squares
            self._means, self._owners = arrived.means, owners
        else:
            self._make_room(count)
            new = slice(self.size, self.size + count)
            self._rows[new], self._vectors[new], self._squares[new] = arrived.rows, arrived.vectors, squares
            self._means[new], self._owners[new] = arrived.means, owners
        self.size += count

    def remove(self, departed: Iterable[int]) -> None:
        """Wipe these rows: from here on their distance is infinite. Rows that are not held are passed over."""
        wanted = np.fromiter(departed, dtype=np.int64)
        held = self._rows[: self.size]
        places = np.searchsorted(held, wanted)
        places = places[(places < self.size) & (held[np.minimum(places, self.size - 1)] == wanted)] if self.size else places[:0]
        places = places[np.isfinite(self._squares[places])]
        self._vectors[places] = 0
        self._means[places] = 0
        self._squares[places] = np.inf
        self.dead += len(places)
        for owner in self._owners[places].tolist():
            self._release(owner)
        if self.dead > _DEAD_AT_MOST * self.size:
            self._close_ranks()

    def distances(self, probe: Vector) -> Vector:
        """Return the Euclidean distance of the probe to every place, to within ROUNDING; infinite where a template has left."""
        found = self._vectors[: self.size] @ probe
        found *= -2
        found += self._squares[: self.size]
        found += probe @ probe
        np.maximum(found, 0, out=found)
        return np.asarray(np.sqrt(found, out=found))

    def exactly(self, probe: Vector, places: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the distances of a few places again, in full precision."""
        return np.asarray(np.linalg.norm(self._vectors[places].astype(np.float64) - probe, axis=1))

    def _number(self, subject: str) -> int:
        number = self._number_of.setdefault(subject, len(self.names))
        if number == len(self.names):
            self.names.append(subject)
            self.templates_of.append(0)
        self.templates_of[number] += 1
        return number

    def _release(self, owner: int) -> None:
        self.templates_of[owner] -= 1
        if self.templates_of[owner] == 0:
            del self._number_of[self.names[owner]]
            self.names[owner] = ""

    def _make_room(self, count: int) -> None:
        needed = self.size + count
        if needed <= len(self._rows):
            return
        room = needed + int(needed * _SPARE)
        for name in ("_rows", "_vectors", "_squares", "_means", "_owners"):
            old = getattr(self, name)
            new = np.empty((room, *old.shape[1:]), dtype=old.dtype)
            new[: self.size] = old[: self.size]
            setattr(self, name, new)

    def _close_ranks(self) -> None:
        """Give the places of departed rows back, keeping the order of rows, and number the subjects anew."""
        alive = np.flatnonzero(np.isfinite(self._squares[: self.size]))
        keep = OpenTemplates(
            self._rows[alive], tuple(self.names[owner] for owner in self._owners[alive]), self._vectors[alive], self._means[alive]
        )
        self._clear()
        self.add(keep)


@dataclass(slots=True)
class _Held:
    record: GalleryRecord
    index: GalleryIndex


class Indexes:
    """The galleries that a worker holds in memory, each loaded when first searched; the longest unused go when memory is short."""

    def __init__(self, vault: Vault, length: int, memory: int) -> None:
        self._vault = vault
        self._length = length
        self._memory = memory
        self._held: OrderedDict[str, _Held] = OrderedDict()

    def current(self, state: GalleryState, announce: Callable[[int], None]) -> tuple[GalleryRecord, GalleryIndex]:
        """Return the gallery as it is on the disk at this moment, never older than `state`.

        `announce` hears how many templates have to be opened first. Raises what Vault.changes raises; the memory of a gallery
        that can no longer be read is dropped."""
        held = self._held.pop(state.gallery, None)
        changes = self._vault.changes(state, held.record if held else None, held.index.last_row if held else 0, announce)
        if held is None or changes.anew:
            held = _Held(changes.record, GalleryIndex(self._length))
        held.index.remove(changes.departed)
        held.index.add(changes.arrived)
        held.record = changes.record
        self._held[state.gallery] = held
        while len(self._held) > 1 and self.memory > self._memory:
            self._held.popitem(last=False)
        return held.record, held.index

    @property
    def memory(self) -> int:
        """Bytes held for all galleries."""
        return sum(held.index.memory for held in self._held.values())
