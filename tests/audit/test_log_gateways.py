"""Two gateways on one log write one chain, and each knows what the other wrote."""

import asyncio
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from gateway.audit.failures import LogDamaged, LogUnavailable
from gateway.audit.guard import Guard
from gateway.audit.log import AuditLog, Opening
from gateway.audit.note import Checkpoint, open_checkpoint, sign_note
from gateway.audit.tree import EMPTY_ROOT, verify_consistency
from tests.audit.logbook import ORIGIN, assert_proves, database, entry, opened, resumes, signer, wait_until

WRITE = """
import sys
from pathlib import Path
from tests.audit.logbook import opened
with opened(Path(sys.argv[1])) as log:
    for number in range(150):
        receipt = log.append_blocking(f"{sys.argv[2]}-{number}".encode())
        print(receipt.index, receipt.cover.size)
"""


def test_gateways_of_one_process_keep_one_guard_at_the_same_moment(tmp_path):
    checkpoint = sign_note(Checkpoint(ORIGIN, 0, EMPTY_ROOT).text(), signer())

    def keep(_: int) -> None:
        for _ in range(100):
            Guard(tmp_path / "guard").write(checkpoint)

    with ThreadPoolExecutor(4) as together:
        list(together.map(keep, range(4)))
    assert [(file.name, file.read_bytes()) for file in tmp_path.iterdir()] == [("guard", checkpoint)]


def test_processes_that_start_and_write_together_write_one_chain(tmp_path, repository):
    """They also race for who begins the log."""
    names = ["a", "b", "c"]
    command = [sys.executable, "-c", WRITE, str(tmp_path / "log")]
    writers = [subprocess.Popen([*command, name], cwd=repository, stdout=subprocess.PIPE, text=True) for name in names]
    written = {
        name: [line.split() for line in writer.communicate(timeout=60)[0].splitlines()] for name, writer in zip(names, writers, strict=True)
    }
    assert all(writer.returncode == 0 for writer in writers)
    with opened(tmp_path / "log") as log:
        assert log.check().size == 450
        for name in names:
            for number, (index, _) in enumerate(written[name]):
                assert log.entry(int(index)) == f"{name}-{number}".encode()


@pytest.mark.anyio
async def test_two_gateways_see_each_others_entries_and_their_checkpoints_are_of_one_history(tmp_path):
    with opened(tmp_path) as one, opened(tmp_path) as two:
        receipts = await asyncio.gather(*(log.append(entry(number)) for number in range(200) for log in (one, two)))
        await asyncio.gather(one.wait_for(400), two.wait_for(400))
        assert one.checkpoint() == two.checkpoint()
        assert list(one.entries(0, 400)) == list(two.entries(0, 400))
        assert sorted(receipt.index for receipt in receipts) == list(range(400))
        head = open_checkpoint(one.checkpoint(), signer().key)
        for receipt in receipts:
            seen = open_checkpoint(receipt.checkpoint, signer().key)
            verify_consistency(seen.size, 400, two.consistency_proof(seen.size, 400), seen.root, head.root)


@pytest.mark.anyio
async def test_an_idle_gateway_is_told_of_entries_that_another_wrote(tmp_path):
    with opened(tmp_path) as writing, opened(tmp_path) as watching:
        waiting = asyncio.create_task(watching.wait_for(1))
        await writing.append(entry(0))
        assert await asyncio.wait_for(waiting, 5) == 1
        assert_proves(watching.receipt(0), entry(0))


def test_a_gateway_follows_another_over_many_tiles(tmp_path):
    with opened(tmp_path) as one, opened(tmp_path) as two:
        asyncio.run(_many(one, 1_500))
        receipt = two.append_blocking(b"after all of them")
        assert receipt.index == 1_500
        assert_proves(receipt, b"after all of them")
        assert_proves(two.receipt(3), two.entry(3))
        assert_proves(two.receipt(700), two.entry(700))


async def _many(log, count):
    await asyncio.gather(*(log.append(entry(number)) for number in range(count)))


def test_a_log_that_another_process_holds_too_long_is_unavailable_and_then_serves_again(tmp_path):
    with opened(tmp_path, busy_seconds=0.2) as log:
        log.append_blocking(entry(0))
        with database(tmp_path) as holder:
            holder.execute("BEGIN IMMEDIATE")
            begin = time.monotonic()
            with pytest.raises(LogUnavailable):
                log.append_blocking(b"not now")
            assert time.monotonic() - begin < 3
            holder.execute("ROLLBACK")
        assert log.append_blocking(entry(1)).index == 1
        assert list(log.entries(0, 2)) == [entry(0), entry(1)]


def test_everyone_who_waits_is_answered_when_another_process_holds_the_log(tmp_path):
    with opened(tmp_path, busy_seconds=0.5) as log, ThreadPoolExecutor(3) as pool:
        log.append_blocking(entry(0), {"/who": Opening(b"n", b"v")})
        with database(tmp_path) as holder:
            holder.execute("BEGIN IMMEDIATE")
            first = pool.submit(log.append_blocking, b"not now")
            wait_until(lambda: not log._writer._asked)
            others = [pool.submit(log.append_blocking, b"nor this"), pool.submit(log.erase, 0, ["/who"])]
            for answer in (first, *others):
                assert isinstance(answer.exception(timeout=10), LogUnavailable)
            holder.execute("ROLLBACK")
        assert log.erase(0, ["/who"]) == ("/who",)


def test_a_gateway_does_not_build_on_what_another_wrote_wrongly(tmp_path):
    """The other gateway's entries do not have the root that it signed."""
    with opened(tmp_path) as log:
        for number in range(4):
            log.append_blocking(entry(number))
        with database(tmp_path) as sql:
            _, checkpoint, leaves, bundle = sql.execute("SELECT * FROM batches WHERE size = 4").fetchone()
            sql.execute("INSERT INTO batches VALUES (5, ?, ?, ?)", (checkpoint, leaves, bundle))
        with pytest.raises(LogUnavailable):
            log.append_blocking(b"on sand")
        wait_until(lambda: "signed" in (log.trouble or ""))
        with database(tmp_path) as sql:
            sql.execute("DELETE FROM batches WHERE size = 5")
        assert_proves(resumes(log), b"after the fault")


def test_threads_and_coroutines_may_append_to_one_log_together(tmp_path):
    with opened(tmp_path) as log:
        threads = [threading.Thread(target=lambda: [log.append_blocking(b"thread") for _ in range(30)]) for _ in range(4)]
        for thread in threads:
            thread.start()
        asyncio.run(_many(log, 100))
        for thread in threads:
            thread.join()
        assert log.check().size == log.size == 220


def test_a_second_opening_verifies_too(tmp_path):
    with opened(tmp_path) as log:
        for number in range(3):
            log.append_blocking(entry(number))
        with database(tmp_path) as sql:
            sql.execute("UPDATE batches SET bundle = x'0001ff' WHERE size = 2")
        with pytest.raises(LogDamaged):
            AuditLog.open(tmp_path, signer())
