"""A small sample of damage by chance, the same each day: it is found, named where it can be, and never ends in a traceback."""

import json
import os
import random
import zipfile
from pathlib import Path

import pytest

from gateway.audit.bundle import MANIFEST, PAGE, README, REDRESS, pack, write_bundle
from gateway.audit.bundle_reading import verify_bundle
from gateway.audit.errors import AuditError
from gateway.audit.note import Checkpoint, Note, VerifierKey
from gateway.audit.quorum import TrustPolicy
from gateway.audit.submission import Submission, read_size
from gateway.audit.tlogproof import TlogProof
from gateway.audit.verify import verify_export
from tests.audit.honest import HonestLog, rulebook
from tests.audit.packed import TWO_OF_THREE, cosigned, files_of, honest, repacked
from tests.audit.spoiling import spoilt, trials, write_export

UNPROVEN = (README, REDRESS)  # what a packer says to the reader is no evidence, and nothing in the log could bear it out


def test_a_spoilt_export_is_found_out_at_the_first_entry_that_suffers(tmp_path):
    tried = 0
    for what, report, wanted in trials(tmp_path, seed=3, count=60, size=300):
        assert report.exit_status == 1, what
        assert wanted in (None, report.first.index), (what, report.first)
        json.dumps(report.as_json())
        tried += 1
    assert tried > 50


@pytest.mark.parametrize("name", ["checkpoint", "log.vkey", "entries.jsonl", "tile/0/000.p/30"])
def test_a_pipe_in_place_of_a_file_keeps_nobody_waiting(tmp_path, name):
    log = HonestLog.of(30)
    write_export(log, tmp_path / "log", log.key, rulebook=rulebook)
    (tmp_path / "log" / name).unlink()
    os.mkfifo(tmp_path / "log" / name)
    assert "no plain file" in str([found.sentence for found in verify_export(tmp_path / "log", log.key).findings])


def test_folders_in_folders_without_end_are_a_finding(tmp_path):
    log = HonestLog.of(30)
    write_export(log, tmp_path / "log", log.key, rulebook=rulebook)
    (tmp_path / "log" / Path(*["d"] * 40)).mkdir(parents=True)
    (found,) = verify_export(tmp_path / "log", log.key).findings
    assert "does not belong" in found.sentence  # it did not go down to the last, which is empty: there might be a thousand


def test_spoilt_texts_are_read_as_what_they_say_or_refused():
    log, evidence = honest()
    proof, entry = evidence.exhibits[0].proof.encode(), evidence.exhibits[0].entry
    true = TlogProof.parse(proof.decode())

    def proves(raw):
        read = TlogProof.parse(raw.decode("utf-8", "surrogateescape"))
        read.verify(entry, log.key)
        assert (read.index, read.hashes) == (true.index, true.hashes)

    readers = {
        "proof": (proof, proves),
        "checkpoint": (evidence.checkpoint, lambda raw: Checkpoint.parse(Note.parse(raw).text)),
        "key": (log.key.text().encode(), lambda raw: VerifierKey.parse(raw.decode("utf-8", "surrogateescape"))),
        "policy": (TWO_OF_THREE.encode(), TrustPolicy.parse),
        "submission": (Submission(3, [bytes(32)] * 4, evidence.checkpoint).encode(), Submission.parse),
        "size": (b"12345\n", read_size),
    }
    chance = random.Random(4)
    refused = dict.fromkeys(readers, 0)
    for number in range(3000):
        name = list(readers)[number % len(readers)]
        good, read = readers[name]
        try:
            read(spoilt(good, chance))
        except AuditError:
            refused[name] += 1
    assert all(refused.values()), refused


def test_a_bundle_with_a_spoilt_part_is_found_out_though_manifest_and_page_were_made_to_agree(tmp_path):
    evidence = cosigned(["court", "ngo"])
    raw, key, chance = write_bundle(evidence), VerifierKey.parse(evidence.key), random.Random(5)
    for number in range(200):
        files = files_of(raw)
        name = chance.choice([name for name in files if name not in UNPROVEN])
        files[name] = spoilt(files[name], chance)
        if files[name] == files_of(raw)[name]:
            continue
        bundle = pack(files) if name in (MANIFEST, PAGE) or number % 2 else repacked(files)
        (tmp_path / "b.zip").write_bytes(bundle)
        report = verify_bundle(tmp_path / "b.zip", key)
        assert report.exit_status == 1, (number, name)
        json.dumps(report.as_json())


def test_a_zip_file_that_no_bundle_could_be_is_refused_with_a_sentence(tmp_path):
    log, evidence = honest()
    files = files_of(write_bundle(evidence))
    for more in ({"é.txt": b"x"}, {"entries/": b""}, {f"x{number}": b"" for number in range(300)}):
        with zipfile.ZipFile(tmp_path / "b.zip", "w") as archive:
            head = json.loads(files[MANIFEST])
            head["files"] |= dict.fromkeys(more, "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881")
            for name, content in (files | more | {MANIFEST: json.dumps(head, sort_keys=True).encode()}).items():
                archive.writestr(name, content)
        assert verify_bundle(tmp_path / "b.zip", log.key).exit_status == 1
