"""What the verifier says about an export: the entry it names, what it asks for, and when it cannot judge.

Long because each rule of the verifier is broken once here."""

import json
import subprocess
import sys
from datetime import timedelta
from itertools import count
from typing import ClassVar

import pytest

from gateway.audit.export import ExportRefused, write_export
from gateway.audit.note import Cosigner, Note, NoteSigner
from gateway.audit.quorum import TrustPolicy, WitnessKey
from gateway.audit.report import Broken, CannotVerify, Finding, Report
from gateway.audit.rotation import KeyChange, key_change_note
from gateway.audit.submission import with_signatures
from gateway.audit.verify import Demands, verify_export
from tests.audit.honest import ORIGIN, RULEBOOK, RULEBOOK_DIGEST, HonestLog, canonical, decided, plain, rulebook
from tests.audit.mutations import OLDER, SIZE, STRUCTURAL, Scene


def exported(log, folder, key=None):
    directory = folder / "export"
    write_export(log, directory, key or log.key, rulebook=rulebook)
    return directory


def verified(log, folder, since=None, demands=None):
    return verify_export(exported(log, folder), log.key, since, demands)


@pytest.mark.parametrize("size", [0, 1, 2, 255, 256, 257, 511, 512, 513, 700])
def test_an_honest_log_of_any_size_passes(size, tmp_path):
    report = verified(HonestLog.of(size), tmp_path)
    assert report.ok
    assert (report.size, sum(report.kinds.values())) == (size, size)


def test_a_log_with_a_second_upper_tile_passes_and_its_tile_is_compared(tmp_path):
    log = HonestLog()
    log.extended([canonical(plain("heartbeat", index)) for index in range(65_536 + 300)])
    directory = exported(log, tmp_path)
    assert verify_export(directory, log.key).ok
    tile = directory / "tile/2/000.p/1"
    tile.write_bytes(bytes(32))
    assert verify_export(directory, log.key).first.code == "tile-differs"


@pytest.mark.parametrize(
    ("name", "code", "index"),
    [
        ("missing tile/entries/001.p/55", "file-missing", 256),
        ("stray_file_at_the_top", "file-stray", None),
        ("two_hashes_exchanged", "entry-differs", 2),
        ("entry_edited_in_bundle_and_lines", "entry-differs", 123),
        ("entry_cut_out", "entry-differs", 263),
        ("entry_added_at_the_end", "tile-invalid", 311),
        ("upper_tile_with_a_leaf_in_it", "tile-differs", 0),
        ("two_lines_exchanged", "lines-differ", 40),
        ("line_doubled", "lines-differ", 311),
        ("smaller_size_stated", "signature-invalid", None),
        ("name_of_another_log", "origin-differs", None),
        ("signed_by_a_thief", "note-unsigned", None),
        ("key_replaced_by_a_thiefs", "log-key-differs", None),
        ("entry_edited_by_an_insider", "forked", 0),
        ("rolled_back_by_an_insider", "rolled-back", 271),
        ("new_outcome_doubled_by_an_insider", "outcome-without-intent", 311),
    ],
)
def test_the_first_finding_names_what_failed_and_where(name, code, index, tmp_path):
    scene = Scene.set(tmp_path)
    STRUCTURAL[name](scene.export, scene)
    first = verify_export(scene.export, scene.log.key, scene.older).first
    assert (first.code, first.index) == (code, index)


def test_entries_changed_after_the_older_checkpoint_are_told_from_those_before(tmp_path):
    scene = Scene.set(tmp_path)
    checkpoint = scene.log.checkpoint()
    rows = [*scene.log.rows[:310], scene.log.rows[310].replace(b"10:00", b"09:00")]
    scene.rebuild(scene.export, rows)
    (scene.export / "checkpoint").write_bytes(checkpoint)
    first = verify_export(scene.export, scene.log.key, scene.older).first
    assert (first.code, first.index) == ("root-differs", OLDER)
    assert verify_export(scene.export, scene.log.key).first.index == 0


def test_a_thiefs_log_is_refused_even_if_it_is_flawless_and_brings_its_own_key(tmp_path):
    log, thief = HonestLog.of(21), HonestLog.of(21)
    report = verify_export(exported(thief, tmp_path), log.key)
    assert report.first.code == "note-unsigned"


def test_the_same_checkpoint_is_its_own_prefix(tmp_path):
    log = HonestLog.of(SIZE)
    assert verified(log, tmp_path, log.checkpoint()).ok


def test_the_empty_checkpoint_is_a_prefix_of_every_log(tmp_path):
    signer = NoteSigner.generate(ORIGIN)
    assert verified(HonestLog.of(11, signer), tmp_path, HonestLog(signer).checkpoint()).ok


