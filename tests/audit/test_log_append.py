"""What the log promises to whoever appends and reads."""

import asyncio
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.audit.failures import EntryTooLarge, LogUnavailable, NoSuchEntry
from gateway.audit.ledger import Ledger
from gateway.audit.log import MAX_ENTRY, AuditLog, Opening
from gateway.audit.nodes import Nodes
from gateway.audit.note import open_checkpoint
from gateway.audit.stores.sqlite import SqliteStore
from gateway.audit.tiles import all_tiles, decode_bundle, encode_bundle, encode_tile
from gateway.audit.tlogproof import TlogProof
from gateway.audit.tree import leaf_hash, node_hash, root, verify_consistency, verify_inclusion
from tests.audit.logbook import assert_proves, entry, opened, signer


def naive_root(leaves):
    """RFC 6962 as its text defines it, not as anyone would compute it."""
    if len(leaves) == 1:
        return leaves[0]
    half = 1 << (len(leaves) - 1).bit_length() - 1
    return node_hash(naive_root(leaves[:half]), naive_root(leaves[half:]))


@pytest.mark.anyio
async def test_each_of_many_concurrent_writers_gets_a_receipt_that_proves_its_own_entry(tmp_path):
    with opened(tmp_path) as log:
        bodies = [entry(number) for number in range(700)]
        receipts = await asyncio.gather(*(log.append(body) for body in bodies))
        for body, receipt in zip(bodies, receipts, strict=True):
            assert_proves(receipt, body)
        assert sorted(receipt.index for receipt in receipts) == list(range(700))
        assert log.size == 700


def test_entries_come_back_byte_for_byte(tmp_path):
    bodies = [b"", b"\x00\xff", b"x" * MAX_ENTRY, "Ω — “ü”".encode(), b'{"a": 1 }\n']
    with opened(tmp_path) as log:
        for body in bodies:
            log.append_blocking(body)
    with opened(tmp_path) as log:
        assert list(log.entries(0, len(bodies))) == bodies
        assert [log.entry(index) for index in range(len(bodies))] == bodies


def test_a_receipt_rendered_long_after_its_batch_still_proves_its_entry_under_its_own_checkpoint(tmp_path):
    with opened(tmp_path) as log:
        early = [log.append_blocking(entry(number)) for number in range(3)]
        for number in range(3, 300):
            log.append_blocking(entry(number))
        for number, receipt in enumerate(early):
            assert open_checkpoint(receipt.checkpoint, signer().key).size == number + 1
            assert_proves(receipt, entry(number))


def test_a_receipts_text_is_a_tlog_proof(tmp_path):
    with opened(tmp_path) as log:
        for number in range(11):
            log.append_blocking(entry(number))
        assert TlogProof.parse(log.receipt(4).text()).verify(entry(4), signer().key).size == 11


@settings(max_examples=25, deadline=None)
@given(
    size=st.integers(1, 1500),
    picks=st.lists(st.integers(0, 10_000), min_size=1, max_size=6),
    cuts=st.lists(st.integers(1, 256), min_size=1),
)
def test_receipts_and_consistency_proofs_agree_with_a_naive_tree_at_any_size_and_any_batching(tmp_path_factory, size, picks, cuts):
    bodies = [entry(number, 40) for number in range(size)]
    leaves = [leaf_hash(body) for body in bodies]
    with opened(tmp_path_factory.mktemp("log")) as log:
        asyncio.run(_in_batches(log, bodies, cuts))
        head = open_checkpoint(log.checkpoint(), signer().key)
        order = [leaf_hash(body) for body in log.entries(0, size)]
        assert sorted(order) == sorted(leaves)
        assert head.root == naive_root(order)
        for pick in picks:
            index, old = pick % size, pick % size + 1
            receipt = log.receipt(index)
            verify_inclusion(order[index], index, size, receipt.proof, head.root)
            verify_consistency(old, size, log.consistency_proof(old, size), naive_root(order[:old]), head.root)


async def _in_batches(log, bodies, cuts):
    at = 0
    while at < len(bodies):
        for cut in cuts:
            await asyncio.gather(*(log.append(body) for body in bodies[at : at + cut]))
            at += cut


