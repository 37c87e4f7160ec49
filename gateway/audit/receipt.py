"""What the log hands out for an entry: enough to prove to anyone, later and elsewhere, that it is in the log. Never holds the entry."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from gateway.audit.note import to_base64
from gateway.audit.tree import NodeAt, inclusion_proof


@dataclass(frozen=True, slots=True)
class Cover:
    """A signed checkpoint of `size` entries (the note, verbatim), and the leaves from `first` on whose receipts share it."""

    first: int
    leaves: Sequence[bytes]
    size: int
    checkpoint: bytes
    node_at: NodeAt = field(repr=False, compare=False)

    def receipts(self) -> list["Receipt"]:
        """Return one receipt for each leaf, in order."""
        return [Receipt(index, self) for index in range(self.first, self.first + len(self.leaves))]


@dataclass(frozen=True, slots=True)
class Receipt:
    """The place of one entry in the tree of a signed checkpoint."""

    index: int
    cover: Cover

    @property
    def leaf_hash(self) -> bytes:
        """The hash of the entry."""
        return self.cover.leaves[self.index - self.cover.first]

    @property
    def checkpoint(self) -> bytes:
        """The signed note, verbatim."""
        return self.cover.checkpoint

    @property
    def proof(self) -> tuple[bytes, ...]:
        """The hashes from the leaf to the root, the leaf's sibling first.

        Worked out only when asked for: the nodes of a given size never change, and most receipts are never rendered."""
        return inclusion_proof(self.index, self.cover.size, self.cover.node_at)

    def text(self) -> str:
        """Write the receipt as c2sp.org/tlog-proof@v1, to be kept as a file `.tlog-proof`."""
        lines = ["c2sp.org/tlog-proof@v1", f"index {self.index}", *map(to_base64, self.proof)]
        return "\n".join(lines) + "\n\n" + self.checkpoint.decode()
