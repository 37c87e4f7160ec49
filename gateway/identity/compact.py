"""Take a compact JWS apart, strictly: whatever two readers could read differently is refused. Pure: knows no key and no claim.

Python-jose itself would accept padding, foreign characters and line breaks in base64url, a fourth segment, duplicate members
(the last one wins), and headers that change what the signature means."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from dataclasses import dataclass
from typing import Any, NoReturn

LONGEST_TOKEN = 8192
LONGEST_KID = 128
LONGEST_HEADER = 512
DEEPEST_HEADER = 4
DEEPEST_CLAIMS = 8
ALGORITHMS = frozenset({"RS256", "ES256"})
# Each of these lets a token choose its own key, change what is signed, or hide what it says.
FORBIDDEN = frozenset({"crit", "b64", "jku", "x5u", "jwk", "x5c", "zip", "enc"})
KNOWN = frozenset({"alg", "typ", "kid", "x5t", "x5t#S256"})  # thumbprints are sent by some issuers, and ignored


class CompactRefused(Exception):
    """The token has not the one form that is accepted; `reason` is one of the words below."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Compact:
    """A token taken apart; nothing of it is believed yet."""

    algorithm: str
    kind: str | None
    kid: str
    payload: bytes
    signed: bytes
    signature: bytes


def take_apart(token: object) -> Compact:
    """Return the parts of a token.

    Raises CompactRefused: token-form, token-length, token-segments, base64, header-length, header-json, header-duplicate,
    header-depth, header-forbidden, header-unknown, header-alg, header-typ, header-kid."""
    if not isinstance(token, str) or not token.isascii():
        raise CompactRefused("token-form")
    if len(token) > LONGEST_TOKEN:
        raise CompactRefused("token-length")
    segments = token.encode().split(b".")
    if len(segments) != 3:
        raise CompactRefused("token-segments")
    algorithm, kind, kid = _read_header(_decode(segments[0]))
    signed = segments[0] + b"." + segments[1]
    return Compact(algorithm, kind, kid, _decode(segments[1]), signed, _decode(segments[2]))


def _read_header(data: bytes) -> tuple[str, str | None, str]:
    if len(data) > LONGEST_HEADER:
        raise CompactRefused("header-length")
    header = read_object(data, DEEPEST_HEADER, "header")
    if FORBIDDEN & header.keys():
        raise CompactRefused("header-forbidden")
    if not header.keys() <= KNOWN:
        raise CompactRefused("header-unknown")
    algorithm, kind, kid = header.get("alg"), header.get("typ"), header.get("kid")
    if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
        raise CompactRefused("header-alg")
    if not isinstance(kind, str | None) or ("typ" in header and kind is None):
        raise CompactRefused("header-typ")
    if not isinstance(kid, str) or not 1 <= len(kid) <= LONGEST_KID or not kid.isprintable():
        raise CompactRefused("header-kid")
    return algorithm, kind, kid


def read_object(data: bytes, deepest: int, what: str) -> dict[str, Any]:
    """Read a JSON object in which no name occurs twice, at any depth.

    Raises CompactRefused: `what` with -json, -duplicate or -depth."""
    try:
        value = json.loads(data.decode("utf-8"), object_pairs_hook=_distinct, parse_constant=_no_constant)
    except _TwiceError:
        raise CompactRefused(f"{what}-duplicate") from None
    except RecursionError:
        raise CompactRefused(f"{what}-depth") from None
    except ValueError:
        raise CompactRefused(f"{what}-json") from None
    if not isinstance(value, dict):
        raise CompactRefused(f"{what}-json")
    if _deeper_than(value, deepest):
        raise CompactRefused(f"{what}-depth")
    return value


def _decode(segment: bytes) -> bytes:
    try:
        data = urlsafe_b64decode(segment + b"=" * (-len(segment) % 4))
    except Base64Error:
        raise CompactRefused("base64") from None
    # The decoder skips what it does not know; only the one canonical spelling survives the way back.
    if urlsafe_b64encode(data).rstrip(b"=") != segment:
        raise CompactRefused("base64")
    return data


class _TwiceError(ValueError):
    pass


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise _TwiceError
    return members


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)  # NaN and Infinity are not JSON


def _deeper_than(value: object, deepest: int) -> bool:
    if isinstance(value, dict):
        return deepest == 0 or any(_deeper_than(item, deepest - 1) for item in value.values())
    if isinstance(value, list):
        return deepest == 0 or any(_deeper_than(item, deepest - 1) for item in value)
    return False
