"""An evidence bundle proves itself: the honest one passes, and no byte of it can change unseen, whoever changes it."""

import base64
import io
import json
import random
import zipfile
from hashlib import sha256

import pytest

from gateway.audit.__main__ import main
from gateway.audit.bundle import pack, write_bundle
from gateway.audit.bundle_reading import verify_bundle
from gateway.audit.note import NoteSigner, VerifierKey
from gateway.audit.quorum import TrustPolicy
from gateway.audit.report import CannotVerify
from gateway.audit.verify import Demands
from tests.audit.honest import ORIGIN, RULEBOOK_DIGEST
from tests.audit.packed import CASE, DECISION, cosigned, evidence, files_of, honest, repacked

ENTRY, PROOF, OPENING = (
    f"{name}/000000000031.{end}" for name, end in (("entries", "json"), ("proofs", "tlog-proof"), ("openings", "json"))
)


@pytest.fixture(scope="module")
def packed():
    log, evidence = honest()
    return log, write_bundle(evidence)


def verified(raw, log, folder, **more):
    path = folder / "bundle.zip"
    path.write_bytes(raw)
    return verify_bundle(path, log.key, **more)


def test_an_honest_bundle_passes(packed, tmp_path):
    report = verified(packed[1], packed[0], tmp_path)
    assert report.ok, report.findings
    assert (report.exit_status, report.size) == (0, 40)
    assert dict(report.kinds) == {"intent": 1, "outcome": 1, "review": 1}


def test_the_same_evidence_is_the_same_file(packed):
    _log, again = honest()
    _same_log, raw = packed
    assert write_bundle(again).count(b"PK\x03\x04") == raw.count(b"PK\x03\x04")
    files = files_of(raw)
    assert repacked(files) == raw  # down to the last byte, page and manifest included


def test_any_zip_program_reads_it(packed):
    with zipfile.ZipFile(io.BytesIO(packed[1])) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == sorted(archive.namelist())
        assert {"README.txt", "REDRESS.txt", "verify.html", "checkpoint", "log.vkey", "digests.json", ENTRY, PROOF, OPENING} < set(
            archive.namelist()
        )
    assert json.loads(files_of(packed[1])["digests.json"]) == {
        "calibration": ["c" * 64],
        "cohort": [],
        "evaluation": [],
        "recogniser": ["r" * 64],
    }


def test_no_changed_byte_goes_unseen(packed, tmp_path):
    log, raw = packed
    missed = []
    for at in [*range(0, len(raw), 97), *range(len(raw) - 2000, len(raw))]:
        spoilt = bytearray(raw)
        spoilt[at] ^= 1 << random.Random(at).randrange(8)
        report = verified(bytes(spoilt), log, tmp_path)
        if report.exit_status != 1:
            missed.append(at)
    assert missed == []


@pytest.mark.parametrize("cut", [0, 1, 100, 5000, -1, -22])
def test_a_cut_bundle_is_refused(packed, cut, tmp_path):
    assert verified(packed[1][:cut], packed[0], tmp_path).exit_status == 1
    assert verified(packed[1] + b"\0", packed[0], tmp_path).exit_status == 1


FORGERIES = {
    "entry": (ENTRY, lambda raw: raw.replace(b'"permit"', b'"refuse"'), "proof-invalid", 31),
    "entry of the outcome": ("entries/000000000033.json", lambda raw: raw.replace(b"released", b"withheld"), "proof-invalid", 33),
    "proof": (PROOF, lambda raw: raw[:40] + bytes([raw[40] ^ 1]) + raw[41:], None, 31),
    "proof for another index": (PROOF, lambda raw: raw.replace(b"index 31", b"index 30"), "proof-invalid", 31),
    "opening": (OPENING, lambda raw: raw.replace(b"0142", b"0143"), "opening-differs", 31),
    "nonce": (OPENING, lambda raw: raw.replace(b"6e6e", b"6e6f", 1), "opening-differs", 31),
    "opening of nothing": (OPENING, lambda raw: raw.replace(b"case/ref", b"case/raf"), "opening-differs", 31),
    "rulebook": (f"rulebooks/{RULEBOOK_DIGEST}.json", lambda raw: raw.replace(b"what", b"waht"), "rulebook-differs", 31),
    "checkpoint": ("checkpoint", lambda raw: raw.replace(b"\n40\n", b"\n41\n"), None, None),
    "key": ("log.vkey", lambda raw: raw.replace(b"+", b"-", 1), "log-key-differs", None),
    "digests": ("digests.json", lambda raw: raw.replace(b"cccc", b"dddd", 1), "digests-differ", None),
}


@pytest.mark.parametrize("name", FORGERIES)
def test_a_forger_who_makes_manifest_and_page_agree_is_found_out(packed, name, tmp_path):
    log, raw = packed
    member, change, code, index = FORGERIES[name]
    files = files_of(raw)
    before = files[member]
    files[member] = change(before)
    assert files[member] != before
    report = verified(repacked(files), log, tmp_path)
    assert report.exit_status == 1
    assert code is None or (report.first.code, report.first.index) == (code, index)


