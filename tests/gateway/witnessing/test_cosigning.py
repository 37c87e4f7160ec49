"""The log as a witness's client: it believes what verifies, names what does not, keeps what was signed, and waits for nobody."""

import asyncio
import time
from datetime import UTC, datetime, timedelta

import pytest

from gateway.audit.note import Checkpoint, Cosigner, Note, Signature, open_checkpoint
from gateway.audit.quorum import TrustPolicy, quorum_met
from gateway.audit.submission import MAX_BODY_BYTES, Submission
from gateway.clock import FixedClock, SystemClock
from gateway.witnessing.cosigning import PUBLISHED_FOR, Cosigning
from gateway.witnessing.posting import Poster
from tests.audit.logbook import ORIGIN, entry, opened, signer
from tests.gateway.witnessing.serving import answering, honest

pytestmark = pytest.mark.anyio
W1, W2, W3 = (Cosigner.generate(f"witness.test/{name}") for name in ("w1", "w2", "w3"))


def policy(quorum="any", **witnesses):
    """A policy of these witnesses (name -> cosigner, address), of which `quorum` are a quorum."""
    lines = [f"witness {name} {cosigner.key.text()} {url or ''}\n" for name, (cosigner, url) in witnesses.items()]
    return TrustPolicy.parse("".join([*lines, f"group all {quorum} {' '.join(witnesses)}\nquorum all\n"]).encode())


@pytest.fixture
def log(tmp_path):
    with opened(tmp_path / "log") as log:
        for number in range(3):
            log.append_blocking(entry(number))
        yield log


@pytest.fixture
def poster():
    return Poster(30.0)


def states(cosigning):
    return {name: one["state"] for name, one in cosigning.report()["witnesses"].items()}


async def test_a_quorum_of_two_stands_though_the_third_is_dead_and_what_it_signed_is_kept(log, poster, tmp_path):
    async with honest(tmp_path, W1, log.verifier_keys) as one, honest(tmp_path, W2, log.verifier_keys) as two:
        known = policy("2", a=(W1, one), b=(W2, two), c=(W3, "http://127.0.0.1:9"))
        cosigning = Cosigning(log, known, poster, SystemClock())
        assert cosigning.witnessed_at() is None
        assert cosigning.published() == log.checkpoint()
        await cosigning.round(10)
    assert states(cosigning) == {"a": "cosigns", "b": "cosigns", "c": "unreachable"}
    assert datetime.now(UTC) - cosigning.witnessed_at() < timedelta(minutes=1)
    published = cosigning.published()
    assert open_checkpoint(published, *log.verifier_keys).size == 3
    assert quorum_met(known, published, datetime.now(UTC), timedelta(minutes=1)).met
    log.append_blocking(entry(3))
    again = Cosigning(log, known, poster, SystemClock())
    assert (again.published(), again.witnessed_at()) == (published, cosigning.witnessed_at())


async def test_one_of_two_is_no_quorum_and_its_line_is_published_all_the_same(log, poster, tmp_path):
    async with honest(tmp_path, W1, log.verifier_keys) as one:
        cosigning = Cosigning(log, policy("all", a=(W1, one), b=(W2, None)), poster, SystemClock())
        await cosigning.round(10)
    assert cosigning.witnessed_at() is None
    assert len(Note.parse(cosigning.published()).verified_by([W1.key])) == 1
    assert states(cosigning) == {"a": "cosigns", "b": "no-address"}


async def test_the_log_grows_and_each_round_proves_that_it_only_grew(log, poster, tmp_path):
    async with honest(tmp_path, W1, log.verifier_keys) as url:
        cosigning = Cosigning(log, policy(a=(W1, url)), poster, SystemClock())
        for number in range(3, 9):
            await cosigning.round(10)
            assert open_checkpoint(cosigning.published(), *log.verifier_keys).size == number
            log.append_blocking(entry(number))
        # Another process of the gateway knows nothing of what this witness saw: it is told by a 409.
        fresh = Cosigning(log, policy(a=(W1, url)), poster, SystemClock())
        await fresh.round(10)
    assert open_checkpoint(fresh.published(), *log.verifier_keys).size == 9


