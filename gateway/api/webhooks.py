"""The door for webhooks: where a client is told that a decision of its changed its state. A client sees its own alone. Sends nothing.

Writes them as JSON for the API and the command line alike; a secret is shown once, to whoever had it made."""

import asyncio
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request, Response

from gateway.api import documents, said
from gateway.api.door import Door
from gateway.api.openapi import json_request, problem_responses
from gateway.api.rendering import json_response
from gateway.clock import iso
from gateway.enforcement.registrar import Done
from gateway.enforcement.webhooks.desk import OVERLAP_HOURS, Keyed, WebhookDesk
from gateway.enforcement.webhooks.sending import Sent
from gateway.registry.webhooks import Delivery, Webhook

_NEW = {
    "required": ["url"],
    "properties": {"url": {"type": "string", "description": "https, and of an origin that the operator has listed"}},
}
_ROTATE = {"properties": {"overlap_hours": {"type": "integer", "description": "How long the old secret signs, too: 24 unless you say so"}}}


@dataclass(frozen=True, slots=True)
class WebhookDoor:
    """/v1/clients/{id}/webhooks."""

    door: Door
    desk: WebhookDesk

    def router(self) -> APIRouter:
        """Return the routes."""
        router = APIRouter(tags=["webhooks"], responses=problem_responses(400, 401, 403, 404, 409, 415, 422, 503))
        add, base = router.add_api_route, "/v1/clients/{client_id}/webhooks"
        one = f"{base}/{{webhook_id}}"
        add(base, self.list_webhooks, methods=["GET"], summary="A client's webhooks")
        add(base, self.register, methods=["POST"], summary="Register a webhook", openapi_extra=json_request(_NEW))
        add(one, self.show, methods=["GET"], summary="One webhook, and its latest messages")
        add(one, self.remove, methods=["DELETE"], summary="Remove a webhook")
        add(f"{one}/rotate", self.rotate, methods=["POST"], summary="Replace a webhook's secret", openapi_extra=json_request(_ROTATE))
        add(f"{one}/test", self.test, methods=["POST"], summary="Send a webhook a message for a test")
        add(f"{one}/deliveries/{{delivery_id}}/retry", self.retry, methods=["POST"], summary="Send a message that was given up once more")
        return router

    async def list_webhooks(self, request: Request, client_id: str) -> Response:
        """Return a client's webhooks, the oldest first."""
        await self.door.reader(request, client_id, "client")
        found = await asyncio.to_thread(self.desk.webhooks.all, client_id)
        return json_response({"webhooks": [shown(webhook) for webhook in found]})

    async def register(self, request: Request, client_id: str) -> Response:
        """Put an address on record, and show its secret: now, and never again."""
        actor = await self.door.own_or_staff(request, client_id, "client")
        given = said.members(await self.door.document(request), ("url",))
        done = await asyncio.to_thread(self.desk.register, actor, client_id, given["url"])
        return json_response(keyed(done), 201, {"location": f"/v1/clients/{client_id}/webhooks/{done.value.webhook.id}"})

    async def show(self, request: Request, client_id: str, webhook_id: str) -> Response:
        """Return one webhook with its latest messages: what was taken, what is due, what was given up."""
        await self.door.reader(request, client_id, "webhook")
        webhook = await asyncio.to_thread(self.desk.webhooks.get, client_id, webhook_id)
        deliveries = await asyncio.to_thread(self.desk.webhooks.deliveries, webhook_id)
        return json_response(shown(webhook) | {"deliveries": [told(delivery) for delivery in deliveries]})

    async def rotate(self, request: Request, client_id: str, webhook_id: str) -> Response:
        """Make a new secret, and show it once; both secrets sign for a while."""
        actor = await self.door.own_or_staff(request, client_id, "webhook")
        given = said.members(await self.door.document(request), (), ("overlap_hours",))
        hours = given.get("overlap_hours", OVERLAP_HOURS)
        return json_response(keyed(await asyncio.to_thread(self.desk.rotate, actor, client_id, webhook_id, hours)))

    async def test(self, request: Request, client_id: str, webhook_id: str) -> Response:
        """Send a message that says nothing, and return how it went."""
        actor = await self.door.own_or_staff(request, client_id, "webhook")
        return json_response(tried(*await self.desk.test(actor, client_id, webhook_id)))

    async def remove(self, request: Request, client_id: str, webhook_id: str) -> Response:
        """Stop telling it there."""
        actor = await self.door.own_or_staff(request, client_id, "webhook")
        done = await asyncio.to_thread(self.desk.remove, actor, client_id, webhook_id)
        return json_response(documents.recorded({"id": webhook_id, "removed": True}, done))

    async def retry(self, request: Request, client_id: str, webhook_id: str, delivery_id: str) -> Response:
        """Make a message due once more."""
        actor = await self.door.own_or_staff(request, client_id, "webhook")
        done = await asyncio.to_thread(self.desk.again, actor, client_id, webhook_id, delivery_id)
        return json_response(documents.recorded(told(done.value), done))


def shown(webhook: Webhook) -> dict[str, Any]:
    """A webhook as its client and the registrar see it; no secret."""
    return {
        "id": webhook.id,
        "client": webhook.client,
        "url": webhook.url,
        "state": webhook.state,
        "failures": webhook.failures,
        "created_at": iso(webhook.created_at),
        "both_sign_until": None if webhook.old_ends is None else iso(webhook.old_ends),
    }


def keyed(done: Done[Keyed]) -> dict[str, Any]:
    """A webhook with the secret that was made a moment ago: the one time that it is shown."""
    return documents.recorded(shown(done.value.webhook) | {"secret": done.value.secret}, done)


def told(delivery: Delivery) -> dict[str, Any]:
    """A message: which decision, what became of it, and of the message."""
    return {
        "id": delivery.id,
        "decision_id": delivery.decision_id,
        "state": delivery.state,
        "attempts": delivery.attempts,
        "made_at": iso(delivery.made_at),
        "next_at": iso(delivery.next_at) if delivery.state == "due" else None,
        "ended_at": None if delivery.ended_at is None else iso(delivery.ended_at),
        "why": delivery.why,
    }


def tried(sent: Sent, message_id: str) -> dict[str, Any]:
    """How a test went."""
    return {"delivered": sent.delivered, "status": sent.status, "why": sent.why, "webhook-id": message_id}
