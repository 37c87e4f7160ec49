"""Two service processes on one home share every quota and every Idempotency-Key: neither can be spent twice, nor a search be made twice."""

import asyncio
import json
import signal
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import httpx2
import pytest

from bench.service_kills import Service, free_port, seed, tokens_of
from gateway.assembly.homes import open_log
from gateway.assembly.registers import open_registry
from gateway.cli.demo.cast import NGO, PORTRAITS, PROBE
from gateway.clock import SystemClock
from gateway.registry.acknowledgements import shipped
from gateway.registry.terms import OWN, Terms, pairs
from gateway.settings import Settings, read_settings
from tests.stories.town import SEEKING

QUOTA, ASKED = 10, 50
ADDRESS = "http://127.0.0.1:8080"


def allow(settings: Settings, quota: int) -> None:
    """Leave the client one licence, for so many comparisons a day."""
    registry, now = open_registry(settings, SystemClock()), SystemClock().now()
    for licence in registry.licences.all(NGO):
        registry.licences.revoke(licence.id, "replaced")
    terms = Terms(
        pairs(("missing_person",), ("verify",)), (OWN,), ("US",), now - timedelta(minutes=1), now + timedelta(days=1), quota, 10 * quota
    )
    registry.licences.grant(registry.licences.apply(NGO, terms, shipped().all(), "registrar-1").id, "registrar-2")
    registry.close()


@asynccontextmanager
async def two_services(settings: Settings) -> AsyncIterator[tuple[list[Service], list[httpx2.AsyncClient]]]:
    """Lend two processes that serve one home, and a way to speak to each."""
    async with AsyncExitStack() as stack:
        services = [await Service.start(replace(settings, port=port)) for port in (free_port(), free_port())]
        for service in services:
            stack.push_async_callback(service.end, signal.SIGKILL)
        webs = [
            await stack.enter_async_context(httpx2.AsyncClient(base_url=f"http://127.0.0.1:{service.settings.port}", timeout=60))
            for service in services
        ]
        await asyncio.gather(*(_ready(web) for web in webs))
        yield services, webs


@pytest.mark.anyio
async def test_fifty_requests_at_once_to_two_processes_find_exactly_the_ten_of_the_quota_and_one_key_one_search(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUSTODES_PUBLIC_URL", ADDRESS)  # one name, whichever process issues or reads a token
    settings = read_settings(home=tmp_path, port=free_port())
    await seed(settings)
    allow(settings, QUOTA + 1)
    async with two_services(settings) as (services, webs):
        said = {**SEEKING, "custodes-subject": '"test-subject-1"', "content-type": "image/jpeg", **tokens_of(settings)[NGO]}
        image = (PORTRAITS / PROBE).read_bytes()

        async def ask(number: int, **more: str) -> httpx2.Response:
            return await webs[number % 2].post("/v1/verifications", headers=said | more, content=image)

        # One key, eight times at once, at both: one search. Whoever asks afterwards, wherever, hears the same.
        key = {"idempotency-key": "one-and-the-same"}
        answers = await asyncio.gather(*(ask(number, **key) for number in range(8)))
        assert {answer.status_code for answer in answers} <= {200, 409}, [answer.text for answer in answers]
        answers += [await ask(number, **key) for number in range(4)]
        assert len({answer.content for answer in answers if answer.status_code == 200}) == 1
        assert sum(answer.status_code == 200 for answer in answers) >= 5

        found = await asyncio.gather(*(ask(number) for number in range(ASKED)))
        assert Counter(answer.status_code for answer in found) == {200: QUOTA, 429: ASKED - QUOTA}, [answer.text for answer in found]
        assert all(answer.headers["retry-after"] for answer in found if answer.status_code == 429)
        assert [await service.end(signal.SIGTERM) for service in services] == [0, 0]
    log = open_log(settings)
    kinds = Counter(json.loads(raw)["kind"] for raw in log.entries(0, log.size))
    log.close()
    assert kinds["denial"] == ASKED - QUOTA + sum(answer.status_code == 409 for answer in answers)
    assert kinds["repeat"] == sum(answer.status_code == 200 for answer in answers) - 1


async def _ready(web: httpx2.AsyncClient) -> None:
    async with asyncio.timeout(240):
        while True:
            try:
                if (await web.get("/health/ready")).status_code == 200:
                    return
            except httpx2.HTTPError:
                pass
            await asyncio.sleep(0.05)
