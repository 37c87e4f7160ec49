"""The real log, exported and judged by both verifiers: what it writes is what a stranger can check."""

import sqlite3
from datetime import UTC, datetime

import pytest

from gateway.audit.export import write_export
from gateway.audit.log import AuditLog
from gateway.audit.note import Cosigner, Note, NoteSigner
from gateway.audit.quorum import TrustPolicy, WitnessKey
from gateway.audit.tlogproof import TlogProof
from gateway.audit.verify import Demands, verify_export
from tests.audit.goverifier import GoVerifier, build
from tests.audit.honest import ORIGIN, canonical, rulebook, story

SIZE = 311


@pytest.fixture
def signer():
    return NoteSigner.generate(ORIGIN)


@pytest.fixture
def log(signer, tmp_path):
    log = AuditLog.open(tmp_path / "log", signer)
    yield log
    log.close()


def filled(log, start=0, stop=SIZE, size=SIZE):
    return [log.append_blocking(canonical(story(index, size))) for index in range(start, stop)]


def test_an_export_of_the_real_log_passes_both_verifiers(log, signer, tmp_path):
    filled(log, 0, 250)
    older = log.checkpoint()
    filled(log, 250)
    write_export(log, tmp_path / "export", signer.key, rulebook=rulebook)
    report = verify_export(tmp_path / "export", signer.key, older)
    assert report.ok
    assert (report.size, report.since) == (SIZE, 250)
    (tmp_path / "older").write_bytes(older)
    with GoVerifier(build(tmp_path), "-key", signer.key.text(), "-since", tmp_path / "older") as go:
        assert go.accepts(tmp_path / "export")


def test_each_receipt_of_the_real_log_shows_its_entry_to_whoever_has_the_key(log, signer):
    receipts = filled(log, 0, 30, 30)
    for index, receipt in enumerate(receipts):
        shown = TlogProof.parse(receipt.text())
        assert shown.index == index
        assert shown.verify(log.entry(index), signer.key).size > index


def test_an_export_under_a_cosigned_checkpoint_carries_the_witness(log, signer, tmp_path):
    witness = Cosigner.generate("witness.test/w1")
    filled(log, 0, 31, 31)
    log.cosign(31, [witness.cosign(Note.parse(log.checkpoint()).text, 1_763_892_000).line()])
    log.append_blocking(canonical(story(31, 32)))
    write_export(log, tmp_path / "export", signer.key, log.published_checkpoint(), rulebook=rulebook)
    policy = TrustPolicy("w1", witnesses={"w1": WitnessKey(witness.key)})
    report = verify_export(tmp_path / "export", signer.key, demands=Demands(policy=policy))
    assert report.ok
    assert (report.size, report.cosigners) == (31, (("witness.test/w1", 1_763_892_000),))


def test_one_altered_byte_in_the_database_turns_verification_red_at_that_entry(log, signer, tmp_path):
    filled(log)
    database = sqlite3.connect(tmp_path / "log" / "log.sqlite")
    for size, bundle in database.execute("SELECT size, bundle FROM batches").fetchall():
        edited = bundle.replace(b'"decision_id":"d-101","facts"', b'"decision_id":"d-999","facts"')
        database.execute("UPDATE batches SET bundle = ? WHERE size = ?", (edited, size))
    database.commit()
    database.close()
    write_export(log, tmp_path / "export", signer.key, rulebook=rulebook)
    first = verify_export(tmp_path / "export", signer.key).first
    assert (first.code, first.index) == ("entry-differs", 101)


def test_a_recovered_log_passes(signer, tmp_path):
    old = AuditLog.open(tmp_path / "old", signer)
    filled(old, 0, 11, 11)
    last = old.checkpoint()
    old.close()
    fresh = NoteSigner.generate("custodes.test/log2")
    log = AuditLog.recover(tmp_path / "new", fresh, last=last, at=datetime(2026, 11, 24, tzinfo=UTC), reason="disk lost")
    log.append_blocking(canonical(story(0, 1)))
    write_export(log, tmp_path / "export", fresh.key, rulebook=rulebook)
    log.close()
    report = verify_export(tmp_path / "export", fresh.key)
    assert report.ok
    assert dict(report.kinds) == {"recovery": 1, "genesis": 1}
