"""Send a small body to one address and read a small answer, within a deadline. Believes nothing of what comes back, and follows nobody."""

import asyncio
import ssl
from dataclasses import dataclass
from typing import Final, Protocol

import httpx2

from gateway.errors import CustodesError

MAX_ANSWER_BYTES: Final = 128 * 1024
DEADLINE_SECONDS: Final = 5.0  # of one exchange with a witness


class Unreachable(CustodesError):
    """Nothing that could be used came back in time; `code` says whether nobody answered (`unreachable`) or too slowly (`too-slow`)."""

    code = "unreachable"


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back: a status, a content type without its parameters, and at most MAX_ANSWER_BYTES."""

    status: int
    kind: str
    body: bytes


class Post(Protocol):
    """Whatever can post."""

    async def __call__(self, url: str, body: bytes, kind: str) -> Reply:
        """Post the body. Raises Unreachable."""
        ...


class Poster:
    """Posts over http and https. Plain http is fair: what is asked for is public, and answers are signed."""

    def __init__(self, seconds: float) -> None:
        """Give each exchange so many seconds, from the name's resolution to the last byte."""
        self._seconds = seconds
        self._tls: ssl.SSLContext | None = None

    async def __call__(self, url: str, body: bytes, kind: str) -> Reply:
        """Post the body. Raises Unreachable."""
        try:
            async with asyncio.timeout(self._seconds):  # the whole of it: httpx2's own limits start anew with every byte
                return await self._exchange(url, body, kind)
        except TimeoutError as fault:
            raise Unreachable(f"There was no answer within {self._seconds:g} seconds.", code="too-slow") from fault
        except (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError, OSError, ValueError) as fault:
            raise Unreachable(f"Nobody answers at its address ({type(fault).__name__}).") from fault

    async def _exchange(self, url: str, body: bytes, kind: str) -> Reply:
        if self._tls is None:
            # Reading every root certificate would stall the event loop.
            self._tls = await asyncio.to_thread(httpx2.create_ssl_context)
        headers = {"content-type": kind, "accept-encoding": "identity"}
        async with (
            httpx2.AsyncClient(verify=self._tls, follow_redirects=False, timeout=self._seconds, trust_env=False) as client,
            client.stream("POST", url, content=body, headers=headers) as answer,
        ):
            read = b""
            async for chunk in answer.aiter_raw():
                read += chunk
                if len(read) > MAX_ANSWER_BYTES:
                    raise Unreachable(f"The answer is larger than {MAX_ANSWER_BYTES // 1024} KiB.", code="answer-too-large")
            return Reply(answer.status_code, answer.headers.get("content-type", "").partition(";")[0].strip().lower(), read)
