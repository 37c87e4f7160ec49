"""Replace personal values in a record by commitments, and keep the openings apart. Knows no kind of entry."""

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field

from gateway.audit.stores.base import Opening
from gateway.records.canonical import COMMITMENT, canonical


@dataclass(frozen=True, slots=True)
class Record:
    """One entry's canonical bytes, and the deletable openings of the commitments in it (path -> opening)."""

    body: bytes
    openings: Mapping[str, Opening] = field(default_factory=dict)


def commitment_of(nonce: bytes, value: bytes) -> str:
    """Return the mark that stands in a record for the value: HMAC-SHA256 under a random nonce."""
    return COMMITMENT + hmac.digest(nonce, value, hashlib.sha256).hex()


@dataclass(slots=True)
class Veil:
    """The commitments of one entry. Equal values get one commitment, so that rules about equality still hold;
    across entries they are unlinkable."""

    openings: dict[str, Opening] = field(default_factory=dict)
    _known: dict[str, tuple[str, Opening]] = field(default_factory=dict)

    def over(self, path: str, value: str) -> str:
        """Return the commitment to the value, and remember its opening under the path."""
        known = self._known.get(value)
        if known is None:
            opening = Opening(secrets.token_bytes(32), value.encode())
            known = self._known[value] = (commitment_of(opening.nonce, opening.value), opening)
        self.openings[path] = known[1]
        return known[0]

    def record(self, entry: Mapping[str, object]) -> Record:
        """Return the entry as a Record. Raises NotCanonical."""
        return Record(canonical(dict(entry)), self.openings)
