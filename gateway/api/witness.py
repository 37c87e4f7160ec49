"""The door of a witness: C2SP tlog-witness over HTTP. Decides nothing, and answers only with what the witness's memory holds already."""

import asyncio
from dataclasses import dataclass
from typing import Final

from fastapi import APIRouter, FastAPI, Request, Response

from gateway.api.body_limits import BodyLimits, read_bounded
from gateway.api.guard import Guard
from gateway.api.problems import UNAVAILABLE, VERDICTS, render_problem
from gateway.audit.submission import MAX_BODY_BYTES, SIZE_TYPE
from gateway.audit.witness import Verdict, Witness, WitnessUnavailable
from gateway.errors import CustodesError

_TEXT: Final = "text/plain; charset=utf-8"
_BODY_SECONDS: Final = 10.0
_RETRY_SECONDS: Final = 5


@dataclass(frozen=True, slots=True)
class WitnessDoor:
    """POST /add-checkpoint, GET /{hex SHA-256 of the origin}/checkpoint, GET /witness.vkey."""

    witness: Witness
    keys: tuple[str, ...]
    limits: BodyLimits

    def router(self) -> APIRouter:
        """Return the routes."""
        router = APIRouter(tags=["witness"])
        router.add_api_route("/add-checkpoint", self.add_checkpoint, methods=["POST"], summary="Cosign a checkpoint (C2SP tlog-witness)")
        router.add_api_route("/witness.vkey", self.key, methods=["GET"], summary="The witness's verifier keys")
        router.add_api_route("/{digest}/checkpoint", self.latest, methods=["GET"], summary="A log's newest cosigned checkpoint")
        return router

    async def add_checkpoint(self, request: Request) -> Response:
        """Answer a submission with the specification's status: 200, 400, 403, 404, 409, 422; 503 if it could not be remembered."""
        body = await read_bounded(request.headers, request.stream(), self.limits, MAX_BODY_BYTES)
        try:
            # In a thread, for it waits for the disk: the cosignature leaves only when its memory would survive a power cut.
            answer = await asyncio.to_thread(self.witness.add_checkpoint, body)
        except WitnessUnavailable as fault:
            return _unavailable(fault)
        status, kind = VERDICTS[answer.verdict], SIZE_TYPE if answer.verdict is Verdict.CONFLICT else _TEXT
        text = answer.body if answer.body.endswith("\n") else f"{answer.body}\n"
        # Bytes: Starlette would add a character set to a type that has none by its definition.
        return Response(text.encode(), status, headers={"content-type": kind})

    async def latest(self, digest: str) -> Response:
        """Return what monitors compare: the newest checkpoint of a log that this witness has cosigned; 404 if there is none."""
        try:
            found = await asyncio.to_thread(self.witness.latest, digest)
        except WitnessUnavailable as fault:
            return _unavailable(fault)
        if found is None:
            return Response("this witness has cosigned no such log\n", VERDICTS[Verdict.UNKNOWN_LOG], media_type="text/plain")
        return Response(found, media_type="text/plain")

    async def key(self) -> Response:
        """Return the keys; compare them with the ones you were given on another way."""
        return Response("".join(f"{key}\n" for key in self.keys), media_type="text/plain")


def create_witness_app(witness: Witness, keys: tuple[str, ...]) -> FastAPI:
    """Return the application that serves this witness, and nothing besides."""
    app = FastAPI(title="Custodes witness", docs_url=None, redoc_url=None, openapi_url=None)
    app.include_router(WitnessDoor(witness, keys, BodyLimits(0, _BODY_SECONDS)).router())
    app.add_exception_handler(CustodesError, render_problem)
    app.add_middleware(Guard)
    return app


def _unavailable(fault: WitnessUnavailable) -> Response:
    return Response(f"{fault.sentence}\n", UNAVAILABLE, media_type="text/plain", headers={"retry-after": str(_RETRY_SECONDS)})
