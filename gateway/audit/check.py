"""Recompute a stored log from its first entry to its head. Trusts nothing that is stored but the bytes of the entries themselves."""

from dataclasses import dataclass

from gateway.audit.failures import LogDamaged
from gateway.audit.ledger import Head, leaves_of
from gateway.audit.note import Checkpoint, Note, NoteError
from gateway.audit.stores.base import Batch, Store
from gateway.audit.tiles import HEIGHT, WIDTH
from gateway.audit.tree import Frontier


@dataclass(frozen=True, slots=True)
class Checked:
    """A log that was recomputed whole: each entry, each tile and each checkpoint that was ever signed agree up to this head."""

    size: int
    root: bytes


def check_whole(store: Store, head: Head) -> Checked:
    """Recompute the log up to this head. Raises LogDamaged naming the first bad entry; memory is constant."""
    edge = Frontier()
    rows: dict[int, bytearray] = {}  # level -> the hashes of the tile that is being filled
    for batch in store.batches(0, head.size):
        if batch.first != edge.size:
            raise LogDamaged(f"entry {min(batch.first, edge.size)} was written twice, or is missing", index=min(batch.first, edge.size))
        for leaf in leaves_of(batch):
            for level, index, node in edge.append(leaf):
                if level and level % HEIGHT == 0:
                    _take_into_tile(store, rows, level // HEIGHT, index, node)
        _must_be_signed(batch, edge)
    if (edge.size, edge.root()) != (head.size, head.root):
        raise LogDamaged(f"the entries do not have the root that was signed for {head.size} entries", index=edge.size)
    return Checked(edge.size, edge.root())


def _take_into_tile(store: Store, rows: dict[int, bytearray], level: int, index: int, node: bytes) -> None:
    row = rows.setdefault(level, bytearray())
    row += node
    if index % WIDTH == WIDTH - 1:
        if store.tile(level, index // WIDTH) != row:
            first = index // WIDTH << HEIGHT * (level + 1)
            raise LogDamaged(f"tile {index // WIDTH} of level {level} is not that of the entries from {first} on", index=first)
        row.clear()


def _must_be_signed(batch: Batch, edge: Frontier) -> None:
    """The old checkpoints' signatures are not verified again: what they say is recomputed, which is stronger."""
    try:
        stated = Checkpoint.parse(Note.parse(batch.checkpoint).text)
    except NoteError as error:
        raise LogDamaged(f"the checkpoint of {batch.size} entries cannot be read: {error.sentence}", index=batch.first) from error
    if (stated.size, stated.root) != (edge.size, edge.root()):
        raise LogDamaged(f"entries {batch.first} to {batch.size - 1} are not those that were signed with them", index=batch.first)
