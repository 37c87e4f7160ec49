"""The outermost ASGI layer: one meaning for each request, or none. Knows no route and no client."""

from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Final

from gateway.api.problems import problem_bytes
from gateway.errors import CustodesError

Scope = dict[str, Any]
Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_ONCE: Final = frozenset(
    {b"authorization", b"content-length", b"content-type", b"content-encoding", b"host", b"transfer-encoding", b"idempotency-key"}
)
_REQUEST_ID: Final = b"x-request-id"
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_HEADER_BYTES: Final = 32 * 1024
_HEADER_COUNT: Final = 100
_PATH_CHARACTERS: Final = 2048

_SAFE: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
)


class RequestMalformed(CustodesError):
    """The request has two meanings, or none."""

    code = "request-malformed"


class Guard:
    """Refuse requests that two readers could read differently, and give every answer its safety headers."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 400 without waking anything."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            asked = _check(scope)
        except RequestMalformed as refused:
            status, headers, body = problem_bytes(refused)
            await send({"type": "http.response.start", "status": status, "headers": [*headers, *_SAFE, (b"connection", b"close")]})
            await send({"type": "http.response.body", "body": body})
            return

        async def safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*_with_safety(message.get("headers", ())), *asked]
            await send(message)

        await self._app(scope, receive, safely)


def _with_safety(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    given = list(headers)
    names = {name.lower() for name, _value in given}
    given += [pair for pair in _SAFE if pair[0] not in names]
    if b"cache-control" not in names:
        given.append((b"cache-control", b"no-store"))
    return given


def _check(scope: Scope) -> tuple[tuple[bytes, bytes], ...]:
    """Return what the answer repeats: the request's own name for itself, if it has one."""
    if scope["method"] not in _METHODS:
        raise RequestMalformed(f"The method {scope['method'][:20]!r} is not served.", code="method-not-allowed")
    raw_path: bytes = scope.get("raw_path") or scope["path"].encode()
    if len(raw_path) > _PATH_CHARACTERS:
        raise RequestMalformed(f"The path is longer than {_PATH_CHARACTERS} characters.")
    # An encoded slash, backslash, dot segment or NUL lets a proxy and this service see two different paths.
    lowered = raw_path.lower()
    if any(mark in lowered for mark in (b"%2f", b"%5c", b"%00", b"\\", b"//")) or any(
        segment in (b".", b"..", b"%2e", b"%2e%2e", b".%2e", b"%2e.") for segment in lowered.split(b"/")
    ):
        raise RequestMalformed("The path must be written in its plain form: no encoded slashes, no empty or dot segments.")
    seen: set[bytes] = set()
    asked: tuple[tuple[bytes, bytes], ...] = ()
    size = 0
    headers = scope["headers"]
    for name, value in headers:
        size += len(name) + len(value)
        if name in seen and (name in _ONCE or name.startswith(b"custodes-")):
            raise RequestMalformed(f"The header {name.decode('latin-1')} is given twice.")
        seen.add(name)
        if name == _REQUEST_ID:
            asked = ((name, value),)
    if size > _HEADER_BYTES or len(headers) > _HEADER_COUNT:
        raise RequestMalformed(f"The headers exceed {_HEADER_BYTES} bytes or {_HEADER_COUNT} lines.", code="headers-too-large")
    if b"content-length" in seen and b"transfer-encoding" in seen:
        raise RequestMalformed("Content-Length and Transfer-Encoding together leave the body's end open.")
    return asked
