"""What a receiver checks (docs/api.md shows it how) tells our messages from every forgery: the cases S6 of the threat model."""

import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gateway.enforcement.webhooks.signing import headers, new_secret, signature

SECRET, OLD, FOREIGN = new_secret(), new_secret(), new_secret()
BODY = b'{"type":"decision.released","timestamp":"2026-12-01T10:00:00.000000Z","data":{"decision_id":"d","state":"released"}}'
NOW = int(time.time())


@pytest.fixture
def verify() -> Callable[..., bool]:
    """The recipe as docs/api.md prints it, run as it stands there."""
    text = (Path(__file__).parents[3] / "docs/api.md").read_text("utf-8")
    (recipe,) = re.findall(r"```python\n(def verified\(.*?)```", text.replace("import base64, hashlib, hmac, time\n\n\n", ""), re.DOTALL)
    names: dict[str, Any] = {}
    exec("import base64, hashlib, hmac, time\nseen = set()\n" + recipe, names)  # noqa: S102 - the documented recipe is what is tested
    return lambda said, body, secrets=(SECRET,): names["verified"](said, body, secrets, names["seen"], NOW)


def signed(*secrets: str, at: int = NOW, body: bytes = BODY, name: str = "msg-1") -> dict[str, str]:
    return dict(headers(secrets, name, datetime.fromtimestamp(at, UTC), body))


def test_the_signature_is_that_of_the_specification() -> None:
    # The specification's own example: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
    secret, body = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", b'{"test": 2432232314}'
    assert signature(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body) == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_true_message_is_believed_once(verify: Callable[..., bool]) -> None:
    assert verify(signed(SECRET), BODY)
    assert not verify(signed(SECRET), BODY), "the same id again is a replay"
    assert verify(signed(SECRET, name="msg-2"), BODY)


def test_while_a_secret_is_replaced_both_are_believed_and_afterwards_one(verify: Callable[..., bool]) -> None:
    both = signed(SECRET, OLD)
    assert len(both["webhook-signature"].split(" ")) == 2
    assert verify(both, BODY, (OLD,))
    assert not verify(signed(SECRET, name="msg-2"), BODY, (OLD,))


FORGERIES: dict[str, Callable[[dict[str, str]], tuple[dict[str, str], bytes]]] = {
    "no signature": lambda said: ({name: text for name, text in said.items() if name != "webhook-signature"}, BODY),
    "no id": lambda said: ({name: text for name, text in said.items() if name != "webhook-id"}, BODY),
    "no moment": lambda said: ({name: text for name, text in said.items() if name != "webhook-timestamp"}, BODY),
    "another body": lambda said: (said, BODY.replace(b"released", b"withheld")),
    "the body written anew": lambda said: (said, BODY.replace(b",", b", ")),
    "a body cut short": lambda said: (said, BODY[:-1]),
    "another id": lambda said: (said | {"webhook-id": "msg-9"}, BODY),
    "another moment": lambda said: (said | {"webhook-timestamp": str(NOW + 1)}, BODY),
    "a moment that is no number": lambda said: (said | {"webhook-timestamp": "now"}, BODY),
    "too old": lambda _said: (signed(SECRET, at=NOW - 301), BODY),
    "from the future": lambda _said: (signed(SECRET, at=NOW + 301), BODY),
    "a foreign secret": lambda _said: (signed(FOREIGN), BODY),
    "another version": lambda said: (said | {"webhook-signature": said["webhook-signature"].replace("v1,", "v1a,")}, BODY),
    "no version": lambda said: (said | {"webhook-signature": said["webhook-signature"].removeprefix("v1,")}, BODY),
    "a signature cut short": lambda said: (said | {"webhook-signature": said["webhook-signature"][:-4]}, BODY),
    "no base64": lambda said: (said | {"webhook-signature": "v1,***"}, BODY),
    "an empty signature": lambda said: (said | {"webhook-signature": ""}, BODY),
    "id and moment run together": lambda said: (said | {"webhook-id": f"msg-1.{NOW}", "webhook-timestamp": "0"}, BODY),
}


@pytest.mark.parametrize("how", FORGERIES)
def test_a_forged_or_stale_message_is_not_believed(how: str, verify: Callable[..., bool]) -> None:
    said, body = FORGERIES[how](signed(SECRET))
    assert not verify(said, body)
