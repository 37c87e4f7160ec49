"""More ways to spoil an export, added to the table: how entries are spelt, what they claim, and files that are not what they are called.

Both verifiers must notice each. The insider here rebuilds the log around one bad entry and signs it with the log's own key."""

import os
from collections.abc import Callable

from gateway.audit.note import NoteSigner, sign_note
from gateway.audit.rotation import HEADER, key_change_note
from gateway.audit.tiles import encode_bundle
from tests.audit.honest import ORIGIN, HonestLog, canonical, plain
from tests.audit.mutations import OLDER, SIZE, STRUCTURAL, edit, mutation

__all__ = ["STRUCTURAL"]


# What entries say, and how: by an insider who signs a rebuilt log again


def respelt(rows: list[bytes], index: int, change: Callable[[bytes], bytes]) -> list[bytes]:
    changed = change(rows[index])
    assert changed != rows[index]
    return [*rows[:index], changed, *rows[index + 1 :]]


@mutation
def entries_of_two_logs_mixed(folder, scene):
    other = HonestLog.of(SIZE - 1, scene.thief).rows
    scene.rebuild(folder, [row if index % 2 else other[min(index, SIZE - 2)] for index, row in enumerate(scene.log.rows)])


@mutation
def bundle_of_another_log(folder, scene):
    other = [row.replace(b"example-ngo", b"example-cop") for row in scene.log.rows]
    (folder / "tile/entries/000").write_bytes(encode_bundle(other[:256]))


@mutation
def checkpoint_of_another_origin(folder, scene):
    other = NoteSigner.generate("custodes.test/other")
    (folder / "checkpoint").write_bytes(HonestLog(other).extended(scene.log.rows).checkpoint())


@mutation
def heartbeat_removed_by_an_insider(folder, scene):
    rows = scene.log.rows
    assert b'"kind":"heartbeat"' in rows[OLDER - 1]
    scene.rebuild(folder, [*rows[: OLDER - 1], *rows[OLDER:]])


@mutation
def space_added_in_a_new_entry(folder, scene):
    scene.rebuild(folder, respelt(scene.log.rows, SIZE - 1, lambda row: row.replace(b":", b": ", 1)))


@mutation
def newline_added_after_a_new_entry(folder, scene):
    scene.rebuild(folder, respelt(scene.log.rows, SIZE - 1, lambda row: row + b"\n"))


@mutation
def byte_order_mark_before_a_new_entry(folder, scene):
    scene.rebuild(folder, respelt(scene.log.rows, SIZE - 1, lambda row: b"\xef\xbb\xbf" + row))


@mutation
def letter_escaped_in_a_new_entry(folder, scene):
    scene.rebuild(folder, respelt(scene.log.rows, SIZE - 1, lambda row: row.replace(b'"heartbeat"', b'"\\u0068eartbeat"')))


@mutation
def member_doubled_in_a_new_entry(folder, scene):
    scene.rebuild(folder, respelt(scene.log.rows, SIZE - 1, lambda row: row.replace(b'{"at"', b'{"at":"","at"')))


@mutation
def members_out_of_order_in_a_new_entry(folder, scene):
    scene.rebuild(folder, respelt(scene.log.rows, SIZE - 1, lambda row: b'{"v":1,' + row[1:].replace(b',"v":1', b"")))


@mutation
def number_with_a_fraction_in_a_new_entry(folder, scene):
    scene.rebuild(folder, respelt(scene.log.rows, SIZE - 1, lambda row: row.replace(b'"v":1', b'"v":1.0')))


@mutation
def new_entry_of_no_kind(folder, scene):
    scene.rebuild(folder, respelt(scene.log.rows, SIZE - 1, lambda row: row.replace(b'"heartbeat"', b'"Heart Beat"')))


@mutation
def new_entry_that_is_no_object(folder, scene):
    scene.rebuild(folder, [*scene.log.rows, b"[]"])


@mutation
def new_entry_that_is_empty(folder, scene):
    scene.rebuild(folder, [*scene.log.rows, b""])


@mutation
def new_entry_longer_than_the_log_takes(folder, scene):
    scene.rebuild(folder, [*scene.log.rows, scene.log.rows[-1].replace(b'"kind"', b'"filler":"' + b"x" * 8200 + b'","kind"')])


@mutation
def new_key_change_without_the_old_keys_signature(folder, scene):
    new, old = NoteSigner.generate(ORIGIN), scene.log.signers[0]
    forged = sign_note(f"{HEADER}\n{old.key.text()}\n{new.key.text()}\n", new).decode()
    scene.rebuild(folder, [*scene.log.rows, canonical(plain("key-change", SIZE, note=forged, old=old.key.text(), new=new.key.text()))])


@mutation
def new_key_change_that_a_thief_signed_alone(folder, scene):
    new = NoteSigner.generate(ORIGIN)
    keys = {"old": scene.thief.key.text(), "new": new.key.text()}
    scene.rebuild(folder, [*scene.log.rows, canonical(plain("key-change", SIZE, note=key_change_note(scene.thief, new), **keys))])


@mutation
def second_beginning_by_an_insider(folder, scene):
    scene.rebuild(folder, [*scene.log.rows, canonical(plain("genesis", SIZE, origin=ORIGIN))])


# Files that are not what they are called, and a note with more in it than one says


@mutation
def windows_line_ends_in_the_checkpoint(folder, _scene):
    edit(folder / "checkpoint", lambda raw: raw.replace(b"\n", b"\r\n"))


@mutation
def partial_tile_that_claims_another_width(folder, _scene):
    (folder / "tile/0/001.p/55").rename(folder / "tile/0/001.p/54")


@mutation
def partial_tile_where_a_full_one_belongs(folder, _scene):
    tile = folder / "tile/0/000"
    (folder / "tile/0/000.p").mkdir()
    tile.rename(folder / "tile/0/000.p/255")


@mutation
def link_in_place_of_the_checkpoint(folder, _scene):
    (folder / "checkpoint").rename(folder.parent / "elsewhere")
    (folder / "checkpoint").symlink_to(folder.parent / "elsewhere")


@mutation
def link_in_place_of_all_tiles(folder, _scene):
    (folder / "tile").rename(folder.parent / "tiles-elsewhere")
    (folder / "tile").symlink_to(folder.parent / "tiles-elsewhere")


@mutation
def pipe_in_place_of_the_lines(folder, _scene):
    (folder / "entries.jsonl").unlink()
    os.mkfifo(folder / "entries.jsonl")


@mutation
def directory_in_place_of_the_checkpoint(folder, _scene):
    (folder / "checkpoint").unlink()
    (folder / "checkpoint").mkdir()
