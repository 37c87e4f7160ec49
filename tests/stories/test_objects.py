"""The object matrix: whatever is another's looks exactly as what is not there, on every route with an id, whoever added the route.

And hostile documents: no route answers rubbish with a fault of its own. Both are made from the OpenAPI document."""

import itertools
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from gateway.cli.demo.cast import REGISTRARS
from gateway.enforcement.duties.terms import TERMS
from gateway.registry.acknowledgements import shipped
from gateway.registry.authorisations import Paper
from gateway.registry.clients import NewClient
from gateway.registry.duties import Promise
from gateway.registry.evidence import Evidence
from gateway.registry.issuers import IssuerRecord
from gateway.registry.restrictions import Scope
from gateway.registry.trainings import Training
from gateway.registry.webhooks import Webhook
from tests.stories.keys import jwk_of
from tests.stories.town import CASE, GALLERY, NGO, PROBE, REVIEWER, SEEKING, SUBJECTS, Town

pytestmark = pytest.mark.anyio

STRANGER = "stranger"
# What stands at these addresses is nobody's in particular: hashes and texts that anybody may have, or that auditors alone may.
NOT_A_TENANTS = {
    "/audit/tile/{path}",
    "/audit/rulebooks/{name}",
    "/v1/receipts/{index}",
    "/v1/rulebooks/{digest}",
    "/v1/rulebooks/{digest}/diff/{other}",
    "/v1/rulebooks/{digest}/rollback",
}
ABSENT = {
    "authorisation_id": "auth-" + "0" * 32,
    "client_id": "no-such-client",
    "draft_id": "draft-0000000000000000",
    "duty_id": "duty-0000000000000000",
    "decision_id": "00000000-0000-4000-8000-000000000000",
    "evidence_id": "ev-0000000000000000",
    "gallery_id": "no-such-gallery",
    "kid": "no-such-key",
    "licence_id": "lic-0000000000000000",
    "name": "no-such-issuer",
    "person_id": "no-such-person",
    "reference": "MP-NONE",
    "restriction_id": "restriction-0000000000000000",
    "review_id": "0" * 24,
    "subject": "no-such-subject",
    "webhook_id": "wh-0000000000000000",
    "delivery_id": "msg-" + "0" * 32,
    "candidate": "999",
    "side": "nobody",
    "training_id": "tr-0000000000000000",
}
# Members of an answer that name the answer, not what it is about.
OF_THE_ANSWER = {"decision_id", "receipt", "log_index"}
HEADERS_OF_NOTE = ("content-type", "cache-control", "allow", "www-authenticate", "location", "retry-after", "etag")


@pytest.fixture(scope="session")
async def owned(town: Town) -> dict[str, str]:
    """One real thing of the aid organisation, or of the house, for each name that a path may hold."""
    registry, now = town.house.registry, datetime.now(UTC)
    registry.clients.register(NewClient(STRANGER, "Stranger", "police_local", place="US-WA"), REGISTRARS[0])
    held = (await town.search()).json()
    waiting = await town.house.reviews.list_waiting()
    registry.clients.add_key(NGO, jwk_of(ec.generate_private_key(ec.SECP256R1()), "owned-key"))
    term = (now - timedelta(days=1), now + timedelta(days=1))
    paper = Paper(NGO, "court_order", "court", "US-WA", *term, "missing_person", "identify", "ab" * 32, "MP-OWNED")
    shared = town.house.settings.home.root / "issuer.json"
    shared.write_text(json.dumps({"keys": [jwk_of(ec.generate_private_key(ec.SECP256R1()), "i1")]}))
    registry.issuers.add(IssuerRecord("owned-issuer", "https://owned.example", "custodes", jwks_file=str(shared)))
    owed = Promise(next(iter(TERMS)), "matrix", "matrix", NGO, CASE, held["decision_id"], {}, None)
    nobody = Scope(gallery=GALLERY, subject="nobody-enrolled")
    hook = registry.webhooks.register(Webhook("wh-matrix", NGO, "https://x.example/", b"", None, None, "stopped", 0, now), REGISTRARS[0])
    registry.webhooks.owe(hook.id, held["decision_id"], "released", now)
    return {
        "draft_id": registry.drafts.begin(json.dumps({"title": "matrix", "packs": {"baseline": {}}}), "somebody").id,
        "duty_id": registry.duties.owe(owed, now).id,
        "decision_id": held["decision_id"],
        "review_id": next(review.held.id for review in waiting if review.held.decision_id == held["decision_id"]),
        "client_id": NGO,
        "gallery_id": GALLERY,
        "subject": next(iter(SUBJECTS)),
        "kid": "owned-key",
        "person_id": REVIEWER,
        "candidate": "000",
        "side": "probe",
        "training_id": registry.trainings.record(Training(REVIEWER, "Comparing faces", *term), REGISTRARS[0]).id,
        "reference": CASE,
        "evidence_id": registry.evidence.record(Evidence(NGO, "dpia", True, *term), REGISTRARS[0]).id,
        "authorisation_id": registry.authorisations.record(paper, REGISTRARS[0]).id,
        "name": "owned-issuer",
        "webhook_id": hook.id,
        "restriction_id": registry.restrictions.place("restriction-matrix", nobody, "court-order", REGISTRARS[0], now).id,
        "delivery_id": registry.webhooks.deliveries(hook.id)[0].id,
        "licence_id": registry.licences.all(NGO)[0].id,
    }


