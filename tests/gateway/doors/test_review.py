"""Judgements add up as people would expect, results stay sealed, and nobody judges twice or for another."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.clock import FixedClock
from gateway.review.judging import Judgement, Noted, Verdict, verdict
from gateway.review.queue import CLAIM_SECONDS, HeldResult, Queue, ReviewRefused, ReviewUnknown
from gateway.review.vault import ResultShredded, Vault
from gateway.settings import Home
from gateway.store.migrate import upgrade
from gateway.store.sessions import Database

SAME, OTHER, UNSURE = Judgement.SAME, Judgement.DIFFERENT, Judgement.CANNOT_TELL


@pytest.mark.parametrize(
    ("needed", "said", "settled", "confirmed"),
    [
        (1, [], False, ()),
        (1, [[SAME]], True, (0,)),
        (1, [[OTHER]], True, ()),
        (1, [[UNSURE]], False, ()),
        (1, [[UNSURE], [SAME]], True, (0,)),
        (1, [[UNSURE], [UNSURE]], True, ()),
        (2, [[SAME]], False, ()),
        (2, [[SAME], [SAME]], True, (0,)),
        (2, [[SAME], [OTHER]], False, ()),
        (2, [[SAME], [OTHER], [SAME]], True, (0,)),
        (2, [[SAME], [OTHER], [OTHER]], True, ()),
        (2, [[SAME], [OTHER], [UNSURE]], True, ()),
        (2, [[OTHER], [OTHER]], True, ()),
    ],
)
def test_judgements_of_one_candidate_settle_as_people_expect(
    needed: int, said: list[list[Judgement]], settled: bool, confirmed: tuple[int, ...]
) -> None:
    assert verdict(said, 1, needed) == Verdict(settled, confirmed)


def test_each_candidate_is_confirmed_on_its_own() -> None:
    assert verdict([[SAME, OTHER, SAME], [SAME, OTHER, SAME]], 3, 2) == Verdict(True, (0, 2))


def test_one_open_candidate_keeps_the_whole_result_waiting() -> None:
    assert not verdict([[SAME, SAME], [SAME, OTHER]], 2, 2).settled


def test_a_sealed_result_opens_for_its_case_and_name_alone(tmp_path: Path) -> None:
    vault = Vault(tmp_path / "cases")
    sealed = vault.seal("ngo/C-1", "r1", b"a result")
    assert b"a result" not in sealed
    assert vault.unseal("ngo/C-1", "r1", sealed) == b"a result"
    vault.seal("ngo/C-2", "r1", b"another")
    for case, name in (("ngo/C-2", "r1"), ("ngo/C-1", "r2"), ("ngo/C-3", "r1")):
        with pytest.raises(ResultShredded):
            vault.unseal(case, name, sealed)


def test_a_shredded_case_opens_no_more_and_its_key_is_gone_from_disk(tmp_path: Path) -> None:
    vault = Vault(tmp_path)
    sealed = vault.seal("ngo/C-1", "r1", b"a result")
    assert vault.shred("ngo/C-1")
    assert not vault.shred("ngo/C-1")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ResultShredded):
        vault.unseal("ngo/C-1", "r1", sealed)


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(datetime(2026, 11, 23, 12, tzinfo=UTC))


@pytest.fixture
def queue(tmp_path: Path, clock: FixedClock) -> Queue:
    home = Home(tmp_path)
    upgrade(home)
    made = Queue(Database.open(home.registry), clock)
    made.put(HeldResult("r1", "d1", "ngo", "ngo/C-1", "missing_person", "identify", 2, 1, 4, 5, {}, b"sealed"))
    return made


def test_a_claim_keeps_a_result_for_one_reviewer_until_it_ends(queue: Queue, clock: FixedClock) -> None:
    queue.claim("r1", "ada")
    with pytest.raises(ReviewRefused) as refused:
        queue.claim("r1", "bo")
    assert refused.value.code == "review-claimed"
    clock.advance(CLAIM_SECONDS)
    assert queue.claim("r1", "bo").claimed_by == "bo"
    with pytest.raises(ReviewRefused) as refused:
        queue.judge("r1", "ada", (Noted(SAME),), 7)
    assert refused.value.code == "review-not-claimed"


def test_nobody_judges_one_result_twice(queue: Queue) -> None:
    queue.claim("r1", "ada")
    queue.judge("r1", "ada", (Noted(SAME, ("ears",)),), 7)
    with pytest.raises(ReviewRefused) as refused:
        queue.claim("r1", "ada")
    assert refused.value.code == "review-judged-already"


def test_a_settled_result_waits_no_more_and_a_withheld_one_is_gone(queue: Queue) -> None:
    queue.settle("r1", "withheld", 9)
    assert queue.waiting() == []
    assert queue.of_decision("d1", "ngo").held.sealed == b""
    with pytest.raises(ReviewRefused):
        queue.claim("r1", "ada")


def test_another_clients_result_is_as_absent_as_none(queue: Queue) -> None:
    for decision, client in (("d1", "police"), ("d2", "ngo")):
        with pytest.raises(ReviewUnknown):
            queue.of_decision(decision, client)
