"""Everything on record is put there over HTTP by those who may, with an entry each, and acts on the next request."""

import hashlib
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from gateway.cli.demo.cast import REGISTRARS
from tests.stories.keys import jwk_of, signed
from tests.stories.town import CASE, NGO, POLICE, REVIEWER, Town

pytestmark = pytest.mark.anyio
RITA, REX = REGISTRARS


async def patch(town: Town, path: str, who: str, document: object) -> httpx2.Response:
    return await town.web.patch(path, headers={"authorization": f"Bearer {town.token(who)}"}, json=document)


async def delete(town: Town, path: str, who: str) -> httpx2.Response:
    return await town.web.delete(path, headers={"authorization": f"Bearer {town.token(who)}"})


def code(answer: httpx2.Response) -> str:
    return str(answer.json()["type"]).removeprefix("urn:custodes:problem:")


def paper(**changes: Any) -> dict[str, Any]:
    now = datetime.now(UTC)
    good = {
        "client": NGO,
        "type": "court_order",
        "issuer": "court",
        "place": "US-WA",
        "purpose": "missing_person",
        "operation": "identify",
        "case": CASE,
        "valid_from": (now - timedelta(days=1)).isoformat(),
        "valid_to": (now + timedelta(days=1)).isoformat(),
        "paper_digest": hashlib.sha256(repr(sorted(changes.items())).encode()).hexdigest(),
    }
    return {**good, **changes}


async def test_a_client_is_registered_signs_in_with_its_key_rotates_it_is_suspended_and_reinstated(town: Town) -> None:
    old, new = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    made = await town.post("/v1/clients", RITA, {"id": "finders", "name": "Finders", "kind": "ngo_victim", "keys": [jwk_of(old, "k1")]})
    assert (made.status_code, made.headers["location"]) == (201, "/v1/clients/finders"), made.text
    entry = town.entry(made.json()["log_index"])
    assert (entry["kind"], entry["act"], entry["client"], entry["kids"]) == ("client-change", "registered", "finders", ["k1"])

    async def token(key: ec.EllipticCurvePrivateKey, kid: str) -> httpx2.Response:
        assertion = signed(key, kid, "finders", town.house.settings.url)
        form = {
            "grant_type": "client_credentials",
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": assertion,
        }
        return await town.web.post("/oauth/token", data=form)

    bearer = {"authorization": f"Bearer {(await token(old, 'k1')).json()['access_token']}"}
    assert (await town.web.get("/v1/clients/finders", headers=bearer)).json()["kind"] == "ngo_victim"
    rotated = await town.post("/v1/clients/finders/keys", RITA, {"key": jwk_of(new, "k2"), "replaces": "k1"})
    assert [key["kid"] for key in rotated.json()["keys"]] == ["k2"]
    assert (await token(old, "k1")).status_code == 401
    assert (await token(new, "k2")).status_code == 200
    assert (await patch(town, "/v1/clients/finders", RITA, {"state": "suspended", "reason": "under inquiry"})).status_code == 200
    assert (await town.web.get("/v1/clients/finders", headers=bearer)).status_code == 401
    assert (await token(new, "k2")).status_code == 401
    again = await patch(town, "/v1/clients/finders", RITA, {"state": "suspended", "reason": "again"})
    assert (again.status_code, code(again)) == (409, "state-forbids")
    assert (await patch(town, "/v1/clients/finders", RITA, {"state": "active", "reason": "cleared"})).status_code == 200
    assert (await token(new, "k2")).status_code == 200
    assert (await delete(town, "/v1/clients/finders/keys/k2", RITA)).status_code == 200
    assert (await token(new, "k2")).status_code == 401
    assert (await delete(town, "/v1/clients/finders/keys/k2", RITA)).status_code == 404


async def test_lists_are_filtered_and_paged_and_a_wrong_filter_is_named(town: Town) -> None:
    for n in range(3):
        await town.post("/v1/clients", RITA, {"id": f"paged-{n}", "name": "Paged", "kind": "company"})
    first = (await town.get("/v1/clients?kind=company&limit=2", RITA)).json()
    rest = (await town.get(first["next"], RITA)).json()
    assert [client["id"] for client in first["clients"] + rest["clients"]] == ["paged-0", "paged-1", "paged-2"]
    assert rest["next"] is None
    for query, field in (("colour=blue", "colour"), ("limit=0", "limit"), ("limit=x", "limit"), ("kind=a&kind=b", "query")):
        answer = await town.get(f"/v1/clients?{query}", RITA)
        assert (answer.status_code, answer.json()["field"]) == (422, field)


