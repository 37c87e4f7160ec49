"""What the log believes when it is opened: nothing that the guard, the signature and the hashes do not bear out."""

import json
import shutil
from contextlib import closing
from datetime import UTC, datetime

import pytest

from gateway.audit.failures import LogDamaged, LogRolledBack, LogUnavailable
from gateway.audit.ledger import LAST_ENTRIES
from gateway.audit.log import AuditLog
from gateway.audit.note import Checkpoint, NoteError, open_checkpoint, sign_note
from tests.audit.logbook import ORIGIN, assert_proves, database, entry, filled, opened, resumes, signer, wait_until


def test_a_closed_log_opens_again_where_it_stopped(tmp_path):
    filled(tmp_path, 300)
    with opened(tmp_path) as log:
        assert log.size == 300
        receipt = log.append_blocking(entry(300))
        assert receipt.index == 300
        assert_proves(receipt, entry(300))
        assert_proves(log.receipt(7), entry(7))


def test_the_logs_files_are_for_their_owner_alone(tmp_path):
    with opened(tmp_path / "audit") as log:
        log.append_blocking(entry(0))
        assert (tmp_path / "audit").stat().st_mode & 0o077 == 0
        for file in (tmp_path / "audit").iterdir():
            assert file.stat().st_mode & 0o077 == 0, file.name


def test_closing_brings_the_guard_up_to_the_head(tmp_path):
    filled(tmp_path, 5)
    assert open_checkpoint((tmp_path / "guard").read_bytes(), signer().key).size == 5


def test_a_guard_that_lags_behind_is_believed_and_brought_forward(tmp_path):
    filled(tmp_path, 5)
    lagging = (tmp_path / "guard").read_bytes()
    filled(tmp_path, 400)
    (tmp_path / "guard").write_bytes(lagging)
    with opened(tmp_path) as log:
        assert log.size == 405
        assert (tmp_path / "guard").read_bytes() == log.checkpoint()


def test_a_restored_backup_is_refused_with_both_sizes(tmp_path):
    filled(tmp_path / "log", 10)
    shutil.copytree(tmp_path / "log", tmp_path / "backup")
    filled(tmp_path / "log", 7)
    shutil.copy(tmp_path / "backup" / "log.sqlite", tmp_path / "log" / "log.sqlite")
    with pytest.raises(LogRolledBack) as refusal:
        AuditLog.open(tmp_path / "log", signer())
    assert (refusal.value.log_size, refusal.value.guard_size) == (10, 17)
    assert "10" in refusal.value.sentence
    assert "17" in refusal.value.sentence


def test_another_history_of_the_same_key_is_refused_though_it_is_longer(tmp_path):
    """What an insider with the key would do: write the log anew without the entry that hurts."""
    filled(tmp_path / "true", 10)
    with opened(tmp_path / "false") as log:
        for number in range(1, 30):
            log.append_blocking(entry(number))
    shutil.copy(tmp_path / "false" / "log.sqlite", tmp_path / "true" / "log.sqlite")
    with pytest.raises(LogRolledBack) as refusal:
        AuditLog.open(tmp_path / "true", signer())
    assert (refusal.value.log_size, refusal.value.guard_size) == (29, 10)


def test_a_log_whose_guard_was_taken_away_is_refused(tmp_path):
    filled(tmp_path, 3)
    (tmp_path / "guard").unlink()
    with pytest.raises(LogRolledBack) as refusal:
        AuditLog.open(tmp_path, signer())
    assert refusal.value.log_size == 3


def test_an_empty_log_whose_guard_was_taken_away_is_refused_too(tmp_path):
    filled(tmp_path, 0)
    (tmp_path / "guard").unlink()
    with pytest.raises(LogRolledBack):
        AuditLog.open(tmp_path, signer())


def test_a_guard_whose_log_was_taken_away_is_refused_and_no_new_log_takes_its_place(tmp_path):
    filled(tmp_path, 3)
    (tmp_path / "log.sqlite").unlink()
    with pytest.raises(LogRolledBack) as refusal:
        AuditLog.open(tmp_path, signer())
    assert (refusal.value.log_size, refusal.value.guard_size) == (0, 3)
    assert not (tmp_path / "log.sqlite").exists()


def test_an_emptied_log_file_is_refused(tmp_path):
    filled(tmp_path, 3)
    (tmp_path / "log.sqlite").write_bytes(b"")
    with pytest.raises(LogRolledBack):
        AuditLog.open(tmp_path, signer())


@pytest.mark.parametrize("content", [b"", b"rubbish", b"\xff" * 300, "— nobody AAAA\n".encode()])
def test_a_guard_that_is_no_checkpoint_is_refused(content, tmp_path):
    filled(tmp_path, 3)
    (tmp_path / "guard").write_bytes(content)
    with pytest.raises(LogDamaged):
        AuditLog.open(tmp_path, signer())


def test_a_guard_signed_with_another_key_is_refused(tmp_path):
    filled(tmp_path, 3)
    stated = Checkpoint(ORIGIN, 0, b"\0" * 32).text()
    (tmp_path / "guard").write_bytes(sign_note(stated, signer(key="somebody else's")))
    with pytest.raises(LogDamaged):
        AuditLog.open(tmp_path, signer())