@pytest.mark.parametrize("size", [0, 1, 255, 256, 257, 700])
def test_every_tile_and_bundle_that_the_size_has_is_served_and_is_what_the_standard_says(size, tmp_path):
    with opened(tmp_path) as log:
        for number in range(size):
            log.append_blocking(entry(number, 20))
        bodies = list(log.entries(0, size))
        rows = {0: [leaf_hash(body) for body in bodies]}
        rows[1] = [root(rows[0][at : at + 256]) for at in range(0, size - 255, 256)]
        for tile in all_tiles(size):
            if tile.level is None:
                served = log.bundle(tile.index, tile.width)
                assert served == encode_bundle(bodies[tile.first : tile.first + tile.width])
                assert decode_bundle(served, tile.width) == bodies[tile.first : tile.first + tile.width]
            else:
                at = tile.index * 256
                assert log.hashes(tile.level, tile.index, tile.width) == encode_tile(rows[tile.level][at : at + tile.width])


class Shelf:
    """Leaves in memory and no tiles but those that growth filled: what Nodes may ask of a store."""

    def __init__(self):
        self.row, self.tiles = [], {}

    def leaves(self, start, stop):
        return self.row[start:stop]

    def tile(self, level, index):
        return self.tiles[level, index]


def test_the_nodes_of_a_large_tree_are_the_same_whether_grown_reopened_or_computed_anew():
    """65,536 leaves fill a tile of level 1; a real log of that size would take this test's whole time."""
    shelf = Shelf()
    grown = Nodes(shelf, 0)
    leaves = [leaf_hash(b"%d" % number) for number in range(66_000)]
    for at in range(0, len(leaves), 250):
        growth = grown.grown(leaves[at : at + 250])
        shelf.row += leaves[at : at + 250]
        shelf.tiles |= growth.tiles
        grown.accept(growth)
    reopened = Nodes(shelf, len(leaves))
    assert list(shelf.tiles) == [(1, 0)]
    assert grown.frontier.root() == reopened.frontier.root() == root(leaves)
    for level, index in [(0, 65_999), (8, 3), (8, 256), (15, 1), (16, 0), (3, 8_191), (9, 127)]:
        expected = root(leaves[index << level : (index + 1) << level])
        assert grown.at(level, index) == reopened.at(level, index) == expected


def test_one_growth_over_many_tiles_leaves_the_same_tree_as_many_small_ones():
    leaves = [leaf_hash(b"%d" % number) for number in range(2_000)]
    shelf, small = Shelf(), Nodes(Shelf(), 0)
    shelf.row = leaves
    large = Nodes(shelf, 0)
    large.accept(large.grown(leaves[:700]))
    large.accept(large.grown(leaves[700:]))
    for leaf in leaves:
        small._shelf.row.append(leaf)
        small.accept(small.grown([leaf]))
    for level, index in [(0, 1_999), (8, 6), (5, 10), (10, 0), (7, 14)]:
        assert large.at(level, index) == small.at(level, index)
    assert large.frontier.root() == small.frontier.root() == root(leaves)


def test_an_entry_over_8_kib_is_refused_and_leaves_no_trace(tmp_path):
    with opened(tmp_path) as log:
        with pytest.raises(EntryTooLarge):
            log.append_blocking(b"x" * (MAX_ENTRY + 1))
        assert log.append_blocking(b"x" * MAX_ENTRY).index == 0


def test_openings_that_are_too_many_or_too_large_are_refused(tmp_path):
    with opened(tmp_path) as log:
        with pytest.raises(EntryTooLarge):
            log.append_blocking(b"{}", {f"/{number}": Opening(b"n", b"v") for number in range(257)})
        with pytest.raises(EntryTooLarge):
            log.append_blocking(b"{}", {"/a": Opening(b"n" * 32, b"v" * MAX_ENTRY)})
        assert log.size == 0


def test_what_the_log_does_not_hold_is_no_such_entry(tmp_path):
    with opened(tmp_path) as log:
        log.append_blocking(b"{}")
        for ask in (
            lambda: log.entry(1),
            lambda: log.entry(-1),
            lambda: log.entries(0, 2),
            lambda: log.receipt(1),
            lambda: log.openings(1),
            lambda: log.hashes(0, 0, 2),
            lambda: log.hashes(1, 0, 1),
            lambda: log.hashes(0, -1, 1),
            lambda: log.hashes(0, 0, 0),
            lambda: log.bundle(0, 2),
            lambda: log.bundle(0, 0),
            lambda: log.consistency_proof(0, 2),
        ):
            with pytest.raises(NoSuchEntry):
                ask()


