"""Hash entries into a Merkle tree, and prove what it holds (RFC 6962, section 2.1). Pure: never sees a file, a key or what an entry says.

A node (level, index) is the root of the full subtree over the leaves [index << level, (index + 1) << level);
once such a subtree is full its hash never changes, so a store may keep it for ever and hand it out by `node_at`."""

from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from typing import Final

from gateway.audit.errors import AuditError

NodeAt = Callable[[int, int], bytes]

HASH_SIZE: Final = 32
EMPTY_ROOT: Final = sha256(b"").digest()


class ProofError(AuditError):
    """A proof does not show what it claims; whoever sent it must not be believed."""

    code = "proof-invalid"


def leaf_hash(entry: bytes) -> bytes:
    """Hash one entry; the prefix 0x00 keeps an entry from posing as a node."""
    return sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash two neighbouring subtrees into the one above them."""
    return sha256(b"\x01" + left + right).digest()


class Frontier:
    """The right edge of a growing tree: the roots of its full subtrees, largest first, one for each 1 bit of its size.

    All that is needed to append and to know the root: at most 63 hashes, whatever the size."""

    __slots__ = ("_peaks", "_size")

    def __init__(self, size: int = 0, peaks: Sequence[bytes] = ()) -> None:
        """Take up a tree at `size`. Raises ProofError unless there is one peak for each 1 bit of the size."""
        if size < 0 or len(peaks) != size.bit_count():
            raise ProofError(f"a tree of {size} leaves cannot have {len(peaks)} peaks")
        self._size = size
        self._peaks = list(peaks)

    @classmethod
    def restore(cls, size: int, node_at: NodeAt) -> "Frontier":
        """Take up a tree at `size` from its stored nodes."""
        return cls(size, [node_at(level, index) for level, index in peaks(0, size)])

    @property
    def size(self) -> int:
        """Number of leaves."""
        return self._size

    @property
    def peaks(self) -> tuple[bytes, ...]:
        """The roots of the full subtrees, largest first; `Frontier(size, peaks)` is this tree again."""
        return tuple(self._peaks)

    def copy(self) -> "Frontier":
        """Return a second edge that grows on its own, for work that may be rolled back."""
        return Frontier(self._size, self._peaks)

    def append(self, node: bytes, level: int = 0) -> list[tuple[int, int, bytes]]:
        """Add one leaf hash, or the root over the next 2**level leaves, and return the nodes (level, index, hash) that it completed.

        What was given comes first. The tree's size must be a multiple of what is added."""
        index, added = self._size >> level, 1 << level
        completed = [(level, index, node)]
        while index & 1:
            # node_hash, written out: this line runs once for every entry ever appended.
            node = sha256(b"\x01" + self._peaks.pop() + node).digest()
            level += 1
            index >>= 1
            completed.append((level, index, node))
        self._peaks.append(node)
        self._size += added
        return completed

    def root(self) -> bytes:
        """Return the root of the whole tree."""
        return _bag(self._peaks)


def root(leaf_hashes: Sequence[bytes]) -> bytes:
    """Return the root over these leaf hashes."""
    row = list(leaf_hashes)
    while len(row) > 1:
        # node_hash, written out, as a verifier makes all its nodes here. A last one without a neighbour moves up as it is.
        above = [sha256(b"\x01" + row[at] + row[at + 1]).digest() for at in range(0, len(row) - 1, 2)]
        row = above + row[2 * len(above) :]
    return row[0] if row else EMPTY_ROOT


def peaks(start: int, stop: int) -> list[tuple[int, int]]:
    """Name the full subtrees (level, index) that cover the leaves [start, stop), largest first.

    `start` must be a multiple of the largest of them, as it is for every range that occurs inside a tree."""
    covered = []
    while start < stop:
        level = (stop - start).bit_length() - 1
        covered.append((level, start >> level))
        start += 1 << level
    return covered


def inclusion_proof(index: int, size: int, node_at: NodeAt) -> tuple[bytes, ...]:
    """Return the hashes that lead from leaf `index` to the root of the tree of `size` leaves, the leaf's sibling first.

    Raises ProofError if the leaf is not in the tree."""
    if not 0 <= index < size:
        raise ProofError(f"entry {index} is not in a tree of {size} entries")
    # The full subtree that holds the leaf is the one at the highest bit in which the index and the size differ.
    top = (index ^ size).bit_length() - 1
    path = [node_at(level, (index >> level) ^ 1) for level in range(top)]
    right = (index >> top) + 1 << top
    if right < size:
        path.append(_range_root(right, size, node_at))
    path.extend(node_at(level, (size >> level) - 1) for level in range(top + 1, size.bit_length()) if size >> level & 1)
    return tuple(path)


