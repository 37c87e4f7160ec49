"""An auditor finds, exports and follows entries; each reading is an entry; everybody else gets hashes alone."""

import asyncio
import csv
import hashlib
import io
import json
from collections.abc import MutableMapping
from typing import Any, cast

import httpx2
import pytest
import uvicorn

from gateway.app import create_app
from gateway.audit.report import CannotVerify
from gateway.audit.source import verify_source
from gateway.audit.tiles import decode_bundle, decode_tile
from gateway.audit.tree import leaf_hash
from gateway.cli.demo.cast import AUDITOR
from gateway.records.rederiving import Rederived
from tests.stories.town import CASE, NGO, POLICE, Town

pytestmark = pytest.mark.anyio


async def found(town: Town, query: str) -> list[dict[str, object]]:
    answer = await town.get(f"/v1/audit/entries?{query}", AUDITOR)
    assert answer.status_code == 200, answer.text
    return list(answer.json()["entries"])


async def test_an_auditor_finds_entries_by_client_purpose_decision_rule_case_and_kind(town: Town) -> None:
    refused = (await town.search(POLICE, purpose="mass_surveillance")).json()
    held = (await town.search(NGO)).json()
    for query, wanted in (
        (f"decision_id={refused['decision_id']}", refused["log_index"]),
        (f"client={POLICE}&purpose=mass_surveillance&decision=refusal", refused["log_index"]),
        ("rule=BASE-1&kind=denial", refused["log_index"]),
        (f"case_ref={CASE}&kind=intent", held["log_index"] - 1),
        (f"kind=outcome&decision_id={held['decision_id']}", held["log_index"]),
    ):
        assert (await found(town, query))[0]["index"] == wanted, query
    assert await found(town, "client=nobody") == []


async def test_pages_follow_each_other_without_gap_or_repetition(town: Town) -> None:
    for _ in range(5):
        await town.search(POLICE, purpose="mass_surveillance")
    seen: list[int] = []
    path: str | None = "/v1/audit/entries?kind=denial&limit=2"
    while path is not None:
        page = (await town.get(path, AUDITOR)).json()
        seen += [entry["index"] for entry in page["entries"]]
        path = page["next"]
    denials = [index for index, entry in enumerate(town.entries()) if entry["kind"] == "denial"]
    assert seen == denials[::-1]


async def test_each_reading_of_entries_is_an_entry_that_names_the_reader_by_a_commitment(town: Town) -> None:
    size = town.house.log.size
    await found(town, "kind=genesis")
    entry = town.entry(size)
    assert (entry["kind"], entry["asked"]) == ("log-read", {"kind": "genesis"})
    assert AUDITOR not in json.dumps(entry)


@pytest.mark.parametrize("who", [NGO, POLICE, "reviewer-1", "registrar-1"])
@pytest.mark.parametrize(
    ("path", "route"),
    [
        ("/v1/audit/entries", "/v1/audit/entries"),
        ("/v1/audit/export", "/v1/audit/export"),
        ("/v1/audit/stream", "/v1/audit/stream"),
        ("/audit/tile/entries/000.p/1", "/audit/tile/{path:path}"),
    ],
)
async def test_only_auditors_read_entries(town: Town, who: str, path: str, route: str) -> None:
    size = town.house.log.size
    assert (await town.get(path, who)).status_code == 403
    entry = town.entry(size)
    assert (entry["kind"], entry["asked"]) == ("access-denied", f"GET {route}")
    assert entry["why"] in ("role-missing", "staff-needed")
    assert who not in json.dumps(entry)
    assert (await town.get(path)).status_code == 401


@pytest.mark.parametrize(
    "query",
    [
        "limit=0", "limit=501", "limit=x", "before=-1", "since=yesterday", "colour=blue", "kind=", "kind=a&kind=b",
        "since=2026-02-30", "until=2026-11-23T25:00:00Z", "until=2026-11-22&since=2026-11-23", "kind=Denial", "decision=perhaps",
        "decision_id=1", "limit=", "before=١",
    ],
)  # fmt: skip
async def test_a_malformed_filter_is_refused_by_its_name(town: Town, query: str) -> None:
    for path in ("entries", "export"):
        answer = await town.get(f"/v1/audit/{path}?{query}", AUDITOR)
        assert answer.status_code == 422
        assert answer.json()["field"] == ("query" if query == "kind=a&kind=b" else query.partition("=")[0])


async def test_who_may_not_read_is_told_so_before_what_is_wrong_with_the_question(town: Town) -> None:
    assert (await town.get("/v1/audit/entries?colour=blue", NGO)).status_code == 403
    assert (await town.get("/v1/audit/entries?colour=blue")).status_code == 401


async def test_the_stream_does_not_wait_for_an_entry_that_may_never_come(town: Town) -> None:
    for after in (str(town.house.log.size + 1000), "x", "-1"):
        answer = await town.get(f"/v1/audit/stream?after={after}", AUDITOR)
        assert (answer.status_code, answer.json()["field"]) == (422, "after")
    answer = await town.get("/v1/audit/stream?kind=denial", AUDITOR)
    assert (answer.status_code, answer.json()["field"]) == (422, "kind")