STRANGE = [b"", b"rubbish", HonestLog.of(1).checkpoint(), HonestLog(NoteSigner.generate("other")).checkpoint()]


@pytest.mark.parametrize("older", STRANGE, ids=count())
def test_an_older_checkpoint_that_is_not_this_logs_is_no_evidence_either_way(older, tmp_path):
    with pytest.raises(CannotVerify):
        verified(HonestLog.of(11), tmp_path, older)


def test_a_directory_that_is_not_there_cannot_be_verified(tmp_path):
    with pytest.raises(CannotVerify):
        verify_export(tmp_path / "nowhere", HonestLog().key)


def test_an_empty_directory_is_no_log(tmp_path):
    assert verify_export(tmp_path, HonestLog().key).first.code == "file-missing"


def test_the_verifier_needs_the_standard_library_and_cryptography_alone():
    told = "import sys, gateway.audit.verify; print(*{name.split('.')[0] for name in sys.modules if name not in old})"
    command = [sys.executable, "-c", f"import sys; old = set(sys.modules); {told}"]
    names = set(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split())
    assert names - sys.stdlib_module_names - {"gateway", "cryptography", "_cffi_backend", "_openssl"} == set()


# Witnesses


def cosigned(log, folder, *cosigners):
    directory = exported(log, folder)
    checkpoint = log.checkpoint()
    lines = [cosigner.cosign(Note.parse(checkpoint).text, 1_763_892_000) for cosigner in cosigners]
    (directory / "checkpoint").write_bytes(with_signatures(checkpoint, lines))
    return directory


def test_a_policys_quorum_is_demanded(tmp_path):
    log, first, second = HonestLog.of(11), Cosigner.generate("witness.test/1"), Cosigner.generate("witness.test/2")
    policy = TrustPolicy("one", witnesses={"one": WitnessKey(first.key), "two": WitnessKey(second.key)})
    report = verify_export(cosigned(log, tmp_path / "a", first), log.key, demands=Demands(policy=policy))
    assert report.ok
    assert report.cosigners == (("witness.test/1", 1_763_892_000),)
    report = verify_export(cosigned(log, tmp_path / "b", second), log.key, demands=Demands(policy=policy))
    assert report.first.code == "quorum-missing"


def test_a_false_cosignature_of_a_known_witness_is_a_finding(tmp_path):
    log, witness, false = HonestLog.of(11), Cosigner.generate("witness.test/1"), Cosigner.generate("witness.test/1")
    directory = cosigned(log, tmp_path, witness)
    raw = (directory / "checkpoint").read_bytes()
    line = false.cosign(Note.parse(raw).text, 1_763_892_000)
    forged = type(line)(line.name, witness.key.key_id, line.blob)
    (directory / "checkpoint").write_bytes(with_signatures(raw, [forged]))
    policy = TrustPolicy("none", witnesses={"one": WitnessKey(witness.key)})
    assert verify_export(directory, log.key, demands=Demands(policy=policy)).first.code == "signature-invalid"


def test_signatures_of_keys_that_were_not_given_are_counted_and_said_to_be_unchecked(tmp_path):
    log = HonestLog.of(11)
    report = verify_export(cosigned(log, tmp_path, Cosigner.generate("witness.test/1")), log.key)
    assert report.ok
    assert report.unknown_signatures == 1
    assert any("were not checked" in line for line in report.lines())


# Keys that change


def rotated(old, new, *signers):
    """A log that was handed from one key to the next, as the given signers sign it now."""
    log = HonestLog.of(21, old)
    log.append(plain("key-change", 21, by="commitment:00", note=key_change_note(old, new)))
    log.append(plain("heartbeat", 22))
    log.signers = list(signers)
    return log


def test_a_reader_who_trusts_the_old_key_is_led_to_the_new_one(tmp_path):
    old, new = NoteSigner.generate(ORIGIN), NoteSigner.generate(ORIGIN)
    for signers in ((new,), (old, new)):
        directory = exported(rotated(old, new, *signers), tmp_path / str(len(signers)))
        assert verify_export(directory, old.key).ok
        assert verify_export(directory, new.key).ok


def test_an_older_checkpoint_under_the_old_key_still_counts(tmp_path):
    old, new = NoteSigner.generate(ORIGIN), NoteSigner.generate(ORIGIN)
    log = rotated(old, new, new)
    older = HonestLog(old).extended(log.rows[:15]).checkpoint()
    assert verify_export(exported(log, tmp_path), new.key, older).since == 15


def test_after_a_change_the_old_key_alone_no_longer_speaks_for_the_log(tmp_path):
    old, new = NoteSigner.generate(ORIGIN), NoteSigner.generate(ORIGIN)
    assert verify_export(exported(rotated(old, new, old), tmp_path, new.key), old.key).first.code == "note-unsigned"