async def test_the_same_head_is_cosigned_anew_only_when_its_time_grows_old_and_one_line_a_key_is_kept(log, poster, tmp_path):
    asked = []
    async with honest(tmp_path, W1, log.verifier_keys) as url:

        async def counting(*question):
            asked.append(question)
            return await poster(*question)

        cosigning = Cosigning(log, policy(a=(W1, url)), counting, SystemClock())
        for _ in range(3):
            await cosigning.round(10)
        assert len(asked) == 1
        for standing in cosigning._standings.values():
            standing.due_at = 0.0
        await asyncio.sleep(1.1)  # cosignatures state whole seconds
        await cosigning.round(10)
    assert len(asked) == 2
    assert len(Note.parse(next(log.cosigned_checkpoints(1))).signatures) == 2


def at_once(answer):
    """Answer with the cosignature of W1 over the submitted checkpoint, bent by `answer(text, time)`."""

    def reply(body):
        return 200, "text/plain", answer(Note.parse(Submission.parse(body).checkpoint).text, int(time.time()))

    return reply


def bent(line):
    """Flip a bit of the signature in a line, which keeps its form."""
    signature = Signature.parse(line.removesuffix("\n"))
    return Signature(signature.name, signature.key_id, signature.blob[:-1] + bytes([signature.blob[-1] ^ 1])).line()


OLDER = Checkpoint(ORIGIN, 1, bytes(32)).text()
LIES = {
    "another key": (at_once(lambda text, now: W2.cosign(text, now).line()), "key-differs"),
    "another key under its name": (at_once(lambda text, now: Cosigner.generate(W1.key.name).cosign(text, now).line()), "key-differs"),
    "a false signature": (at_once(lambda text, now: bent(W1.cosign(text, now).line())), "false-cosignature"),
    "a cosignature of an older head, replayed": (at_once(lambda _, now: W1.cosign(OLDER, now).line()), "false-cosignature"),
    "an old cosignature of this head, replayed": (at_once(lambda text, now: W1.cosign(text, now - 3600).line()), "clocks-differ"),
    "the year 2100": (at_once(lambda text, _: W1.cosign(text, 4_102_444_800).line()), "clocks-differ"),
    "the largest time": (at_once(lambda text, _: W1.cosign(text, (1 << 63) - 1).line()), "clocks-differ"),
    "a time beyond": (at_once(lambda text, _: W1.cosign(text, (1 << 64) - 1).line()), "false-cosignature"),
    "no time": (at_once(lambda text, _: W1.cosign(text, 0).line()), "clocks-differ"),
    "nothing": (lambda _: (200, "text/plain", b""), "key-differs"),
    "rubbish": (lambda _: (200, "text/plain", b"\xff\x00" * 40), "key-differs"),
    "far too much": (lambda _: (200, "text/plain", b"x" * MAX_BODY_BYTES), "answer-too-large"),
    "a larger tree": (lambda _: (409, "text/x.tlog.size", b"9000000000\n"), "ahead-of-log"),
    "another size each time": (
        lambda body: (409, "text/x.tlog.size", b"%d\n" % ((Submission.parse(body).old + 1) % 3)),
        "answer-malformed",
    ),
    "a size that is none": (lambda _: (409, "text/x.tlog.size", b"-1\n"), "answer-malformed"),
    "a size under another type": (lambda _: (409, "text/html", b"1\n"), "answer-malformed"),
    "a dispute": (lambda _: (422, "text/plain", b""), "history-disputed"),
    "another log": (lambda _: (404, "text/plain", b""), "log-unknown"),
    "an unknown key": (lambda _: (403, "text/plain", b""), "key-unknown"),
    "a redirect": (lambda _: (302, "text/plain", b""), "refused"),
    "a fault": (lambda _: (500, "text/plain", b""), "refused"),
    "silence": (lambda _: None, "too-slow"),
}