async def test_the_log_names_the_rulebook_that_it_decides_under_and_everybody_may_read_that(town: Town) -> None:
    refused = (await town.search(POLICE, purpose="mass_surveillance")).json()
    first = town.entries("policy-change")[0]
    assert (first["act"], first["rulebook"]) == ("live", refused["rulebook"])
    text = (await town.get(f"/audit/rulebooks/{refused['rulebook']}.json")).content
    assert hashlib.sha256(text).hexdigest() == refused["rulebook"]


async def test_a_rulebook_that_never_was_live_is_not_for_everybody(town: Town) -> None:
    path = f"/audit/rulebooks/{'0' * 64}.json"
    assert (await town.get(path)).status_code == 401
    assert (await town.get(path, NGO)).status_code == 403
    assert (await town.get(path, AUDITOR)).status_code == 404
    assert (await town.get("/audit/rulebooks/..%2fregistry.db", AUDITOR)).status_code in (400, 404)


async def test_a_served_log_is_verified_from_its_address_with_every_decision_derived_again(town: Town) -> None:
    await town.search(POLICE, purpose="mass_surveillance")
    await town.search(NGO)
    server = uvicorn.Server(uvicorn.Config(create_app(town.house), port=0, lifespan="off", log_level="error"))
    serving = asyncio.create_task(server.serve())
    try:
        while not server.started:  # noqa: ASYNC110 - uvicorn offers a flag, not an event
            await asyncio.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        url, key = f"http://127.0.0.1:{port}/audit", town.house.verifier_key
        report = await asyncio.to_thread(verify_source, url, key, token=town.token(AUDITOR), rederive=Rederived)
        assert report.ok, report.findings
        assert (report.exit_status, report.derived) == (0, sum(_derivable(entry) for entry in town.entries()[: report.size]))
        with pytest.raises(CannotVerify, match="token"):
            await asyncio.to_thread(verify_source, url, key)
    finally:
        server.should_exit = True
        await serving


def _derivable(entry: dict[str, Any]) -> bool:
    answer = entry.get("answer", {})
    return entry["kind"] in ("intent", "denial", "check") and answer.get("by") != "gateway"


async def test_tiles_and_bundles_are_those_of_the_tree(town: Town) -> None:
    hashes = decode_tile((await town.get("/audit/tile/0/000.p/5")).content, 5)
    bundle = decode_bundle((await town.get("/audit/tile/entries/000.p/5", AUDITOR)).content, 5)
    assert hashes == [leaf_hash(entry) for entry in bundle] == [leaf_hash(town.house.log.entry(index)) for index in range(5)]
    for path in ("0/999", "0/000.p/256", "x/000", "0/0", "64/000", "entries/../../registry.db"):
        answer: httpx2.Response = await town.get(f"/audit/tile/{path}", AUDITOR)
        assert answer.status_code in (400, 404), path


async def test_exports_hold_the_entries_byte_for_byte_and_no_formula(town: Town) -> None:
    refused = (await town.search(POLICE, purpose='"=HYPERLINK(1)"')).json()
    query = f"decision_id={refused['decision_id']}"
    line = (await town.get(f"/v1/audit/export?{query}", AUDITOR)).text
    assert town.house.log.entry(refused["log_index"]).decode() in line
    table = list(csv.reader(io.StringIO((await town.get(f"/v1/audit/export?format=csv&{query}", AUDITOR)).text)))
    assert "=HYPERLINK(1)" not in table[1]
    assert any(cell.endswith("=HYPERLINK(1)") for cell in table[1])
    event = json.loads((await town.get(f"/v1/audit/export?format=ocsf&{query}", AUDITOR)).text)
    assert event["class_uid"] == 6003
    assert (await town.get("/v1/audit/export?format=xls", AUDITOR)).status_code == 422


async def test_the_stream_resumes_behind_the_last_entry_seen_and_goes_on_as_entries_come(town: Town) -> None:
    refused = (await town.search(POLICE, purpose="mass_surveillance")).json()["log_index"]
    app = create_app(town.house)
    gone, sent = asyncio.Event(), asyncio.Queue[bytes]()

    async def receive() -> dict[str, object]:
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: MutableMapping[str, object]) -> None:
        if message["type"] == "http.response.body":
            await sent.put(cast("bytes", message["body"]))

    headers = [(b"authorization", f"Bearer {town.token(AUDITOR)}".encode()), (b"last-event-id", str(refused - 1).encode())]
    path = "/v1/audit/stream"
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http", "path": path,
        "raw_path": path.encode(), "query_string": b"", "root_path": "", "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 8080),
        "headers": headers,
    }  # fmt: skip
    listening = asyncio.create_task(app(scope, receive, send))
    try:
        first = await asyncio.wait_for(sent.get(), 10)
        assert first.startswith(b"id: %d\nevent: entry\ndata: " % refused)
        assert town.house.log.entry(refused) in first
        assert b"log-read" in await asyncio.wait_for(sent.get(), 10)
        later = (await town.search(POLICE, purpose="mass_surveillance")).json()["log_index"]
        assert (await asyncio.wait_for(sent.get(), 10)).startswith(b"id: %d\n" % later)
    finally:
        gone.set()
        listening.cancel()
