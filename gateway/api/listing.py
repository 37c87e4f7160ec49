"""Answer with a list: filtered by its members, a page at a time, the URL being the question. Knows nothing of what is listed."""

from collections.abc import Sequence
from typing import Any, Final

from fastapi import Request, Response

from gateway.api.door import FieldMalformed
from gateway.api.rendering import json_response

_PAGE: Final = 50
_LONGEST_PAGE: Final = 500


def page(request: Request, noun: str, documents: Sequence[dict[str, Any]], key: str, filters: tuple[str, ...]) -> Response:
    """Return one page of the documents, in the order of `key`, which names each; `next` is the path of the one behind it, or null.

    The query may hold each of `filters` (an exact value), `limit` (1 to 500, else 50) and `after` (a key).
    Raises FieldMalformed for anything else."""
    given = dict(request.query_params)
    if len(given) != len(request.query_params.multi_items()):
        raise FieldMalformed("query", "Each filter is given once.")
    after, limit = given.pop("after", None), given.pop("limit", str(_PAGE))
    if not limit.isascii() or not limit.isdigit() or len(limit) > 3 or not 1 <= int(limit) <= _LONGEST_PAGE:
        raise FieldMalformed("limit", f"'limit' is a whole number from 1 to {_LONGEST_PAGE}.")
    for name in given:
        if name not in filters:
            raise FieldMalformed(name[:80], f"The filters are {', '.join((*filters, 'after', 'limit'))}.")
    found = [
        document
        for document in sorted(documents, key=lambda document: str(document[key]))
        if (after is None or str(document[key]) > after) and all(_is(document.get(name), value) for name, value in given.items())
    ]
    shown = found[: int(limit)]
    more = len(found) > len(shown)
    path = str(request.url.include_query_params(after=shown[-1][key]).replace(scheme="", netloc="")) if more else None
    return json_response({noun: shown, "next": path})


def _is(value: object, wanted: str) -> bool:
    return wanted in value if isinstance(value, list) else value == wanted
