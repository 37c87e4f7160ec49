"""Describe in OpenAPI what FastAPI cannot see: bodies that are read late, declaration headers, problem documents. Parses none of them."""

from typing import Any, Final

from gateway.api.problems import MEDIA_TYPE, TITLES

_PROBLEM: Final = {
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "description": "Stable: urn:custodes:problem:CODE"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "One sentence to act on"},
        "field": {"type": "string"},
        "decision_id": {"type": "string", "format": "uuid"},
        "reasons": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {name: {"type": "string"} for name in ("rule", "pack", "source", "sentence")},
            },
        },
        "needed": {"type": "array", "items": {"type": "string"}},
        "rulebook": {"type": "string"},
        "log_index": {"type": "integer"},
        "receipt": {"type": "string", "description": "c2sp.org/tlog-proof@v1"},
    },
}
_HEADERS: Final = (
    ("Custodes-Purpose", "missing_person", "Why (GET /v1/purposes)"),
    ("Custodes-Case", '"MP-2026-0142"', "The case on record"),
    ("Custodes-Authorisation", '"auth-…"', "The paper on record under which this is done"),
    ("Custodes-Gallery", '"g-missing"', "The gallery to use"),
    ("Custodes-Subject", '"s-1"', "The enrolled person, for a comparison or an enrolment"),
    ("Custodes-Operation", "identify", "Another operation of the same path"),
    ("Custodes-Capture", "source=upload, age_s=86400, subject_involved=?0", "Where the image comes from"),
    ("Custodes-Target", "kind=specific_person, role=missing", "Who is sought"),
    ("Custodes-Place", "US-WA", "Where the result will be used; else the client's own place"),
    ("Custodes-Threshold", "99.9", "The least similarity to report"),
    ("Custodes-Context", 'urgent=?1, justification="…"', "Circumstances"),
    ("Custodes-Consent", "explicit", "What the person agreed to"),
    ("Custodes-Notice", "collected=?1", "What the person was told"),
    ("Idempotency-Key", '"8e03978e-40d5-43dd-bc93-6894a57f9324"', "The same request under the same key is answered once"),
    ("Custodes-Route", "state_bmv", "Through whom the request goes"),
)
_BASE64: Final = {"type": "string", "contentEncoding": "base64"}
_BINARY: Final = {"type": "string", "format": "binary"}


def image_request(two_images: bool) -> dict[str, Any]:
    """Return the `openapi_extra` of a route that takes an image."""
    form: dict[str, Any] = {"declaration": {"type": "object", "description": "First; in the shape of the Facts"}, "image": _BINARY}
    document: dict[str, Any] = {"image": _BASE64}
    if two_images:
        form["reference"], document["reference"] = _BINARY, _BASE64
    content: dict[str, Any] = {kind: {"schema": _BINARY} for kind in ("image/jpeg", "image/png", "image/webp", "application/octet-stream")}
    content["multipart/form-data"] = {"schema": {"type": "object", "required": ["image"], "properties": form}}
    content["application/json"] = {"schema": {"type": "object", "required": ["image"], "properties": document}}
    return {
        "security": [{"bearer": []}],
        "requestBody": {"required": True, "content": content},
        "parameters": [
            {"name": name, "in": "header", "required": False, "schema": {"type": "string"}, "example": example, "description": description}
            for name, example, description in _HEADERS
        ],
    }


def json_request(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the `openapi_extra` of a route that takes one JSON object."""
    return {
        "security": [{"bearer": []}],
        "requestBody": {"required": True, "content": {"application/json": {"schema": {"type": "object", **schema}}}},
    }


def problem_responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the `responses` of a route that may answer with these problems."""
    content = {MEDIA_TYPE: {"schema": _PROBLEM}}
    return {status: {"description": TITLES.get(status, "Problem"), "content": content} for status in statuses}
