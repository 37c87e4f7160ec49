"""The only map from what went wrong to an HTTP status and an RFC 9457 problem document. Decides nothing."""

from types import MappingProxyType
from typing import Any, Final

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from gateway.api.limits import limit_headers
from gateway.audit.witness import Verdict
from gateway.enforcement.answers import RecogniserBusy, Recorded, Refused
from gateway.enforcement.aside import WorkFailed
from gateway.errors import CustodesError

MEDIA_TYPE: Final = "application/problem+json"
TYPE_PREFIX: Final = "urn:custodes:problem:"

_NOUNS: Final = (
    "authorisation",
    "authority",
    "case",
    "client",
    "decision",
    "delivery",
    "draft",
    "duty",
    "evidence",
    "gallery",
    "issuer",
    "key",
    "licence",
    "link",
    "person",
    "picture",
    "report",
    "restriction",
    "review",
    "rulebook",
    "subject",
    "webhook",
    "training",
)
# What becomes of a rulebook on its way from a draft to power.
_DRAFT_STATES: Final = ("not-approved", "report-failed", "report-missing", "report-stale", "rulebook-refused")
_DRAFT_FAULTS: Final = ("draft-refused", "undecided", "work-too-long")
_REVIEW_STATES: Final = ("claimed", "settled", "not-claimed", "claim-expired", "judged-already", "own-request")
_ISSUER: Final = (
    "issuer-url",
    "issuer-unreachable",
    "discovery-malformed",
    "discovery-other-issuer",
    "jwks-too-large",
    "jwks-malformed",
    "jwks-empty",
)

_ODRL: Final = (
    "malformed",
    "context",
    "type",
    "profile",
    "conflict",
    "member",
    "inexpressible",
    "party",
    "target",
    "action",
    "operand",
    "operator",
    "value",
    "purpose",
    "purpose-ambiguous",
    "count-unit",
    "missing",
    "uneven",
    "nothing",
)

# Every code that a client can meet, by status. A code that is not here is a 403 if it is a refusal, else a 500;
# tests/architecture/test_api_documents.py holds the list against docs/api.md.
STATUS: Final = MappingProxyType(
    {
        code: status
        for status, codes in {
            400: (
                "request-malformed",
                "declaration-malformed",
                "evaluation-malformed",
                "body-malformed",
                "body-mismatch",
                "image-missing",
                "subject-missing",
                "gallery-missing",
            ),
            401: ("unauthenticated",),
            403: ("role-missing", "reviewer-untrained", "client-needed", "staff-needed", "form-refused", "result-restricted"),
            404: (
                "not-found",
                "nothing-to-erase",
                "gallery-unknown",
                "subject-unknown",
                *(f"unknown-{noun}" for noun in _NOUNS),
            ),
            405: ("method-not-allowed",),
            408: ("body-too-slow",),
            409: (
                "already-on-record",
                "same-person",
                "state-forbids",
                "odrl-state",
                "already-enrolled",
                "idempotency-in-progress",
                *_DRAFT_STATES,
                *(f"review-{state}" for state in _REVIEW_STATES),
            ),
            410: ("answer-withdrawn", "result-shredded"),
            412: ("draft-changed",),
            413: ("body-too-large", "too-large"),
            415: ("unsupported-media-type",),
            422: (
                "field-malformed",
                "facts-malformed",
                "malformed",
                "judgement-malformed",
                "judgement-unfounded",
                "no-bulk-judgement",
                "idempotency-key-reused",
                "webhook-address-refused",
                *_ISSUER,
                *(f"odrl-{what}" for what in _ODRL),
                *_DRAFT_FAULTS,
            ),
            428: ("edition-missing",),
            429: ("quota-day", "quota-case", "questions-spent"),
            431: ("headers-too-large",),
            503: (
                "audit-unavailable",
                "engine-failed",
                "engine-busy",
                "not-ready",
                "registry-unavailable",
                "log-damaged",
                "record-damaged",
                "reports-busy",
                "work-failed",
                *(f"evaluation-{fault}" for fault in ("absent", "stale", "other", "forged", "without-groups", "refused")),
            ),
        }.items()
        for code in codes
    }
)

