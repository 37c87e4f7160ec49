"""Keep one AES-256 key a gallery, each in a file of its own outside the database: destroying the file shreds the gallery.
Never sees a template; a key is read by the workers alone."""

import os
import secrets
from pathlib import Path

from engine.errors import GalleryDamaged

KEY_BYTES = 32


class KeyDirectory:
    """A directory of 0600 files, `<gallery>/<incarnation>.key`; a gallery that is made anew under an old name gets a new key."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def make(self, gallery: str, incarnation: str) -> None:
        """Write a fresh key and return once it would survive a power cut."""
        home = self._directory / gallery
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(home / f"{incarnation}.key", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(KEY_BYTES))
            file.flush()
            os.fsync(file.fileno())
        for made in (home, self._directory):
            sync_directory(made)

    def read(self, gallery: str, incarnation: str) -> bytes:
        """Return the key; raises GalleryDamaged if it is gone or has another length."""
        try:
            key = (self._directory / gallery / f"{incarnation}.key").read_bytes()
        except OSError:
            key = b""
        if len(key) != KEY_BYTES:
            raise GalleryDamaged(f"The key of gallery {gallery} is missing or broken; its templates cannot be read by anyone.")
        return key

    def destroy(self, gallery: str, incarnation: str | None = None) -> None:
        """Overwrite and remove the gallery's keys (or the one named), and return once that would survive a power cut."""
        home = self._directory / gallery
        for path in home.glob(f"{incarnation or '*'}.key"):
            with path.open("r+b") as file:
                file.write(secrets.token_bytes(KEY_BYTES))
                file.flush()
                os.fsync(file.fileno())
            path.unlink()
        if home.is_dir():
            sync_directory(home)


def sync_directory(path: Path) -> None:
    """Return once the names in a directory would survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
