"""Storage that fails: each write and sync in turn, a full disk, a disk that may not be written."""

import os
import re
import resource
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from gateway.audit.failures import LogUnavailable
from gateway.audit.guard import Guard
from gateway.audit.log import AuditLog
from gateway.audit.note import Checkpoint, open_checkpoint, sign_note
from gateway.audit.tree import EMPTY_ROOT
from gateway.custody.files import write_new
from tests.audit.faulting import BEGIN, END
from tests.audit.logbook import ORIGIN, assert_proves, entry, filled, opened, resumes, signer

CALLS = ("pwrite64", "write", "fsync", "fdatasync", "ftruncate", "rename", "openat")
ERRORS = ("EIO", "ENOSPC")


def traced(directory, repository, *options):
    """Run the process under strace, and return its notes and the trace."""
    directory.mkdir()
    notes, trace = directory / "notes", directory / "trace"
    notes.touch()
    command = ["strace", "-f", "-qq", "-o", str(trace), "-e", f"trace={','.join(CALLS)},writev", *options]
    program = [sys.executable, "-B", "-m", "tests.audit.faulting", str(directory / "log"), str(notes)]
    ended = subprocess.run([*command, *program], cwd=repository, capture_output=True, text=True, timeout=120, check=False)
    return ended, notes.read_text().splitlines(), trace.read_text().splitlines()


@pytest.fixture(scope="module")
def armed_calls(tmp_path_factory, repository):
    """Every write or sync while one entry is appended, the guard kept and an opening erased: (call, its number in its thread)."""
    if shutil.which("strace") is None:
        pytest.skip("needs strace, which makes system calls fail: install the package strace")
    ended, notes, trace = traced(tmp_path_factory.mktemp("dry") / "run", repository)
    if ended.returncode and "ptrace" in ended.stderr.lower():
        pytest.skip("strace may not trace here: ptrace is not permitted")
    assert notes[-1] == "resumed", ended.stderr
    counts, armed, found = {}, False, []
    for line in trace:
        begun = re.match(r"(\d+) +(\w+)\(", line)
        if begun is None:  # a signal, or the end of a call whose beginning was counted: "<... write resumed>"
            continue
        thread, call = begun.groups()
        counts[thread, call] = counts.get((thread, call), 0) + 1
        if call == "writev":
            armed = (armed or BEGIN in line) and END not in line
        elif armed and call != "openat":
            found.append((call, counts[thread, call]))
    return found


def examine(directory, notes):
    """Nothing that was acknowledged may be missing, and what is there must verify."""
    kept = {int(index): int(number) for word, index, number in (line.split() for line in notes if line.startswith("kept"))}
    guard = open_checkpoint((directory / "log" / "guard").read_bytes(), signer().key).size
    with opened(directory / "log") as log:
        assert guard <= log.size
        assert log.check().size == log.size
        for index, number in kept.items():
            assert log.entry(index) == entry(number, 5_000)
            assert_proves(log.receipt(index), entry(number, 5_000))
    erased = [int(line.split()[1]) for line in notes if line.startswith("erased")]
    contents = b"".join(file.read_bytes() for file in (directory / "log").iterdir())
    assert not [number for number in erased if b"CANARY-%d\0" % number in contents or b"CANARY-%d\n" % number in contents]


def test_each_write_and_sync_that_fails_is_told_to_the_caller_and_the_log_resumes_with_all_it_acknowledged(
    armed_calls, tmp_path, repository
):
    faults = [(call, number, error) for call, number in armed_calls for error in ERRORS]
    assert {call for call, _, _ in faults} >= {"pwrite64", "fdatasync", "fsync", "write", "ftruncate", "rename"}

    def inject(fault):
        call, number, error = fault
        directory = tmp_path / f"{call}-{number}-{error}"
        ended, notes, _ = traced(directory, repository, "-e", f"inject={call}:error={error}:when={number}")
        assert notes[-1:] == ["resumed"], (fault, notes, ended.stderr)
        examine(directory, notes)
        return any(line.startswith("refused") for line in notes)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        refused = dict(zip(faults, pool.map(inject, faults), strict=True))
    assert all(told for (call, _, _), told in refused.items() if call in ("fdatasync", "fsync", "write", "rename")), refused


@contextmanager
def small_disk(directory, megabytes):
    """A file system of this size, mounted for the test."""
    directory.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(directory)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("needs to mount a small tmpfs, which is not permitted here")
    try:
        yield directory
    finally:
        subprocess.run(["umount", "-l", str(directory)], check=False)


def test_on_a_full_disk_the_log_refuses_keeps_what_it_acknowledged_and_resumes_when_there_is_room(tmp_path):
    if shutil.which("mount") is None:
        pytest.skip("needs the program mount, for a small tmpfs")
    with small_disk(tmp_path / "disk", 12) as disk:
        ballast = disk / "ballast"
        ballast.write_bytes(b"\0" * (7 << 20))
        with opened(disk / "log") as log:
            acknowledged = 0
            with pytest.raises(LogUnavailable):
                for acknowledged in range(10_000):
                    log.append_blocking(entry(acknowledged, 8_000))
            assert acknowledged > 50
            with pytest.raises(LogUnavailable):
                for _ in range(1_000):
                    log.append_blocking(entry(0, 8_000))
            ballast.unlink()
            assert_proves(resumes(log), b"after the fault")
            assert list(log.entries(0, acknowledged)) == [entry(number, 8_000) for number in range(acknowledged)]
            assert log.check().size == log.size


def test_a_guard_or_a_key_that_the_disk_takes_only_in_part_leaves_the_old_one_in_place(tmp_path):
    """A limit on the size of files does to a write what a disk does that fills up in the middle of it."""
    guard = Guard(tmp_path / "guard")
    checkpoint = sign_note(Checkpoint(ORIGIN, 0, EMPTY_ROOT).text(), signer())
    guard.write(checkpoint)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50, hard))
    try:
        with pytest.raises(LogUnavailable):
            guard.write(checkpoint)
        with pytest.raises(OSError, match="No space left"):
            write_new(tmp_path / "key", "k" * 200)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert (tmp_path / "guard").read_bytes() == checkpoint
    assert not (tmp_path / "key").exists()


def test_a_log_file_that_may_not_be_written_stops_the_log_and_nothing_else(tmp_path):
    """chattr +i, because root may write to a file without the permission."""
    filled(tmp_path, 3)
    if (
        shutil.which("chattr") is None
        or subprocess.run(["chattr", "+i", str(tmp_path / "log.sqlite")], capture_output=True, check=False).returncode
    ):
        pytest.skip("needs chattr +i, which this file system or user does not have")
    try:
        with pytest.raises(LogUnavailable):
            AuditLog.open(tmp_path, signer())
    finally:
        subprocess.run(["chattr", "-i", str(tmp_path / "log.sqlite")], check=True)
    with opened(tmp_path) as log:
        assert log.size == 3
        assert_proves(log.append_blocking(entry(3)), entry(3))