def test_the_guard_may_lie_on_another_disk(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    guard = tmp_path / "elsewhere" / "custodes.guard"
    with opened(tmp_path / "log", guard=guard) as log:
        log.append_blocking(entry(0))
    shutil.rmtree(tmp_path / "log")
    with pytest.raises(LogRolledBack):
        AuditLog.open(tmp_path / "log", signer(), guard=guard)


def test_a_log_opened_with_another_key_is_refused(tmp_path):
    filled(tmp_path, 3)
    (tmp_path / "guard").write_bytes(sign_note(open_text(tmp_path), signer(key="another")))
    with pytest.raises(LogDamaged):
        AuditLog.open(tmp_path, signer(key="another"))


def open_text(directory):
    checkpoint = open_checkpoint((directory / "guard").read_bytes(), signer().key)
    return checkpoint.text()


def test_a_log_without_a_signer_or_with_signers_of_two_names_is_refused(tmp_path):
    with pytest.raises(NoteError):
        AuditLog.open(tmp_path)
    with pytest.raises(NoteError):
        AuditLog.open(tmp_path, signer("a.test/log"), signer("b.test/log"))


def test_while_keys_change_both_sign_and_then_the_new_one_goes_on_alone(tmp_path):
    old, new = signer(key="old"), signer(key="new")
    filled(tmp_path, 3, old)
    with opened(tmp_path, old, new) as log:
        receipt = log.append_blocking(entry(3))
        assert_proves(receipt, entry(3), old.key)
        assert_proves(receipt, entry(3), new.key)
    with opened(tmp_path, new) as log:
        receipt = log.append_blocking(entry(4))
        assert_proves(receipt, entry(4), new.key)
        assert_proves(log.receipt(0), entry(0), new.key)


def test_a_log_that_cannot_be_continued_goes_on_under_a_new_origin_that_names_the_old(tmp_path):
    filled(tmp_path / "old", 4)
    last = (tmp_path / "old" / "guard").read_bytes()
    renewed = signer("custodes.test/log-2")
    moment = datetime(2026, 11, 23, 10, 0, 0, 5, tzinfo=UTC)
    with closing(AuditLog.recover(tmp_path / "new", renewed, last=last, at=moment, reason="the disk was lost")) as log:
        record = json.loads(log.entry(0))
        old = open_checkpoint(last, signer().key)
        assert record["kind"] == "recovery"
        assert record["at"] == "2026-11-23T10:00:00.000005Z"
        assert record["old"]["origin"] == ORIGIN
        assert record["old"]["size"] == 4
        assert open_checkpoint(record["checkpoint"].encode(), signer().key) == old
        assert_proves(log.receipt(0), log.entry(0), renewed.key)


def test_recovery_under_the_old_origin_or_into_a_used_directory_is_refused(tmp_path):
    filled(tmp_path / "old", 4)
    last = (tmp_path / "old" / "guard").read_bytes()
    moment = datetime(2026, 11, 23, tzinfo=UTC)
    with pytest.raises(NoteError):
        AuditLog.recover(tmp_path / "new", signer(), last=last, at=moment, reason="")
    other = signer("custodes.test/log-2")
    filled(tmp_path / "used", 1, other)
    with pytest.raises(LogUnavailable):
        AuditLog.recover(tmp_path / "used", other, last=last, at=moment, reason="")
    with pytest.raises(NoteError):
        AuditLog.recover(tmp_path / "new", other, last=b"rubbish", at=moment, reason="")


@pytest.mark.parametrize("end", ["", "-wal", "-shm"])
def test_a_file_deleted_under_a_running_log_stops_it_until_all_that_was_acknowledged_is_there_again(end, tmp_path):
    with opened(tmp_path) as log:
        for number in range(20):
            log.append_blocking(entry(number))
        (tmp_path / f"log.sqlite{end}").rename(tmp_path / "stolen")
        with pytest.raises(LogUnavailable):
            log.append_blocking(b"into nowhere")
        if end == "":
            # The WAL and its index are made anew from what was folded into the log; the log itself cannot be.
            wait_until(lambda: "there is no log" in (log.trouble or ""))
            (tmp_path / "stolen").rename(tmp_path / "log.sqlite")
        assert_proves(resumes(log), b"after the fault")
        assert list(log.entries(0, 20)) == [entry(number) for number in range(20)]


def test_an_older_copy_put_under_a_running_log_is_noticed(tmp_path):
    filled(tmp_path, 10)
    shutil.copy(tmp_path / "log.sqlite", tmp_path / "older")
    with opened(tmp_path) as log:
        log.append_blocking(entry(10))
        for end in ("-wal", "-shm"):
            (tmp_path / f"log.sqlite{end}").unlink()
        (tmp_path / "older").replace(tmp_path / "log.sqlite")
        with pytest.raises(LogUnavailable):
            log.append_blocking(b"into nowhere")
        wait_until(lambda: "the log holds 10" in (log.trouble or ""))


def test_rows_cut_from_under_a_running_log_are_noticed_before_anything_is_built_on_them(tmp_path):
    with opened(tmp_path) as log:
        for number in range(10):
            log.append_blocking(entry(number))
        log._writer.send(lambda ledger: ledger.keep_guard(now=True)).result()
        with database(tmp_path) as sql:
            sql.execute("DELETE FROM batches WHERE size > 6")
        with pytest.raises(LogUnavailable):
            log.append_blocking(b"on sand")
    with pytest.raises(LogRolledBack):
        AuditLog.open(tmp_path, signer())


def test_a_log_in_a_directory_that_cannot_be_written_is_unavailable_not_broken(tmp_path):
    (tmp_path / "file").write_text("not a directory")
    with pytest.raises(LogUnavailable):
        AuditLog.open(tmp_path / "file", signer())


def test_opening_does_not_read_the_whole_log(tmp_path):
    """A row that lies before the last entries is left to the full check; opening a large log must stay quick."""
    filled(tmp_path, LAST_ENTRIES + 20)
    with database(tmp_path) as sql:
        sql.execute("UPDATE batches SET bundle = x'00' WHERE size = 1")
    with opened(tmp_path) as log, pytest.raises(LogDamaged) as found:
        log.check()
    assert found.value.index == 0
