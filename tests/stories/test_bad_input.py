"""Bad input gets a clear problem document, an entry where the caller is known, and never wakes the recogniser for nothing."""

import base64
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest

from gateway.cli.demo.cast import PORTRAITS
from tests.stories.town import CASE, GALLERY, NGO, POLICE, PROBE, REVIEWER, SEEKING, STILL, Town

pytestmark = pytest.mark.anyio


def code(answer: httpx2.Response) -> str:
    assert answer.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = answer.json()
    assert problem["status"] == answer.status_code
    assert problem["title"]
    assert problem["detail"].endswith((".", "?"))
    return str(problem["type"]).removeprefix("urn:custodes:problem:")


async def test_no_token_a_foreign_one_and_an_expired_one_get_the_same_401_and_one_entry_each(town: Town) -> None:
    good = town.token(NGO)
    head, payload, signature = good.split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    expired = town.house.registry.issuer._keyring.current().sign(
        {**claims, "iat": claims["iat"] - 5000, "exp": claims["exp"] - 5000}, "at+jwt"
    )
    details = set()
    for authorization in ("", "Basic abc", "Bearer ", f"Bearer {head}.{payload}.{signature[::-1]}", f"Bearer {expired}", "Bearer ünicode"):
        size = town.house.log.size
        answer = await town.web.post(
            "/v1/searches", headers={"authorization": authorization.encode()} if authorization else {}, content=b"x"
        )
        assert (answer.status_code, code(answer)) == (401, "unauthenticated")
        assert answer.headers["www-authenticate"].startswith("Bearer")
        details.add(answer.json()["detail"])
        entry = town.entry(size)
        assert entry["kind"] == "authn-denied"
        assert payload not in json.dumps(entry)
    assert len(details) == 1


async def test_the_detail_speaks_of_what_the_type_names_whatever_else_is_wrong(town: Town) -> None:
    lost = (await town.search(capture=None, case='"MP-0000-0000"')).json()
    assert lost["type"].endswith(":unknown-case")
    assert len(lost["reasons"]) > 1
    assert lost["detail"] == next(reason["sentence"] for reason in lost["reasons"] if reason["rule"] == "unknown-case")
    unsaid = (await town.search(capture=None, gallery=None)).json()
    assert "Custodes-Gallery" in unsaid["detail"]


@pytest.mark.parametrize(
    ("changes", "status", "wanted"),
    [
        ({"purpose": "Missing_Person"}, 403, "unknown-purpose"),
        ({"purpose": '"missing_pers\\"on"'}, 403, "unknown-purpose"),
        ({"purpose": None}, 403, "unknown-purpose"),
        ({"purpose": "humanitarian"}, 403, "gallery-purpose"),
        ({"purpose": "humanitarian", "gallery": None}, 403, "licence-purpose"),
        ({"gallery": None}, 400, "gallery-missing"),
        ({"case": None}, 403, "policy-refused"),
        ({"case": '"MP-0000-0000"'}, 404, "unknown-case"),
        ({"gallery": '"nobodys"'}, 404, "unknown-gallery"),
        ({"place": "DE"}, 403, "licence-place"),
        ({"place": "Atlantis"}, 403, "unknown-place"),
        ({"target": "kind=anyone"}, 403, "target-contradicts-case"),
        ({"operation": "export_templates"}, 400, "declaration-malformed"),
        ({"purpose": "Missing Person"}, 400, "declaration-malformed"),
        ({"threshold": "high"}, 400, "declaration-malformed"),
        ({"threshold": "101"}, 400, "declaration-malformed"),
        ({"capture": "source="}, 400, "declaration-malformed"),
    ],
)  # fmt: skip
async def test_a_declaration_that_cannot_be_granted_says_why_and_wakes_nobody(
    town: Town, changes: dict[str, str | None], status: int, wanted: str
) -> None:
    calls, size = town.calls, town.house.log.size
    answer = await town.search(**changes)
    assert (answer.status_code, code(answer)) == (status, wanted)
    assert town.calls == calls
    entry = town.entry(answer.json()["log_index"])
    assert (entry["kind"], entry["answer"]["code"]) == ("denial", wanted)
    assert town.house.log.size > size


