"""Put clients on record, give and take their keys, and stop them. Believes nothing that a client says of its own kind.

Every step blocks for a commit; it raises what Registrar.give() and take() raise."""

from dataclasses import dataclass
from typing import Final

from gateway.enforcement.registrar import Actor, Done, Registrar
from gateway.registry.clients import Client, Clients, NewClient

REGISTRAR: Final = "registrar"


@dataclass(frozen=True, slots=True)
class ClientDesk:
    """The registrar's desk for clients."""

    registrar: Registrar
    clients: Clients

    def register(self, actor: Actor, new: NewClient) -> Done[Client]:
        """Put a client on record, active at once."""
        return self.registrar.give(actor, REGISTRAR, "client-change", "registered", lambda: self.clients.register(new, actor.name), _told)

    def suspend(self, actor: Actor, client_id: str, reason: str) -> Done[Client]:
        """Refuse everything that this client asks, from its next request on."""
        return self._stop(actor, "suspended", client_id, reason)

    def close(self, actor: Actor, client_id: str, reason: str) -> Done[Client]:
        """End the relation for good."""
        return self._stop(actor, "closed", client_id, reason)

    def resume(self, actor: Actor, client_id: str, reason: str) -> Done[Client]:
        """Let a suspended client act again."""
        return self.registrar.give(
            actor,
            REGISTRAR,
            "client-change",
            "resumed",
            lambda: self.clients.resume(client_id, reason),
            lambda client: {"client": client.id, "reason": reason},
        )

    def add_key(self, actor: Actor, client_id: str, jwk: object) -> Done[Client]:
        """Trust one more public key of the client."""
        return self.registrar.give(
            actor,
            REGISTRAR,
            "key-change",
            "client-key-added",
            lambda: self.clients.add_key(client_id, jwk),
            lambda client: {"client": client.id, "kid": client.keys[-1].kid, "algorithm": client.keys[-1].algorithm},
        )

    def revoke_key(self, actor: Actor, client_id: str, kid: str) -> Done[Client]:
        """Stop trusting a key, at once."""
        done = self.registrar.take(actor, REGISTRAR, "key-change", "client-key-revoked", {"client": client_id, "kid": kid})
        return Done(self.clients.get(client_id), done.receipt)

    def rotate_key(self, actor: Actor, client_id: str, jwk: object, old: str) -> Done[Client]:
        """Trust a new key, and then no longer the old one: two steps, each with its entry, and no gap between them."""
        if all(key.kid != old for key in self.clients.get(client_id).keys):
            return self.revoke_key(actor, client_id, old)  # which says that there is none
        self.add_key(actor, client_id, jwk)
        return self.revoke_key(actor, client_id, old)

    def _stop(self, actor: Actor, act: str, client_id: str, reason: str) -> Done[Client]:
        done = self.registrar.take(actor, REGISTRAR, "client-change", act, {"client": client_id, "reason": reason})
        return Done(self.clients.get(client_id), done.receipt)


def _told(client: Client) -> dict[str, object]:
    return {
        "client": client.id,
        "client_kind": client.kind,
        "acts_for": client.acts_for,
        "place": client.place,
        "agency_authorised": client.agency_authorised,
        "kids": [key.kid for key in client.keys],
    }
