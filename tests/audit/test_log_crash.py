"""A table of crash points, and random kills: whatever was acknowledged is there afterwards, and what is there verifies."""

import signal
import subprocess
import sys

import pytest

from gateway.audit.log import AuditLog
from gateway.audit.note import open_checkpoint
from tests.audit.crashing import APPENDING, BEFORE, BEGINNING, ERASING
from tests.audit.logbook import assert_proves, entry, opened, signer


def crash(directory, point, repository):
    """Run the process until it kills itself at the point, and return what it had acknowledged: index -> number."""
    notes = directory.with_name("notes")
    ended = subprocess.run(
        [sys.executable, "-m", "tests.audit.crashing", str(directory), point, str(notes)], cwd=repository, timeout=60, check=False
    )
    assert ended.returncode == -signal.SIGKILL, f"the process did not reach the point {point}"
    lines = notes.read_text().splitlines() if notes.exists() else []
    return dict(tuple(map(int, line.split())) for line in lines)


def assert_whole(directory, acknowledged):
    with opened(directory) as log:
        assert log.check().size == log.size
        for index, number in acknowledged.items():
            assert log.entry(index) == entry(number)
            assert_proves(log.receipt(index), entry(number))
        before = log.size
        assert log.append_blocking(b"it goes on").index == before
        return before


@pytest.mark.parametrize("point", APPENDING)
def test_a_crash_while_appending_loses_nothing_that_was_acknowledged(point, tmp_path, repository):
    acknowledged = crash(tmp_path / "log", point, repository)
    assert len(acknowledged) >= BEFORE
    size = assert_whole(tmp_path / "log", acknowledged)
    # At most the one entry under way is there beyond what was acknowledged.
    assert size in (len(acknowledged), len(acknowledged) + 1)


@pytest.mark.parametrize("point", APPENDING)
def test_a_crash_while_appending_never_leaves_the_guard_ahead_of_the_log(point, tmp_path, repository):
    crash(tmp_path / "log", point, repository)
    kept = open_checkpoint((tmp_path / "log" / "guard").read_bytes(), signer().key).size
    with opened(tmp_path / "log") as log:
        assert kept <= log.size


@pytest.mark.parametrize("point", BEGINNING)
def test_a_crash_while_the_log_is_begun_leaves_one_that_can_be_begun(point, tmp_path, repository):
    assert crash(tmp_path / "log", point, repository) == {}
    assert assert_whole(tmp_path / "log", {}) == 0


@pytest.mark.parametrize("point", ERASING)
def test_a_crash_while_erasing_leaves_the_log_whole_and_the_erasure_can_be_asked_for_again(point, tmp_path, repository):
    acknowledged = crash(tmp_path / "log", point, repository)
    assert_whole(tmp_path / "log", acknowledged)
    log = AuditLog.open(tmp_path / "log", signer())
    log.erase(0, ["/who"])
    log.close()
    assert not any(b"CANARY-0" in file.read_bytes() for file in (tmp_path / "log").iterdir())


@pytest.mark.parametrize("gateways", [1, 2])
def test_random_kills_under_load_lose_nothing_that_was_acknowledged(gateways, tmp_path, repository):
    """`python -m bench.kills --count 500` is the same with more of them."""
    command = [sys.executable, "-m", "bench.kills", "--count", "6", "--gateways", str(gateways), "--directory", str(tmp_path)]
    ended = subprocess.run(command, cwd=repository, capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert " 0 lost" in ended.stdout
