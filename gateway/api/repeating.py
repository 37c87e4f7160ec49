"""Read `Idempotency-Key`, and write an answer so that it can be sent again byte for byte. Knows no database."""

import re
from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from gateway.api import rendering
from gateway.api.fields import item
from gateway.api.problems import render_error
from gateway.enforcement.answers import Held, ImageUnusable
from gateway.enforcement.declaration import Declaration, DeclarationMalformed
from gateway.enforcement.repeats import Ending, Once, Repeated

HEADER: Final = "idempotency-key"
# The draft wants a structured string ("8e03978e-40d5"); many clients send the bare word, and nothing else could be meant by it.
_BARE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._~:+/=-]{0,254}", re.ASCII)
_LONGEST: Final = 255
_SENT: Final = ("content-type", "location")


def once_of(request: Request, declaration: Declaration) -> Once | None:
    """Return what makes the request repeatable, or None without the header. Raises DeclarationMalformed."""
    given = request.headers.get(HEADER)
    if given is None:
        return None
    key = given if _BARE.fullmatch(given) else item(HEADER, given)
    if not isinstance(key, str) or not 1 <= len(key) <= _LONGEST:
        raise DeclarationMalformed(
            HEADER, f'The header {HEADER} takes 1 to {_LONGEST} characters, like "8e03978e-40d5-43dd-bc93-6894a57f9324".'
        )
    return Once.of(key, request.url.path, declaration, write)


def write(ending: Ending) -> bytes:
    """Return an ending as the answer that a client gets for it."""
    answer = render(ending)
    headers = {name: answer.headers[name] for name in _SENT if name in answer.headers}
    return msgspec.json.encode((answer.status_code, headers, bytes(answer.body)))


def render(ending: Ending | Repeated) -> Response:
    """Return the answer to a permitted request: anew, or as it was written."""
    if isinstance(ending, Repeated):
        status, headers, body = msgspec.json.decode(ending.written, type=tuple[int, dict[str, str], bytes])
        return Response(body, status, headers)
    if isinstance(ending, Held):
        return rendering.held(ending, f"/v1/searches/{ending.decision_id}")
    return render_error(ending) if isinstance(ending, ImageUnusable) else rendering.released(ending)
