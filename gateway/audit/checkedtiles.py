"""Hold the published tiles of a log against the nodes of its tree, as they come up. Believes no tile that was not compared."""

from gateway.audit.published import Published
from gateway.audit.report import Broken
from gateway.audit.tiles import HEIGHT, WIDTH, Tile, TileError, decode_tile, tile_of
from gateway.audit.tree import Frontier, root


class CheckedTiles:
    """The tiles above the leaves, each read once, as the nodes that they should hold come up."""

    def __init__(self, published: Published, size: int) -> None:
        self._published = published
        self._size = size
        self._held: dict[int, tuple[Tile, list[bytes]]] = {}

    def compare(self, level: int, place: int, node: bytes) -> None:
        """Compare a full subtree's hash with the tile that holds it. Raises Broken."""
        row, below = divmod(level, HEIGHT)
        if below:
            return
        index, offset = divmod(place, WIDTH)
        if row not in self._held or self._held[row][0].index != index:
            tile = tile_of(self._size, row, index)
            self._held[row] = (tile, tile_hashes(self._published, tile))
        tile, hashes = self._held[row]
        if hashes[offset] != node:
            last = ((place + 1) << level) - 1
            raise Broken("tile-differs", f"{tile.path} does not hold the hash of the entries from here to {last}", place << level)

    def root_at(self, size: int) -> bytes:
        """Return the root over the first `size` entries, each of which has come up already."""
        return Frontier.restore(size, self._node).root()

    def _node(self, level: int, index: int) -> bytes:
        """Return the root of a full subtree, from the hashes of the tile above or around it."""
        row, below = divmod(level, HEIGHT)
        first = index << below
        tile = tile_of(self._size, row, first // WIDTH)
        return root(tile_hashes(self._published, tile)[first % WIDTH :][: 1 << below])


def tile_hashes(published: Published, tile: Tile) -> list[bytes]:
    """Return the hashes that are published as this tile. Raises Broken if they are not as many as it has."""
    try:
        return decode_tile(published.tile(tile), tile.width)
    except TileError as wrong:
        raise Broken(wrong.code, f"{tile.path}: {wrong.sentence}", tile.first) from wrong