@pytest.fixture(scope="session")
async def described(town: Town) -> dict[str, Any]:
    return (await town.web.get("/openapi.json")).json()


def objects(described: dict[str, Any]) -> Iterator[tuple[str, str, list[str]]]:
    """Every operation on a path with an id, with the names of its ids."""
    for path, operations in described["paths"].items():
        names = re.findall(r"{(\w+)}", path)
        if names and path not in NOT_A_TENANTS:
            yield from ((method.upper(), path, names) for method in operations)


# A document of the right shape for each route that takes one, so that the answer is about the thing and not about the document.
BODIES = {"state": "closed", "reason": "matrix"}
TERMS_OF_A_PART = {
    "grants": ["missing_person:identify"],
    "galleries": [],
    "places": ["US-WA"],
    "valid_from": "2026-01-01T00:00:00Z",
    "valid_to": "2027-01-01T00:00:00Z",
    "quota_day": 1,
    "quota_case": 1,
}
FITTING: dict[str, dict[str, Any]] = {
    "/v1/licences/{licence_id}": {"state": "revoked", "reason": "matrix"},
    "/v1/licences/{licence_id}/sublicences": {
        "client": "city-police",
        "terms": TERMS_OF_A_PART,
        "acknowledgements": list(shipped().all()),
    },
    "/v1/clients/{client_id}/keys": {"key": jwk_of(ec.generate_private_key(ec.SECP256R1()), "new-key")},
    "/v1/clients/{client_id}/cases": {"reference": "MP-NEW", "target": {"kind": "specific_person"}},
    "/v1/clients/{client_id}/evidence": {"kind": "x", "value": 1, "valid_from": "2026-01-01T00:00:00Z", "valid_to": "2027-01-01T00:00:00Z"},
    "/v1/staff/{person_id}": {"state": "left"},
    "/v1/galleries/{gallery_id}": {"state": "closed"},
    "/v1/authorisations/{authorisation_id}": {"status": "granted"},
    "/v1/authorisations/{authorisation_id}/countersignature": {"authority": "a", "signature": "s"},
    "/v1/duties/{duty_id}/discharge": {"note": "done", "document_sha256": "ab" * 32},
    "/v1/restrictions/{restriction_id}/lift": {"reason": "matrix"},
    "/v1/issuers/{name}/subjects": {"subject": "s", "client": "city-police"},
    "/v1/clients/{client_id}/webhooks": {"url": "https://hooks.example.org/"},
    "/v1/clients/{client_id}/webhooks/{webhook_id}/rotate": {"overlap_hours": 1},
    "/v1/reviews/{review_id}/judgements": {"judgements": ["same"]},
    "/v1/staff/{person_id}/trainings": {"what": "x", "valid_from": "2026-11-23T10:00:00Z", "valid_to": "2026-11-24T10:00:00Z"},
}


def seen(answer: httpx2.Response, ids: list[str]) -> tuple[int, str, dict[str, str | None]]:
    """What a stranger can tell of an answer, with the asked ids themselves taken out."""
    text = answer.text
    if answer.headers.get("content-type", "").endswith("json"):
        document = answer.json()
        assert isinstance(document, dict)
        text = json.dumps({name: value for name, value in document.items() if name not in OF_THE_ANSWER}, sort_keys=True)
    for name in sorted(ids, key=len, reverse=True):
        text = text.replace(name, "ID")
    return answer.status_code, text, {name: answer.headers.get(name) for name in HEADERS_OF_NOTE}


