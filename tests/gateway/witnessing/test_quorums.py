"""Whoever asks for a cosigned head, as `audit export --cosigned` does, gets one that the quorum has signed, or is told who has not."""

import asyncio
import time

import pytest
from typer.testing import CliRunner

from gateway.audit.note import Checkpoint, Cosigner, Note, open_checkpoint
from gateway.audit.quorum import TrustPolicy
from gateway.audit.source import verify_source
from gateway.cli.audit import app
from gateway.clock import SystemClock
from gateway.custody.opening import open_home_log
from gateway.settings import read_settings
from gateway.witnessing.posting import Poster
from gateway.witnessing.quorums import NoQuorum, cosigned_head
from tests.audit.logbook import entry, opened
from tests.gateway.witnessing.serving import honest
from tests.gateway.witnessing.test_cosigning import W1, W2, policy

pytestmark = pytest.mark.anyio


@pytest.fixture
def log(tmp_path):
    with opened(tmp_path / "log") as log:
        for number in range(3):
            log.append_blocking(entry(number))
        yield log


async def head_of(log, known, within):
    return await cosigned_head(log, known, Poster(5.0), SystemClock(), covering=log.size, within=within)


async def test_the_head_that_is_given_covers_everything_and_carries_the_quorums_lines(log, tmp_path):
    async with honest(tmp_path, W1, log.verifier_keys) as one, honest(tmp_path, W2, log.verifier_keys) as two:
        known = policy("all", a=(W1, one), b=(W2, two))
        head = await head_of(log, known, 30)
        assert open_checkpoint(head, *log.verifier_keys).size == 3
        assert set(known.cosigned(Note.parse(head))) == {"a", "b"}
        # What is on record already needs nobody to be asked again.
        assert await head_of(log, policy("all", a=(W1, "http://127.0.0.1:9"), b=(W2, "http://127.0.0.1:9")), 0) == head
        log.append_blocking(entry(3))
        assert open_checkpoint(await head_of(log, known, 30), *log.verifier_keys).size == 4


async def test_a_quorum_that_is_not_to_be_had_is_said_in_time_with_the_answer_of_each_witness(log, tmp_path):
    async with honest(tmp_path, W1, log.verifier_keys) as one:
        begun = time.monotonic()
        with pytest.raises(NoQuorum) as told:
            await head_of(log, policy("all", a=(W1, one), b=(W2, "http://127.0.0.1:9")), 1.0)
    assert time.monotonic() - begun < 10
    assert "a: cosigns" in told.value.sentence
    assert "b: unreachable" in told.value.sentence
    with pytest.raises(NoQuorum, match="No quorum of witnesses is named"):
        await head_of(log, TrustPolicy("none"), 60)


async def test_a_log_that_goes_on_growing_is_cosigned_all_the_same(log, tmp_path):
    async def grow():
        for number in range(3, 10_000):
            await log.append(entry(number))
            await asyncio.sleep(0)

    async with honest(tmp_path, W1, log.verifier_keys) as one:
        growing = asyncio.create_task(grow())
        try:
            assert open_checkpoint(await head_of(log, policy(a=(W1, one)), 30), *log.verifier_keys).size >= 3
        finally:
            growing.cancel()
            await asyncio.gather(growing, return_exceptions=True)


async def test_the_export_is_cosigned_and_verifies_under_the_policy_or_nothing_is_written(tmp_path):
    settings = read_settings({}, home=tmp_path / "home")
    settings.home.make()
    with_log = await asyncio.to_thread(open_home_log, settings)
    keys = with_log.verifier_keys
    await asyncio.to_thread(with_log.close)
    witness = Cosigner.generate("witness.test/court")
    run = CliRunner()

    def export(name, *more):
        return run.invoke(app, ["export", str(tmp_path / name), "--cosigned", "--home", str(tmp_path / "home"), *more])

    refused = await asyncio.to_thread(export, "none")
    assert (refused.exit_code, (tmp_path / "none").exists()) == (2, False)
    assert "quorum-missing: No quorum of witnesses is named" in refused.output
    async with honest(tmp_path, witness, keys) as url:
        settings.home.witnesses.write_text(f"witness court {witness.key.text()} {url}\nquorum court\n")
        done = await asyncio.to_thread(export, "whole", "--json")
        assert done.exit_code == 0, done.output
        assert '"cosigners": ["court"]' in done.output
    report = await asyncio.to_thread(
        lambda: verify_source(str(tmp_path / "whole"), keys[0].text(), policy=settings.home.witnesses, since=tmp_path / "whole/checkpoint")
    )
    assert report.ok, report.findings
    assert [name for name, _time in report.cosigners] == ["witness.test/court"]
    assert report.size == Checkpoint.parse(Note.parse((tmp_path / "whole" / "checkpoint").read_bytes()).text).size == 2
    late = await asyncio.to_thread(export, "late", "--within", "0.5")
    assert (late.exit_code, (tmp_path / "late").exists()) == (2, False)
    assert "within 0.5 seconds: court: unreachable" in late.output
