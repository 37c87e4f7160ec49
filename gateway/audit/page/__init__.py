"""Put the evidence page together: one file of HTML, style, script and data that needs no network. Checks nothing itself.

Its Content-Security-Policy names the digests of the one script and the one style that may run, so no text in an entry ever can."""

import base64
import json
from collections.abc import Mapping
from hashlib import sha256
from importlib.resources import files
from typing import Final

DATA_OPEN: Final = '<script type="application/json" id="evidence">'
DATA_CLOSE: Final = "</script>"


def render(data: Mapping[str, object]) -> str:
    """Return the page for this data, which must be plain JSON values."""
    style, script = _part("evidence.css"), _part("evidence.js")
    policy = (
        f"default-src 'none'; script-src '{_digest(script)}'; style-src '{_digest(style)}';"
        " base-uri 'none'; form-action 'none'; connect-src 'none'"
    )
    page = _part("evidence.html")
    for mark, text in (("{{policy}}", policy), ("{{style}}", style), ("{{script}}", script), ("{{data}}", embedded(data))):
        head, _, tail = page.partition(mark)
        page = head + text + tail
    return page


def embedded(data: Mapping[str, object]) -> str:
    """Return the data as it stands in the page: JSON in which nothing can end the element that holds it."""
    text = json.dumps(data, sort_keys=True, separators=(",", ":"))
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def data_in(page: str) -> str | None:
    """Return the data's text as a page holds it, None if it holds none, or two."""
    _head, opened, rest = page.partition(DATA_OPEN)
    text, closed, tail = rest.partition(DATA_CLOSE)
    return text.strip("\n") if opened and closed and DATA_OPEN not in tail else None


def _part(name: str) -> str:
    return (files(__package__) / name).read_text("utf-8")


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(sha256(text.encode()).digest()).decode()
