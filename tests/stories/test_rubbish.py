"""Rubbish in paths, methods, ids and headers: every route answers it with a problem document, and none with a fault of its own.

The routes come from the OpenAPI document, so that a new one is asked too."""

import asyncio
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import pytest

from gateway.app import create_app
from gateway.cli.demo.cast import REGISTRARS
from tests.stories.town import NGO, Town

pytestmark = pytest.mark.anyio

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")
IDS = (
    "x" * 64, "x" * 300, "x" * 1900, "0", "-1", "1e9", "true", "null", "%20", "%09", "%0a", "%0d%0a", "%1b%5b31m", "%7f", "%c2%85",
    "%e2%80%ae", "%f0%9f%91%a4", "%ff", "%c0%af", "%ed%a0%80", "%25", "%2525", "%2e", "%2e%2e", ".%2e", "..", "%00", "a%00b", "%2f",
    "%5c", ";", "a;b=c", "a,b", "*", "%3f", "%23", "~", "'", "%22", "%3cscript%3e", "$%7b7*7%7d", "%7b%7b7*7%7d", "'%20OR%201=1--",
    "caf%C3%A9", "cafe%CC%81", "\u00e9",
)  # fmt: skip


@pytest.fixture(scope="module")
async def described(town: Town) -> dict[str, dict[str, Any]]:
    paths: dict[str, dict[str, Any]] = (await town.web.get("/openapi.json")).json()["paths"]
    return paths


def plain(path: str) -> str:
    return re.sub(r"{\w+}", "none", path)


def tricks(path: str) -> Iterator[str]:
    """The same path, written so that a proxy might see another one."""
    head, _, tail = path.rpartition("/")
    yield from (
        path + "/", path + "//", path + "/.", path + "/..", path + "/%2e%2e", path + ";", path + ";a=b", path + "%00", path + "%20",
        path + "%0a", path + "?", path + "?&&==", path + "?limit=%00", path + "?limit=1&limit=2", path + "?" + "a=b&" * 400,
        path + "%3f", path + "%23", path + ".json", path + "/~", path.upper(), "/" + path, "/." + path, "/x/.." + path, "/%2e" + path,
        f"{head}//{tail}", f"{head}/./{tail}", f"{head}/%2e/{tail}", f"{head}%2f{tail}", f"{head}%5c{tail}", f"{head}\\{tail}",
        f"{head};/{tail}", f"{head}/{tail[:1]}%{ord(tail[1:2] or 'x'):x}{tail[2:]}",
    )  # fmt: skip


@dataclass(frozen=True)
class Answer:
    """What came back, and for what."""

    method: str
    path: str
    status: int
    headers: dict[str, str]
    body: bytes


async def ask(town: Town, requests: list[tuple[str, str]], who: str) -> list[Answer]:
    """Send each (method, path as it is written) as somebody; many at once, for they share their commits."""
    app, token = create_app(town.house), town.token(who)
    found: list[Answer] = []
    for at in range(0, len(requests), 64):
        found += await asyncio.gather(*(call(app, token, method, path) for method, path in requests[at : at + 64]))
    return found


async def call(app: Any, token: str, method: str, target: str) -> Answer:
    """Ask the application as uvicorn does. No client library stands between: it would tidy the path up."""
    path, _, query = target.encode("utf-8", "surrogatepass").partition(b"?")
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http", "root_path": "",
        "path": unquote(path.decode("latin-1")), "raw_path": path, "query_string": query, "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 8080),
        "headers": [(b"host", b"127.0.0.1:8080"), (b"authorization", f"Bearer {token}".encode()), (b"content-type", b"application/json")],
    }  # fmt: skip
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"{}", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await app(scope, receive, send)
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in sent[0]["headers"]}
    return Answer(method, target[:200], sent[0]["status"], headers, b"".join(message.get("body", b"") for message in sent[1:]))


def fault(answer: Answer) -> str | None:
    """Say what is wrong with an answer to rubbish; None if nothing is."""
    said = f"{answer.method} {answer.path!r}: {answer.status} {answer.body[:120]!r}"
    if answer.status >= 500:
        return said
    if answer.status >= 400 and answer.method != "HEAD" and answer.headers.get("content-type") != "application/problem+json":
        return f"{said} is no problem document"
    return None


def served(described: dict[str, Any]) -> list[str]:
    # An export streams the whole log; what it answers to rubbish in its query is asked in test_auditor.py.
    return [path for path in described if not path.startswith(("/v1/audit/export", "/v1/audit/stream"))]


async def test_a_path_written_otherwise_is_the_same_refusal_everywhere_and_never_another_route(
    town: Town, described: dict[str, Any]
) -> None:
    # A third of the tricks on each path, another third on the next: the routes share one doorkeeper, and the suite its time.
    every = [("GET", trick) for path in served(described) for trick in tricks(plain(path))]
    answers = await ask(town, every[::3], NGO)
    assert [said for said in map(fault, answers) if said] == []
    assert len(answers) > 500


async def test_an_id_of_any_kind_is_absent_malformed_or_refused(town: Town, described: dict[str, Any]) -> None:
    every = [
        (method.upper(), re.sub(r"{\w+}", lambda _, name=name: name, path))
        for path, operations in described.items()
        if "{" in path
        for method in operations
        for name in IDS
    ]
    assert len(IDS) % 4  # so that each path gets other ids than its neighbour
    answers = await ask(town, every[::4], REGISTRARS[0])
    assert [said for said in map(fault, answers) if said] == []
    assert len(answers) > 400


async def test_a_method_that_a_path_does_not_serve_is_a_405_that_names_those_it_does(town: Town, described: dict[str, Any]) -> None:
    requests = [(m, plain(path)) for path, operations in described.items() for m in METHODS if m.lower() not in operations]
    answers = await ask(
        town, [*requests, ("TRACE", "/v1/licences"), ("CONNECT", "/v1/licences"), ("PROPFIND", "/"), ("get", "/v1/licences")], NGO
    )
    assert [said for said in map(fault, answers) if said] == []
    wrong = [
        f"{a.method} {a.path}: {a.status}" for a in answers if a.status != 405 and not (a.method in ("HEAD", "OPTIONS") and a.status < 405)
    ]
    assert wrong == []
    assert all(answer.headers.get("allow") for answer in answers if answer.status == 405 and answer.method in METHODS)
