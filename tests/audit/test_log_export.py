"""What the real log holds, the outsider's verifier accepts; what an insider changed in it, the verifier names."""

import pytest

from gateway.audit.export import write_export
from gateway.audit.tiles import decode_bundle, encode_bundle
from gateway.audit.tlogproof import TlogProof
from gateway.audit.verify import verify_export
from tests.audit.honest import canonical, rulebook, story
from tests.audit.logbook import database, opened, signer

SIZE = 520


@pytest.fixture
def log(tmp_path):
    with opened(tmp_path / "log") as log:
        for index in range(SIZE):
            log.append_blocking(canonical(story(index, SIZE)))
        yield log


def test_an_export_of_the_real_log_passes_the_verifier(log, tmp_path):
    head = write_export(log, tmp_path / "export", signer().key, rulebook=rulebook)
    report = verify_export(tmp_path / "export", signer().key)
    assert head.size == SIZE
    assert not report.findings, report.findings


def test_every_receipt_of_the_real_log_is_a_proof_to_an_outsider(log):
    for index in range(0, SIZE, 37):
        assert TlogProof.parse(log.receipt(index).text()).verify(log.entry(index), signer().key).size == SIZE


def test_an_entry_changed_in_the_database_is_named_by_the_outsider(log, tmp_path):
    with database(tmp_path / "log") as sql:
        size, leaves, bundle = sql.execute("SELECT size, leaves, bundle FROM batches WHERE size > 123 ORDER BY size").fetchone()
        entries = decode_bundle(bundle, len(leaves) // 32)
        place = 123 - (size - len(entries))
        entries[place] = entries[place].replace(b"permit", b"refuse").replace(b"2026", b"2025")
        sql.execute("UPDATE batches SET bundle = ? WHERE size = ?", (encode_bundle(entries), size))
    write_export(log, tmp_path / "export", signer().key, rulebook=rulebook)
    report = verify_export(tmp_path / "export", signer().key)
    assert 123 in [finding.index for finding in report.findings]
