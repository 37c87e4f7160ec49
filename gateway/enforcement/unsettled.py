"""Keep on disk what a change is about to do, from before its log entry until after its commit. Knows no registry and no log.

A file that is found here while nobody is changing anything was left by a process that died, or lost its log or its database,
in between: registrar.py then says what becomes of it."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from gateway.enforcement.answers import NotReady
from gateway.records.entries import ChangeKind


@dataclass(frozen=True, slots=True)
class Unsettled:
    """One change on its way. `said` is what a taking needs to be done again; a change that gives something has none."""

    change: str
    kind: ChangeKind
    act: str
    by: str
    said: Mapping[str, str] | None


class UnsettledChanges:
    """The folder of such files: empty, but for a few milliseconds at each change."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def left(self) -> list[Unsettled]:
        """Return what is there. Raises NotReady for a file that cannot be read: a lost suspension is worse than a stop."""
        found = []
        for path in sorted(self._folder.glob("*.json")):
            try:
                found.append(Unsettled(**json.loads(path.read_text("utf-8"))))
            except FileNotFoundError:
                continue  # settled meanwhile
            except (OSError, ValueError, TypeError) as fault:
                raise NotReady(f"The unsettled change {path} cannot be read; compare the log's last changes with the registry.") from fault
        return found

    def put(self, unsettled: Unsettled) -> None:
        """Write one down, so that it survives a power cut."""
        aside = self._folder / f".{unsettled.change}"
        with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            json.dump(asdict(unsettled), file)
            file.flush()
            os.fsync(file.fileno())
        aside.rename(self._path(unsettled.change))
        descriptor = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)  # the name, too
        finally:
            os.close(descriptor)

    def drop(self, change: str) -> None:
        """Forget one that is settled."""
        self._path(change).unlink(missing_ok=True)

    def _path(self, change: str) -> Path:
        return self._folder / f"{change}.json"
