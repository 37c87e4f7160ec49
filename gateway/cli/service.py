"""Run the service: one process, one event loop, stopped by a signal. Decides nothing and prints no client's name."""

import asyncio
import gc
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import typer
import uvicorn
import uvloop

from gateway.app import create_app
from gateway.assembly import Assembly, assemble
from gateway.cli.options import HomeOption, PortOption, plainly, settings_of
from gateway.settings import Settings

KEEP_ALIVE_SECONDS = 15
GRACE_SECONDS = 20
CONNECTIONS = 512


class _Server(uvicorn.Server):
    """uvicorn's server, but for one thing: a signal ends the serving, not the process, which has yet to close what it opened."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Finish what is under way when told to stop. (uvicorn sends itself the signal again afterwards, and dies of it.)"""
        loop = asyncio.get_running_loop()
        for kind in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(kind, self.handle_exit, kind, None)
        try:
            yield
        finally:
            for kind in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(kind)


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[tuple[Assembly, uvicorn.Server, asyncio.Task[None]]]:
    """Serve in the background of this event loop, and stop in order when the block ends."""
    async with assemble(settings) as house:
        server = _Server(_config(settings, house))
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


def run(coroutine_function: object, *arguments: object) -> None:
    """Run the coroutine function on uvloop."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(coroutine_function(*arguments))  # type: ignore[operator]  # any coroutine function


app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def serve_command(*, home: HomeOption = None, port: PortOption = None) -> None:
    """Serve until a signal says otherwise. Exit code 0; 2 if the service could not be started."""
    with plainly():
        run(serve, settings_of(home, port))


async def serve(settings: Settings) -> None:
    """Serve until a signal says otherwise; at the very first start, print the link by which the first person comes in."""
    async with running(settings) as (house, _server, task):
        link = await asyncio.to_thread(house.registry.staff.first_link)
        typer.echo(f"Custodes serves on {settings.url}; state in {settings.home.root}.")
        if link is not None:
            typer.echo(f"Nobody is on record yet. One-time link for the first registrar, good until {link.ends_at:%Y-%m-%d %H:%M} UTC:")
            typer.echo(f"{settings.url}/console/enter#{link.secret}")
        await asyncio.shield(task)


def _config(settings: Settings, house: Assembly) -> uvicorn.Config:
    return uvicorn.Config(
        create_app(house),
        host=settings.host,
        port=settings.port,
        http="httptools",
        ws="none",
        lifespan="off",
        access_log=False,
        log_level="warning",
        server_header=False,
        date_header=True,
        proxy_headers=False,
        limit_concurrency=CONNECTIONS,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