@pytest.mark.parametrize("lie", LIES)
async def test_a_lie_is_named_and_nothing_of_it_is_kept_while_an_honest_witness_counts(lie, log, poster, tmp_path):
    answer, state = LIES[lie]
    async with answering(answer) as liar, honest(tmp_path, W3, log.verifier_keys) as url:
        hasty = Poster(0.3) if lie == "silence" else poster

        async def post(address, body, kind):
            return await (hasty if address.startswith(liar) else poster)(address, body, kind)

        cosigning = Cosigning(log, policy("all", a=(W1, liar), c=(W3, url)), post, SystemClock())
        await cosigning.round(10)
    assert states(cosigning) == {"a": state, "c": "cosigns"}
    assert cosigning.witnessed_at() is None
    (kept,) = log.cosigned_checkpoints(9)
    assert {line.name for line in Note.parse(kept).signatures} == {ORIGIN, W3.key.name}
    assert cosigning.report()["witnesses"]["a"]["why"].endswith(".")


async def test_a_witness_that_saw_a_fork_disputes_the_history_and_one_that_saw_more_says_that_the_log_was_set_back(log, poster, tmp_path):
    with opened(tmp_path / "fork") as fork:
        fork.append_blocking(b"another past")
        async with honest(tmp_path, W1, [signer().key]) as url:
            await Cosigning(fork, policy(a=(W1, url)), poster, SystemClock()).round(10)
            disputed = Cosigning(log, policy(a=(W1, url)), poster, SystemClock())
            await disputed.round(10)
            for number in range(9):
                fork.append_blocking(entry(number))
            await Cosigning(fork, policy(a=(W1, url)), poster, SystemClock()).round(10)
            set_back = Cosigning(log, policy(a=(W1, url)), poster, SystemClock())
            await set_back.round(10)
    assert (states(disputed), states(set_back)) == ({"a": "history-disputed"}, {"a": "ahead-of-log"})
    assert disputed.witnessed_at() is None
    assert set_back.witnessed_at() is None


async def test_a_failing_witness_is_asked_less_and_less_and_appends_never_wait_for_it(log):
    asked = []

    async def never(*_):
        asked.append(1)
        await asyncio.sleep(0.2)
        raise AssertionError("a fault that nobody thought of")

    cosigning = Cosigning(log, policy(a=(W1, "http://w.test")), never, SystemClock())
    running = asyncio.create_task(cosigning.run(0.05))
    slowest = 0.0
    for number in range(40):
        began = time.monotonic()
        await log.append(entry(number))
        slowest = max(slowest, time.monotonic() - began)
        await asyncio.sleep(0.01)
    assert not running.done()
    running.cancel()
    assert states(cosigning) == {"a": "failed-here"}
    assert asked
    assert slowest < 0.2 * 40  # the witness would have taken that long in all; one append waits for the disk alone

    refused = Cosigning(log, policy(a=(W1, "http://127.0.0.1:9")), Poster(1.0), SystemClock())
    for _ in range(20):
        await refused.round(1000)
    assert refused._standings["a"].failures == 1


async def test_an_old_cosigned_head_is_not_shown_in_place_of_the_newest(log, poster, tmp_path):
    async with honest(tmp_path, W1, log.verifier_keys) as url:
        clock = FixedClock(datetime.now(UTC))
        cosigning = Cosigning(log, policy(a=(W1, url)), poster, clock)
        await cosigning.round(10)
        log.append_blocking(entry(3))
        assert open_checkpoint(cosigning.published(), *log.verifier_keys).size == 3
        clock.advance(PUBLISHED_FOR.total_seconds() + 2)
        assert cosigning.published() == log.checkpoint()
        assert cosigning.report()["fresh"] is False


async def test_a_receipt_under_a_cosigned_head_carries_its_cosignatures_and_a_later_entry_gets_the_newest(log, poster, tmp_path):
    async with honest(tmp_path, W1, log.verifier_keys) as url:
        cosigning = Cosigning(log, policy(a=(W1, url)), poster, SystemClock())
        await cosigning.round(10)
    log.append_blocking(entry(3))
    assert W1.key.name in log.receipt(2, cosigning.published()).text()
    assert W1.key.name not in log.receipt(3, cosigning.published()).text()


async def test_a_log_without_witnesses_asks_nobody(log):
    cosigning = Cosigning(log, TrustPolicy("none"), Poster(1.0), SystemClock())
    await asyncio.wait_for(cosigning.run(0.01), 1)
    assert (cosigning.report(), cosigning.witnessed_at(), cosigning.published()) == (None, None, log.checkpoint())
