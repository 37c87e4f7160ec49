"""A raw HTTP server on the loopback that answers what it is told to, byte for byte."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Server:
    """Answers every request with `head` and `body`, and counts its visitors."""

    def __init__(self) -> None:
        self.visits: list[str] = []
        self.body: bytes = b"{}"
        self.head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n"
        self.url = ""
        self.pause = 0.0

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            request = (await reader.readuntil(b"\r\n\r\n")).decode()
            self.visits.append(request.split(" ")[1])
            writer.write(self.head.encode() + b"\r\n")
            for start in range(0, len(self.body), 4096):
                writer.write(self.body[start : start + 4096])
                await writer.drain()
                await asyncio.sleep(self.pause)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def serving() -> AsyncIterator[Server]:
    """Serve until the block ends."""
    server = Server()
    listener = await asyncio.start_server(server, "127.0.0.1", 0)
    server.url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    async with listener:
        yield server
