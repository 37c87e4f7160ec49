"""Find any node of the tree: the right edge in memory, all else from full tiles. Never signs, and never decides what is appended."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from typing import Final, Protocol

from gateway.audit.failures import NoSuchEntry
from gateway.audit.tiles import HEIGHT, WIDTH, decode_tile, encode_tile, levels, row_width
from gateway.audit.tree import Frontier, node_hash

_TILES_KEPT: Final = 128  # full tiles kept expanded, about 40 kB each


class Shelf(Protocol):
    """What Nodes asks of a store."""

    def leaves(self, start: int, stop: int) -> list[bytes]:
        """Return the leaf hashes of [start, stop)."""
        ...

    def tile(self, level: int, index: int) -> bytes:
        """Return a full tile of level 1 or more."""
        ...


class _Expanded:
    """A tile with the eight rows of nodes inside it: row 0 its own hashes, row 7 at most two."""

    __slots__ = ("index", "rows")

    def __init__(self, index: int, hashes: Sequence[bytes] = ()) -> None:
        self.index = index
        self.rows: list[list[bytes]] = [list(hashes)]
        while len(self.rows) < HEIGHT:
            below = self.rows[-1]
            self.rows.append([node_hash(below[at], below[at + 1]) for at in range(0, len(below) - 1, 2)])

    def root(self) -> bytes:
        """The node above a full tile."""
        return node_hash(*self.rows[-1])


@dataclass(frozen=True, slots=True)
class Growth:
    """What appending some leaves would make of the tree; nothing has happened until it is accepted.

    `rows` holds, level by level, the index of the first new node and the new nodes; `tiles` the tiles that they fill."""

    frontier: Frontier
    rows: Sequence[tuple[int, Sequence[bytes]]]
    tiles: dict[tuple[int, int], bytes]


class Nodes:
    """The nodes of a stored tree. One thread grows it; any thread may look up nodes of a size that was accepted."""

    def __init__(self, shelf: Shelf, size: int) -> None:
        """Rebuild the right edge of the tree at `size` from the store. Raises what the store raises."""
        self._shelf = shelf
        self._full = lru_cache(maxsize=_TILES_KEPT)(self._expand)
        self._edge: dict[int, _Expanded] = {}
        self._passed: dict[int, _Expanded] = {}
        for level in levels(size):
            index, width = divmod(row_width(size, level), WIDTH)
            self._edge[level] = _Expanded(index, self._row(level, index * WIDTH, index * WIDTH + width))
        self.frontier = Frontier.restore(size, self.at)

    def at(self, level: int, index: int) -> bytes:
        """Return the root of the full subtree over the leaves [index << level, (index + 1) << level)."""
        height, row = divmod(level, HEIGHT)
        tile = self._tile(height, index >> HEIGHT - row)
        return tile.rows[row][index & (1 << HEIGHT - row) - 1]

    def hashes(self, level: int, index: int, width: int) -> bytes:
        """Return the first `width` hashes of a tile. Raises NoSuchEntry if the tree does not have them yet."""
        if width > WIDTH or min(level, index, width - 1) < 0 or index * WIDTH + width > row_width(self.frontier.size, level):
            raise NoSuchEntry(f"the log has no tile {index} of level {level} with {width} hashes")
        return encode_tile(self._tile(level, index).rows[0][:width])

    def grown(self, leaves: Sequence[bytes]) -> Growth:
        """Work out what appending these leaf hashes makes of the tree, without doing it.

        Row by row, not leaf by leaf as Frontier.append does: every entry ever appended passes here."""
        size = self.frontier.size
        rows: list[tuple[int, Sequence[bytes]]] = []
        new: list[bytes] = list(leaves)
        while new:
            level, start = len(rows), size >> len(rows)
            rows.append((start, new))
            pairs = [self.at(level, start - 1), *new] if start & 1 else new
            new = [sha256(b"\x01" + pairs[at] + pairs[at + 1]).digest() for at in range(0, len(pairs) - 1, 2)]

        def at(level: int, index: int) -> bytes:
            start, nodes = rows[level] if level < len(rows) else (index + 1, ())
            return nodes[index - start] if index >= start else self.at(level, index)

        tiles = {}
        for level in range(HEIGHT, len(rows), HEIGHT):
            start, nodes = rows[level]
            for full in range(start // WIDTH, (start + len(nodes)) // WIDTH):
                tiles[level // HEIGHT, full] = encode_tile([at(level, index) for index in range(full * WIDTH, (full + 1) * WIDTH)])
        return Growth(Frontier.restore(size + len(leaves), at), rows, tiles)

    def accept(self, growth: Growth) -> None:
        """Make a growth, computed from the present state, the state."""
        touched = {(height, tile.index): tile for height, tile in self._edge.items()}
        for level, (start, nodes) in enumerate(growth.rows):
            height, row = divmod(level, HEIGHT)
            width = WIDTH >> row
            for index in range(start // width, -(-(start + len(nodes)) // width)):
                tile = touched.get((height, index)) or touched.setdefault((height, index), _Expanded(index))
                tile.rows[row] += nodes[max(0, index * width - start) : (index + 1) * width - start]
        for (height, index), tile in sorted(touched.items(), key=lambda item: item[0]):
            before = self._edge.get(height, tile)
            if before.index < index:
                # In this order, so that a reader in another thread finds the tile that is moving in one of the two places.
                self._passed[height] = before
            self._edge[height] = tile
        self.frontier = growth.frontier

    def _tile(self, level: int, index: int) -> _Expanded:
        for recent in (self._edge, self._passed):
            tile = recent.get(level)
            if tile is not None and tile.index == index:
                return tile
        return self._full(level, index)

    def _expand(self, level: int, index: int) -> _Expanded:
        return _Expanded(index, self._row(level, index * WIDTH, (index + 1) * WIDTH))

    def _row(self, level: int, start: int, stop: int) -> list[bytes]:
        """Read the hashes [start, stop) of a tile row: leaves, a full stored tile, or the roots of the tiles below."""
        if level == 0:
            return self._shelf.leaves(start, stop)
        if stop - start == WIDTH:
            return decode_tile(self._shelf.tile(level, start // WIDTH), WIDTH)
        return [self._expand(level - 1, below).root() for below in range(start, stop)]
