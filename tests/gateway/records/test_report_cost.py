"""The report is for everybody, without a token: whoever asks for it often must not keep the house from its work."""

import time
from pathlib import Path

import pytest
from starlette.requests import Request

from gateway.api import transparency
from gateway.api.transparency import TransparencyDoor
from gateway.audit.log import AuditLog
from gateway.audit.note import NoteSigner
from gateway.records.tally import Tally

pytestmark = pytest.mark.anyio

ASKED = Request({"type": "http", "method": "GET", "path": "/v1/transparency", "headers": []})


class Counting(Tally):
    """A tally that says how often it was worked out, and takes its time."""

    times = 0
    seconds = 0.0

    def to_json(self, *, hide_below: int = 5) -> dict[str, object]:
        self.times += 1
        time.sleep(self.seconds)
        return super().to_json(hide_below=hide_below)


async def test_a_report_is_worked_out_once_for_a_log_and_one_that_took_long_is_told_again_for_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transparency, "_SHORT", 60.0)  # however busy the machine is
    log, tally = AuditLog.open(tmp_path, NoteSigner.generate("test.example/log")), Counting()
    door = TransparencyDoor(log, tally)
    for asked in (1, 1, 2, 2):
        if asked > tally.times:
            log.append_blocking(b'{"at":"2026-11-23T00:00:00.000000Z","kind":"heartbeat"}')
        assert b'"entries":' in bytes((await door.report(ASKED)).body)
    assert tally.times == 2, "once for each state of the log"
    monkeypatch.setattr(transparency, "_SHORT", 0.05)
    tally.seconds = 1.0
    for _ in range(3):
        log.append_blocking(b'{"at":"2026-11-23T00:00:00.000000Z","kind":"heartbeat"}')
        await door.report(ASKED)
    assert tally.times == 3, "what took a second is told again for ten"
    log.close()
