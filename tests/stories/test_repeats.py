"""The same request under one Idempotency-Key is answered once, by one search and one intent; and never with more than is allowed now."""

import asyncio
import secrets
import struct
import zlib
from datetime import timedelta
from pathlib import Path

import pytest
from sqlmodel import select

from gateway.registry.acknowledgements import shipped
from gateway.registry.cases import Case, Target
from gateway.registry.idempotency import IdempotencyRow
from gateway.registry.terms import OWN, Terms, pairs
from tests.stories.town import NGO, PROBE, SEEKING, Town, running_town

pytestmark = pytest.mark.anyio
CALM = "source=upload, device=none, space=none, age_s=86400"


def fresh() -> str:
    return f'"{secrets.token_hex(8)}"'


async def verify(town: Town, key: str | None, image: bytes | str = PROBE, **changes: str):
    """A comparison with an enrolled person: released at once, so that the answer itself has to be kept."""
    said = {**SEEKING, "custodes-subject": '"test-subject-1"', **changes} | ({} if key is None else {"idempotency-key": key})
    return await town.send("/v1/verifications", NGO, said, image)


async def search(town: Town, key: str, image: bytes | str = PROBE, **changes: str):
    return await town.send("/v1/searches", NGO, {**SEEKING, "idempotency-key": key, **changes}, image)


def counted(town: Town) -> tuple[int, int]:
    return town.calls, len(town.entries("intent"))


@pytest.mark.parametrize(("ask", "status"), [(verify, 200), (search, 202)])
async def test_a_repeated_request_gets_the_same_bytes_from_one_search_and_one_intent(town: Town, ask, status) -> None:
    before, key = counted(town), fresh()
    first, second = await ask(town, key), await ask(town, key)
    assert (first.status_code, first.content) == (status, second.content), first.text
    assert (second.status_code, second.headers["content-type"]) == (status, first.headers["content-type"])
    assert first.headers.get("location") == second.headers.get("location")
    assert counted(town) == (before[0] + 1, before[1] + 1)
    repeats = town.entries("repeat")
    assert repeats[-1]["decision_id"] == first.json()["decision_id"]


async def test_a_repeated_request_spends_no_quota(town: Town) -> None:
    key = fresh()
    first, second, other = await verify(town, key), await verify(town, key), await verify(town, None)
    left = [int(answer.headers["ratelimit"].split(";")[1].removeprefix("r=")) for answer in (first, other)]
    assert left[0] - left[1] == 1
    assert "ratelimit" not in second.headers


async def test_of_eight_at_once_one_searches_and_the_others_wait_or_hear_the_same(town: Town) -> None:
    before, key = counted(town), fresh()
    answers = await asyncio.gather(*(verify(town, key) for _ in range(8)))
    assert {answer.status_code for answer in answers} <= {200, 409}
    assert len({answer.content for answer in answers if answer.status_code == 200}) == 1
    assert all(answer.headers["retry-after"] for answer in answers if answer.status_code == 409)
    assert counted(town) == (before[0] + 1, before[1] + 1)


@pytest.mark.parametrize(
    ("image", "changes"),
    [("biden.jpg", {}), (PROBE, {"custodes-threshold": "99.95"}), (PROBE, {"custodes-subject": '"test-subject-2"'})],
)
async def test_the_same_key_for_another_request_is_refused_and_logged(town: Town, image: str, changes: dict[str, str]) -> None:
    key = fresh()
    assert (await verify(town, key)).status_code == 200
    before = counted(town)
    other = await verify(town, key, image, **changes)
    assert (other.status_code, other.json()["type"]) == (422, "urn:custodes:problem:idempotency-key-reused")
    assert town.entry(other.json()["log_index"])["kind"] == "denial"
    assert counted(town) == before


@pytest.mark.parametrize("key", ['""', '"' + "k" * 256 + '"', "a b", "5;", "?1", ":YQ==:", "caf\xe9", '"a', "k" * 300])
async def test_a_key_that_is_none_is_a_400(town: Town, key: str) -> None:
    before = counted(town)
    answer = await verify(town, key.encode("latin-1"))  # type: ignore[arg-type]  # httpx takes bytes
    assert answer.status_code == 400, answer.text
    assert counted(town) == before


async def test_a_bare_word_and_the_same_word_in_quotes_are_one_key(town: Town) -> None:
    key = secrets.token_hex(8)
    assert (await verify(town, key)).content == (await verify(town, f'"{key}"')).content


async def test_another_clients_key_is_another_key(town: Town) -> None:
    key = fresh()
    first = await search(town, key)
    other = await town.send("/v1/searches", "city-police", {**SEEKING, "idempotency-key": key})
    assert (first.status_code, other.status_code) == (202, 404)


async def test_a_refused_request_is_decided_anew_each_time(town: Town) -> None:
    key = fresh()
    first, second = [await search(town, key, **{"custodes-purpose": "mass_surveillance"}) for _ in range(2)]
    assert (first.status_code, second.status_code) == (403, 403)
    assert first.json()["decision_id"] != second.json()["decision_id"]
    # Nothing was done under the key, so it serves another request.
    assert (await search(town, key)).status_code == 202