def test_a_key_change_that_the_old_key_did_not_sign_leads_nowhere(tmp_path):
    old, new, thief = (NoteSigner.generate(ORIGIN) for _ in range(3))
    log = HonestLog.of(11, old)
    note = Note.parse(key_change_note(old, new).encode())
    log.append(plain("key-change", 11, note=Note(note.text, note.signatures[1:]).encode().decode()))
    log.signers = [new]
    first = verify_export(exported(log, tmp_path / "a"), old.key).first
    assert (first.code, first.index) == ("key-change-invalid", 11)
    stolen = rotated(thief, new, new)
    codes = {found.code for found in verify_export(exported(stolen, tmp_path / "b"), old.key).findings}
    assert "key-unknown" in codes


def test_key_changes_form_one_chain(tmp_path):
    first, second, third = (NoteSigner.generate(ORIGIN) for _ in range(3))
    log = rotated(first, second, third)
    log.append(plain("key-change", 23, note=key_change_note(second, third)))
    assert verify_export(exported(log, tmp_path / "a"), first.key).ok
    log.append(plain("key-change", 24, note=key_change_note(first, second)))
    found = verify_export(exported(log, tmp_path / "b"), first.key).first
    assert (found.code, found.index) == ("key-change-invalid", 24)


@pytest.mark.parametrize("note", [None, 7, "", "rubbish", "custodes key-change v1\n\n— x AAAAAAA=\n"])
def test_a_malformed_key_change_is_refused(note, tmp_path):
    log = HonestLog.of(11)
    log.append(plain("key-change", 11, note=note))
    assert verified(log, tmp_path).first.code == "key-change-invalid"


def test_a_key_change_is_read_as_it_was_written():
    old, new = NoteSigner.generate(ORIGIN), NoteSigner.generate(ORIGIN)
    assert KeyChange.parse({"note": key_change_note(old, new)}) == KeyChange(old.key, new.key)


# Decisions derived again


class Onlooker:
    unchecked: ClassVar = {}

    def __init__(self, seen, text_of):
        self.derived, self._seen, self._text_of = 0, seen, text_of

    def see(self, index, entry):
        self.derived += 1
        self._seen.append((index, entry, self._text_of(RULEBOOK_DIGEST)))


class Unable(Onlooker):
    unchecked: ClassVar = {"another version is needed": 3}

    def __init__(self):
        super().__init__([], lambda _digest: None)


class Doubter(Onlooker):
    def __init__(self, text_of):
        super().__init__([], text_of)

    def see(self, index, entry):
        if entry["kind"] == "intent":
            raise Broken("decision-differs", "the rulebook refuses this", index)


# Rulebook texts


def test_each_rulebook_that_an_entry_names_lies_in_the_export(tmp_path):
    directory = exported(HonestLog.of(31), tmp_path)
    assert [path.name for path in (directory / "rulebooks").iterdir()] == [f"{RULEBOOK_DIGEST}.json"]


@pytest.mark.parametrize(
    ("spoil", "code", "index"),
    [
        (lambda path: path.write_bytes(b"other rules"), "rulebook-differs", 1),
        (lambda path: path.unlink(), "rulebook-missing", 1),
        (lambda path: path.with_name("f" * 64 + ".json").write_bytes(b""), "file-stray", None),
        (lambda path: path.with_name("notes.txt").write_bytes(b""), "file-stray", None),
    ],
)
def test_a_rulebook_text_that_is_altered_gone_or_foreign_is_a_finding(spoil, code, index, tmp_path):
    log = HonestLog.of(31)
    directory = exported(log, tmp_path)
    spoil(directory / f"rulebooks/{RULEBOOK_DIGEST}.json")
    first = verify_export(directory, log.key).first
    assert (first.code, first.index) == (code, index)


def test_every_entry_is_shown_in_order_to_whoever_derives_decisions_again(tmp_path):
    log, seen = HonestLog.of(31), []
    report = verified(log, tmp_path, demands=Demands(rederive=lambda text_of: Onlooker(seen, text_of)))
    assert report.ok
    assert [canonical(entry) for _index, entry, _text in seen] == log.rows
    assert [index for index, _entry, _text in seen] == list(range(31))
    assert {text for _index, _entry, text in seen} == {RULEBOOK}
    assert (report.derived, report.exit_status) == (31, 0)


def test_a_decision_that_this_program_cannot_derive_is_neither_right_nor_wrong(tmp_path):
    report = verified(HonestLog.of(31), tmp_path, demands=Demands(rederive=lambda _text_of: Unable()))
    assert (report.ok, report.exit_status) == (True, 2)
    assert "NOT WHOLLY CHECKED" in next(report.lines())


