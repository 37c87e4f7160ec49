"""A real time-stamping authority (openssl ts) stamps the log's head over HTTP, and OpenSSL verifies the token that the log keeps."""

import base64
import json

import pytest
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from gateway.audit.anchor import AnchorError, verify_token
from gateway.clock import SystemClock
from gateway.settings import SettingsRefused, read_settings
from gateway.witnessing.anchoring import Anchoring, Authority, read_authority
from gateway.witnessing.posting import Poster, Unreachable
from tests.audit.logbook import entry, opened
from tests.audit.test_anchor import authority as authority
from tests.gateway.witnessing.serving import served

pytestmark = pytest.mark.anyio


@pytest.fixture
def log(tmp_path):
    with opened(tmp_path / "log") as log:
        log.append_blocking(entry(0))
        yield log


def stamping(authority, bend=lambda answer: answer, kind="application/timestamp-reply"):
    async def stamp(request):
        return Response(bend(authority.stamp(await request.body())), headers={"content-type": kind})

    return served(Starlette(routes=[Route("/tsa", stamp, methods=["POST"])]))


def anchoring(log, url, authority):
    return Anchoring(
        log, lambda record: log.append(record.body, record.openings), Poster(20.0), SystemClock(), Authority(url, authority.certificate)
    )


async def test_the_head_is_stamped_and_openssl_verifies_the_token_that_the_log_keeps(log, authority, tmp_path):
    head = log.checkpoint()
    async with stamping(authority) as url:
        way = anchoring(log, f"{url}/tsa", authority)
        anchored = await way.anchor()
    kept = json.loads(log.entry(anchored.receipt.index))
    token = base64.b64decode(kept["token"])
    assert (kept["kind"], kept["checkpoint"].encode()) == ("anchor", head)
    assert verify_token(token, head, authority.certificate) == anchored.time
    (authority.place / "head").write_bytes(head)
    (authority.place / "token").write_bytes(token)
    assert "OK" in authority.run("ts -verify -in token -token_in -data head -CAfile cert.pem -untrusted cert.pem")
    assert way.report()["last"] == kept["time"]


LIES = {
    "a flipped bit": lambda answer: answer[:-1] + bytes([answer[-1] ^ 1]),
    "half of it": lambda answer: answer[: len(answer) // 2],
    "nothing": lambda _answer: b"",
}


@pytest.mark.parametrize("lie", LIES)
async def test_a_false_stamp_is_no_anchor_and_leaves_no_entry(lie, log, authority):
    async with stamping(authority, LIES[lie]) as url:
        with pytest.raises(AnchorError):
            await anchoring(log, f"{url}/tsa", authority).anchor()
    assert log.size == 1


async def test_an_authority_that_is_away_or_answers_something_else_is_said_and_stops_nothing(log, authority):
    away = anchoring(log, "http://127.0.0.1:9/tsa", authority)
    with pytest.raises(Unreachable):
        await away.anchor()
    async with stamping(authority, kind="text/html") as url:
        with pytest.raises(AnchorError, match="text/html"):
            await anchoring(log, f"{url}/tsa", authority).anchor()
    assert log.append_blocking(entry(1)).index == 1


def test_half_an_authority_stops_the_start(tmp_path):
    (tmp_path / "no.pem").write_text("no certificate")
    for given in (
        {"CUSTODES_ANCHOR_URL": "https://tsa.test"},
        {"CUSTODES_ANCHOR_CERTIFICATE": str(tmp_path / "no.pem")},
        {"CUSTODES_ANCHOR_URL": "ftp://tsa.test", "CUSTODES_ANCHOR_CERTIFICATE": str(tmp_path / "no.pem")},
        {"CUSTODES_ANCHOR_URL": "https://tsa.test", "CUSTODES_ANCHOR_CERTIFICATE": str(tmp_path / "no.pem")},
    ):
        with pytest.raises(SettingsRefused):
            read_authority(read_settings(given, home=tmp_path))
    assert read_authority(read_settings({}, home=tmp_path)) is None