async def test_a_client_without_a_licence_for_it_is_refused_in_the_registers_words(town: Town) -> None:
    answer = await town.send(f"/v1/galleries/{GALLERY}/subjects", POLICE, {"custodes-purpose": "missing_person", "custodes-capture": STILL})
    assert (answer.status_code, code(answer)) == (403, "licence-operation")


async def test_anothers_gallery_is_as_absent_as_none(town: Town) -> None:
    said = {"custodes-purpose": "missing_person", "custodes-capture": STILL}
    foreign = await town.get(f"/v1/galleries/{GALLERY}", POLICE)
    absent = await town.get("/v1/galleries/none-at-all", POLICE)
    assert (foreign.status_code, foreign.json()) == (404, absent.json())
    assert (await town.send("/v1/galleries/none-at-all/subjects", NGO, said)).status_code == 404


@pytest.mark.parametrize(
    ("image", "kind", "status", "wanted"),
    [
        (b"", "image/jpeg", 400, "image-missing"),
        (b"GIF89a" + b"\0" * 500, "image/jpeg", 400, "body-mismatch"),
        (b"no image at all", "application/octet-stream", 422, "not-an-image"),
        (b"\xff\xd8\xff" + b"\0" * 5000, "image/jpeg", 422, None),
        (b"\xff\xd8\xff" + b"\0" * (8 * 1024 * 1024 + 1), "image/jpeg", 413, "body-too-large"),
        (b"x", "text/html", 415, "unsupported-media-type"),
        (b"no form by any standard whatever", "multipart/form-data; boundary=b0", 400, "body-mismatch"),
        (b"{", "application/json", 400, "body-mismatch"),
    ],
)
async def test_a_body_that_is_no_image_is_refused_by_name_and_stands_in_the_log(
    town: Town, image: bytes, kind: str, status: int, wanted: str | None
) -> None:
    size = town.house.log.size
    said = {
        "custodes-purpose": "missing_person",
        "custodes-case": f'"{CASE}"',
        "custodes-gallery": f'"{GALLERY}"',
        "custodes-capture": STILL,
    }
    answer = await town.send("/v1/searches", NGO, said, image, kind)
    assert answer.status_code == status, answer.text
    assert code(answer) == (wanted or code(answer))
    assert town.house.log.size > size


async def test_an_image_without_a_face_and_one_with_too_many_are_refused_after_an_intent(town: Town) -> None:
    from io import BytesIO

    from PIL import Image

    face = Image.open(PORTRAITS / PROBE).convert("RGB")
    face.thumbnail((500, 500))
    crowd = Image.new("RGB", (face.width * 2, face.height), "white")
    crowd.paste(face, (0, 0))
    crowd.paste(face, (face.width, 0))
    for picture, wanted in ((Image.new("RGB", (400, 400), "gray"), "no-face"), (crowd, "several-faces")):
        buffer = BytesIO()
        picture.save(buffer, "JPEG")
        answer = await town.search(image=buffer.getvalue())
        assert (answer.status_code, code(answer)) == (422, wanted)
        outcome = town.entry(answer.json()["log_index"])
        assert (outcome["kind"], outcome["status"], outcome["why"]) == ("outcome", "image-refused", wanted)


