"""The Merkle tree and its proofs, against the definition in RFC 6962 and the test vectors of certificate-transparency."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.audit.tree import (
    EMPTY_ROOT,
    Frontier,
    ProofError,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    node_hash,
    peaks,
    root,
    verify_consistency,
    verify_inclusion,
)

# The eight leaves and roots that the reference implementations of Certificate Transparency share.
LEAVES = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def naive_root(leaves):
    """MTH of RFC 6962, word by word."""
    if not leaves:
        return EMPTY_ROOT
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return node_hash(naive_root(leaves[:split]), naive_root(leaves[split:]))


def naive_path(index, leaves):
    """PATH of RFC 6962, word by word."""
    if len(leaves) == 1:
        return []
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    if index < split:
        return [*naive_path(index, leaves[:split]), naive_root(leaves[split:])]
    return [*naive_path(index - split, leaves[split:]), naive_root(leaves[:split])]


def naive_subproof(old, leaves, whole):
    """SUBPROOF of RFC 6962, word by word."""
    if old == len(leaves):
        return [] if whole else [naive_root(leaves)]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    if old <= split:
        return [*naive_subproof(old, leaves[:split], whole), naive_root(leaves[split:])]
    return [*naive_subproof(old - split, leaves[split:], False), naive_root(leaves[:split])]


class Grown:
    """A tree with all its nodes kept, and its root at each size."""

    def __init__(self, size):
        self.leaves = [leaf_hash(number.to_bytes(2, "big")) for number in range(size)]
        self.nodes = {}
        self.roots = [EMPTY_ROOT]
        edge = Frontier()
        for leaf in self.leaves:
            self.nodes |= {(level, index): node for level, index, node in edge.append(leaf)}
            self.roots.append(edge.root())

    def node_at(self, level, index):
        return self.nodes[level, index]


TREE = Grown(300)
SIZES = st.integers(0, 300)


def test_the_roots_are_those_of_the_reference_vectors():
    leaves = [leaf_hash(bytes.fromhex(leaf)) for leaf in LEAVES]
    assert [root(leaves[:size]).hex() for size in range(9)] == ROOTS


def test_a_leaf_cannot_pose_as_a_node():
    left, right = leaf_hash(b"a"), leaf_hash(b"b")
    assert leaf_hash(left + right) != node_hash(left, right)


def test_the_growing_edge_has_the_root_of_the_definition_at_every_size():
    assert TREE.roots[:70] == [naive_root(TREE.leaves[:size]) for size in range(70)]
    assert TREE.roots[300] == naive_root(TREE.leaves)


def test_each_node_is_completed_once_and_is_the_root_of_its_leaves():
    edge, seen = Frontier(), []
    for leaf in TREE.leaves[:70]:
        seen += edge.append(leaf)
    assert len({(level, index) for level, index, _ in seen}) == len(seen) == sum(70 >> level for level in range(7))
    for level, index, node in seen:
        assert node == naive_root(TREE.leaves[index << level : (index + 1) << level])


@given(SIZES)
def test_an_edge_taken_up_from_stored_nodes_goes_on_as_if_never_left(size):
    edge = Frontier.restore(size, TREE.node_at)
    assert (edge.size, edge.root()) == (size, TREE.roots[size])
    assert Frontier(size, edge.peaks).root() == TREE.roots[size]
    for leaf in TREE.leaves[size:]:
        edge.append(leaf)
    assert edge.root() == TREE.roots[300]


def test_a_copied_edge_grows_on_its_own():
    edge = Frontier.restore(7, TREE.node_at)
    edge.copy().append(TREE.leaves[7])
    assert (edge.size, edge.root()) == (7, TREE.roots[7])


@pytest.mark.parametrize(("size", "hashes"), [(3, 1), (0, 1), (-1, 0), (4, 2)])
def test_an_edge_with_the_wrong_number_of_peaks_is_refused(size, hashes):
    with pytest.raises(ProofError):
        Frontier(size, [EMPTY_ROOT] * hashes)


@given(SIZES)
def test_the_peaks_of_a_tree_cover_it_from_left_to_right(size):
    covered = [leaf for level, index in peaks(0, size) for leaf in range(index << level, (index + 1) << level)]
    assert covered == list(range(size))


@given(st.data(), st.integers(1, 300))
def test_an_inclusion_proof_is_the_path_of_the_definition_and_verifies(data, size):
    index = data.draw(st.integers(0, size - 1))
    proof = inclusion_proof(index, size, TREE.node_at)
    assert list(proof) == naive_path(index, TREE.leaves[:size])
    verify_inclusion(TREE.leaves[index], index, size, proof, TREE.roots[size])


@given(st.data(), SIZES)
def test_a_consistency_proof_is_that_of_the_definition_and_verifies(data, new):
    old = data.draw(st.integers(0, new))
    proof = consistency_proof(old, new, TREE.node_at)
    assert list(proof) == (naive_subproof(old, TREE.leaves[:new], True) if old else [])
    verify_consistency(old, new, proof, TREE.roots[old], TREE.roots[new])


def spoilt(data, proof):
    """A proof that differs from the given one: a hash changed, dropped, added or moved."""
    proof = list(proof)
    ways = ["add"] + (["change", "drop"] if proof else []) + (["turn"] if len(set(proof)) > 1 else [])
    at = data.draw(st.integers(0, max(len(proof) - 1, 0)))
    match data.draw(st.sampled_from(ways)):
        case "change":
            proof[at] = bytes([proof[at][0] ^ 1]) + proof[at][1:]
        case "drop":
            del proof[at]
        case "add":
            proof.insert(at, EMPTY_ROOT)
        case "turn":
            proof = proof[1:] + proof[:1]
    return proof


@given(st.data(), st.integers(1, 300))
def test_a_spoilt_inclusion_proof_is_refused(data, size):
    index = data.draw(st.integers(0, size - 1))
    proof = spoilt(data, inclusion_proof(index, size, TREE.node_at))
    with pytest.raises(ProofError):
        verify_inclusion(TREE.leaves[index], index, size, proof, TREE.roots[size])


@given(st.data(), st.integers(2, 300))
def test_an_inclusion_proof_holds_for_its_own_leaf_alone(data, size):
    index = data.draw(st.integers(0, size - 1))
    other = data.draw(st.integers(0, size - 1).filter(lambda place: place != index))
    proof = inclusion_proof(index, size, TREE.node_at)
    with pytest.raises(ProofError):
        verify_inclusion(TREE.leaves[other], index, size, proof, TREE.roots[size])
    with pytest.raises(ProofError):
        verify_inclusion(TREE.leaves[index], other, size, proof, TREE.roots[size])


@given(st.data(), SIZES)
def test_a_spoilt_consistency_proof_is_refused(data, new):
    old = data.draw(st.integers(0, new))
    proof = spoilt(data, consistency_proof(old, new, TREE.node_at))
    with pytest.raises(ProofError):
        verify_consistency(old, new, proof, TREE.roots[old], TREE.roots[new])


@given(st.data(), st.integers(1, 300))
def test_a_forked_tree_is_not_shown_to_extend_the_old_one(data, new):
    old = data.draw(st.integers(1, new))
    proof = consistency_proof(old, new, TREE.node_at)
    for roots in ((EMPTY_ROOT, TREE.roots[new]), (TREE.roots[old], EMPTY_ROOT)):
        with pytest.raises(ProofError):
            verify_consistency(old, new, proof, *roots)


def test_the_empty_tree_has_one_root_and_needs_no_proof():
    verify_consistency(0, 0, [], EMPTY_ROOT, EMPTY_ROOT)
    verify_consistency(0, 5, [], EMPTY_ROOT, TREE.roots[5])
    for old, new in ((bytes(32), EMPTY_ROOT), (EMPTY_ROOT, bytes(32)), (bytes(32), bytes(32))):
        with pytest.raises(ProofError):
            verify_consistency(0, 0, [], old, new)
    with pytest.raises(ProofError):
        verify_consistency(0, 5, [], bytes(32), TREE.roots[5])


def test_nothing_is_proven_of_what_is_not_there():
    for ask in (
        lambda: inclusion_proof(5, 5, TREE.node_at),
        lambda: inclusion_proof(-1, 5, TREE.node_at),
        lambda: consistency_proof(6, 5, TREE.node_at),
        lambda: consistency_proof(-1, 5, TREE.node_at),
        lambda: verify_inclusion(TREE.leaves[0], 1, 1, [], TREE.roots[1]),
        lambda: verify_consistency(2, 1, [], TREE.roots[2], TREE.roots[1]),
        lambda: verify_consistency(2, 3, [], TREE.roots[2], TREE.roots[3]),
    ):
        with pytest.raises(ProofError):
            ask()
