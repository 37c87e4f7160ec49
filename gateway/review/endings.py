"""Say which results have come to an end that their client was not told of yet. Opens no result, and tells nobody itself."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from sqlmodel import col, exists, func, select

from gateway.registry.webhooks import DeliveryRow, Webhook
from gateway.review.queue import ReviewRow
from gateway.store.sessions import Database

# How a result ends, and the word for it that its client is told.
TOLD_AS: Final = {"released": "released", "withheld": "withheld", "destroyed": "expired"}
_MOST: Final = 200


@dataclass(frozen=True, slots=True)
class Endings:
    """The ends of held results, as the register of reviews has them."""

    database: Database

    def untold(self, webhook: Webhook) -> Iterator[tuple[str, str]]:
        """Yield decision and new state of what ended since the webhook was registered and has no message yet."""
        told = exists().where(
            col(DeliveryRow.webhook) == webhook.id,
            col(DeliveryRow.decision_id) == col(ReviewRow.decision_id),
            col(DeliveryRow.change) == col(ReviewRow.state),
        )
        query = (
            select(ReviewRow.decision_id, ReviewRow.state)
            .where(ReviewRow.client == webhook.client, col(ReviewRow.state).in_(tuple(TOLD_AS)), ~told)
            .where(func.coalesce(col(ReviewRow.settled_at), col(ReviewRow.created_at)) >= webhook.created_at)
            .limit(_MOST)
        )
        with self.database.reading() as session:
            yield from session.exec(query).all()
