"""Erasing a person's values: gone from every file, and nothing that was ever proved is less proved."""

import asyncio
import os
import random
import threading

import pytest

from gateway.audit.failures import LogUnavailable, NoSuchEntry
from gateway.audit.log import Opening
from tests.audit.logbook import assert_proves, database, entry, opened

NONCE = b"NONCE" * 6 + b"!!"


def opening(name):
    return Opening(NONCE, b"CANARY-" + name.encode())


def anywhere(directory, *canaries):
    """Which of these bytes any file of the directory still holds."""
    contents = [file.read_bytes() for file in directory.rglob("*") if file.is_file()]
    return [canary for canary in canaries if any(canary in content for content in contents)]


def test_openings_are_kept_with_their_entry_and_survive_reopening(tmp_path):
    with opened(tmp_path) as log:
        log.append_blocking(entry(0), {"/facts/case": opening("case"), "/facts/target": opening("target")})
        log.append_blocking(entry(1), {"/facts/case": opening("other")})
    with opened(tmp_path) as log:
        assert log.openings(0) == {"/facts/case": opening("case"), "/facts/target": opening("target")}
        assert log.openings(1) == {"/facts/case": opening("other")}


@pytest.mark.anyio
async def test_a_crowd_of_entries_with_very_many_openings_is_written_in_as_many_batches_as_it_takes(tmp_path):
    many = {f"/facts/{place}": opening(f"{place:04}") for place in range(256)}
    with opened(tmp_path) as log:
        receipts = await asyncio.gather(*(log.append(entry(number), many) for number in range(60)))
        for receipt in receipts:
            assert log.openings(receipt.index) == many


def test_an_erased_value_is_in_no_file_of_the_log_while_it_runs_and_the_rest_is(tmp_path):
    with opened(tmp_path) as log:
        for number in range(50):
            log.append_blocking(entry(number), {"/who": opening(f"{number:04}"), "/where": opening(f"place-{number:04}")})
        assert anywhere(tmp_path, b"CANARY-0007", b"CANARY-place-0007")
        assert log.erase(7, ["/who"]) == ("/who",)
        assert anywhere(tmp_path, b"CANARY-0007") == []
        assert log.openings(7) == {"/where": opening("place-0007")}
        assert log.openings(8) == {"/who": opening("0008"), "/where": opening("place-0008")}


def test_erasing_keeps_every_root_and_every_receipt(tmp_path):
    with opened(tmp_path) as log:
        receipts = [log.append_blocking(entry(number), {"/who": opening(str(number))}) for number in range(30)]
        checkpoint = log.checkpoint()
        for number in range(30):
            log.erase(number, ["/who"])
        assert log.checkpoint() == checkpoint
        assert log.check().size == 30
        for number, receipt in enumerate(receipts):
            assert_proves(receipt, entry(number))
    with opened(tmp_path) as log:
        assert_proves(log.receipt(12), entry(12))
        assert log.openings(12) == {}


def test_what_was_erased_or_never_was_is_not_erased_again(tmp_path):
    with opened(tmp_path) as log:
        log.append_blocking(entry(0), {"/who": opening("0")})
        assert log.erase(0, ["/who", "/nobody"]) == ("/who",)
        assert log.erase(0, ["/who"]) == ()
        assert log.erase(99, ["/who"]) == ()


def test_a_thousand_values_of_all_lengths_are_gone_however_they_came_and_went(tmp_path):
    """Page splits, overflow pages and neighbours' erasures must not leave a copy of a row behind."""
    dice = random.Random(5)
    canaries = {}
    with opened(tmp_path) as log:
        answers = []
        for number in range(250):
            named = {f"/{place}": os.urandom(12).hex().encode() * dice.choice((1, 1, 2, 9, 150)) for place in range(4)}
            canaries |= {(number, path): value[:24] for path, value in named.items()}
            answers.append(
                threading.Thread(target=log.append_blocking, args=(b"%d" % number, {path: Opening(NONCE, v) for path, v in named.items()}))
            )
            answers[-1].start()
        for answer in answers:
            answer.join()
        where = {int(body): index for index, body in enumerate(log.entries(0, 250))}
        gone = dice.sample(sorted(canaries), 600)
        for number, path in gone[:300]:
            log.erase(where[number], [path])
        log.append_blocking(b"in between", {"/x": opening("x")})
        for number, path in gone[300:]:
            log.erase(where[number], [path])
        assert anywhere(tmp_path, *(canaries[one] for one in gone)) == []
        kept = set(canaries) - set(gone)
        assert len(anywhere(tmp_path, *(canaries[one] for one in kept))) == len(kept)


def test_an_erasure_that_another_readers_open_look_prevents_says_so_and_succeeds_when_asked_again(tmp_path):
    with opened(tmp_path, busy_seconds=0.2) as log:
        log.append_blocking(entry(0), {"/who": opening("0000")})
        with database(tmp_path) as reader:
            reader.execute("BEGIN")
            reader.execute("SELECT count(*) FROM openings").fetchone()
            with pytest.raises(LogUnavailable):
                log.erase(0, ["/who"])
            reader.execute("COMMIT")
        log.erase(0, ["/who"])
        assert anywhere(tmp_path, b"CANARY-0000") == []
        assert_proves(log.append_blocking(entry(1)), entry(1))


def test_cosignatures_are_published_with_their_checkpoint_and_kept(tmp_path):
    line = "— witness.test/w 5hGXBQAAAABn\n"
    with opened(tmp_path) as log:
        log.append_blocking(entry(0))
        first = log.checkpoint()
        assert log.published_checkpoint() == first
        log.append_blocking(entry(1))
        log.cosign(1, [line])
        log.cosign(1, [line])
        assert log.published_checkpoint() == first + line.encode()
        with pytest.raises(NoSuchEntry):
            log.cosign(7, [line])
        log.append_blocking(entry(2))
    with opened(tmp_path) as log:
        assert log.published_checkpoint() == first + line.encode()