async def test_every_name_that_a_path_holds_has_a_thing_in_the_matrix(described, owned):
    names = {name for _method, _path, names in objects(described) for name in names}
    assert names <= owned.keys() & ABSENT.keys(), "a new route with an id needs something that is another's, in this file"
    assert FITTING.keys() <= described["paths"].keys()


@pytest.mark.parametrize("who", [STRANGER, REVIEWER])
async def test_what_is_anothers_looks_exactly_as_what_is_not_there(town: Town, described, owned, who: str) -> None:
    checked, found = 0, []
    for method, path, names in objects(described):
        answers = []
        for absent in itertools.product([False, True], repeat=len(names)):
            ids = [ABSENT[name] if gone else owned[name] for name, gone in zip(names, absent, strict=True)]
            address = path
            for name, value in zip(names, ids, strict=True):
                address = address.replace(f"{{{name}}}", value)
            answer = await asked(town, method, path, address, who)
            answers.append((address, answer, seen(answer, ids)))
        checked += 1
        # A person with the role for it may see what there is: the reviewer, reviews, what is owed after them, and their own training.
        if who == REVIEWER and path.startswith(("/v1/reviews/", "/v1/duties/", "/v1/staff/{person_id}/trainings")):
            continue
        found += [f"{method} {address}: {what} is not {answers[-1][2]}" for address, _answer, what in answers if what != answers[-1][2]]
        found += [f"{method} {address}: {what.status_code}" for address, what, _ in answers if what.status_code not in (403, 404)]
    assert found == []
    assert checked >= 20


async def asked(town: Town, method: str, path: str, address: str, who: str) -> httpx2.Response:
    headers = {"authorization": f"Bearer {town.token(who)}"}
    if method in ("GET", "DELETE", "HEAD"):
        return await town.web.request(method, address, headers=headers)
    if path == "/v1/galleries/{gallery_id}/subjects":
        said = {name: text for name, text in SEEKING.items() if name != "custodes-gallery"}
        return await town.send(address, who, said, PROBE)
    return await town.web.request(method, address, headers=headers, json=FITTING.get(path, BODIES))


DEEP = b'{"id":' + b"[" * 5000 + b"]" * 5000 + b"}"
HOSTILE: list[bytes] = [
    b"", b"{", b"null", b"[]", b'"text"', b"1e999", b"NaN", b"\xff\xfe", b'{"id":"a","id":"b"}', b'{"id":"\\ud800"}', b'{"id":"a\\u0000b"}',
    b'{"\\ud800":1}', DEEP, b'{"reason":' + b"9" * 5000 + b"}", b'{"__proto__":{}}',
]  # fmt: skip
VALUES: list[object] = [None, True, 2**70, "", "x" * 5000, "a\x00b", [[]], {"kind": {}}]


async def test_no_route_answers_a_hostile_document_with_a_fault(town: Town, described, owned) -> None:
    sent = 0
    who = REGISTRARS[0]
    town.house.registry.staff.set_roles(who, ("registrar", "operator", "reviewer", "auditor"), "test")
    for path, operations in described["paths"].items():
        address = re.sub(r"{(\w+)}", lambda name: ABSENT.get(name[1], "0"), path)
        for method, operation in operations.items():
            schema = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
            names = list(schema.get("properties", {}))
            if method not in ("post", "put", "patch") or not names:
                continue
            documents = [*HOSTILE]
            for name, value in itertools.product(names, VALUES):
                fitting: dict[str, object] = dict.fromkeys(schema.get("required", []), "x")
                documents.append(json.dumps({**fitting, name: value}).encode())
            for document in documents:
                kind = "text/plain" if sent % 97 == 0 else "application/json"
                headers = {"authorization": f"Bearer {town.token(who)}", "content-type": kind}
                answer = await town.web.request(method.upper(), address, headers=headers, content=document)
                sent += 1
                assert answer.status_code < 500, (method, path, document[:80], answer.text)
                assert answer.status_code >= 400 or answer.headers["content-type"].startswith("application/json")
    assert sent > 300
