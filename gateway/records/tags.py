"""Make the tags by which an ombudsman's question finds what the log holds of a person or a case. Under one key that lies in no database.

A tag stands in an entry as a commitment, like every personal value: entries of one person cannot be told to be of one person."""

import hashlib
import hmac
from dataclasses import dataclass
from typing import Final

PREFIX: Final = "tag:"
PATH: Final = "/tags/"


@dataclass(frozen=True, slots=True, repr=False)
class Tags:
    """The maker of tags. Without the key nobody turns a name into one, nor a list of names into a list of who was searched."""

    key: bytes

    def case(self, client: str, reference: str) -> str:
        """Return the tag of a client's case, and so of the person it seeks."""
        return self._tag("case", client, reference)

    def subject(self, gallery: str, subject: str) -> str:
        """Return the tag of a person as they are enrolled in a gallery."""
        return self._tag("subject", gallery, subject)

    def _tag(self, *parts: str) -> str:
        # Each part with its length: no two lists of parts are one text.
        text = "".join(f"{len(part.encode())}:{part}" for part in parts)
        return PREFIX + hmac.digest(self.key, text.encode(), hashlib.sha256).hex()
