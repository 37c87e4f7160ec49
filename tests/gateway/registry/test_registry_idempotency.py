"""The same request under the same Idempotency-Key is answered once and sent again; anything else is refused."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from gateway.registry.errors import KeyReused, Malformed, Replayed, StillRunning
from gateway.registry.idempotency import Answered, Begun, IdempotencyKeys
from tests.gateway.registry.conftest import NOON, Register

DIGEST, OTHER = "ab" * 32, "cd" * 32


def begin(register: Register, key: str = "k", digest: str = DIGEST, client: str = "ngo") -> Begun:
    begun = register.idempotency.begin(client, key, digest)
    assert isinstance(begun, Begun)
    return begun


def test_a_repeated_request_gets_the_first_answer_byte_for_byte(register: Register) -> None:
    register.idempotency.finish(begin(register), b'{"a": 1}\n\0')
    assert register.idempotency.begin("ngo", "k", DIGEST) == Answered(b'{"a": 1}\n\0')


def test_the_same_key_for_another_request_is_refused_before_and_after_the_answer(register: Register) -> None:
    begun = begin(register)
    with pytest.raises(KeyReused):
        register.idempotency.begin("ngo", "k", OTHER)
    register.idempotency.finish(begun, b"answer")
    with pytest.raises(KeyReused):
        register.idempotency.begin("ngo", "k", OTHER)


def test_a_request_that_is_still_running_is_not_run_twice(register: Register) -> None:
    begin(register)
    with pytest.raises(StillRunning) as caught:
        register.idempotency.begin("ngo", "k", DIGEST)
    assert caught.value.retry_after > 0


def test_of_twelve_requests_at_once_one_begins(register: Register) -> None:
    def attempt(_: int) -> bool:
        try:
            return isinstance(register.idempotency.begin("ngo", "k", DIGEST), Begun)
        except StillRunning:
            return False

    with ThreadPoolExecutor(12) as pool:
        assert sum(pool.map(attempt, range(12))) == 1


def test_two_clients_may_use_the_same_key(register: Register) -> None:
    register.idempotency.finish(begin(register), b"for the ngo")
    begin(register, client="police")


def test_an_abandoned_request_may_be_tried_again_and_an_answered_one_not(register: Register) -> None:
    register.idempotency.abandon(begin(register))
    begun = begin(register, digest=OTHER)
    register.idempotency.finish(begun, b"answer")
    register.idempotency.abandon(begun)
    assert register.idempotency.begin("ngo", "k", OTHER) == Answered(b"answer")


def elsewhere(register: Register, run: str) -> IdempotencyKeys:
    """The keys as another run of the service has them, which knows that this one is dead."""
    return IdempotencyKeys(register.database, register.clock, run, lambda _run: False)


def test_a_claim_is_held_for_as_long_as_its_process_lives_however_slow_it_is(register: Register) -> None:
    assert isinstance(elsewhere(register, "another-run").begin("ngo", "k", DIGEST), Begun)
    register.clock.advance(3600)
    with pytest.raises(StillRunning):
        register.idempotency.begin("ngo", "k", DIGEST)


def test_a_claim_whose_process_died_passes_to_the_next_and_the_dead_one_can_no_longer_answer(register: Register) -> None:
    dead = begin(register)
    heir = elsewhere(register, "the-next-run").begin("ngo", "k", DIGEST)
    assert isinstance(heir, Begun)
    register.idempotency.finish(dead, b"too late")
    register.idempotency.abandon(dead)
    register.idempotency.finish(heir, b"in time")
    assert register.idempotency.begin("ngo", "k", DIGEST) == Answered(b"in time")


def test_a_key_is_kept_for_a_day(register: Register) -> None:
    register.idempotency.finish(begin(register), b"answer")
    register.clock.advance(24 * 3600 - 1)
    register.idempotency.forget_old()
    assert register.idempotency.begin("ngo", "k", DIGEST) == Answered(b"answer")
    register.clock.advance(1)
    begun = begin(register, digest=OTHER)
    register.idempotency.finish(begun, b"new")
    register.idempotency.forget_old()
    assert register.idempotency.begin("ngo", "k", OTHER) == Answered(b"new")


@pytest.mark.parametrize(("key", "digest"), [("", DIGEST), ("k" * 256, DIGEST), ("k\n", DIGEST), ("\u00e9", DIGEST), ("k", "xyz")])
def test_a_malformed_key_or_digest_is_refused(register: Register, key: str, digest: str) -> None:
    with pytest.raises(Malformed):
        register.idempotency.begin("ngo", key, digest)


def test_an_assertion_is_used_once_by_each_client_and_forgotten_after_its_end(register: Register) -> None:
    ends = NOON + timedelta(seconds=60)
    register.revocations.redeem_assertion("ngo", "j", ends)
    register.revocations.redeem_assertion("police", "j", ends)
    with pytest.raises(Replayed):
        register.revocations.redeem_assertion("ngo", "j", ends)
    register.clock.advance(59)
    register.revocations.forget_ended()
    with pytest.raises(Replayed):
        register.revocations.redeem_assertion("ngo", "j", ends)
    register.clock.advance(1)
    register.revocations.forget_ended()
    register.revocations.redeem_assertion("ngo", "j", ends)
