"""`demo`: seed a home, start the service on it, tell the story, leave it running. A second run starts where the first ended."""

import asyncio
from pathlib import Path
from typing import Annotated

import httpx2
import typer

from gateway.assembly.request_path import Assembly
from gateway.cli.demo.cast import CASE, GALLERY, NGO, PORTRAITS, PROBE, REGISTRARS, STAFF, Seeding
from gateway.cli.demo.scenes import STILL, Story, StoryBroken
from gateway.cli.demo.stage import Stage
from gateway.cli.options import FAILED, HomeOption, JsonOption, PortOption, plainly, settings_of
from gateway.cli.service import running
from gateway.cli.serving import run
from gateway.enforcement.registrar import Actor
from gateway.settings import Settings

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def demo(
    *,
    once: Annotated[bool, typer.Option("--once", help="End after the story.")] = False,
    home: HomeOption = None,
    port: PortOption = None,
    as_json: JsonOption = False,
) -> None:
    """Tell the story on a real service and real faces, and leave the service running.

    Exit code 0: the story went as it should; 1: it did not; 2: the service could not be started."""
    with plainly():
        settings = settings_of(home, port, may_begin=True)
        stage = Stage(as_json)
        try:
            run(_perform, settings, stage, once)
        except StoryBroken as broken:
            typer.echo(f"The story broke: {broken}", err=True)
            raise typer.Exit(FAILED) from broken


async def _perform(settings: Settings, stage: Stage, once: bool) -> None:
    stage.tell(f"Starting the service on {settings.url} (state in {settings.home.root}) …")
    async with running(settings) as (house, _server, task), httpx2.AsyncClient(base_url=settings.url, timeout=60) as web:
        seeding = Seeding(house)
        if await seeding.everyone():
            stage.tell("Putting two clients, their licences, a case and 1,000 synthetic templates on record …")
            await seeding.gallery()
            await Story(house, web, stage).enrol()
        story = Story(house, web, stage, calls_before=house.readiness.workers.calls)
        await story.a_permitted_search()
        await story.a_refused_purpose()
        await story.a_reworded_purpose()
        await story.an_insider(settings.home.root / "demo")
        story.four_stances()
        if once:
            return
        await asyncio.to_thread(_leave_running, house, stage)
        await asyncio.shield(task)


def _leave_running(house: Assembly, stage: Stage) -> None:
    url = house.settings.url
    token = house.registry.issuer.mint(NGO).access_token
    portrait = PORTRAITS / PROBE
    stage.panel(
        "Still running; Ctrl-C ends it",
        f"Console                 {url}/console\nAPI and documentation   {url}/docs\nCatalogue of purposes   {url}/v1/purposes\n"
        f"Signed head of the log  {url}/audit/checkpoint\nReadiness               {url}/health/ready",
    )
    links = [f"{person:<12} {url}/console/enter#{_link(house, person)}" for person in STAFF]
    stage.paste("The console, for each role (a link works once; `staff link` makes another)", "\n".join(links))
    stage.paste("curl (the token lasts 15 minutes; `clients token reunite` prints another)", _curl(url, token, portrait))
    stage.paste("Python", _python(url, token, portrait))


def _link(house: Assembly, person: str) -> str:
    # Nobody makes their own link: the one registrar makes the other's.
    by = REGISTRARS[1] if person == REGISTRARS[0] else REGISTRARS[0]
    return house.desks.people.relink(Actor("staff", by), person).value.secret


def _curl(url: str, token: str, portrait: Path) -> str:
    return (
        f"curl -s {url}/v1/searches -H 'Authorization: Bearer {token}' -H 'Content-Type: image/jpeg' "
        f"-H 'Custodes-Purpose: missing_person' -H 'Custodes-Case: \"{CASE}\"' -H 'Custodes-Gallery: \"{GALLERY}\"' "
        f"-H 'Custodes-Target: kind=specific_person, role=missing' -H 'Custodes-Capture: {STILL}' --data-binary @{portrait}"
    )


def _python(url: str, token: str, portrait: Path) -> str:
    return (
        f"import urllib.request as u; r = u.Request('{url}/v1/searches', open('{portrait}', 'rb').read(), "
        f"{{'Authorization': 'Bearer {token}', 'Content-Type': 'image/jpeg', 'Custodes-Purpose': 'missing_person', "
        f"'Custodes-Case': '\"{CASE}\"', 'Custodes-Gallery': '\"{GALLERY}\"', "
        f"'Custodes-Target': 'kind=specific_person, role=missing', 'Custodes-Capture': '{STILL}'}}); print(u.urlopen(r).read().decode())"
    )
