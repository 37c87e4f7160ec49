"""Witnesses to ask, each on a socket of its own: honest ones, and such as answer whatever a test likes."""

import asyncio
import socket
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from gateway.api.witness import create_witness_app
from gateway.audit.witness import Witness
from gateway.cli.serving import Server, config
from gateway.clock import SystemClock


@asynccontextmanager
async def served(app):
    """Serve an application and give its address."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        server = Server(config(app, "127.0.0.1", port))
        task = asyncio.create_task(server.serve(sockets=[listener]))
        while not server.started and not task.done():  # noqa: ASYNC110  (uvicorn offers a flag, not an event)
            await asyncio.sleep(0.01)
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            server.should_exit = True
            await task
            await asyncio.sleep(0.05)  # both ends of a connection that is closed need a turn of the loop


@asynccontextmanager
async def honest(directory, cosigner, keys, logs=None):
    """Serve a real witness of the logs with these keys; of `logs` (name -> keys), which may grow meanwhile, if it is given."""
    logs = {key.name: [key] for key in keys} if logs is None else logs
    with Witness(directory / f"{cosigner.key.key_id.hex()}.sqlite", [cosigner], logs.get, SystemClock().now) as witness:
        async with served(create_witness_app(witness, (cosigner.key.text(),))) as url:
            yield url


@asynccontextmanager
async def answering(answer):
    """Serve `answer(body)`, which gives status, content type and body, or comes after the deadline if it gives None."""

    async def add_checkpoint(request):
        given = answer(await request.body())
        if given is None:
            await asyncio.sleep(2)
            return Response("too late")
        status, kind, body = given
        return Response(body, status, headers={"content-type": kind})

    async with served(Starlette(routes=[Route("/add-checkpoint", add_checkpoint, methods=["POST"])])) as url:
        yield url
