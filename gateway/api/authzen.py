"""The AuthZEN 1.0 door: metadata, one evaluation, a batch of them. Speaks that standard's words and decides nothing.

A deny is an answer (200, `decision: false`); only what cannot be read at all is a 400."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from fastapi import APIRouter, Request, Response

from gateway.api import rendering
from gateway.api.door import Door, FieldMalformed
from gateway.api.openapi import json_request, problem_responses
from gateway.api.routes import PlainRoute
from gateway.enforcement.answers import Checked, TurnedAway
from gateway.enforcement.dialect import ENTITIES, Dialect, EvaluationMalformed, Question
from gateway.enforcement.duties.terms import HONOURED
from gateway.enforcement.evaluations import Evaluator, Semantic
from gateway.enforcement.images import BodyRefused
from gateway.identity.callers import Caller
from gateway.registry.lookups import View

METADATA: Final = "/.well-known/authzen-configuration"
EVALUATION: Final = "/access/v1/evaluation"
EVALUATIONS: Final = "/access/v1/evaluations"
MOST: Final = 100

_ENTITY: Final = {
    name: {"type": "object", "required": list(keys), "properties": {key: {"type": "string"} for key in keys}}
    for name, keys in ENTITIES.items()
}
_ONE: Final[dict[str, Any]] = {"required": list(ENTITIES), "properties": {**_ENTITY, "context": {"type": "object"}}}
_MANY: Final[dict[str, Any]] = {
    "properties": {
        **_ENTITY,
        "context": {"type": "object"},
        "evaluations": {"type": "array", "maxItems": MOST, "items": {"type": "object"}},
        "options": {"type": "object", "properties": {"evaluations_semantic": {"enum": [str(word) for word in Semantic]}}},
    }
}


@dataclass(frozen=True, slots=True)
class AuthzenDoor:
    """GET /.well-known/authzen-configuration, POST /access/v1/evaluation, POST /access/v1/evaluations."""

    door: Door
    evaluator: Evaluator
    dialect: Dialect
    url: str

    def router(self) -> APIRouter:
        """Return the routes."""
        router = APIRouter(route_class=PlainRoute, tags=["AuthZEN"], responses=problem_responses(400, 401, 403, 413, 503))
        router.add_api_route(METADATA, self.metadata, methods=["GET"], summary="Where the decision point answers (AuthZEN 1.0)")
        for path, endpoint, summary, schema in (
            (EVALUATION, self.evaluation, "May this subject do this to that? (AuthZEN 1.0)", _ONE),
            (EVALUATIONS, self.evaluations, "Several such questions at once (AuthZEN 1.0)", _MANY),
        ):
            router.add_api_route(path, endpoint, methods=["POST"], summary=summary, openapi_extra=json_request(schema))
        return router

    async def metadata(self, _request: Request) -> Response:
        """Return the addresses, and which obligations this gateway honours."""
        return rendering.json_response(
            {
                "policy_decision_point": self.url,
                "access_evaluation_endpoint": self.url + EVALUATION,
                "access_evaluations_endpoint": self.url + EVALUATIONS,
                "supported_obligations": sorted(HONOURED),
            }
        )

    async def evaluation(self, request: Request) -> Response:
        """Answer one question."""
        caller, view = await self._asker(request)
        try:
            said = await self._said(request)
            question = self.dialect.question(said)
        except EvaluationMalformed as fault:
            raise await self._turned_away(caller, view, fault) from fault
        (answer,) = await self.evaluator.evaluate(caller, view, [question])
        return rendering.json_response(rendering.evaluated(answer))

    async def evaluations(self, request: Request) -> Response:
        """Answer a batch; without `evaluations` it is one question, and is answered as one."""
        caller, view = await self._asker(request)
        try:
            said = await self._said(request)
            items = _items(said)
            asked: list[Question | EvaluationMalformed] = [self._item(said, item) for item in items] or [self.dialect.question(said)]
            semantic = _semantic(said.get("options"))
        except EvaluationMalformed as fault:
            raise await self._turned_away(caller, view, fault) from fault
        answers = await self.evaluator.evaluate(caller, view, asked, semantic)
        if not items:
            return rendering.json_response(rendering.evaluated(answers[0]))
        return rendering.json_response({"evaluations": [rendering.evaluated(answer) for answer in answers]})

    async def _asker(self, request: Request) -> tuple[Caller, View]:
        caller, view = await self.door.recognised(request)
        if not self.evaluator.may_ask(caller):
            await self.door.must_hold(request, caller, "auditor")
        return caller, view

    async def _said(self, request: Request) -> Mapping[str, object]:
        try:
            return await self.door.document(request)
        except (BodyRefused, FieldMalformed) as fault:
            if fault.code in ("body-too-large", "body-too-slow"):
                raise
            raise EvaluationMalformed("", fault.sentence) from fault

    def _item(self, said: Mapping[str, object], item: object) -> Question | EvaluationMalformed:
        try:
            return self.dialect.question(_with_defaults(said, item))
        except EvaluationMalformed as fault:
            return fault

    async def _turned_away(self, caller: Caller, view: View, fault: EvaluationMalformed) -> TurnedAway:
        answer: Checked = (await self.evaluator.evaluate(caller, view, [fault]))[0]
        return TurnedAway(fault, answer.decision_id, answer.receipt)


def _items(said: Mapping[str, object]) -> list[object]:
    """Return the batch's items, after a look at what they share: that must be well formed, or the whole is not."""
    items = said.get("evaluations", [])
    if not isinstance(items, list) or len(items) > MOST:
        raise EvaluationMalformed("evaluations", f"'evaluations' must be a list of at most {MOST}.")
    for name in (*ENTITIES, "context"):
        if not isinstance(said.get(name, {}), dict):
            raise EvaluationMalformed(name, f"{name!r} must be an object.")
    return items


def _with_defaults(said: Mapping[str, object], item: object) -> Mapping[str, object]:
    """Return the item with what it leaves out: an entity of its own replaces the shared one, but for a missing type, id or name."""
    if not isinstance(item, dict):
        raise EvaluationMalformed("evaluations", "Each evaluation must be an object.")
    merged = {name: said[name] for name in (*ENTITIES, "context") if name in said} | item
    for name, keys in ENTITIES.items():
        own, shared = item.get(name), said.get(name)
        if isinstance(own, dict) and isinstance(shared, dict):
            merged[name] = {key: shared[key] for key in keys if key in shared} | own
    return merged


def _semantic(options: object) -> Semantic:
    if options is None:
        return Semantic.ALL
    if not isinstance(options, dict):
        raise EvaluationMalformed("options", "'options' must be an object.")
    try:
        return Semantic(options.get("evaluations_semantic", Semantic.ALL))
    except ValueError as fault:
        raise EvaluationMalformed("options.evaluations_semantic", f"The semantics are {', '.join(Semantic)}.") from fault
