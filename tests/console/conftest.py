"""A seeded service on a real port, people with their roles, and a real browser.
The browser's tests skip where Chromium is not installed."""

import asyncio
import shutil
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import httpx2
import pytest
import uvicorn
import uvloop
from playwright.sync_api import Browser, BrowserContext, sync_playwright

from gateway.app import create_app
from gateway.assembly.homes import genesis, open_log
from gateway.assembly.request_path import Assembly
from gateway.assembly.service import assemble
from gateway.cli.demo.cast import Seeding
from gateway.cli.demo.scenes import Story
from gateway.cli.demo.stage import Stage
from gateway.clock import SystemClock
from gateway.custody.rotating import rotate_key
from gateway.registry.trainings import Training
from gateway.settings import Settings, read_settings
from tests.stories.town import Town

PEOPLE = {
    "ada": ("Ada Okafor", ("policy_author", "registrar")),
    "bo": ("Bo Lindqvist", ("policy_approver",)),
    "cy": ("Cy <script>alert(1)</script>", ("auditor",)),
    "di": ("Di Nkemelu", ("reviewer",)),
    "eve": ("Eve Tanaka", ("reviewer",)),
    "fin": ("Fin Aydin", ("registrar",)),
    "hal": ("Hal Novak", ("policy_author", "policy_approver")),
}


@dataclass(frozen=True, slots=True)
class Site:
    """The service as a browser meets it, and the house behind it."""

    house: Assembly
    loop: asyncio.AbstractEventLoop

    @property
    def url(self) -> str:
        return self.house.settings.url

    def link(self, who: str) -> str:
        """Return a fresh one-time link of somebody's."""
        return f"{self.url}/console/enter#{self.house.registry.staff.relink(who, by='installation').secret}"

    def ask(self, coroutine):
        """Run a coroutine where the service runs, and return what it returns."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(60)

    def town(self, work):
        """Let `work(town)` speak to the service as the stories' clients do."""

        async def speak():
            async with httpx2.AsyncClient(base_url=self.url, timeout=60) as web:
                return await work(Town(self.house, web))

        return self.ask(speak())

    def entries(self, kind: str):
        return self.town(lambda town: _async(town.entries(kind)))


async def _async(value):
    return value


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _settings(home: Path) -> Settings:
    secret = home / "provider.secret"
    secret.write_text("another-secret-of-the-tests\n")
    chosen = {"CUSTODES_OIDC_ISSUER": "idp", "CUSTODES_OIDC_CLIENT_ID": "console", "CUSTODES_OIDC_SECRET_FILE": str(secret)}
    chosen["CUSTODES_CALIBRATION_PERCENT"] = "0"
    return read_settings(chosen, home=home, port=free_port())


def _begun_under_another_key(settings: Settings) -> None:
    """Begin the log under one key and go on under another, so that every page of these tests reads a log that was rotated."""
    log = open_log(settings)
    try:
        record = genesis(log, SystemClock())
        log.append_blocking(record.body, record.openings)
    finally:
        log.close()
    rotate_key(settings, SystemClock(), by="installation", reason="scheduled")


def _people(house: Assembly) -> None:
    now = house.clock.now()
    for who, (name, roles) in PEOPLE.items():
        house.registry.staff.invite(who, name, roles, by="installation")
        if "reviewer" in roles:
            house.registry.trainings.record(Training(who, "Comparing faces", now, now + timedelta(days=365)), by="installation")


@pytest.fixture(scope="session")
def site(tmp_path_factory) -> Iterator[Site]:
    home: Path = tmp_path_factory.mktemp("console")
    ready, stop = threading.Event(), None
    found: list[Site] = []

    async def serve() -> None:
        nonlocal stop
        stop = asyncio.Event()
        settings = _settings(home)
        await asyncio.to_thread(_begun_under_another_key, settings)
        async with assemble(settings) as house:
            # uvicorn's own server: the command's watches for signals, which only a main thread may.
            server = uvicorn.Server(uvicorn.Config(create_app(house), port=house.settings.port, lifespan="off", log_level="warning"))
            task = asyncio.create_task(server.serve())
            while not server.started:  # noqa: ASYNC110  (uvicorn offers a flag, not an event)
                await asyncio.sleep(0.01)
            async with httpx2.AsyncClient(base_url=house.settings.url) as web:
                seeding = Seeding(house)
                await seeding.everyone()
                await seeding.gallery()
                await Story(house, web, Stage(as_json=True)).enrol()
            _people(house)
            found.append(Site(house, asyncio.get_running_loop()))
            ready.set()
            await stop.wait()
            server.should_exit = True
            await task

    def run() -> None:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(serve())

    thread = threading.Thread(target=run)
    thread.start()
    assert ready.wait(120)
    yield found[0]
    found[0].loop.call_soon_threadsafe(stop.set)
    thread.join(60)


# Not for the whole session: as long as Playwright's loop runs in this thread, no asynchronous test can.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("needs a browser: install the package chromium")
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking", "--disable-component-update"]
        started = playwright.chromium.launch(executable_path=chromium, args=arguments)
        yield started
        started.close()


@pytest.fixture
def visitor(browser, site):
    """Return a function that signs somebody in and returns their page; it fails the test if any request left the host."""
    contexts: list[BrowserContext] = []
    strays: list[str] = []

    def come_in(who: str | None, **options):
        context = browser.new_context(**options)
        contexts.append(context)
        context.on(
            "request",
            lambda request: strays.append(request.url) if not request.url.startswith((site.url, "blob:", "file:")) else None,
        )
        context.set_default_timeout(60_000)
        page = context.new_page()
        if who is not None:
            page.goto(site.link(who))
            page.wait_for_url(f"{site.url}/console")
        return page

    yield come_in
    for context in contexts:
        context.close()
    assert strays == []


@pytest.fixture
def signed_in(site):
    """Return a function that comes in as a browser does: an HTTP client, and the token that its forms carry."""
    clients: list[httpx2.Client] = []

    def come_in(who: str):
        web = httpx2.Client(base_url=site.url, headers={"origin": site.url}, timeout=60)
        clients.append(web)
        answer = web.post("/console/enter", data={"secret": site.link(who).partition("#")[2]})
        assert answer.status_code == 303, answer.text
        return web, web.get("/console").text.partition('name="form_token" value="')[2].partition('"')[0]

    yield come_in
    for web in clients:
        web.close()
