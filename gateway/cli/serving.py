"""Serve an ASGI application over HTTP until a signal says otherwise. Knows no application and opens no store."""

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn
import uvloop

KEEP_ALIVE_SECONDS = 15
GRACE_SECONDS = 20
CONNECTIONS = 512


class Server(uvicorn.Server):
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


def run(coroutine_function: object, *arguments: object) -> None:
    """Run the coroutine function on uvloop."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(coroutine_function(*arguments))  # type: ignore[operator]  # any coroutine function


def config(app: Any, host: str, port: int) -> uvicorn.Config:  # noqa: ANN401  (uvicorn takes any ASGI application)
    """Return how the application is served: no access log, no names of ours in headers, bounded connections."""
    return uvicorn.Config(
        app,
        host=host,
        port=port,
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
