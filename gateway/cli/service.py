"""Run the service: one process, one event loop, stopped by a signal. Decides nothing and prints no client's name."""

import asyncio
import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import typer
import uvicorn

from gateway.app import create_app
from gateway.assembly.request_path import Assembly
from gateway.assembly.service import assemble
from gateway.cli.options import HomeOption, PortOption, plainly, settings_of
from gateway.cli.serving import Server, config, run
from gateway.settings import Settings


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[tuple[Assembly, uvicorn.Server, asyncio.Task[None]]]:
    """Serve in the background of this event loop, and stop in order when the block ends."""
    async with assemble(settings) as house:
        server = Server(config(create_app(house), settings.host, settings.port))
        task = asyncio.create_task(server.serve())
        while not server.started and not task.done():  # noqa: ASYNC110  (uvicorn offers a flag, not an event)
            await asyncio.sleep(0.01)
        if task.done():
            await task
        # What exists by now lives as long as the process: the collector need not look at it again.
        gc.collect()
        gc.freeze()
        try:
            yield house, server, task
        finally:
            server.should_exit = True
            await task


app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def serve_command(*, home: HomeOption = None, port: PortOption = None) -> None:
    """Serve until a signal says otherwise. Exit code 0; 2 if the service could not be started."""
    with plainly():
        run(serve, settings_of(home, port, may_begin=True))


async def serve(settings: Settings) -> None:
    """Serve until a signal says otherwise; at the very first start, print the link by which the first person comes in."""
    async with running(settings) as (house, _server, task):
        link = await asyncio.to_thread(house.desks.people.first_link)
        typer.echo(f"Custodes serves on {settings.url}; state in {settings.home.root}.")
        for name, part in house.readiness.report().parts.items():
            if not part["ready"]:
                typer.echo(f"Not ready: {name}: {part.get('why', 'see doctor')}", err=True)
        if link is not None:
            typer.echo(f"Nobody is on record yet. One-time link for the first registrar, good until {link.ends_at:%Y-%m-%d %H:%M} UTC:")
            typer.echo(f"{settings.url}/console/enter#{link.secret}")
            typer.echo(f"Without a browser: python3 -m gateway staff enter --home {settings.home.root} {link.secret}")
        await asyncio.shield(task)
