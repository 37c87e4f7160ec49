"""Say what the registry needs of whoever signs its documents. Knows no key and no token format: identity brings the real one."""

from collections.abc import Mapping
from typing import Any, Protocol

from gateway.registry.keys import PublicKey


class DocumentSeal(Protocol):
    """The registrar's key: seals licences, and opens what it sealed."""

    def seal(self, document: Mapping[str, Any]) -> str:
        """Return the document as a compact JWS."""
        ...

    def open(self, sealed: str) -> Mapping[str, Any]:
        """Return the document inside, or raise Malformed if the seal is not the registrar's or is broken."""
        ...


class ForeignSeal(Protocol):
    """Opens what somebody else sealed with a key that is on record."""

    def __call__(self, sealed: str, key: PublicKey) -> Mapping[str, Any]:
        """Return the document inside, or raise Malformed."""
        ...