class Stalled(SqliteStore):
    """A disk that answers only when it is let go."""

    gate = threading.Event()
    reached = threading.Event()

    def commit(self, commit):
        self.reached.set()
        assert self.gate.wait(10)
        super().commit(commit)


@pytest.mark.anyio
async def test_a_full_queue_refuses_at_once_and_what_was_queued_is_still_written(tmp_path, monkeypatch):
    monkeypatch.setattr("gateway.audit.log.SqliteStore", Stalled)
    log = AuditLog.open(tmp_path, signer(), queue_limit=5)
    first = asyncio.create_task(log.append(b"committing"))
    await asyncio.to_thread(Stalled.reached.wait, 10)
    queued = [asyncio.create_task(log.append(b"%d" % number)) for number in range(5)]
    await asyncio.sleep(0)
    with pytest.raises(LogUnavailable) as refusal:
        await log.append(b"one too many")
    assert refusal.value.code == "log-queue-full"
    Stalled.gate.set()
    await asyncio.gather(first, *queued)
    assert sorted(log.entries(0, log.size)) == [b"0", b"1", b"2", b"3", b"4", b"committing"]
    log.close()


@pytest.mark.anyio
async def test_a_caller_that_goes_away_does_not_disturb_the_others(tmp_path):
    with opened(tmp_path) as log:
        leaving = [asyncio.create_task(log.append(b"leaving")) for _ in range(20)]
        staying = [asyncio.create_task(log.append(entry(number))) for number in range(20)]
        await asyncio.sleep(0)
        for task in leaving:
            task.cancel()
        for number, task in enumerate(staying):
            assert_proves(await task, entry(number))
        await asyncio.gather(*leaving, return_exceptions=True)


def test_an_event_loop_that_is_closed_before_its_answer_does_not_stop_the_log(tmp_path):
    with opened(tmp_path) as log:
        loop = asyncio.new_event_loop()
        log._writer.ask(b"nobody waits", {}, loop, loop.create_future())
        loop.close()
        assert_proves(log.append_blocking(b"somebody waits"), b"somebody waits")


@pytest.mark.anyio
async def test_who_waits_for_a_size_is_woken_when_the_log_reaches_it(tmp_path):
    with opened(tmp_path) as log:
        waiting = asyncio.create_task(log.wait_for(3))
        for number in range(2):
            await log.append(entry(number))
        assert not waiting.done()
        await log.append(entry(2))
        assert await asyncio.wait_for(waiting, 5) == 3
        assert await asyncio.wait_for(log.wait_for(1), 5) == 3


@pytest.mark.anyio
async def test_closing_the_log_writes_what_was_asked_for_and_refuses_the_rest(tmp_path):
    log = AuditLog.open(tmp_path, signer())
    asked = [asyncio.create_task(log.append(entry(number))) for number in range(600)]
    watching = asyncio.create_task(log.wait_for(1_000))
    await asyncio.sleep(0)
    await asyncio.to_thread(log.close)
    for number, task in enumerate(asked):
        assert_proves_size(await task, number)
    with pytest.raises(LogUnavailable):
        await log.append(b"too late")
    with pytest.raises(LogUnavailable):
        await watching
    with opened(tmp_path) as again:
        assert again.size == 600


def assert_proves_size(receipt, number):
    assert receipt.leaf_hash == leaf_hash(entry(number))


def test_a_failure_in_the_writing_thread_reaches_every_waiter_and_the_log_resumes(tmp_path, monkeypatch):
    """The ledger breaks in a way that nobody foresaw; the thread must neither die nor answer."""
    with opened(tmp_path) as log:
        sound = Ledger.append
        monkeypatch.setattr(Ledger, "append", lambda *_: 1 / 0)
        with pytest.raises(LogUnavailable):
            log.append_blocking(b"lost")
        monkeypatch.setattr(Ledger, "append", sound)
        log._writer._thread.join(0.3)
        receipt = log.append_blocking(b"kept")
        assert receipt.index == 0
        assert_proves(receipt, b"kept")
