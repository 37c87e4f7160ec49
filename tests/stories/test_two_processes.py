"""Two service processes on one home are one gateway: every quota and Idempotency-Key is spent once, and one rulebook is live at a time."""

import asyncio
import json
import signal
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

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
from tests.stories.test_changing_the_rules import ANN, BOB, ROLES, STRICT
from tests.stories.town import SEEKING

QUOTA, ASKED = 10, 50
ADDRESS = "http://127.0.0.1:8080"
# The turn that had come before it was asked, the rulebook that it was answered by, and whether that one's own rule refused it.
Seen = tuple[int, str, bool]


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


@dataclass
class Watch:
    """Two processes, people who change the rules at the first of them, and a client that asks both all the time."""

    webs: list[httpx2.AsyncClient]
    bearing: dict[str, dict[str, str]]
    turn: int = 0
    over: bool = False
    seen: list[Seen] = field(default_factory=list)

    async def ask(self, web: httpx2.AsyncClient) -> None:
        asked = {"operation": "identify", "purpose": "missing_person", "gallery": {"id": "missing-persons"}, "place": "US-WA"}
        while not self.over:
            before = self.turn
            response = await web.post("/v1/decisions:check", headers=self.bearing[NGO], json=asked)
            assert response.status_code == 200, response.text
            answer = response.json()
            self.seen.append((before, answer["rulebook"], any(reason["rule"] == "OWN-1" for reason in answer["reasons"])))
            await asyncio.sleep(0.05)  # the report is made beside it, on the same two cores

    async def send(self, method: str, path: str, who: str, document: object = None) -> dict[str, Any]:
        answer = await self.webs[0].request(method, f"/v1/rulebooks{path}", headers=self.bearing[who], json=document or {})
        assert answer.is_success, answer.text
        return {"status": answer.status_code, **answer.json()}

    async def goes_live(self, draft: str) -> str:
        await self.send("POST", f"/drafts/{draft}/report", ANN)
        async with asyncio.timeout(180):
            while (report := await self.send("GET", f"/drafts/{draft}/report", ANN))["status"] == 202:  # noqa: ASYNC110  (as a client asks)
                await asyncio.sleep(0.1)
        await self.send("POST", f"/drafts/{draft}/approve", BOB, {"report": report["digest"]})
        await self.send("POST", f"/drafts/{draft}/activate", BOB)
        self.turn += 1
        wanted = len(self.seen) + 20
        async with asyncio.timeout(60):
            while len(self.seen) < wanted:  # noqa: ASYNC110  (nothing tells of it)
                await asyncio.sleep(0.01)
        return str(report["rulebook"])


@pytest.mark.anyio
async def test_rulebooks_that_go_live_at_one_process_are_obeyed_by_both_at_the_next_request_and_never_mixed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A draft, an approval and a rulebook's return at one process, while both answer all the time."""
    monkeypatch.setenv("CUSTODES_PUBLIC_URL", ADDRESS)
    settings = read_settings(home=tmp_path, port=free_port())
    await seed(settings)
    registry = open_registry(settings, SystemClock())
    for person, roles in ROLES.items():
        registry.staff.redeem(registry.staff.invite(person, person, roles, "test").secret)
    bearing = {who: {"authorization": f"Bearer {registry.issuer.mint(who).access_token}"} for who in (ANN, BOB, NGO)}
    loose = registry.rulebooks.live().digest
    registry.close()
    async with two_services(settings) as (services, webs):
        watch = Watch(webs, bearing)
        asking = [asyncio.create_task(watch.ask(web)) for web in webs]
        strict = await watch.goes_live((await watch.send("POST", "/drafts", ANN, STRICT))["draft"])
        back = await watch.send("POST", f"/{loose}/rollback", ANN, {"title": "As it was"})
        assert await watch.goes_live(back["draft"]) == loose
        watch.over = True
        await asyncio.gather(*asking)
        assert [await service.end(signal.SIGTERM) for service in services] == [0, 0]
    seen = watch.seen
    # Each answer is of one rulebook, whole: the one that has the rule refuses by it, the other does not.
    assert {(rulebook, by_it) for _, rulebook, by_it in seen} == {(loose, False), (strict, True)}
    # Whoever asked after a rulebook had gone live was answered by it, at either process.
    assert {rulebook for before, rulebook, _ in seen if before == 2} == {loose}
    first = next(number for number, (before, _, _) in enumerate(seen) if before == 1)
    assert seen[first][1] == strict
    log = open_log(settings)
    assert not [raw for raw in log.entries(0, log.size) if json.loads(raw)["kind"] == "alarm"]
    log.close()


async def _ready(web: httpx2.AsyncClient) -> None:
    async with asyncio.timeout(240):
        while True:
            try:
                if (await web.get("/health/ready")).status_code == 200:
                    return
            except httpx2.HTTPError:
                pass
            await asyncio.sleep(0.05)
