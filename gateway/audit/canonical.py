"""Read canonical JSON (RFC 8785), the one spelling that a log entry may have. Never knows what an entry says.

It writes nothing: the verifier's reader shares no code with the log's writer, so that neither hides the other's faults."""

import json
from typing import Any, Final, NoReturn

from gateway.audit.errors import AuditError

MAX_INTEGER: Final = (1 << 53) - 1  # RFC 7493: beyond it, a reader in another language may see another number


class CanonicalError(AuditError):
    """The bytes are not in canonical form, so a second spelling of the same entry could exist; they are not believed."""

    code = "not-canonical"


def decode(raw: bytes) -> dict[str, Any]:
    """Return the object that `raw` spells: members, arrays, strings, integers, booleans and null.

    Raises CanonicalError unless writing that object canonically gives exactly these bytes back."""
    try:
        text = raw.decode()
        value, _ = _decoder.raw_decode(text)  # whatever follows the value shows below, as all other differences do
        # Sorting by code point, which C does, differs from RFC 8785 only where a name is not ASCII.
        again = _sorting_encoder(value) if text.isascii() else _encoder(_ordered(value))
    except (ValueError, RecursionError) as wrong:
        raise CanonicalError(f"this is not canonical JSON: {wrong}") from wrong
    if again != text:
        raise CanonicalError("this is JSON, but not in its canonical form (order, spacing, escapes, or a doubled member)")
    if not isinstance(value, dict):
        raise CanonicalError("this is not a JSON object")
    return value


def _ordered(value: object) -> object:
    """Return the value with the members of each object in RFC 8785's order: by UTF-16 code units."""
    if isinstance(value, dict):
        return {name: _ordered(value[name]) for name in sorted(value, key=_utf16)}
    if isinstance(value, list):
        return [_ordered(item) for item in value]
    return value


def _utf16(name: str) -> bytes:
    return name.encode("utf-16-be")


def _integer(digits: str) -> int:
    if len(digits) > 17 or abs(value := int(digits)) > MAX_INTEGER:
        raise ValueError("an integer beyond 2^53 - 1")
    return value


def _no_fraction(_digits: str) -> NoReturn:
    raise ValueError("a number with a fraction or an exponent")


def _writer(*, sort_keys: bool) -> json.JSONEncoder:
    return json.JSONEncoder(ensure_ascii=False, check_circular=False, separators=(",", ":"), sort_keys=sort_keys)


_encoder: Final = _writer(sort_keys=False).encode
_sorting_encoder: Final = _writer(sort_keys=True).encode
_decoder: Final = json.JSONDecoder(parse_int=_integer, parse_float=_no_fraction, parse_constant=_no_fraction)
