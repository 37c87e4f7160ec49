"""What the log hands out for an entry: enough to prove to anyone, later and elsewhere, that it is in the log. Never holds the entry."""

from dataclasses import dataclass, field

from gateway.audit.note import to_base64
from gateway.audit.tree import NodeAt, inclusion_proof


@dataclass(frozen=True, slots=True)
class Receipt:
    """The place of an entry under a signed checkpoint (the note, verbatim) of a tree of `size` entries."""

    index: int
    leaf_hash: bytes
    checkpoint: bytes
    size: int
    node_at: NodeAt = field(repr=False, compare=False)

    @property
    def proof(self) -> tuple[bytes, ...]:
        """The hashes from the leaf to the root, the leaf's sibling first.

        Worked out only when asked for: the nodes of a given size never change, and most receipts are never rendered."""
        return inclusion_proof(self.index, self.size, self.node_at)

    def text(self) -> str:
        """Write the receipt as c2sp.org/tlog-proof@v1, to be kept as a file `.tlog-proof`."""
        lines = ["c2sp.org/tlog-proof@v1", f"index {self.index}", *map(to_base64, self.proof)]
        return "\n".join(lines) + "\n\n" + self.checkpoint.decode()