def test_a_decision_that_its_rulebook_does_not_give_is_a_finding(tmp_path):
    first = verified(HonestLog.of(31), tmp_path, demands=Demands(rederive=Doubter)).first
    assert first == Finding("decision-differs", "the rulebook refuses this", 1)


# Searches in flight


def test_an_open_intent_is_a_finding_unless_the_log_was_at_work_and_it_is_young(tmp_path):
    log = HonestLog.of(11)
    log.append(decided("intent", 11, "permit", boot="ab"))
    log.append(plain("heartbeat", 12_000))
    directory = exported(log, tmp_path)
    assert verify_export(directory, log.key).first == Finding(
        "intent-open", "this intent has no outcome, and it was not abandoned either", 11
    )
    young = verify_export(directory, log.key, demands=Demands(in_flight=timedelta(seconds=60)))
    assert young.ok
    assert young.in_flight == (11,)
    assert not verify_export(directory, log.key, demands=Demands(in_flight=timedelta(seconds=5))).ok


# The report


def test_the_report_is_plain_values_and_says_what_was_checked(tmp_path):
    log = HonestLog.of(21)
    report = verified(log, tmp_path)
    told = json.loads(json.dumps(report.as_json()))
    assert (told["ok"], told["size"], told["root"], told["first"]) == (True, 21, log.edge.root().hex(), None)
    assert told["signers"] == [log.key.text()]
    assert next(report.lines()).startswith("VERIFIED")


def test_a_finding_with_an_index_comes_before_one_without_and_the_lowest_first():
    report = Report("x", (Finding("a", "a"), Finding("b", "b", 7), Finding("c", "c", 3)))
    assert report.first.code == "c"
    lines = list(report.lines())
    assert lines[0].startswith("NOT VERIFIED")
    assert lines[1] == "  first   entry 3: c [c]"


def test_nothing_in_an_export_can_drive_the_terminal_that_the_report_is_read_on(tmp_path):
    log = HonestLog.of(11)
    directory = exported(log, tmp_path)
    (directory / "\x1b[2Jall good\n\u202e").write_bytes(b"")
    report = verify_export(directory, log.key)
    assert not report.ok
    assert all(line.isprintable() for line in report.lines())


def test_many_findings_are_counted_and_not_all_printed(tmp_path):
    log = HonestLog.of(11)
    directory = exported(log, tmp_path)
    for number in range(50):
        (directory / f"stray-{number}").write_bytes(b"")
    report = verify_export(directory, log.key)
    assert len(report.findings) == 50
    assert len(list(report.lines())) < 40


# Exporting


def test_an_export_does_not_overwrite_anything(tmp_path):
    log = HonestLog.of(11)
    directory = exported(log, tmp_path)
    before = {path: path.read_bytes() for path in directory.rglob("*") if path.is_file()}
    with pytest.raises(ExportRefused):
        write_export(HonestLog.of(21), directory, log.key)
    assert {path: path.read_bytes() for path in directory.rglob("*") if path.is_file()} == before
    (tmp_path / "file").write_text("mine")
    with pytest.raises(ExportRefused):
        write_export(log, tmp_path / "file", log.key, rulebook=rulebook)
    assert (tmp_path / "file").read_text() == "mine"


def test_an_export_goes_into_an_empty_directory_and_makes_its_parents(tmp_path):
    log = HonestLog.of(11)
    (tmp_path / "empty").mkdir()
    write_export(log, tmp_path / "empty", log.key, rulebook=rulebook)
    write_export(log, tmp_path / "a/b/c", log.key, rulebook=rulebook)
    assert verify_export(tmp_path / "empty", log.key).ok
    assert verify_export(tmp_path / "a/b/c", log.key).ok


def test_an_export_that_fails_half_way_leaves_nothing_behind(tmp_path):
    log = HonestLog.of(300)

    def broken(_start, _stop):
        raise RuntimeError("the disk is gone")

    log.entries = broken
    with pytest.raises(RuntimeError):
        write_export(log, tmp_path / "export", log.key, rulebook=rulebook)
    assert list(tmp_path.iterdir()) == []


def test_an_older_checkpoint_exports_the_log_as_it_was(tmp_path):
    log = HonestLog.of(SIZE)
    older = HonestLog(*log.signers).extended(log.rows[:OLDER]).checkpoint()
    write_export(log, tmp_path / "export", log.key, older, rulebook=rulebook)
    report = verify_export(tmp_path / "export", log.key)
    assert (report.ok, report.size) == (True, OLDER)


def test_a_row_that_was_altered_in_the_store_is_exported_as_it_is_and_shows(tmp_path):
    log = HonestLog.of(SIZE)
    log.rows[42] = log.rows[42].replace(b"d-42", b"d-43")
    first = verified(log, tmp_path).first
    assert (first.code, first.index) == ("entry-differs", 42)
