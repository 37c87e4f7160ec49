"""Room that a busy log makes in its write-ahead log: no promise rests on it, and none is broken by it."""

import resource
import shutil

from gateway.audit.log import Opening
from gateway.audit.stores.durable import _BUSY_BYTES, _ROOM_BYTES
from tests.audit.logbook import assert_proves, entry, opened

LARGE = 8_000
BUSY = _BUSY_BYTES // LARGE + 2  # entries of this size after which a log counts as busy
CANARY = Opening(b"n" * 32, b"CANARY-in-the-room")


def wal(directory):
    return directory / "log.sqlite-wal"


def test_a_busy_log_makes_room_once_and_an_idle_one_does_not(tmp_path):
    with opened(tmp_path) as log:
        log.append_blocking(entry(0))
        assert log.follow() == 1  # by then the writer has done with what follows an append
        assert wal(tmp_path).stat().st_size < _BUSY_BYTES
        for number in range(1, 2 * BUSY):
            log.append_blocking(entry(number, LARGE))
        assert log.follow() == 2 * BUSY
        assert wal(tmp_path).stat().st_size == _ROOM_BYTES


def test_a_log_that_is_cut_off_with_room_in_its_write_ahead_log_has_all_that_was_acknowledged(tmp_path):
    with opened(tmp_path / "log") as log:
        receipts = [log.append_blocking(entry(number, LARGE)) for number in range(2 * BUSY)]
        assert log.follow() == 2 * BUSY
        assert wal(tmp_path / "log").stat().st_size == _ROOM_BYTES
        shutil.copytree(tmp_path / "log", tmp_path / "cut", ignore=shutil.ignore_patterns("*-shm", "*.tmp"))
    with opened(tmp_path / "cut") as log:
        assert log.size == log.check().size == 2 * BUSY
        for number, receipt in enumerate(receipts):
            assert log.entry(receipt.index) == entry(number, LARGE)
        assert_proves(log.append_blocking(b"it goes on"), b"it goes on")


def test_a_disk_without_room_for_it_is_left_as_it_was_and_the_log_goes_on(tmp_path):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with opened(tmp_path) as log:
        resource.setrlimit(resource.RLIMIT_FSIZE, (8 * _BUSY_BYTES, hard))  # what a disk does that has so much left for each file
        try:
            for number in range(2 * BUSY):
                log.append_blocking(entry(number, LARGE))
            assert log.follow() == 2 * BUSY
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert wal(tmp_path).stat().st_size < 8 * _BUSY_BYTES
        assert log.trouble is None
        assert_proves(log.append_blocking(b"it goes on"), b"it goes on")


def test_an_erasure_cuts_the_room_away_with_all_that_was_in_it_and_a_busy_log_makes_it_anew(tmp_path):
    with opened(tmp_path) as log:
        for number in range(2 * BUSY):
            log.append_blocking(entry(number, LARGE), {"/who": CANARY} if number == 1 else {})
        assert log.erase(1, ["/who"]) == ("/who",)
        assert wal(tmp_path).stat().st_size == 0
        assert not [file.name for file in tmp_path.iterdir() if CANARY.value in file.read_bytes()]
        for number in range(2 * BUSY):
            log.append_blocking(entry(number, LARGE))
        assert log.follow() == 4 * BUSY
        assert wal(tmp_path).stat().st_size == _ROOM_BYTES
        assert log.check().size == 4 * BUSY
