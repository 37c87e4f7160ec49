"""Sign messages as Standard Webhooks asks: HMAC-SHA256 over id, moment and body, under secrets that both sides know. Sends nothing.

https://github.com/standard-webhooks/standard-webhooks, symmetric scheme `v1`."""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

PREFIX: Final = "whsec_"
SECRET_BYTES: Final = 32


def new_secret() -> str:
    """Make a secret, as its receiver is shown it."""
    return PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def signature(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """Return one signature with its version."""
    key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    signed = b"%b.%d.%b" % (message_id.encode(), timestamp, body)
    return "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()


def headers(known: Sequence[str], message_id: str, at: datetime, body: bytes) -> Mapping[str, str]:
    """Return the three headers; while a secret is being replaced, the message carries a signature of each."""
    moment = int(at.timestamp())
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(moment),
        "webhook-signature": " ".join(signature(secret, message_id, moment, body) for secret in known),
    }
