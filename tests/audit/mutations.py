"""Every way to spoil an export that both verifiers must notice: single bits, and changes of structure by outsiders and insiders.

An insider here holds the log's own key and rebuilds everything that can be rebuilt; only an older checkpoint, or the rules
between entries, give that away. Long because it is one table of sixty ways, each with the few lines that do it."""

import random
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from gateway.audit.export import write_export
from gateway.audit.note import Note, NoteSigner
from gateway.audit.tiles import decode_bundle, encode_bundle
from tests.audit.honest import ORIGIN, RULEBOOK_DIGEST, HonestLog, rulebook

SIZE = 311  # one full and one partial tile, one upper tile, and every search closed
OLDER = 281


@dataclass(frozen=True)
class Scene:
    """An honest log, its export, and a checkpoint that an auditor kept from earlier."""

    log: HonestLog
    export: Path
    older: bytes
    thief: NoteSigner

    @classmethod
    def set(cls, folder: Path) -> "Scene":
        log = HonestLog.of(SIZE)
        export = folder / "honest"
        write_export(log, export, log.key, rulebook=rulebook)
        older = HonestLog(*log.signers).extended(log.rows[:OLDER]).checkpoint()
        return cls(log, export, older, NoteSigner.generate(ORIGIN))

    def rebuild(self, folder: Path, rows: list[bytes], signer: NoteSigner | None = None) -> None:
        """Put in the folder a flawless export of other rows, signed by the log's own key unless another is given."""
        shutil.rmtree(folder)
        forged = HonestLog(*([signer] if signer else self.log.signers)).extended(rows)
        write_export(forged, folder, forged.key, rulebook=rulebook)


