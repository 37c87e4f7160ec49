"""Keep results encrypted under a key of their case until people have looked. Knows no reviewer and no database."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gateway.errors import CustodesError

_NONCE: Final = 12


class ResultShredded(CustodesError):
    """The key of this case is gone, so its results are gone; the log keeps what happened."""

    code = "result-shredded"


@dataclass(frozen=True, slots=True)
class Vault:
    """One AES-256-GCM key file for each case, outside the database: destroying it destroys every result of the case."""

    directory: Path

    def seal(self, case: str, name: str, content: bytes) -> bytes:
        """Encrypt the content for this case and this name alone."""
        nonce = os.urandom(_NONCE)
        return nonce + AESGCM(self._key(case, make=True)).encrypt(nonce, content, name.encode())

    def unseal(self, case: str, name: str, sealed: bytes) -> bytes:
        """Return the content. Raises ResultShredded if the key is gone or is not the one it was sealed with."""
        try:
            return AESGCM(self._key(case, make=False)).decrypt(sealed[:_NONCE], sealed[_NONCE:], name.encode())
        except InvalidTag as fault:
            raise ResultShredded("This result can no longer be opened: the key of its case was destroyed.") from fault

    def shred(self, case: str) -> bool:
        """Destroy the case's key; True if there was one. What was sealed with it is lost for ever."""
        path = self._path(case)
        if not path.exists():
            return False
        with path.open("r+b") as file:
            file.write(os.urandom(32))
            file.flush()
            os.fsync(file.fileno())
        path.unlink()
        return True

    def _path(self, case: str) -> Path:
        # The file is named by a digest: a directory listing must not tell whose cases are here.
        return self.directory / (hashlib.sha256(b"case\n" + case.encode()).hexdigest()[:40] + ".key")

    def _key(self, case: str, *, make: bool) -> bytes:
        path = self._path(case)
        try:
            return path.read_bytes()
        except FileNotFoundError:
            if not make:
                raise ResultShredded("This result can no longer be opened: the key of its case was destroyed.") from None
        self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        # Written aside and linked into place, so that two processes agree on one key and a crash leaves none half written.
        aside = path.with_suffix(f".{os.getpid()}.{os.urandom(4).hex()}.new")
        descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(AESGCM.generate_key(256))
            file.flush()
            os.fsync(file.fileno())
        try:
            path.hardlink_to(aside)
        except FileExistsError:
            pass
        finally:
            aside.unlink()
        return path.read_bytes()
