"""Write answers as JSON for clients. Knows every field that may leave the house, and lets no other out."""

from typing import Any, Final

import msgspec
from starlette.responses import Response

from engine.faces import Answer, Candidate, Face
from gateway.enforcement.answers import Checked, Held, Released
from policies.decision import Permit
from policies.obligations import Obligation

NOT_SOLE_BASIS: Final = "A lead, not an identification: no decision may rest on this result alone."


def json_response(document: object, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Return the document as JSON."""
    return Response(msgspec.json.encode(document), status_code=status, media_type="application/json", headers=headers)


def released(result: Released) -> Response:
    """200: the result, its terms and its receipt."""
    document: dict[str, Any] = {
        "decision_id": result.decision_id,
        "status": "released",
        **_answer(result.answer),
        "obligations": [_obligation(obligation) for obligation in result.obligations],
        "log_index": result.receipt.index,
        "receipt": result.receipt.text(),
    }
    if any(obligation.kind == "not_sole_basis" for obligation in result.obligations):
        document["label"] = NOT_SOLE_BASIS
    return json_response(document)


def held(result: Held, where: str) -> Response:
    """202: people look first; `where` is the path to ask for the result."""
    document = {
        "decision_id": result.decision_id,
        "status": "waiting-for-review",
        "reviewers_needed": result.reviewers_needed,
        "result": where,
        "obligations": [_obligation(obligation) for obligation in result.obligations],
        "log_index": result.receipt.index,
        "receipt": result.receipt.text(),
    }
    return json_response(document, 202, {"location": where})


def checked(result: Checked) -> Response:
    """200: what the answer would be."""
    verdict = result.verdict
    document: dict[str, Any] = {
        "decision_id": result.decision_id,
        "decision": "permit" if isinstance(verdict, Permit) else "refusal",
        "rulebook": verdict.rulebook,
        "log_index": result.receipt.index,
        "receipt": result.receipt.text(),
    }
    if isinstance(verdict, Permit):
        document["rules"] = [reason.to_json() for reason in verdict.rules]
        document["obligations"] = [_obligation(obligation) for obligation in verdict.obligations]
    else:
        document["code"] = verdict.code
        document["reasons"] = [reason.to_json() for reason in verdict.reasons]
        document["needed"] = list(verdict.needed)
    return json_response(document)


def evaluated(result: Checked) -> dict[str, Any]:
    """An AuthZEN decision: yes or no, and in its context why, with which obligations, and where it is in the log."""
    verdict = result.verdict
    context: dict[str, Any] = {
        "decision_id": result.decision_id,
        "rulebook": verdict.rulebook,
        "log_index": result.receipt.index,
        "receipt": result.receipt.text(),
    }
    if isinstance(verdict, Permit):
        context["obligations"] = [
            {"id": obligation.slug, "type": "custom", "properties": {**obligation.parameters, "sentence": obligation.sentence}}
            for obligation in verdict.obligations
        ]
    else:
        context |= {"code": verdict.code, "reasons": [reason.to_json() for reason in verdict.reasons], "needed": list(verdict.needed)}
    return {"decision": isinstance(verdict, Permit), "context": context}


def _answer(answer: Answer) -> dict[str, Any]:
    document: dict[str, Any] = {
        "operation": answer.operation,
        "faces": [_face(face) for face in answer.faces],
        "recogniser": answer.recogniser,
        "calibration": answer.calibration,
        "cohort": answer.cohort,
    }
    if answer.operation == "identify":
        document["candidates"] = [_candidate(candidate) for candidate in answer.candidates]
        document["threshold_similarity"] = answer.threshold_similarity
        document["gallery_size"] = answer.gallery_size
    if answer.operation == "verify":
        document["verified"] = answer.verified
        document["threshold_similarity"] = answer.threshold_similarity
    if answer.operation == "enroll":
        document["subject"] = answer.enrolled
    if answer.remarks:
        document["remarks"] = list(answer.remarks)
    return document


def _face(face: Face) -> dict[str, int]:
    return {"left": face.box.left, "top": face.box.top, "right": face.box.right, "bottom": face.box.bottom}


def _candidate(candidate: Candidate) -> dict[str, Any]:
    return {
        "subject": candidate.subject,
        "similarity": candidate.similarity,
        "expected_false_candidates": candidate.expected_false_candidates,
    }


def _obligation(obligation: Obligation) -> dict[str, object]:
    return obligation.to_json() | {"sentence": obligation.sentence}