def consistency_proof(old: int, new: int, node_at: NodeAt) -> tuple[bytes, ...]:
    """Return the hashes that show that the tree of `old` leaves is a prefix of the tree of `new` leaves.

    Empty if old is 0 or equal to new. Raises ProofError if old is larger than new."""
    if not 0 <= old <= new:
        raise ProofError(f"a tree of {old} entries cannot be a prefix of one of {new}")
    if old in (0, new):
        return ()
    start, stop, proof = 0, new, []
    # SUBPROOF of RFC 6962 as a loop: descend along the old tree's right edge, keeping the half that is left behind.
    while old != stop:
        split = start + (1 << (stop - start - 1).bit_length() - 1)
        if old <= split:
            proof.append(_range_root(split, stop, node_at))
            stop = split
        else:
            proof.append(_range_root(start, split, node_at))
            start = split
    if start:  # with start still 0 the verifier holds this very hash: it is the old root
        proof.append(_range_root(start, stop, node_at))
    return tuple(reversed(proof))


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """Return if `proof` shows the leaf hash at `index` of the tree with this size and root; raise ProofError otherwise."""
    if not 0 <= index < size:
        raise ProofError(f"entry {index} is not in a tree of {size} entries")
    node = leaf
    for sibling, on_the_left in _climb(index, size - 1, proof):
        node = node_hash(sibling, node) if on_the_left else node_hash(node, sibling)
    if node != root:
        raise ProofError(f"the inclusion proof for entry {index} leads to another root")


def verify_consistency(old: int, new: int, proof: Sequence[bytes], old_root: bytes, new_root: bytes) -> None:
    """Return if `proof` shows that the old tree is a prefix of the new one; raise ProofError otherwise."""
    if not 0 <= old <= new:
        raise ProofError(f"a tree of {old} entries cannot be a prefix of one of {new}")
    if old in (0, new):
        if proof or (old == 0 and old_root != EMPTY_ROOT) or (old == new and old_root != new_root):
            raise ProofError(f"two different roots are claimed for the tree of {old} entries, or a proof where none is needed")
        return
    # The climb starts at the last full subtree of the old tree; where that is the whole old tree, its root is known already.
    level = (old & -old).bit_length() - 1
    hashes = list(proof) if old & (old - 1) else [old_root, *proof]
    if not hashes:
        raise ProofError("the proof is too short")
    seen_old = seen_new = hashes[0]
    for sibling, on_the_left in _climb((old - 1) >> level, (new - 1) >> level, hashes[1:]):
        if on_the_left:
            seen_old = node_hash(sibling, seen_old)
        seen_new = node_hash(sibling, seen_new) if on_the_left else node_hash(seen_new, sibling)
    if (seen_old, seen_new) != (old_root, new_root):
        raise ProofError(f"the tree of {new} entries does not extend the tree of {old} entries")


def _climb(place: int, last: int, proof: Sequence[bytes]) -> Iterator[tuple[bytes, bool]]:
    """Walk from node `place` of a row that ends with node `last` up to the root: each sibling, and whether it stands on the left."""
    for sibling in proof:
        if last == 0:
            raise ProofError("the proof is too long")
        on_the_left = bool(place & 1) or place == last
        # A node at the right edge without a sibling in its row moves up unchanged until it has one.
        while on_the_left and not place & 1:
            place >>= 1
            last >>= 1
        place >>= 1
        last >>= 1
        yield sibling, on_the_left
    if last:
        raise ProofError("the proof is too short")


def _range_root(start: int, stop: int, node_at: NodeAt) -> bytes:
    return _bag([node_at(level, index) for level, index in peaks(start, stop)])


def _bag(mountains: Sequence[bytes]) -> bytes:
    """Hash full subtrees, largest first, into one root: the smallest two first, then leftwards."""
    if not mountains:
        return EMPTY_ROOT
    node = mountains[-1]
    for left in reversed(mountains[:-1]):
        node = node_hash(left, node)
    return node
