"""Find any node of the tree: the right edge in memory, all else from full tiles. Never signs, and never decides what is appended."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
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
    """What appending some leaves would make of the tree; nothing has happened until it is accepted."""

    edge: Frontier
    nodes: Sequence[tuple[int, int, bytes]]
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
        """Work out what appending these leaf hashes makes of the tree, without doing it."""
        edge = self.frontier.copy()
        nodes = [node for leaf in leaves for node in edge.append(leaf)]
        tiles = {}
        for level, index, _ in nodes:
            if level and level % HEIGHT == 0 and index % WIDTH == WIDTH - 1:
                tiles[level // HEIGHT, index // WIDTH] = self._filled(level, index // WIDTH, nodes)
        return Growth(edge, nodes, tiles)

    def accept(self, growth: Growth) -> None:
        """Make a growth, computed from the present state, the state."""
        for level, index, node in growth.nodes:
            height, row = divmod(level, HEIGHT)
            tile_index = index >> HEIGHT - row
            edge = self._edge.get(height)
            if edge is None or edge.index != tile_index:
                if edge is not None:
                    # In this order, so that a reader in another thread finds the tile that is moving in one of the two places.
                    self._passed[height] = edge
                edge = self._edge[height] = _Expanded(tile_index)
            edge.rows[row].append(node)
        self.frontier = growth.edge

    def _filled(self, level: int, index: int, nodes: Sequence[tuple[int, int, bytes]]) -> bytes:
        edge = self._edge.get(level // HEIGHT)
        known = edge.rows[0] if edge is not None and edge.index == index else []
        return encode_tile([*known, *(node for at, place, node in nodes if at == level and place // WIDTH == index)])

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
