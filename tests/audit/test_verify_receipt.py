"""Receipts in the form of c2sp.org/tlog-proof: what a holder can show, with Go's libraries as the second opinion."""

import subprocess
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.audit.note import NoteError, NoteSigner, to_base64
from gateway.audit.tlogproof import TlogProof, TlogProofError
from gateway.audit.tree import ProofError, inclusion_proof, root
from tests.audit.goverifier import build
from tests.audit.honest import ORIGIN, HonestLog

LOG = HonestLog.of(21)
NODES = {(0, index): LOG.tiles[0, 0][index] for index in range(21)}


def node_at(level, index):
    return root([NODES[0, leaf] for leaf in range(index << level, (index + 1) << level)])


def receipt(index, log=LOG):
    hashes = "".join(f"{to_base64(one)}\n" for one in inclusion_proof(index, 21, node_at))
    return f"c2sp.org/tlog-proof@v1\nindex {index}\n{hashes}\n{log.checkpoint().decode()}"


@pytest.mark.parametrize("index", range(21))
def test_each_entry_of_a_log_is_shown_by_its_receipt(index):
    assert TlogProof.parse(receipt(index)).verify(LOG.rows[index], LOG.key).size == 21


def test_a_receipt_shows_no_other_entry_and_no_other_place():
    with pytest.raises(ProofError):
        TlogProof.parse(receipt(4)).verify(LOG.rows[5], LOG.key)
    with pytest.raises(ProofError):
        TlogProof.parse(receipt(4).replace("index 4", "index 5")).verify(LOG.rows[4], LOG.key)
    with pytest.raises(ProofError):
        TlogProof.parse(receipt(4).replace("index 4", "index 21")).verify(LOG.rows[4], LOG.key)


def test_a_receipt_counts_only_under_the_logs_own_key():
    with pytest.raises(NoteError):
        TlogProof.parse(receipt(4)).verify(LOG.rows[4], NoteSigner.generate(ORIGIN).key)


def test_the_extra_line_is_passed_over():
    text = receipt(4).replace("\nindex", "\nextra QUJD\nindex")
    assert TlogProof.parse(text) == TlogProof.parse(receipt(4))


@pytest.mark.parametrize(
    "text",
    [
        "",
        receipt(4).replace("@v1", "@v2"),
        receipt(4).replace("index 4", "index 04"),
        receipt(4).replace("index 4", "index -4"),
        receipt(4).replace("index 4\n", ""),
        receipt(4).replace("\n", "\r\n"),
        receipt(4).replace("index 4\n", "index 4\nAAAA\n"),
        receipt(4).replace("index 4\n", "index 4\nnot base64\n"),
        receipt(4).replace("index 4\n", "index 4\n" + f"{to_base64(bytes(32))}\n" * 64),
        receipt(4).partition("\n\n")[0],
        "\udcff" + receipt(4),
        receipt(4) + "\udcff",
    ],
    ids=count(),
)
def test_a_malformed_receipt_is_refused(text):
    with pytest.raises(TlogProofError):
        TlogProof.parse(text)


@given(st.text(max_size=100))
def test_rubbish_is_refused_as_a_receipt_and_nothing_else_happens(text):
    with pytest.raises(TlogProofError):
        TlogProof.parse(text)


def test_the_independent_verifier_accepts_receipts_and_refuses_them_for_other_entries(tmp_path):
    program = build(tmp_path)
    for index in (0, 4, 15, 16, 20):
        (tmp_path / "receipt").write_text(receipt(index))
        for entry, status in ((index, 0), ((index + 1) % 21, 1)):
            (tmp_path / "entry").write_bytes(LOG.rows[entry])
            command = [program, "-key", LOG.key.text(), "-receipt", tmp_path / "receipt", "-entry", tmp_path / "entry"]
            assert subprocess.run(command, check=False, capture_output=True).returncode == status