# A witness answers in the words of C2SP tlog-witness, not in problem documents.
VERDICTS: Final = MappingProxyType(
    {
        Verdict.COSIGNED: 200,
        Verdict.MALFORMED: 400,
        Verdict.NOT_SIGNED: 403,
        Verdict.UNKNOWN_LOG: 404,
        Verdict.CONFLICT: 409,
        Verdict.INCONSISTENT: 422,
    }
)
UNAVAILABLE: Final = 503

TITLES: Final = MappingProxyType({401: "Not authenticated", 403: "Refused", 404: "Not found", 429: "Too many requests", 503: "Unavailable"})
_RETRY_SECONDS: Final = 5


def status_of(error: CustodesError) -> int:
    """Return the HTTP status for the error; refusals that the table does not name are 403, refused images 422."""
    known = STATUS.get(error.code)
    if known is not None:
        return known
    if isinstance(error, Refused):
        return 403
    return 422 if isinstance(error, Recorded) else 500


def problem(error: CustodesError) -> tuple[int, dict[str, Any]]:
    """Return status and problem document. A 401 says the same sentence whatever the reason."""
    status = status_of(error)
    document: dict[str, Any] = {
        "type": TYPE_PREFIX + error.code,
        "title": TITLES.get(status, "The request cannot be served"),
        "status": status,
        "detail": error.sentence,
    }
    if (field := getattr(error, "field", None)) is not None:
        document["field"] = field
    if isinstance(error, WorkFailed):
        document |= error.more
    if isinstance(error, Recorded):
        document["decision_id"] = error.decision_id
        document["receipt"] = error.receipt.text()
        document["log_index"] = error.receipt.index
    if isinstance(error, Refused):
        document["reasons"] = [
            {"rule": reason.rule, "pack": reason.pack, "source": reason.source, "sentence": reason.sentence} for reason in error.reasons
        ]
        document["needed"] = list(error.needed)
        document["rulebook"] = error.refusal.rulebook
    return status, document


def problem_bytes(error: CustodesError) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    """Return status, headers and body, for whoever speaks ASGI."""
    status, document = problem(error)
    body = msgspec.json.encode(document)
    headers = [(b"content-type", MEDIA_TYPE.encode()), (b"content-length", str(len(body)).encode())]
    headers += [(name.encode(), value.encode()) for name, value in _extra_headers(error, status).items()]
    return status, headers, body


class NoSuchRoute(CustodesError):
    """The path, or the method on it, is not served."""

    code = "not-found"


async def render_http_exception(request: Request, error: Exception) -> Response:
    """Answer what the router itself refuses in the same form as everything else."""
    assert isinstance(error, HTTPException)
    if error.status_code == 405:
        answer = await render_problem(request, NoSuchRoute(f"This path does not take {request.method}.", code="method-not-allowed"))
    else:
        answer = await render_problem(request, NoSuchRoute("There is no such path; GET /openapi.json lists them all."))
    answer.headers.update(error.headers or {})
    return answer


async def render_fault(request: Request, _error: Exception) -> Response:
    """Answer a fault of ours without a word of what it was; the traceback goes to the operator's log."""
    return await render_problem(
        request, CustodesError("Something went wrong here, and nothing was released. The operator's log says more.")
    )


async def render_problem(_request: Request, error: Exception) -> Response:
    """Answer a raised CustodesError; registered once, in app.py."""
    if not isinstance(error, CustodesError):
        raise error
    return render_error(error)


def render_error(error: CustodesError) -> Response:
    """Return the answer that says what went wrong."""
    status, document = problem(error)
    return Response(msgspec.json.encode(document), status_code=status, media_type=MEDIA_TYPE, headers=_extra_headers(error, status))


def _extra_headers(error: CustodesError, status: int) -> dict[str, str]:
    if status == 401:
        return {"www-authenticate": 'Bearer realm="custodes"'}
    if isinstance(error, RecogniserBusy):
        return {"retry-after": str(error.retry_after)}
    if status == 503:
        return {"retry-after": str(_RETRY_SECONDS)}
    headers = limit_headers(error.standing) if isinstance(error, Refused) else {}
    retry_after = getattr(error, "retry_after", None)
    return headers if retry_after is None else headers | {"retry-after": str(retry_after)}