@pytest.mark.parametrize(
    ("document", "field"),
    [
        ({"id": "x", "name": "X"}, "kind"),
        ({"id": "x", "name": "X", "kind": "circus"}, "kind"),
        ({"id": "X!", "name": "X", "kind": "company"}, "id"),
        ({"id": "x", "name": "", "kind": "company"}, "name"),
        ({"id": "x", "name": "X", "kind": "company", "colour": "blue"}, "colour"),
        ({"id": "x", "name": "X", "kind": "company", "keys": "none"}, "keys"),
        ({"id": "x", "name": "X", "kind": "company", "keys": [{"kty": "oct", "k": "AAAA"}]}, "key"),
        ({"id": "x", "name": "X", "kind": "company", "agency_authorised": "yes"}, "agency_authorised"),
        ({"id": "x", "name": "X", "kind": "company", "place": "Atlantis"}, "place"),
    ],
)
async def test_a_malformed_client_is_refused_naming_the_field_and_leaves_no_entry(town: Town, document: object, field: str) -> None:
    size = town.house.log.size
    answer = await town.post("/v1/clients", RITA, document)
    assert (answer.status_code, answer.json()["field"]) == (422, field)
    assert town.house.log.size == size


@pytest.mark.parametrize("who", [NGO, REVIEWER])
async def test_who_is_no_registrar_changes_nothing_and_the_attempt_is_in_the_log(town: Town, who: str) -> None:
    answer = await town.post("/v1/clients", who, {"id": "own-making", "name": "X", "kind": "company"})
    assert (answer.status_code, code(answer)) == (403, "staff-needed" if who == NGO else "role-missing")
    assert town.entry(town.house.log.size - 1)["kind"] == "access-denied"
    assert (await town.get("/v1/clients/own-making", RITA)).status_code == 404


async def test_a_person_is_invited_comes_in_once_gets_another_role_and_leaves(town: Town) -> None:
    invited = await town.post("/v1/staff", RITA, {"id": "newcomer", "name": "New Comer", "roles": ["auditor"]})
    link = invited.json()["link"]
    assert link not in json.dumps(town.entries())
    entered = await town.web.post("/v1/staff:enter", json={"link": link})
    bearer = {"authorization": f"Bearer {entered.json()['access_token']}"}
    assert (await town.web.get("/v1/audit/entries", headers=bearer)).status_code == 200
    second = await town.web.post("/v1/staff:enter", json={"link": link})
    assert (second.status_code, code(second)) == (404, "unknown-link")
    assert town.entry(town.house.log.size - 1)["why"] == "link"
    assert (await patch(town, "/v1/staff/newcomer", RITA, {"roles": ["registrar"]})).status_code == 200
    assert (await town.web.get("/v1/audit/entries", headers=bearer)).status_code == 403
    own = await town.web.patch("/v1/staff/newcomer", headers=bearer, json={"roles": ["registrar", "operator"]})
    assert (own.status_code, code(own)) == (409, "same-person")
    assert (await patch(town, "/v1/staff/newcomer", RITA, {"state": "left"})).status_code == 200
    assert (await town.web.get("/v1/clients", headers=bearer)).status_code == 401
    assert (await town.post("/v1/staff/newcomer/links", RITA, {})).status_code == 409


async def test_a_case_that_a_client_files_serves_nothing_until_a_registrar_has_opened_it(town: Town) -> None:
    filed = await town.post(
        f"/v1/clients/{NGO}/cases", NGO, {"reference": "MP/77", "target": {"kind": "specific_person", "role": "missing"}}
    )
    assert (filed.status_code, filed.json()["state"]) == (201, "filed")
    assert "MP/77" not in json.dumps(town.entry(filed.json()["log_index"]))
    refused = await town.search(case='"MP/77"')
    assert (refused.status_code, code(refused)) == (403, "case-filed")
    own = await patch(town, f"/v1/clients/{NGO}/cases/MP/77", NGO, {"state": "open", "reason": "please"})
    assert (own.status_code, code(own)) == (403, "staff-needed")
    opened = await patch(town, f"/v1/clients/{NGO}/cases/MP/77", RITA, {"state": "open", "reason": "seen the report"})
    assert (opened.status_code, opened.json()["state"]) == (200, "open")
    assert (await town.search(case='"MP/77"')).status_code == 202
    assert (await patch(town, f"/v1/clients/{NGO}/cases/MP/77", RITA, {"state": "suspended", "reason": "doubts"})).status_code == 200
    assert code(await town.search(case='"MP/77"')) == "case-suspended"
    assert (await patch(town, f"/v1/clients/{NGO}/cases/MP/77", NGO, {"state": "closed", "reason": "found"})).status_code == 200
    assert (await patch(town, f"/v1/clients/{NGO}/cases/MP/77", RITA, {"state": "open", "reason": "x"})).status_code == 409


