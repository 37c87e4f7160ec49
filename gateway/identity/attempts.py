"""One attempt of one browser to sign in at the organisation's provider. Knows no provider, no cookie and no person.

All of it is one text that the browser keeps meanwhile: what the provider and the address bar get to see (state, nonce, the
challenge) is derived from it by HMAC, so the service remembers nothing, and whoever sees those learns nothing of the rest."""

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Final

SECONDS: Final = 600
LONGEST: Final = 2048
_EARLY: Final = 5  # two machines that serve one house need not agree to the second


@dataclass(frozen=True, slots=True)
class Attempt:
    """When the attempt began (seconds), its secret, and the page to show after it."""

    began_at: int
    secret: str
    wanted: str

    @classmethod
    def begin(cls, wanted: str, now: datetime) -> "Attempt":
        """Return a fresh one."""
        return cls(int(now.timestamp()), secrets.token_urlsafe(32), wanted)

    @classmethod
    def read(cls, text: str, now: datetime) -> "Attempt | None":
        """Return the attempt that a browser kept, unless it kept none, began more than ten minutes ago, or cannot be read."""
        began, _, rest = text.partition(".")
        secret, _, wanted = rest.partition(".")
        if len(text) > LONGEST or not (began.isascii() and began.isdigit()) or len(began) > 12 or len(secret) != 43:
            return None
        try:
            page = base64.urlsafe_b64decode(wanted + "=" * (-len(wanted) % 4)).decode("utf-8")
        except ValueError:
            return None
        if not -_EARLY <= int(now.timestamp()) - int(began) <= SECONDS:
            return None
        return cls(int(began), secret, page)

    def text(self) -> str:
        """Return what the browser keeps; a page whose address is too long for it is forgotten."""
        page = base64.urlsafe_b64encode(self.wanted.encode()).decode().rstrip("=")
        begun = f"{self.began_at}.{self.secret}."
        return begun + page if len(begun) + len(page) <= LONGEST else begun

    @property
    def state(self) -> str:
        """What the provider hands back: it shows that the answer belongs to this browser's attempt."""
        return self._derived("state")

    @property
    def nonce(self) -> str:
        """What the ID token must carry: it shows that the token was made for this attempt."""
        return self._derived("nonce")

    @property
    def verifier(self) -> str:
        """The secret half of PKCE (RFC 7636): a code without it is worth nothing."""
        return self._derived("verifier")

    def _derived(self, what: str) -> str:
        # The beginning is bound in too: a cookie with another date belongs to no attempt that a provider answered.
        digest = hmac.new(self.secret.encode(), f"custodes sign-in {what} {self.began_at}".encode(), hashlib.sha256).digest()
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")