@pytest.mark.parametrize("name", [ENTRY, PROOF, f"rulebooks/{RULEBOOK_DIGEST}.json", "checkpoint", "log.vkey", "digests.json"])
def test_what_is_taken_out_is_missed(packed, name, tmp_path):
    files = files_of(packed[1])
    del files[name]
    try:
        spoilt = repacked(files)
    except KeyError:
        pytest.skip("without it no page can be made")
    assert verified(spoilt, packed[0], tmp_path).exit_status == 1


@pytest.mark.parametrize(
    "name", ["extra.txt", "entries/1.json", "openings/000000000005.json", "proofs/000000000005.tlog-proof", f"rulebooks/{'0' * 64}.json"]
)
def test_what_is_put_in_is_found(packed, name, tmp_path):
    assert verified(repacked(files_of(packed[1]) | {name: b"{}\n"}), packed[0], tmp_path).exit_status == 1


def test_a_page_that_shows_other_evidence_than_the_files_is_found_out(packed, tmp_path):
    files = files_of(packed[1])
    page = files["verify.html"]
    files["verify.html"] = page.replace(b'"reader":"auditor"', b'"reader":"a judge"')
    head = json.loads(files["manifest.json"])
    head["files"]["verify.html"] = sha256(files["verify.html"]).hexdigest()
    files["manifest.json"] = json.dumps(head, sort_keys=True, separators=(",", ":")).encode() + b"\n"
    assert verified(pack(files), packed[0], tmp_path).first.code == "page-differs"


def test_an_entry_of_another_decision_does_not_pass_as_this_one(packed, tmp_path):
    log, _raw = packed
    mixed = evidence(log, {1: {}, 31: {"/facts/request/case/ref": CASE}})
    assert "decision-mixed" in {found.code for found in verified(write_bundle(mixed), log, tmp_path).findings}


def test_another_key_believes_none_of_it(packed, tmp_path):
    (tmp_path / "b.zip").write_bytes(packed[1])
    assert verify_bundle(tmp_path / "b.zip", NoteSigner.generate(ORIGIN).key).first.code == "note-unsigned"
    assert verify_bundle(tmp_path / "b.zip", NoteSigner.generate("other.test/log").key).first.code == "origin-differs"


def test_the_command_takes_a_bundle(packed, tmp_path, capsys):
    (tmp_path / "b.zip").write_bytes(packed[1])
    asked = [str(tmp_path / "b.zip"), "--key", packed[0].key.text()]
    assert main(asked) == 0
    assert main([*asked, "--since", str(tmp_path / "b.zip")]) == 2
    # Only within the opening: the same digits may stand in any digest.
    opening = files_of(packed[1])[OPENING]
    (tmp_path / "b.zip").write_bytes(packed[1].replace(opening, opening.replace(b"0142", b"0143"), 1))
    assert main(asked) == 1
    assert "entry 31: openings/" in capsys.readouterr().out
    with pytest.raises(CannotVerify):
        verify_bundle(tmp_path / "none.zip", packed[0].key)


def test_a_bundle_carries_the_operators_policy_and_its_quorum_must_hold(tmp_path):
    found = cosigned(["court", "ngo"])
    raw = write_bundle(found)
    log_key = VerifierKey.parse(found.key)
    (tmp_path / "b.zip").write_bytes(raw)
    report = verify_bundle(tmp_path / "b.zip", log_key)
    assert report.ok, report.findings
    assert report.cosigners == ()  # nobody whom the reader named: what the bundle names is said, and proves nothing
    assert any("2 of the 3 witnesses" in remark for remark in report.remarks)
    report = verify_bundle(tmp_path / "b.zip", log_key, Demands(policy=TrustPolicy.parse(files_of(raw)["witnesses.policy"])))
    assert [name for name, _time in report.cosigners] == ["witness.test/court", "witness.test/ngo"]
    for spoilt, code in (
        (write_bundle(cosigned(["court"])), "quorum-missing"),
        (repacked(files_of(raw) | {"witnesses.policy": b"quorum nobody\n"}), "bundle-malformed"),
        (repacked(with_a_flipped_cosignature(files_of(raw))), "signature-invalid"),
    ):
        (tmp_path / "b.zip").write_bytes(spoilt)
        assert verify_bundle(tmp_path / "b.zip", log_key).first.code == code


def with_a_flipped_cosignature(files):
    """Flip a bit in the last signature line, and make the proofs rest on the checkpoint that results."""
    old = files["checkpoint"]
    head, dash, line = old.rstrip(b"\n").rpartition(b" ")
    signature = bytearray(base64.b64decode(line))
    signature[-1] ^= 1
    new = head + dash + base64.b64encode(signature) + b"\n"
    return {name: content.replace(old, new) for name, content in files.items()}


def test_nothing_in_an_entry_can_end_the_element_that_holds_the_evidence(packed):
    page = files_of(packed[1])["verify.html"].decode()
    assert "<img" not in page
    assert page.count("</script>") == 2
    assert "http://" not in page and "https://" not in page
    assert DECISION in page
