"""Turn values into pages: templates, words, assets, and the headers that keep a page from doing more than it should. Decides nothing."""

import hashlib
import mimetypes
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import jinja2
from fastapi import APIRouter, Request, Response
from markupsafe import Markup, escape

from gateway.clock import Clock, iso
from gateway.console.language import Language, load_languages, preferred
from gateway.console.visits import PageUnknown, Visit

_HERE: Final = Path(__file__).parent
_POLICY: Final = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' blob:; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
SAFE_HEADERS: Final = {
    "content-security-policy": _POLICY,
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "referrer-policy": "same-origin",
    "cache-control": "no-store",
}
# Each section of the console: its first page, its name, and the roles of which one is needed to see it (none: every person).
SECTIONS: Final = (
    ("/console", "nav.overview", ()),
    ("/console/policies", "nav.policies", ("policy_author", "policy_approver", "auditor", "registrar", "operator")),
    ("/console/clients", "nav.clients", ("registrar", "auditor", "operator")),
    ("/console/duties", "nav.duties", ("registrar", "operator", "auditor")),
    ("/console/people", "nav.people", ("registrar",)),
    ("/console/reviews", "nav.reviews", ("reviewer",)),
    ("/console/audit", "nav.audit", ("auditor",)),
    ("/console/fairness", "nav.fairness", ()),
    ("/v1/transparency", "nav.transparency", ()),
)
THEMES: Final = ("system", "light", "dark")
LANGUAGE_COOKIE: Final = "custodes_language"
THEME_COOKIE: Final = "custodes_theme"


@dataclass(frozen=True, slots=True)
class Asset:
    """A file that pages refer to."""

    content: bytes
    media_type: str


@dataclass(frozen=True, slots=True)
class Frame:
    """What stands around every page: the rulebook in force and the head of the log."""

    rulebook: str
    log_size: int
    log_origin: str


class Pages:
    """The console's templates in the reader's language and theme."""

    def __init__(self, clock: Clock) -> None:
        self.languages = load_languages()
        self.clock = clock
        self._assets = {file.name: _asset(file) for file in sorted((_HERE / "assets").iterdir())}
        # One digest for all of them, so that scripts find each other under it and none is ever older than its neighbour.
        self._digest = hashlib.sha256(b"".join(asset.content for asset in self._assets.values())).hexdigest()[:16]
        self._templates = jinja2.Environment(
            loader=jinja2.FileSystemLoader(_HERE / "templates"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.globals |= {"asset": self.address_of, "sections": SECTIONS}
        self._templates.filters["moment"] = moment
        self._templates.filters["short"] = short
        self._templates.filters["inline"] = inline
        self._templates.filters["ratio"] = lambda value: f"{float(value):.3g}" if value >= 10 else f"{float(value):.1f}"
        self._templates.filters["role"] = lambda role, say: say(f"role.{role}")

    def language(self, request: Request) -> Language:
        """Return the reader's language."""
        return preferred(self.languages, request.cookies.get(LANGUAGE_COOKIE), request.headers.get("accept-language", ""))

    def render(
        self,
        request: Request,
        template: str,
        *,
        visit: Visit | None,
        frame: Frame,
        status: int = 200,
        **values: object,
    ) -> Response:
        """Return the page."""
        language = self.language(request)
        theme = request.cookies.get(THEME_COOKIE, "")
        context: dict[str, Any] = {
            "t": language.say,
            "number": language.number,
            "language": language,
            "languages": list(self.languages.values()),
            "theme": theme if theme in THEMES else THEMES[0],
            "themes": THEMES,
            "visit": visit,
            "frame": frame,
            "here": request.url.path,
            "address": request.url.path + (f"?{request.url.query}" if request.url.query else ""),
            "now": iso(self.clock.now()),
        }
        html = self._templates.get_template(template).render(context | values)
        return Response(html, status_code=status, media_type="text/html; charset=utf-8", headers=SAFE_HEADERS)

    def address_of(self, name: str) -> str:
        """Return the address of an asset; a template that names one that is not there is a fault of ours: KeyError."""
        self._assets[name]
        return f"/console/assets/{self._digest}/{name}"

    def router(self) -> APIRouter:
        """Return the route of the assets."""
        router = APIRouter()
        router.add_api_route("/console/assets/{digest}/{name}", self.serve, methods=["GET"], include_in_schema=False)
        return router

    async def serve(self, digest: str, name: str) -> Response:
        """Return an asset, to be kept for ever."""
        found = self._assets.get(name)
        if found is None or digest != self._digest:
            raise PageUnknown("There is no such file.")
        headers = {"cache-control": "public, max-age=31536000, immutable"}
        return Response(found.content, media_type=found.media_type, headers=headers)


def moment(text: str | None) -> Markup:
    """Write a moment of the log for people, to the second, and keep the exact one for machines."""
    if not text:
        return Markup("—")
    return Markup('<time datetime="{}">{} {} UTC</time>').format(text, text[:10], text[11:19])


def inline(text: str) -> Markup:
    """Write a line of a pack's WHY.md with its code and its emphasis as such; anything else in it stays text."""
    written = re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text)))
    return Markup(re.sub(r"(?<![*\w])\*([^*\s][^*]*)\*(?!\*)", r"<em>\1</em>", written))  # noqa: S704  (escaped above)


def short(digest: str, length: int = 12) -> Markup:
    """Abbreviate a digest; the whole of it stands in the title."""
    return Markup('<code title="{}">{}</code>').format(digest, digest[:length])


def _asset(file: Path) -> Asset:
    content = file.read_bytes()
    media_type = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
    if media_type.startswith("text/"):
        media_type += "; charset=utf-8"
    return Asset(content, media_type)


def mapping(value: object) -> Mapping[str, Any]:
    """Return the value if it is an object of JSON, else an empty one."""
    return value if isinstance(value, dict) else {}
