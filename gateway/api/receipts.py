"""What a stranger needs to check the log: the checkpoint, the key, and a proof for each entry. Hashes only; entries are for auditors."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from fastapi import APIRouter, Request, Response

from gateway.api.door import FieldMalformed
from gateway.api.openapi import problem_responses
from gateway.api.rendering import json_response
from gateway.audit.log import AuditLog
from gateway.errors import CustodesError


class EntryUnknown(CustodesError):
    """The log has no such entry."""

    code = "not-found"


@dataclass(frozen=True, slots=True)
class ReceiptDoor:
    """GET /v1/receipts/{index}, /audit/checkpoint, /audit/log.vkey."""

    log: AuditLog
    published: Callable[[], bytes]
    verifier_key: str

    def router(self) -> APIRouter:
        """Return the routes."""
        router = APIRouter(tags=["audit"], responses=problem_responses(404, 422))
        router.add_api_route("/v1/receipts/{index}", self.receipt, methods=["GET"], summary="A fresh proof that an entry is in the log")
        router.add_api_route("/audit/checkpoint", self.checkpoint, methods=["GET"], summary="The signed head of the log (C2SP checkpoint)")
        router.add_api_route("/audit/log.vkey", self.key, methods=["GET"], summary="The log's verifier key (C2SP signed note)")
        return router

    async def receipt(self, request: Request, index: str) -> Response:
        """Return the receipt, as JSON or, for `Accept: text/plain`, as c2sp.org/tlog-proof@v1."""
        if not index.isascii() or not index.isdigit() or len(index) > 15:
            raise FieldMalformed("index", "An index is a whole number.")
        number = int(index)
        if number >= self.log.size:
            raise EntryUnknown(f"The log holds {self.log.size} entries; there is no entry {number}.")
        receipt = await asyncio.to_thread(self.log.receipt, number, self.published())
        if request.headers.get("accept", "").startswith("text/plain"):
            return Response(receipt.text(), media_type="text/plain; charset=utf-8")
        return json_response(
            {"log_index": number, "leaf_hash": receipt.leaf_hash.hex(), "receipt": receipt.text(), "key": self.verifier_key}
        )

    async def checkpoint(self) -> Response:
        """Return the signed note: the newest that witnesses have cosigned lately, with their lines; else the newest."""
        return Response(self.published(), media_type="text/plain; charset=utf-8")

    async def key(self) -> Response:
        """Return the key; compare it with the one you were given on another way."""
        return Response(self.verifier_key + "\n", media_type="text/plain; charset=utf-8")
