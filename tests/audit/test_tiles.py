"""Tiles and entry bundles, against the examples of the C2SP text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.audit.tiles import (
    WIDTH,
    Tile,
    TileError,
    all_tiles,
    decode_bundle,
    decode_tile,
    encode_bundle,
    encode_tile,
    levels,
    row_width,
    split_bundle,
    tile_of,
    tiles_of_level,
)


def test_the_path_of_the_specifications_example():
    assert Tile(0, 1234067).path == "tile/0/x001/x234/067"


@pytest.mark.parametrize(
    ("tile", "path"),
    [
        (Tile(0, 0), "tile/0/000"),
        (Tile(63, 999), "tile/63/999"),
        (Tile(1, 1000), "tile/1/x001/000"),
        (Tile(2, 5, 1), "tile/2/005.p/1"),
        (Tile(None, 1001, 255), "tile/entries/x001/001.p/255"),
    ],
)
def test_a_path_is_written_as_it_is_read(tile, path):
    assert tile.path == path
    assert Tile.parse(path) == tile


@pytest.mark.parametrize(
    "path",
    [
        "",
        "tile/0/0",
        "tile/0/0000",
        "tile/00/000",
        "tile/64/000",
        "tile/0/000/001",
        "tile/0/x000/001",
        "tile/0/001/x234",
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/0/000.p/01",
        "tile/0/000.p/",
        "tile/0/000.p",
        "tile/0/000/",
        "tile/0//000",
        "tile/-1/000",
        "tile/entries/000\n",
        "tile/data/000",
        "tile/8/0/000",
        "../tile/0/000",
        "tile/0/٠٠٠",
    ],
)
def test_any_other_spelling_of_a_path_is_refused(path):
    with pytest.raises(TileError):
        Tile.parse(path)


def test_a_tree_of_70000_has_the_tiles_of_the_specifications_example():
    tiles = list(all_tiles(70_000))
    by_level = {level: [tile for tile in tiles if tile.level == level] for level in (0, 1, 2, None)}
    assert [(tile.index, tile.width) for tile in by_level[0]] == [*((n, WIDTH) for n in range(273)), (273, 112)]
    assert [(tile.index, tile.width) for tile in by_level[1]] == [(0, WIDTH), (1, 17)]
    assert [(tile.index, tile.width) for tile in by_level[2]] == [(0, 1)]
    assert [(tile.index, tile.width) for tile in by_level[None]] == [*((n, WIDTH) for n in range(273)), (273, 112)]
    assert len(tiles) == 2 * 274 + 2 + 1


def test_a_tree_of_256_has_a_full_tile_and_one_hash_above_it():
    assert [tile.path for tile in all_tiles(256)] == ["tile/0/000", "tile/1/000.p/1", "tile/entries/000"]


def test_an_empty_tree_has_no_tiles():
    assert list(all_tiles(0)) == []


@given(st.integers(0, 200_000))
def test_each_level_holds_the_full_subtrees_of_its_height(size):
    for level in levels(size):
        widths = [tile.width for tile in tiles_of_level(size, level)]
        assert sum(widths) == row_width(size, level) == size // 256**level > 0
        assert all(width == WIDTH for width in widths[:-1])
    assert row_width(size, len(levels(size))) == 0


def test_a_tile_that_the_tree_does_not_have_is_refused():
    for level, index in ((0, 2), (1, 1), (2, 0), (None, 2)):
        with pytest.raises(TileError):
            tile_of(300, level, index)


def test_the_first_entry_under_a_tile():
    assert [Tile(0, 3).first, Tile(None, 3).first, Tile(1, 3).first, Tile(2, 1).first] == [768, 768, 3 * 65536, 1 << 24]


@given(st.lists(st.binary(min_size=32, max_size=32), min_size=1, max_size=WIDTH))
def test_a_tile_is_read_as_it_was_written(hashes):
    raw = encode_tile(hashes)
    assert decode_tile(raw, len(hashes)) == hashes
    for wrong in (raw + b"\0", raw[:-1], raw + raw[:32]):
        with pytest.raises(TileError):
            decode_tile(wrong, len(hashes))


@given(st.lists(st.binary(max_size=300), max_size=20))
def test_a_bundle_is_read_as_it_was_written(entries):
    assert decode_bundle(encode_bundle(entries), len(entries)) == entries


def test_a_bundle_gives_each_length_in_two_bytes_big_endian():
    assert encode_bundle([b"", b"abc", b"x" * 258]) == b"\0\0" + b"\0\3abc" + b"\1\2" + b"x" * 258


def test_an_entry_that_fits_no_bundle_is_refused():
    assert decode_bundle(encode_bundle([b"x" * 65535]), 1) == [b"x" * 65535]
    with pytest.raises(TileError):
        encode_bundle([b"x" * 65536])


@given(st.lists(st.binary(max_size=30), min_size=1, max_size=8), st.data())
def test_a_bundle_that_breaks_off_is_refused(entries, data):
    raw = encode_bundle(entries)
    with pytest.raises(TileError):
        decode_bundle(raw[: data.draw(st.integers(0, len(raw) - 1))], len(entries))


@given(st.binary(max_size=400))
def test_rubbish_is_split_without_end_or_error(raw):
    assert sum(2 + len(entry) for entry in split_bundle(raw)) >= len(raw)
