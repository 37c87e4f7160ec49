"""Keep private signing keys as files that only their owner can read, and change them without a gap. Knows no token.

A directory holds one PEM file for each key, named by when it was made; the newest signs. Other processes see a new key at once,
because the directory itself says that it changed."""

import os
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Lock

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from gateway.clock import Clock
from gateway.identity.errors import KeyringDamaged
from gateway.identity.tokens import SigningKey
from gateway.registry.errors import Malformed

STAMP = "%Y%m%dT%H%M%S.%fZ"


@dataclass(frozen=True, slots=True)
class _Keys:
    version: tuple[int, int]
    made: tuple[tuple[datetime, Path, SigningKey], ...]

    def counting(self, at: datetime, kept: timedelta | None) -> tuple[SigningKey, ...]:
        """The keys that verify at that moment: the newest, and those that were replaced no longer ago than `kept`."""
        if len(self.made) == 1:
            return (self.made[0][2],)
        replaced = [after for after, _, _ in self.made[1:]]
        older = [key for (_, _, key), end in zip(self.made, replaced, strict=False) if kept is None or at < end + kept]
        return (*older, self.made[-1][2])


@dataclass(frozen=True, slots=True)
class PreparedKey:
    """A private key in a file that does not count yet, and the kid of its public half."""

    kid: str
    file: Path


class Keyring:
    """The keys of one purpose. `kept` says how long a key that no longer signs must still verify; None means for ever."""

    def __init__(self, directory: Path, clock: Clock, kept: timedelta | None) -> None:
        self._directory = directory
        self._directory_text = str(directory)
        self._clock = clock
        self._kept = kept
        self._lock = Lock()
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._keys = self._load()
        if not self._keys.made:
            self.rotate()

    def version(self) -> tuple[int, int]:
        """Return what changes whenever a key comes or goes, in whichever process."""
        try:
            state = os.stat(self._directory_text)  # noqa: PTH116 - asked for each request, and three times as fast as Path.stat
        except OSError as error:
            raise KeyringDamaged(f"The keys at {self._directory} cannot be read: {type(error).__name__}; restore them.") from None
        return state.st_mtime_ns, state.st_ino

    def current(self) -> SigningKey:
        """Return the key that signs now."""
        return self._fresh().made[-1][2]

    def verifying(self) -> tuple[SigningKey, ...]:
        """Return the keys whose signatures still count, the newest last."""
        return self._fresh().counting(self._clock.now(), self._kept)

    def rotate(self) -> SigningKey:
        """Make a new key that signs from now on; delete those whose last signatures have ended."""
        self.adopt(self.prepare())
        return self.current()

    def prepare(self) -> "PreparedKey":
        """Make a key that signs nothing yet: nobody knows of it until it is adopted."""
        key = ec.generate_private_key(ec.SECP256R1())
        pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        hidden = self._directory / f"{secrets.token_hex(8)}.new"
        # Created closed to others, complete before it gets its name: nobody ever reads half a key.
        with os.fdopen(os.open(hidden, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(pem)
            file.flush()
            os.fsync(file.fileno())
        return PreparedKey(SigningKey(pem).public.kid, hidden)

    def adopt(self, prepared: "PreparedKey") -> None:
        """Let a prepared key sign from now on; delete those whose last signatures have ended."""
        with self._lock:
            newest = self._load().made[-1:]
            # A clock that stands still or was set back must not make the new key look older than the last.
            at = max([self._clock.now(), *(last + timedelta(microseconds=1) for last, _, _ in newest)])
            prepared.file.rename(self._directory / f"{at:{STAMP}}-{secrets.token_hex(4)}.pem")
            self._keys = self._load()
            counting = self._keys.counting(self._clock.now(), self._kept)
            for _, old, signing in self._keys.made:
                if signing not in counting:
                    old.unlink()
            self._keys = self._load(self._keys)

    def drop(self, kid: str) -> None:
        """Delete a key that can no longer be trusted: everything it signed is refused from now on. A new one is made if none is left."""
        for _, path, key in self._fresh().made:
            if key.public.kid == kid:
                path.unlink()
        if not self._load().made:
            self.rotate()

    def _fresh(self) -> _Keys:
        keys = self._keys
        if keys.version != self.version():
            with self._lock:
                keys = self._keys = self._load(keys)
        if not keys.made:
            raise KeyringDamaged(f"There is no key at {self._directory} any more; restore it, or restart to make a new one.")
        return keys

    def _load(self, known: _Keys | None = None) -> _Keys:
        version = self.version()  # before the listing: a key added in between is found at the next question
        old = {path: key for _, path, key in known.made} if known else {}
        made = []
        for path in sorted(self._directory.glob("*.pem")):
            try:
                at = datetime.strptime(path.name.split("-")[0], STAMP).replace(tzinfo=UTC)
                made.append((at, path, old.get(path) or SigningKey(path.read_bytes())))
            except (OSError, ValueError, Malformed) as error:
                raise KeyringDamaged(f"The key {path} cannot be read: {type(error).__name__}; restore or remove it.") from None
        return _Keys(version, tuple(made))