async def test_an_image_without_a_face_is_looked_at_once(town: Town) -> None:
    before, key, empty = counted(town), fresh(), plain_image()
    first, second = await verify(town, key, empty), await verify(town, key, empty)
    assert (first.status_code, first.json()["type"]) == (422, "urn:custodes:problem:no-face")
    assert (second.status_code, second.content) == (422, first.content)
    assert counted(town) == (before[0] + 1, before[1] + 1)


def plain_image() -> bytes:
    """A grey picture, as PNG."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = zlib.compress(b"".join(b"\0" + b"\x80" * 200 for _ in range(200)))
    head = struct.pack(">IIBBBBB", 200, 200, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


async def test_what_is_kept_of_an_answer_names_nobody_in_the_clear(town: Town) -> None:
    await verify(town, '"canary-key"', **{"custodes-subject": '"test-subject-3"'}, image="astronaut.png")
    stored = b"".join(path.read_bytes() for path in town.house.settings.home.root.glob("registry.db*"))
    assert b"canary-key" in stored
    assert b"test-subject-3" not in stored


async def test_an_answer_outlives_a_restart_but_not_a_suspension_a_withdrawal_or_its_case_key(tmp_path: Path) -> None:
    key, stuck = fresh(), secrets.token_hex(8)
    async with running_town(tmp_path) as town:
        first = await verify(town, key)
        # A process that died while it searched: it holds the key, and its lock is gone.
        with town.house.registry.database.writing() as session:
            row = session.exec(select(IdempotencyRow)).one()
            session.add(IdempotencyRow(**{**row.model_dump(), "key": stuck, "answer": None, "run": "dead"}))
    async with running_town(tmp_path) as town:
        before = counted(town)
        assert (await verify(town, key)).content == first.content
        assert counted(town)[1] == before[1]
        assert (await verify(town, stuck)).status_code == 200
        assert counted(town)[1] == before[1] + 1
        await suspended_withdrawn_and_destroyed(town)


async def suspended_withdrawn_and_destroyed(town: Town) -> None:
    key = fresh()
    assert (await verify(town, key)).status_code == 200
    registry = town.house.registry
    licence = next(licence for licence in registry.licences.all(NGO))
    registry.licences.suspend(licence.id, "a complaint")
    assert (await verify(town, key)).status_code == 403
    registry.licences.resume(licence.id, "settled")
    assert (await verify(town, key)).status_code == 200
    # Enrolled under a key, then withdrawn: the answer that names the person is gone with them.
    said = {"custodes-purpose": "missing_person", "custodes-capture": CALM, "custodes-subject": '"leaver"', "idempotency-key": fresh()}
    enrolled = await town.send("/v1/galleries/missing-persons/subjects", NGO, said, "astronaut.png")
    assert enrolled.status_code == 200, enrolled.text
    gone = await town.web.delete("/v1/galleries/missing-persons/subjects/leaver", headers={"authorization": f"Bearer {town.token(NGO)}"})
    assert gone.status_code < 300
    again = await town.send("/v1/galleries/missing-persons/subjects", NGO, said, "astronaut.png")
    assert (again.status_code, again.json()["type"]) == (410, "urn:custodes:problem:answer-withdrawn")
    # The case's key destroyed: so is what was kept under it.
    town.house.waiting.vault.shred("reunite/MP-2026-0142")
    shredded = await verify(town, key)
    assert (shredded.status_code, shredded.json()["type"]) == (410, "urn:custodes:problem:result-shredded")


async def test_the_quotas_stand_in_the_headers_of_each_answer_and_a_spent_one_says_when_to_return(town: Town) -> None:
    registry, now = town.house.registry, town.house.clock.now()
    for number in (1, 2, 3):
        registry.cases.open(Case(NGO, f"MP-{number}", Target("specific_person", role="missing")), "registrar-1")
    wide = next(licence for licence in registry.licences.all(NGO) if licence.state == "granted")
    terms = Terms(pairs(("missing_person",), ("verify",)), (OWN,), ("US",), now - timedelta(minutes=1), now + timedelta(days=1), 3, 2)
    narrow = registry.licences.grant(registry.licences.apply(NGO, terms, shipped().all(), "registrar-1").id, "registrar-2")
    registry.licences.suspend(wide.id, "another licence is looked at")
    try:
        first, _second, case, third, day = [await verify(town, None, **{"custodes-case": f'"MP-{number}"'}) for number in (1, 1, 1, 2, 3)]
    finally:
        registry.licences.resume(wide.id, "done")
        registry.licences.revoke(narrow.id, "done")
    assert first.headers["ratelimit-policy"] == '"day";q=3;w=86400, "case";q=2'
    assert first.headers["ratelimit"].startswith('"day";r=2;t=')
    assert first.headers["ratelimit"].endswith(', "case";r=1')
    assert (case.status_code, case.json()["type"]) == (429, "urn:custodes:problem:quota-case")
    assert (case.headers["ratelimit"], "retry-after" in case.headers) == ('"case";r=0', False)
    assert third.status_code == 200
    assert (day.status_code, day.json()["type"]) == (429, "urn:custodes:problem:quota-day")
    assert 1 <= int(day.headers["retry-after"]) <= 86400
    assert day.headers["ratelimit"] == f'"day";r=0;t={day.headers["retry-after"]}'
    assert town.entry(day.json()["log_index"])["answer"]["code"] == "quota-day"
