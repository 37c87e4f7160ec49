"""Each operation does what its name says, in each form of body, and the catalogue, the docs and the health report are there."""

import base64
import json

import pytest

from gateway.cli.demo.cast import PORTRAITS
from tests.stories.town import CASE, GALLERY, NGO, PROBE, STILL, Town

pytestmark = pytest.mark.anyio


async def test_multipart_with_the_declaration_first_and_base64_json_are_answered_like_raw_bytes(town: Town) -> None:

    image = (PORTRAITS / PROBE).read_bytes()
    declaration = {
        "purpose": "missing_person",
        "case": {"ref": CASE},
        "gallery": {"id": GALLERY},
        "capture": {"source": "upload", "device": "none", "space": "none", "age_s": 86400, "subject_involved": False},
    }
    bearer = {"authorization": f"Bearer {town.token(NGO)}"}
    parts = {"declaration": (None, json.dumps(declaration), "application/json"), "image": ("probe.jpg", image, "image/jpeg")}
    form = await town.web.post("/v1/searches", headers=bearer, files=parts)
    said = {
        "custodes-purpose": "missing_person",
        "custodes-case": f'"{CASE}"',
        "custodes-gallery": f'"{GALLERY}"',
        "custodes-capture": STILL,
    }
    document = await town.web.post("/v1/searches", headers=bearer | said, json={"image": base64.b64encode(image).decode()})
    assert (form.status_code, document.status_code) == (202, 202), form.text + document.text


async def test_decisions_are_explained_without_an_image_and_the_question_is_logged(town: Town) -> None:
    calls = town.calls
    asked = {
        "operation": "identify",
        "purpose": "missing_person",
        "gallery": {"id": GALLERY},
        "capture": {"source": "upload", "age_s": 86400},
        "target": {"kind": "specific_person", "role": "missing"},
    }
    answer = await town.post("/v1/decisions:check", NGO, asked)
    assert (answer.status_code, answer.json()["decision"]) == (200, "refusal")
    assert answer.json()["needed"] == ["case_reference"]
    permitted = await town.post(
        "/v1/decisions:check", NGO, asked | {"case": {"ref": CASE}, "capture": {"source": "upload", "age_s": 86400}}
    )
    assert permitted.json()["decision"] == "permit", permitted.text
    assert town.entry(permitted.json()["log_index"])["kind"] == "check"
    assert town.calls == calls
    for bad in ([], {}, {"operation": 3}, {"operation": "identify", "client": {"kind": "ngo_victim"}}):
        assert (await town.post("/v1/decisions:check", NGO, bad)).status_code in (400, 422)


async def test_a_withdrawn_person_is_found_by_no_later_search(town: Town) -> None:
    said = {"custodes-purpose": "missing_person", "custodes-subject": '"leaver"', "custodes-capture": STILL}
    enrolled = await town.send(f"/v1/galleries/{GALLERY}/subjects", NGO, said, "astronaut.png")
    assert enrolled.status_code == 200, enrolled.text
    gone = await town.web.delete(f"/v1/galleries/{GALLERY}/subjects/leaver", headers={"authorization": f"Bearer {town.token(NGO)}"})
    assert (gone.status_code, gone.json()["withdrawn"]) == (200, True)
    again = await town.web.delete(f"/v1/galleries/{GALLERY}/subjects/leaver", headers={"authorization": f"Bearer {town.token(NGO)}"})
    assert again.status_code == 404
    held = (await town.search(image="astronaut.png")).json()
    await town.confirm(held["decision_id"])
    found = (await town.get(held["result"], NGO)).json()["candidates"]
    assert "leaver" not in [candidate["subject"] for candidate in found]


async def test_verification_detection_and_the_catalogue_work_as_their_names_say(town: Town) -> None:
    said = {
        "custodes-purpose": "missing_person",
        "custodes-capture": STILL,
        "custodes-case": f'"{CASE}"',
        "custodes-gallery": f'"{GALLERY}"',
    }
    same = await town.send("/v1/verifications", NGO, said | {"custodes-subject": '"test-subject-1"'})
    other = await town.send("/v1/verifications", NGO, said | {"custodes-subject": '"test-subject-2"'})
    assert (same.json()["verified"], other.json()["verified"]) == (True, False), same.text
    unknown = await town.send("/v1/verifications", NGO, said | {"custodes-subject": '"nobody"'})
    assert unknown.status_code in (404, 422)
    without = await town.send("/v1/verifications", NGO, said)
    assert (without.status_code, without.json()["type"]) == (400, "urn:custodes:problem:subject-missing")
    detected = await town.send("/v1/detections", NGO, {"custodes-purpose": "missing_person", "custodes-capture": STILL})
    assert (detected.status_code, len(detected.json()["faces"])) == (200, 1)
    catalogue = (await town.get("/v1/purposes")).json()
    assert {"missing_person", "mass_surveillance"} <= {purpose["name"] for purpose in catalogue["purposes"]}


async def test_health_tells_each_part_and_the_docs_come_from_this_host_alone(town: Town) -> None:
    ready = await town.get("/health/ready")
    assert (ready.status_code, set(ready.json()["parts"])) == (200, {"log", "rulebook", "judge", "recogniser", "evaluation"})
    assert (await town.get("/health/live")).json() == {"status": "live"}
    page = (await town.get("/docs")).text
    assert "swagger" in page
    assert "://" not in page.replace("http://www.w3.org", "").replace(town.house.settings.url, "")
    schema = (await town.get("/openapi.json")).json()
    assert {"/v1/searches", "/v1/verifications", "/v1/detections", "/v1/galleries", "/v1/purposes", "/v1/decisions:check"} <= set(
        schema["paths"]
    )