@contextmanager
def flipped(path: Path, bit: int) -> Iterator[None]:
    """Flip one bit of a file for a while."""
    with path.open("r+b") as file:
        file.seek(bit // 8)
        byte = file.read(1)[0]
        for value in (byte ^ 1 << bit % 8, byte):
            file.seek(bit // 8)
            file.write(bytes([value]))
            file.flush()
            if value != byte:
                yield


def bits(export: Path, count: int, seed: int) -> Iterator[tuple[Path, int]]:
    """Choose bits: each file equally often, so that the small ones are not spared."""
    chance = random.Random(seed)
    files = sorted(path for path in export.rglob("*") if path.is_file())
    for turn in range(count):
        path = files[turn % len(files)]
        yield path, chance.randrange(path.stat().st_size * 8)


STRUCTURAL: dict[str, Callable[[Path, Scene], None]] = {}


def mutation(act: Callable[[Path, Scene], None]) -> Callable[[Path, Scene], None]:
    STRUCTURAL[act.__name__] = act
    return act


def edit(path: Path, change: Callable[[bytes], bytes]) -> None:
    before = path.read_bytes()
    path.write_bytes(change(before))
    assert path.read_bytes() != before


def remove(name: str) -> Callable[[Path, Scene], None]:
    def act(folder: Path, _scene: Scene) -> None:
        (folder / name).unlink()

    act.__name__ = f"missing {name}"
    return mutation(act)


for _name in ("checkpoint", "log.vkey", "entries.jsonl"):
    remove(_name)
for _name in ("tile/0/000", "tile/0/001.p/55", "tile/1/000.p/1", "tile/entries/000", "tile/entries/001.p/55"):
    remove(_name)


# Rulebook texts

remove(f"rulebooks/{RULEBOOK_DIGEST}.json")


@mutation
def rulebook_of_another_text(folder, _scene):
    edit(folder / f"rulebooks/{RULEBOOK_DIGEST}.json", lambda raw: raw + b"\n")


@mutation
def rulebook_under_its_own_digest_that_no_entry_names(folder, _scene):
    (folder / f"rulebooks/{sha256(b'lax').hexdigest()}.json").write_bytes(b"lax")


@mutation
def rulebook_under_another_name(folder, _scene):
    text = folder / f"rulebooks/{RULEBOOK_DIGEST}.json"
    text.rename(text.with_suffix(".txt"))


# Files that do not belong


@mutation
def stray_file_at_the_top(folder, _scene):
    (folder / "README").write_text("trust me")


@mutation
def stray_hidden_file_among_the_tiles(folder, _scene):
    (folder / "tile/0/.000").write_bytes(b"")


@mutation
def empty_directory(folder, _scene):
    (folder / "tile/2").mkdir()


@mutation
def stale_partial_tile(folder, _scene):
    (folder / "tile/0/000.p").mkdir()
    (folder / "tile/0/000.p/55").write_bytes((folder / "tile/0/000").read_bytes()[: 55 * 32])


@mutation
def tile_of_a_level_that_the_tree_does_not_reach(folder, _scene):
    (folder / "tile/2/000.p").mkdir(parents=True)
    (folder / "tile/2/000.p/1").write_bytes((folder / "tile/1/000.p/1").read_bytes())


@mutation
def link_in_place_of_a_bundle(folder, _scene):
    outside = folder.parent / "outside"
    (folder / "tile/entries/000").rename(outside)
    (folder / "tile/entries/000").symlink_to(outside)


@mutation
def directory_in_place_of_a_tile(folder, _scene):
    (folder / "tile/0/000").unlink()
    (folder / "tile/0/000").mkdir()


# Tiles


def swapped(raw: bytes, at: int, width: int) -> bytes:
    return raw[:at] + raw[at + width : at + 2 * width] + raw[at : at + width] + raw[at + 2 * width :]


@mutation
def two_hashes_exchanged(folder, _scene):
    edit(folder / "tile/0/000", lambda raw: swapped(raw, 64, 32))


@mutation
def two_tiles_exchanged(folder, _scene):
    full, partial = folder / "tile/0/000", folder / "tile/0/001.p/55"
    first, second = full.read_bytes(), partial.read_bytes()
    full.write_bytes(second)
    partial.write_bytes(first)


@mutation
def hash_doubled(folder, _scene):
    edit(folder / "tile/0/001.p/55", lambda raw: raw[:32] + raw[:32] + raw[64:])


@mutation
def tile_shorter_by_a_hash(folder, _scene):
    edit(folder / "tile/0/001.p/55", lambda raw: raw[:-32])


@mutation
def tile_shorter_by_a_byte(folder, _scene):
    edit(folder / "tile/0/000", lambda raw: raw[:-1])


@mutation
def tile_longer_by_a_hash(folder, _scene):
    edit(folder / "tile/0/001.p/55", lambda raw: raw + raw[:32])


@mutation
def upper_tile_with_a_leaf_in_it(folder, _scene):
    edit(folder / "tile/1/000.p/1", lambda _raw: (folder / "tile/0/000").read_bytes()[:32])


@mutation
def tile_and_bundle_exchanged(folder, _scene):
    tile, bundle = folder / "tile/0/000", folder / "tile/entries/000"
    first, second = tile.read_bytes(), bundle.read_bytes()
    tile.write_bytes(second)
    bundle.write_bytes(first)


# Bundles


def rebundled(folder: Path, change: Callable[[list[bytes]], list[bytes]]) -> None:
    edit(folder / "tile/entries/001.p/55", lambda raw: encode_bundle(change(decode_bundle(raw, 55))))


@mutation
def two_entries_exchanged(folder, _scene):
    rebundled(folder, lambda rows: [*rows[:3], rows[4], rows[3], *rows[5:]])


@mutation
def entry_doubled_over_its_neighbour(folder, _scene):
    rebundled(folder, lambda rows: [*rows[:4], rows[3], *rows[5:]])


@mutation
def entry_cut_out(folder, _scene):
    rebundled(folder, lambda rows: [*rows[:7], *rows[8:]])


@mutation
def last_entry_cut_off(folder, _scene):
    rebundled(folder, lambda rows: rows[:-1])


@mutation
def entry_added_at_the_end(folder, _scene):
    rebundled(folder, lambda rows: [*rows, rows[-1]])


@mutation
def bundle_that_breaks_off(folder, _scene):
    edit(folder / "tile/entries/001.p/55", lambda raw: raw[:-5])


@mutation
def bundle_with_a_byte_left_over(folder, _scene):
    edit(folder / "tile/entries/000", lambda raw: raw + b"\x00")


@mutation
def two_entries_run_together(folder, _scene):
    rebundled(folder, lambda rows: [*rows[:9], rows[9] + rows[10], *rows[11:]])


@mutation
def entry_edited_in_bundle_and_lines(folder, scene):
    row = scene.log.rows[123]
    edit(folder / "tile/entries/000", lambda raw: raw.replace(row, row.replace(b"refusal", b"permit!")))
    edit(folder / "entries.jsonl", lambda raw: raw.replace(row, row.replace(b"refusal", b"permit!")))


# entries.jsonl


def relined(folder: Path, change: Callable[[list[bytes]], list[bytes]]) -> None:
    edit(folder / "entries.jsonl", lambda raw: b"".join(change(raw.splitlines(keepends=True))))


@mutation
def two_lines_exchanged(folder, _scene):
    relined(folder, lambda lines: [*lines[:40], lines[41], lines[40], *lines[42:]])


@mutation
def line_removed(folder, _scene):
    relined(folder, lambda lines: lines[:100] + lines[101:])


@mutation
def last_line_removed(folder, _scene):
    relined(folder, lambda lines: lines[:-1])


@mutation
def line_doubled(folder, _scene):
    relined(folder, lambda lines: [*lines, lines[-1]])


@mutation
def empty_line_between(folder, _scene):
    relined(folder, lambda lines: [*lines[:5], b"\n", *lines[5:]])


@mutation
def last_newline_missing(folder, _scene):
    edit(folder / "entries.jsonl", lambda raw: raw[:-1])


@mutation
def windows_line_ends(folder, _scene):
    edit(folder / "entries.jsonl", lambda raw: raw.replace(b"\n", b"\r\n"))


# The checkpoint, by someone without the key


def relabelled(folder: Path, change: Callable[[str], str]) -> None:
    edit(folder / "checkpoint", lambda raw: change(raw.decode()).encode())


@mutation
def smaller_size_stated(folder, _scene):
    relabelled(folder, lambda text: text.replace(f"\n{SIZE}\n", f"\n{SIZE - 1}\n"))


@mutation
def size_with_a_leading_zero(folder, _scene):
    relabelled(folder, lambda text: text.replace(f"\n{SIZE}\n", f"\n0{SIZE}\n"))


@mutation
def name_of_another_log(folder, _scene):
    relabelled(folder, lambda text: text.replace(ORIGIN, "custodes.test/other"))


@mutation
def signature_missing(folder, _scene):
    relabelled(folder, lambda text: text[: text.index("—")])


@mutation
def signature_of_the_older_checkpoint(folder, scene):
    older = Note.parse(scene.older)
    edit(folder / "checkpoint", lambda raw: Note(Note.parse(raw).text, older.signatures).encode())


@mutation
def signed_by_a_thief(folder, scene):
    edit(folder / "checkpoint", lambda raw: Note(Note.parse(raw).text, (scene.thief.sign(Note.parse(raw).text),)).encode())


@mutation
def key_replaced_by_a_thiefs(folder, scene):
    edit(folder / "log.vkey", lambda _raw: f"{scene.thief.key.text()}\n".encode())


@mutation
def everything_rebuilt_by_a_thief(folder, scene):
    scene.rebuild(folder, [*scene.log.rows[:5], *scene.log.rows[6:]], scene.thief)


@mutation
def older_checkpoint_put_in_its_place(folder, scene):
    edit(folder / "checkpoint", lambda _raw: scene.older)


@mutation
def history_rewritten_under_the_old_checkpoint(folder, scene):
    checkpoint = (folder / "checkpoint").read_bytes()
    scene.rebuild(folder, edited(scene.log.rows, 61))
    (folder / "checkpoint").write_bytes(checkpoint)


# History rewritten, rebuilt and signed again with the log's own key


def edited(rows: list[bytes], index: int) -> list[bytes]:
    assert b"example-ngo" in rows[index]
    return [*rows[:index], rows[index].replace(b"example-ngo", b"example-cop"), *rows[index + 1 :]]


@mutation
def entry_edited_by_an_insider(folder, scene):
    scene.rebuild(folder, edited(scene.log.rows, 61))


@mutation
def beginning_edited_by_an_insider(folder, scene):
    scene.rebuild(folder, [scene.log.rows[0].replace(b"10:00", b"09:00"), *scene.log.rows[1:]])


@mutation
def last_old_entry_edited_by_an_insider(folder, scene):
    rows = scene.log.rows
    scene.rebuild(folder, [*rows[: OLDER - 1], rows[OLDER - 1].replace(b"10:00", b"09:00"), *rows[OLDER:]])


@mutation
def entries_exchanged_by_an_insider(folder, scene):
    rows = scene.log.rows
    scene.rebuild(folder, [*rows[:2], rows[3], rows[2], *rows[4:]])


@mutation
def entry_doubled_by_an_insider(folder, scene):
    rows = scene.log.rows
    scene.rebuild(folder, [*rows[:270], rows[270], *rows[270:]])


@mutation
def search_cut_out_by_an_insider(folder, scene):
    rows = scene.log.rows
    scene.rebuild(folder, [*rows[:261], *rows[271:]])


@mutation
def rolled_back_by_an_insider(folder, scene):
    scene.rebuild(folder, scene.log.rows[: OLDER - 10])


@mutation
def emptied_by_an_insider(folder, scene):
    scene.rebuild(folder, [])


@mutation
def forked_and_grown_longer_by_an_insider(folder, scene):
    rows = scene.log.rows
    scene.rebuild(folder, [*edited(rows, 271), rows[10], rows[10]])


@mutation
def new_outcome_left_out_by_an_insider(folder, scene):
    rows = scene.log.rows
    scene.rebuild(folder, [*rows[:305], *rows[306:]])


@mutation
def new_outcome_doubled_by_an_insider(folder, scene):
    scene.rebuild(folder, [*scene.log.rows, scene.log.rows[305]])


@mutation
def new_outcome_moved_before_its_intent_by_an_insider(folder, scene):
    rows = scene.log.rows
    scene.rebuild(folder, [*rows[:301], rows[304], *rows[301:304], *rows[305:]])
