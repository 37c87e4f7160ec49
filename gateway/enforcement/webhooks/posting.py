"""Post one message to one pinned address, and learn its status: no redirect is followed, and of the answer only the first line is read.

Knows no webhook and no secret. It connects to the address that it is given, and asks nobody where that name lies."""

import asyncio
import contextlib
import re
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from gateway.enforcement.webhooks.addresses import Address

SECONDS: Final = 10.0
_LONGEST_LINE: Final = 1024
_STATUS: Final = re.compile(rb"HTTP/1\.[01] ([1-5][0-9][0-9])(?: .*)?\r\n")


class Undelivered(Exception):
    """The message was not taken; the word says why: unreachable, too-slow, tls, answer-malformed."""


@dataclass(frozen=True, slots=True)
class Post:
    """The way out. `tls` is made once: it reads every root certificate."""

    tls: ssl.SSLContext
    seconds: float = SECONDS

    async def __call__(self, address: Address, places: Sequence[str], headers: Mapping[str, str], body: bytes) -> int:
        """Return the status of the answer, whatever it is. Raises Undelivered within the deadline."""
        try:
            async with asyncio.timeout(self.seconds):  # all of it: name, handshake, request, first line
                return await self._exchange(address, places[0], _request(address, headers, body))
        except TimeoutError:
            raise Undelivered("too-slow") from None
        except ssl.SSLError:
            raise Undelivered("tls") from None
        except OSError:
            raise Undelivered("unreachable") from None

    async def _exchange(self, address: Address, place: str, request: bytes) -> int:
        tls = self.tls if address.scheme == "https" else None
        reader, writer = await asyncio.open_connection(
            place, address.port, ssl=tls, server_hostname=address.host if tls is not None else None, limit=_LONGEST_LINE
        )
        try:
            writer.write(request)
            await writer.drain()
            line = await reader.readuntil(b"\r\n")
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            raise Undelivered("answer-malformed") from None
        finally:
            # What else the receiver would say is not waited for, and a slow good-bye is not, either.
            writer.transport.abort()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
        status = _STATUS.fullmatch(line)
        if status is None:
            raise Undelivered("answer-malformed")
        return int(status[1])


def _request(address: Address, headers: Mapping[str, str], body: bytes) -> bytes:
    said = {
        "host": address.authority,
        "user-agent": "custodes-webhooks",
        "content-type": "application/json",
        "content-length": str(len(body)),
        "connection": "close",
        **headers,
    }
    lines = [f"POST {address.target} HTTP/1.1", *(f"{name}: {value}" for name, value in said.items())]
    return "\r\n".join(lines).encode("ascii") + b"\r\n\r\n" + body
