"""Sign the registrar's documents and open them again, for the registry, which knows no key. Never signs a token."""

from collections.abc import Iterable, Mapping
from typing import Any

from gateway.identity.keyring import Keyring
from gateway.identity.tokens import VerifyingKey, open_document
from gateway.registry.keys import PublicKey

LICENCE = "custodes-licence+jws"
STATEMENT = "custodes-authorisation+jws"


class RegistrarSeal:
    """The registrar's key. Its old keys verify for ever: a licence outlives the key that sealed it."""

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring
        self._known: dict[str, VerifyingKey] = {}

    def seal(self, document: Mapping[str, Any]) -> str:
        """Return the document as a compact JWS."""
        return self._keyring.current().sign(document, LICENCE)

    def open(self, sealed: str) -> Mapping[str, Any]:
        """Return the document inside, or raise Malformed."""
        for key in self._keyring.verifying():
            if key.public.kid not in self._known:
                self._known[key.public.kid] = VerifyingKey(key.public)
        return open_document(sealed, self._known, LICENCE)

    def public_keys(self) -> tuple[PublicKey, ...]:
        """Return the keys with which anybody can check a licence."""
        return tuple(key.public for key in self._keyring.verifying())


def open_licence(sealed: str, keys: Iterable[PublicKey]) -> Mapping[str, Any]:
    """Return what a licence says, if one of these keys sealed it, or raise Malformed. Needs no home directory and no service."""
    return open_document(sealed, {key.kid: VerifyingKey(key) for key in keys}, LICENCE)


def open_statement(sealed: str, key: PublicKey) -> Mapping[str, Any]:
    """Return what an authority signed, or raise Malformed. Its header must carry typ `custodes-authorisation+jws` and the key's kid."""
    return open_document(sealed, {key.kid: VerifyingKey(key)}, STATEMENT)
