"""Two service processes on one home, while the rulebook is swapped by approval at one and the other: no answer belongs to no single
rulebook that was live, and from the moment that a swap is answered both decide by the new one, or refuse."""

import asyncio
import signal
import sqlite3
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import pytest

from bench.service_kills import free_port
from gateway.assembly.registers import open_registry
from gateway.assembly.service import assemble
from gateway.cli.demo.cast import CASE, NGO, Seeding
from gateway.clock import SystemClock
from gateway.settings import Settings, read_settings
from tests.stories.test_two_processes import two_services

ANN, BOB = "ann", "bob"
ROLES = {ANN: ("policy_author",), BOB: ("policy_approver",)}
ADDRESS = "http://127.0.0.1:8080"
STILL = {"source": "upload", "device": "none", "space": "none", "age_s": 86400}
# The books contradict each other on each question, so that a mixture of two shows as an answer that neither gives.
ASKED = tuple(
    {"operation": operation, "purpose": "missing_person", "case": {"ref": CASE}, "capture": STILL, "place": "US-WA"}
    for operation in ("identify", "verify")
)
SENTENCE = "The operator does not serve this now."
BOOKS: tuple[Mapping[str, Any], ...] = tuple(
    {"title": f"Book {number}", "packs": {"baseline": {}}, "rules": [row | {"effect": "deny", "sentence": SENTENCE} for row in rows]}
    for number, rows in enumerate(
        [
            [{"rule": "OWN-1", "operation": "identify"}],
            [{"rule": "OWN-2", "operation": "verify"}],
        ]
    )
)
ASKING = 3


@dataclass(frozen=True)
class Answer:
    """What one process said to one question, and between which moments of one clock."""

    service: int
    question: int
    asked: float
    heard: float
    status: int
    said: Mapping[str, Any]

    @property
    def decided(self) -> tuple[str, tuple[str, ...]]:
        """The decision, and the rules that stand against it."""
        return str(self.said["decision"]), tuple(sorted({reason["rule"] for reason in self.said.get("reasons", ())}))


@dataclass
class Pair:
    """The two processes, as one client asks them."""

    webs: tuple[httpx2.AsyncClient, httpx2.AsyncClient]
    tokens: Mapping[str, Mapping[str, str]]
    answers: list[Answer] = field(default_factory=list)

    async def ask(self, service: int, question: int) -> Answer:
        """Put a question to a process, and keep what it says."""
        asked = time.monotonic()
        answer = await self.webs[service].post("/v1/decisions:check", headers=self.tokens[NGO], json=ASKED[question])
        self.answers.append(Answer(service, question, asked, time.monotonic(), answer.status_code, answer.json()))
        return self.answers[-1]

    async def keep_asking(self, service: int, over: asyncio.Event) -> None:
        """Ask one process both questions, again and again."""
        while not over.is_set():
            for question in range(len(ASKED)):
                await self.ask(service, question)

    async def swap(self, service: int, book: Mapping[str, Any]) -> tuple[str, float, float]:
        """Bring a rulebook to power at one process: drafted, reported on, approved by another, live. Return its digest and when."""
        draft = (await self._staff(service, ANN, "/drafts", book, 201))["draft"]
        await self._staff(service, ANN, f"/drafts/{draft}/report", {}, 202)
        async with asyncio.timeout(240):
            while (told := await self._report(service, draft)).status_code == 202:  # noqa: ASYNC110  (as a client asks)
                await asyncio.sleep(0.1)
        report = told.json()
        assert report["passed"], report
        await self._staff(service, BOB, f"/drafts/{draft}/approve", {"report": report["digest"]}, 200)
        begun = time.monotonic()
        await self._staff(service, BOB, f"/drafts/{draft}/activate", {}, 200)
        return str(report["rulebook"]), begun, time.monotonic()

    async def _report(self, service: int, draft: str) -> httpx2.Response:
        return await self.webs[service].get(f"/v1/rulebooks/drafts/{draft}/report", headers=self.tokens[ANN])

    async def _staff(self, service: int, who: str, path: str, document: Mapping[str, Any], status: int) -> dict[str, Any]:
        answer = await self.webs[service].post(f"/v1/rulebooks{path}", headers=self.tokens[who], json=document)
        assert answer.status_code == status, answer.text
        return dict(answer.json())


