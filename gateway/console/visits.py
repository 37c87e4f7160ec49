"""Know who is visiting the console, and that a form came from a page of ours. Renders nothing and decides about no request of a client."""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit

from starlette.requests import Request
from starlette.responses import Response

from gateway.clock import Clock
from gateway.enforcement.journal import Journal
from gateway.errors import CustodesError
from gateway.identity.attempts import SECONDS, Attempt
from gateway.identity.errors import RoleMissing
from gateway.records import entries
from gateway.registry.errors import NotOnRecord
from gateway.registry.lookups import Lookups
from gateway.registry.signins import Signin, Signins
from gateway.registry.staff import StaffMember

_FORM_BYTES: Final = 256 * 1024
_FORM_FIELDS: Final = 500
_COOKIE: Final = "custodes_signin"
_ATTEMPT: Final = "custodes_attempt"
HOME_PAGE: Final = "/console"


class SignInNeeded(CustodesError):
    """Nobody is signed in, or the sign-in has run out."""

    code = "sign-in-needed"


class FormRefused(CustodesError):
    """A form did not come from a page of this sign-in, or cannot be read."""

    code = "form-refused"


class PageUnknown(CustodesError):
    """The console has no such page."""

    code = "not-found"


@dataclass(frozen=True, slots=True)
class Visit:
    """One person's request to the console."""

    person: StaffMember
    signin: Signin

    def may(self, *roles: str) -> bool:
        """Tell whether the person holds one of the roles."""
        return any(role in self.person.roles for role in roles)


@dataclass(frozen=True, slots=True)
class Visits:
    """The console's doorkeeper. `url` is the address by which browsers know the service."""

    signins: Signins
    lookups: Lookups
    journal: Journal
    clock: Clock
    url: str

    @property
    def cookie(self) -> str:
        """The cookie's name; over https it is bound to this host alone."""
        return f"__Host-{_COOKIE}" if self._secure else _COOKIE

    @property
    def attempt_cookie(self) -> str:
        """The name of the cookie that an attempt to sign in at the organisation's provider is kept in."""
        return f"__Host-{_ATTEMPT}" if self._secure else _ATTEMPT

    @property
    def _secure(self) -> bool:
        return self.url.startswith("https://")

    def of(self, request: Request) -> Visit:
        """Return who is visiting. Raises SignInNeeded. Waits for the registry: call it from a thread."""
        secret = request.cookies.get(self.cookie, "")
        signin = self.signins.find(secret) if secret else None
        if signin is None:
            raise SignInNeeded("Sign in to see this page.")
        try:
            person = self.lookups.now().staff(signin.staff_id)
        except NotOnRecord as gone:
            raise SignInNeeded("Sign in to see this page.") from gone
        if person.state != "active":
            raise SignInNeeded("You are no longer on record here; ask a registrar for a link.")
        return Visit(person, signin)

    async def must_hold(self, visit: Visit, request: Request, *roles: str) -> None:
        """Return if the person holds one of the roles; else record that they tried, and raise RoleMissing."""
        if visit.may(*roles):
            return
        asked = f"{request.method} {entries.route_of(request.scope)}"
        await self.journal.write(entries.access_denied(at=self.clock.now(), by=visit.person.id, why=RoleMissing.code, asked=asked))
        raise RoleMissing(roles[0])

    async def form(self, request: Request, visit: Visit | None) -> Mapping[str, str]:
        """Return the fields of a form; with a visit, only if the form came from a page of this very sign-in.

        Of a field that comes several times, the values are joined by line ends. Raises FormRefused."""
        came_from = request.headers.get("origin")
        site = request.headers.get("sec-fetch-site", "same-origin")
        if site not in ("same-origin", "none") or (
            came_from not in (None, "null") and urlsplit(came_from).netloc != request.headers.get("host")
        ):
            raise FormRefused("The form came from another site; nothing was done.")
        fields = _fields(await _bounded(request))
        if visit is not None and not hmac.compare_digest(fields.pop("form_token", "").encode(), visit.signin.form_token().encode()):
            raise FormRefused("This page was made for an earlier sign-in; reload it and send the form again. Nothing was done.")
        return fields

    def admit(self, request: Request, response: Response, staff_id: str) -> None:
        """Sign a person in: their browser gets the secret, which no script can read and no other site can send.

        Whoever was signed in there before is so no longer: nobody could sign that out any more."""
        if former := request.cookies.get(self.cookie):
            self.signins.end(former)
        signin = self.signins.begin(staff_id)
        response.set_cookie(self.cookie, signin.secret, path="/", httponly=True, secure=self._secure, samesite="strict")

    def keep_attempt(self, response: Response, attempt: Attempt) -> None:
        """Have the browser keep an attempt to sign in. Lax: the way back from the provider begins on another site."""
        response.set_cookie(
            self.attempt_cookie, attempt.text(), max_age=SECONDS, path="/", httponly=True, secure=self._secure, samesite="lax"
        )

    def take_attempt(self, request: Request, response: Response) -> None:
        """Have the browser forget it: an attempt has one answer."""
        if self.attempt_cookie in request.cookies:
            response.delete_cookie(self.attempt_cookie, path="/", httponly=True, secure=self._secure, samesite="lax")

    def dismiss(self, response: Response, visit: Visit) -> None:
        """Sign a person out, here and on the server."""
        self.signins.end(visit.signin.secret)
        response.delete_cookie(self.cookie, path="/", httponly=True, secure=self._secure, samesite="strict")


def page_of_ours(path: str | None) -> str:
    """Return the path if it is one of the console's own pages, else the first page: nobody is led out of the house."""
    if (
        path is None
        or not (path == HOME_PAGE or path.startswith((f"{HOME_PAGE}/", f"{HOME_PAGE}?")))
        or ".." in unquote(path.partition("?")[0])
        or any(ord(letter) < 33 or letter == "\\" for letter in path)
    ):
        return HOME_PAGE
    return path


async def _bounded(request: Request) -> bytes:
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/x-www-form-urlencoded":
        raise FormRefused("The console takes forms as a browser sends them.")
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > _FORM_BYTES:
            raise FormRefused(f"The form is longer than {_FORM_BYTES // 1024} KiB; nothing was done.")
    return bytes(body)


def _fields(body: bytes) -> dict[str, str]:
    try:
        pairs = parse_qsl(body.decode("utf-8"), keep_blank_values=True, max_num_fields=_FORM_FIELDS, errors="strict")
    except ValueError as wrong:
        raise FormRefused("The form cannot be read; nothing was done.") from wrong
    fields: dict[str, str] = {}
    for name, value in pairs:
        fields[name] = f"{fields[name]}\n{value}" if name in fields else value
    return fields