async def test_a_gallery_serves_only_once_somebody_else_has_confirmed_where_its_faces_come_from(town: Town) -> None:
    opened = await town.post(
        "/v1/galleries", NGO, {"id": "fresh", "provenance": "missing_person_reports", "purposes": ["missing_person"], "retention_days": 30}
    )
    assert (opened.status_code, opened.json()["provenance_confirmed"]) == (201, False)
    refused = await town.search(gallery='"fresh"')
    assert (refused.status_code, code(refused)) == (403, "gallery-unconfirmed")
    assert "gallery_provenance_confirmed" in refused.json()["needed"]
    assert "provenance" not in town.entry(refused.json()["log_index"])["facts"]["request"].get("gallery", {})
    own = await patch(town, "/v1/galleries/fresh", NGO, {"provenance_confirmed": True})
    assert (own.status_code, code(own)) == (403, "staff-needed")
    assert (await patch(town, "/v1/galleries/fresh", RITA, {"provenance_confirmed": True})).json()["provenance_confirmed"] is True
    assert (await patch(town, "/v1/galleries/fresh", RITA, {"provenance_confirmed": True})).status_code == 409
    assert (await town.search(gallery='"fresh"')).status_code == 200  # nobody is enrolled, so nobody is found
    assert (await patch(town, "/v1/galleries/fresh", NGO, {"state": "closed"})).json()["state"] == "closed"
    assert code(await town.search(gallery='"fresh"')) == "gallery-closed"


async def test_a_paper_counts_when_a_second_person_confirms_it_and_stops_when_it_is_revoked(town: Town) -> None:
    made = await town.post("/v1/authorisations", RITA, paper())
    path = made.headers["location"]
    assert (made.status_code, made.json()["status"]) == (201, "requested")
    own = await patch(town, path, RITA, {"status": "granted"})
    assert (own.status_code, code(own)) == (409, "same-person")
    assert (await patch(town, path, REX, {"status": "granted"})).json()["status"] == "granted"
    assert (await patch(town, path, REX, {"status": "granted"})).status_code == 409
    assert (await town.get(path, NGO)).json()["status"] == "granted"
    assert (await patch(town, path, RITA, {"status": "revoked", "reason": "withdrawn by the court"})).json()["status"] == "revoked"
    assert [entry["act"] for entry in town.entries("authorisation")][-3:] == ["recorded", "confirmed", "revoked"]
    twice = await town.post("/v1/authorisations", RITA, paper() | {"case": "MP-OTHER"})
    assert twice.status_code == 201  # the revoked one no longer holds the paper


async def test_an_authority_countersigns_exactly_what_is_on_record(town: Town) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    registered = await town.post(
        "/v1/authorities", RITA, {"name": "county-court", "kind": "court", "place": "US-WA", "key": jwk_of(key, "c1")}
    )
    assert registered.status_code == 201, registered.text
    made = (await town.post("/v1/authorisations", RITA, paper(case="MP-SIGNED"))).json()
    path = f"/v1/authorisations/{made['id']}/countersignature"
    seal = signed(key, "c1", None, None, document=made["statement"], kind="custodes-authorisation+jws")
    other = signed(key, "c1", None, None, document={**made["statement"], "place": "US"}, kind="custodes-authorisation+jws")
    assert (await town.post(path, REX, {"authority": "county-court", "signature": other})).json()["field"] == "countersignature"
    assert (await town.post(path, REX, {"authority": "county-court", "signature": seal[:-4] + "AAAA"})).status_code == 422
    assert (await town.post(path, REX, {"authority": "no-court", "signature": seal})).status_code == 404
    assert (await town.post(path, REX, {"authority": "county-court", "signature": seal})).json()["authority"] == "county-court"


async def test_evidence_is_recorded_with_its_end_seen_by_its_client_and_withdrawn(town: Town) -> None:
    now = datetime.now(UTC)
    piece = {"kind": "dpia", "value": True, "valid_from": now.isoformat(), "valid_to": (now + timedelta(days=365)).isoformat()}
    made = await town.post(f"/v1/clients/{NGO}/evidence", RITA, piece)
    path = made.headers["location"]
    assert (await town.get(path, NGO)).json()["kind"] == "dpia"
    assert (await town.get(path, POLICE)).status_code == 404
    ended = await town.post(f"/v1/clients/{NGO}/evidence", RITA, piece | {"valid_to": piece["valid_from"]})
    assert (ended.status_code, ended.json()["field"]) == (422, "valid_to")
    assert (await delete(town, path, RITA)).status_code == 200
    assert (await delete(town, path, RITA)).status_code == 404


async def test_a_token_that_is_revoked_is_refused_on_its_next_use(town: Town) -> None:
    await patch(town, f"/v1/staff/{REX}", RITA, {"roles": ["registrar", "operator"]})
    token = town.token(NGO)
    bearer = {"authorization": f"Bearer {token}"}
    claims = town.house.callers.recognise(token, town.house.registry.lookups.now())
    assert (await town.web.get(f"/v1/clients/{NGO}", headers=bearer)).status_code == 200
    done = await town.post("/v1/tokens/revocations", REX, {"jti": claims.token_id, "reason": "leaked"})
    assert done.status_code == 201, done.text
    assert (await town.web.get(f"/v1/clients/{NGO}", headers=bearer)).status_code == 401
    assert town.entry(town.house.log.size - 1)["why"] == "revoked"
    listed = (await town.get("/v1/tokens/revocations", REX)).json()["revocations"]
    assert claims.token_id in [row["jti"] for row in listed]