async def test_a_refused_upload_is_answered_before_its_body_is_read(town: Town) -> None:
    read = 0

    async def endless() -> Any:
        nonlocal read
        for _ in range(1000):
            read += 1
            yield b"\xff\xd8\xff" + b"x" * 8192

    said = {"custodes-purpose": "mass_surveillance", "content-type": "image/jpeg", "authorization": f"Bearer {town.token(NGO)}"}
    from gateway.app import create_app

    sent: list[dict[str, Any]] = []
    chunks = endless()

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": await anext(chunks), "more_body": True}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "scheme": "http", "path": "/v1/searches",
        "raw_path": b"/v1/searches", "query_string": b"", "root_path": "", "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 8080),
        "headers": [(name.encode(), value.encode()) for name, value in said.items()],
    }  # fmt: skip
    await create_app(town.house)(scope, receive, send)
    assert sent[0]["status"] == 403
    assert read == 0


async def test_a_suspended_client_is_refused_on_its_next_request(town: Town) -> None:
    clients = town.house.registry.clients
    clients.suspend(POLICE, "under inquiry")
    try:
        answer = await town.search(POLICE)
        assert answer.status_code == 401
    finally:
        clients.resume(POLICE, "inquiry over")
    assert (await town.search(POLICE)).status_code in (403, 404)


async def test_a_licence_that_is_suspended_while_the_body_arrives_stops_the_search(town: Town) -> None:
    licences = town.house.registry.licences
    licence = next(iter(licences.all(NGO)))
    image, calls = (PORTRAITS / PROBE).read_bytes(), town.calls

    async def slowly() -> AsyncIterator[bytes]:
        yield image[:1000]
        licences.suspend(licence.id, "under inquiry")
        yield image[1000:]

    headers = {"authorization": f"Bearer {town.token(NGO)}", "content-type": "image/jpeg", **SEEKING}
    try:
        answer = await town.web.post("/v1/searches", headers=headers, content=slowly())
    finally:
        licences.resume(licence.id, "inquiry over")
    assert (answer.status_code, code(answer)) == (403, "licence-suspended")
    assert town.calls == calls


@pytest.mark.parametrize("subject", ["../../etc/passwd", "a b", "", "x" * 129, "-rf"])
async def test_a_subject_with_an_impossible_name_is_refused_before_anything_is_done(town: Town, subject: str) -> None:
    calls = town.calls
    said = {"custodes-purpose": "missing_person", "custodes-subject": f'"{subject}"', "custodes-capture": STILL}
    answer = await town.send(f"/v1/galleries/{GALLERY}/subjects", NGO, said)
    assert (answer.status_code, code(answer)) == (400, "declaration-malformed")
    assert town.calls == calls


async def test_a_client_cannot_review_and_a_reviewer_cannot_search(town: Town) -> None:
    assert code(await town.get("/v1/reviews", NGO)) == "staff-needed"
    assert code(await town.search(REVIEWER)) == "client-needed"


@pytest.mark.parametrize("index", ["-1", "x", "9" * 30, "1.5", "٣"])
async def test_a_receipt_of_a_malformed_index_is_refused_and_of_an_absent_one_not_found(town: Town, index: str) -> None:
    assert (await town.get(f"/v1/receipts/{index}")).status_code == 422
    assert (await town.get("/v1/receipts/999999")).status_code == 404


async def test_an_unknown_path_and_a_wrong_method_are_problems_like_all_others(town: Town) -> None:
    absent, wrong = await town.get("/v2/searches"), await town.get("/v1/searches", NGO)
    assert (absent.status_code, code(absent)) == (404, "not-found")
    assert (wrong.status_code, code(wrong), wrong.headers["allow"]) == (405, "method-not-allowed", "POST")


async def test_a_request_with_two_meanings_is_refused(town: Town) -> None:
    bearer = ("authorization", f"Bearer {town.token(NGO)}")
    for headers in ([bearer, bearer], [bearer, ("custodes-purpose", "missing_person"), ("custodes-purpose", "research")]):
        answer = await town.web.post("/v1/searches", headers=headers, content=b"x")
        assert (answer.status_code, code(answer)) == (400, "request-malformed")
    for path in ("/v1//searches", "/v1/%2e%2e/searches", "/v1/searches%2f", "/v1/searches%00"):
        assert (await town.web.post(path, headers=[bearer])).status_code in (400, 404)
