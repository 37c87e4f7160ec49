"""Put load on a server on this machine: so many connections, each asking again as soon as it is answered. Bounded in time."""

import asyncio
import time
from dataclasses import dataclass, field
from typing import cast


@dataclass
class Load(asyncio.Protocol):
    """One connection that sends the same request again as soon as it is answered."""

    request: bytes
    until: float
    status: bytes
    done: "asyncio.Future[None]"
    times: list[float] = field(default_factory=list)
    wrong: int = 0
    _buffer: bytes = b""
    _sent: float = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        # uvloop's transports are no subclass of asyncio's, though they are transports
        self._transport = cast("asyncio.Transport", transport)
        self._send()

    def data_received(self, data: bytes) -> None:
        """Take a whole answer, then ask again until the time is up."""
        self._buffer += data
        head, mark, body = self._buffer.partition(b"\r\n\r\n")
        if not mark:
            return
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        if len(body) < length:
            return
        now = time.perf_counter()
        self.times.append(now - self._sent)
        self.wrong += not head.startswith(b"HTTP/1.1 " + self.status)
        self._buffer = body[length:]
        if now < self.until:
            self._send()
        else:
            self._transport.close()
            self.done.set_result(None)

    def connection_lost(self, _why: Exception | None) -> None:
        """A connection that breaks is a wrong answer."""
        if not self.done.done():
            self.wrong += 1
            self.done.set_result(None)

    def _send(self) -> None:
        self._sent = time.perf_counter()
        self._transport.write(self.request)


async def load(port: int, request: bytes, status: bytes, seconds: float, connections: int) -> tuple[float, list[float], int]:
    """Return answers a second, their times, and how many were wrong."""
    loop = asyncio.get_running_loop()
    begun = time.perf_counter()
    lines = [Load(request, begun + seconds, status, loop.create_future()) for _ in range(connections)]
    for line in lines:
        await loop.create_connection(lambda line=line: line, "127.0.0.1", port)  # type: ignore[misc]  # bound at once
    await asyncio.gather(*(line.done for line in lines))
    times = [moment for line in lines for moment in line.times]
    return len(times) / (time.perf_counter() - begun), times, sum(line.wrong for line in lines)


def request_bytes(path: str, body: bytes, headers: dict[str, str]) -> bytes:
    """Return one HTTP/1.1 request."""
    lines = [
        f"POST {path} HTTP/1.1",
        "Host: 127.0.0.1",
        f"Content-Length: {len(body)}",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body
