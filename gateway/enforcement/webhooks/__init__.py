"""Webhooks: where a client is told that a decision of its changed its state, how that is signed, and who sends it."""