async def seeded(settings: Settings) -> Mapping[str, Mapping[str, str]]:
    """Put people, a client and its case on record; return by which header each is known."""
    async with assemble(settings) as house:
        await Seeding(house).everyone()
        for person, roles in ROLES.items():
            house.registry.staff.redeem(house.registry.staff.invite(person, person, roles, "test").secret)
    registry = open_registry(settings, SystemClock())
    try:
        return {who: {"authorization": f"Bearer {registry.issuer.mint(who).access_token}"} for who in (NGO, ANN, BOB)}
    finally:
        registry.close()


@pytest.mark.anyio
async def test_while_rulebooks_are_swapped_by_approval_no_answer_of_two_processes_belongs_to_no_single_live_rulebook(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUSTODES_PUBLIC_URL", ADDRESS)  # one name, whichever process issues or reads a token
    settings = read_settings(home=tmp_path, port=free_port())
    tokens = await seeded(settings)
    async with two_services(settings) as (services, webs):
        pair = Pair((webs[0], webs[1]), tokens)
        right: dict[str, list[tuple[str, tuple[str, ...]]]] = {}
        installed = (await pair.ask(0, 0)).said["rulebook"]
        right[installed] = [(await pair.ask(0, question)).decided for question in range(len(ASKED))]
        reigns = [(installed, 0.0, time.monotonic())]

        # 1 Both are asked without a pause, while one rulebook after the other goes live, by turns at the one and at the other.
        over = asyncio.Event()
        asking = [asyncio.create_task(pair.keep_asking(number % 2, over)) for number in range(2 * ASKING)]
        for turn, book in enumerate(BOOKS):
            reigns.append(await pair.swap(turn % 2, book))
            # Asked the other one first: it was told by nobody but the home.
            now = [await pair.ask(service, question) for service in ((turn + 1) % 2, turn % 2) for question in range(len(ASKED))]
            assert [answer.said["rulebook"] for answer in now] == [reigns[-1][0]] * len(now)
            right[reigns[-1][0]] = [answer.decided for answer in now[: len(ASKED)]]
            assert [answer.decided for answer in now[len(ASKED) :]] == right[reigns[-1][0]]
        over.set()
        await asyncio.gather(*asking)

        # 2 Every answer is wholly one rulebook's, and that one was live at some moment between the question and the answer.
        assert len({digest for digest, _, _ in reigns}) == len(reigns) == len({tuple(answers) for answers in right.values()})
        assert {answer.status for answer in pair.answers} == {200}
        assert [answer for answer in pair.answers if answer.decided != right[answer.said["rulebook"]][answer.question]] == []
        ended = [done for _, _, done in reigns[1:]] + [time.monotonic()]
        lived = {digest: (begun, done) for (digest, begun, _), done in zip(reigns, ended, strict=True)}
        assert [a for a in pair.answers if not (a.heard >= lived[a.said["rulebook"]][0] and a.asked <= lived[a.said["rulebook"]][1])] == []
        assert {(answer.service, answer.said["rulebook"]) for answer in pair.answers} >= {(s, d) for s in range(2) for d in right}

        # 3 And where the home's pointer says what no approval said, both refuse, until it says it no more.
        for digest, status in ((installed, 503), (reigns[-1][0], 200)):
            with sqlite3.connect(settings.home.registry) as insider:
                insider.execute("UPDATE rulebook_pointer SET digest = ?", [digest])
            insider.close()
            assert [(await pair.ask(service, 0)).status for service in range(2)] == [status, status]
        assert [await service.end(signal.SIGTERM) for service in services] == [0, 0]
