"""Name, encode and decode the tiles and entry bundles in which a log is published (C2SP tlog-tiles v0.1.0).

It never reads a file: it says which resources a tree of a given size has, and what their bytes mean."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from gateway.audit.errors import AuditError
from gateway.audit.tree import HASH_SIZE

HEIGHT: Final = 8
WIDTH: Final = 1 << HEIGHT
MAX_LEVEL: Final = 63
MAX_ENTRY_BYTES: Final = 0xFFFF  # what a bundle's length prefix can say; the log's own cap is lower

_PATH: Final = re.compile(r"tile/(entries|0|[1-9][0-9]?)((?:/x[0-9]{3})*/[0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?")


class TileError(AuditError):
    """A tile, a bundle or a path is malformed; nothing in it is used."""

    code = "tile-invalid"


@dataclass(frozen=True, slots=True)
class Tile:
    """One published resource: `level` None is a bundle of entries, a number a tile of hashes; `width` 256 is full."""

    level: int | None
    index: int
    width: int = WIDTH

    @property
    def first(self) -> int:
        """The index of the first entry that it spans."""
        return self.index << (HEIGHT * ((self.level or 0) + 1))

    @property
    def path(self) -> str:
        """The path below the log's prefix, `tile/…`."""
        groups = f"{self.index % 1000:03d}"
        rest = self.index // 1000
        while rest:
            groups = f"x{rest % 1000:03d}/{groups}"
            rest //= 1000
        level = "entries" if self.level is None else str(self.level)
        return f"tile/{level}/{groups}" + ("" if self.width == WIDTH else f".p/{self.width}")

    @classmethod
    def parse(cls, path: str) -> "Tile":
        """Read a path, and only the one spelling of each tile. Raises TileError."""
        match = _PATH.fullmatch(path)
        if match is None:
            raise TileError(f"{path!r} is no path of a tile or an entry bundle")
        level, groups, width = match.groups()
        tile = cls(None if level == "entries" else int(level), int(re.sub(r"[/x]", "", groups)), int(width or WIDTH))
        if (tile.level or 0) > MAX_LEVEL or tile.path != path:
            raise TileError(f"{path!r} is no path of a tile or an entry bundle")
        return tile


def row_width(size: int, level: int) -> int:
    """Return how many hashes the tiles of a level hold together, in a tree of `size` entries."""
    return size >> (HEIGHT * level)


def tile_of(size: int, level: int | None, index: int) -> Tile:
    """Return tile `index` of a level as a tree of `size` entries has it: full, or partial at the right edge.

    Raises TileError if that tree has no such tile."""
    width = min(row_width(size, level or 0) - index * WIDTH, WIDTH)
    if width <= 0:
        raise TileError(f"a tree of {size} entries has no tile {index} at level {level}")
    return Tile(level, index, width)


def tiles_of_level(size: int, level: int | None) -> Iterator[Tile]:
    """Name the tiles (or, for None, the bundles) of one level, left to right; nothing if the tree does not reach it."""
    for index in range(-(-row_width(size, level or 0) // WIDTH)):
        yield tile_of(size, level, index)


def levels(size: int) -> range:
    """Return the levels that have tiles in a tree of `size` entries."""
    return range(-(-size.bit_length() // HEIGHT))


def all_tiles(size: int) -> Iterator[Tile]:
    """Name every resource that a tree of `size` entries publishes beside its checkpoint: hash tiles, then bundles."""
    for level in levels(size):
        yield from tiles_of_level(size, level)
    yield from tiles_of_level(size, None)


def encode_tile(hashes: Sequence[bytes]) -> bytes:
    """Write a tile's hashes."""
    return b"".join(hashes)


def decode_tile(raw: bytes, width: int) -> list[bytes]:
    """Read a tile of exactly `width` hashes. Raises TileError."""
    if len(raw) != width * HASH_SIZE:
        raise TileError(f"a tile of {width} hashes has {width * HASH_SIZE} bytes, not {len(raw)}")
    return [raw[at : at + HASH_SIZE] for at in range(0, len(raw), HASH_SIZE)]


def encode_bundle(entries: Iterable[bytes]) -> bytes:
    """Write an entry bundle: each entry after its length in two bytes. Raises TileError for an entry over 65,535 bytes."""
    try:
        return b"".join([len(entry).to_bytes(2, "big") + entry for entry in entries])
    except OverflowError as wrong:
        raise TileError(f"an entry of more than {MAX_ENTRY_BYTES} bytes does not fit a bundle") from wrong


def decode_bundle(raw: bytes, width: int) -> list[bytes]:
    """Read a bundle of exactly `width` entries with no byte left over. Raises TileError."""
    entries = split_bundle(raw)
    if len(entries) != width or encode_bundle(entries) != raw:  # an entry that breaks off is shorter than its prefix says
        raise TileError(f"the bundle should hold {width} whole entries; it holds {len(entries)}, or breaks off within the last")
    return entries


def split_bundle(raw: bytes) -> list[bytes]:
    """Return what stands between the length prefixes, however little the last one has left; for finding out where a bundle went wrong."""
    entries, at = [], 0
    while at < len(raw):
        start = at + 2
        at = start + int.from_bytes(raw[at:start], "big")
        entries.append(raw[start:at])
    return entries
