"""Keep the signed evaluations of the recogniser, and say at each decision which one speaks for it now. Measures nothing itself.

A record is believed if this home's key signed it, it speaks of the recogniser, cohort and calibrations that serve, compares groups, and
is less than a year old. Without one, the recogniser serves nobody."""

import asyncio
import hashlib
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from engine.equipment import Binding
from engine.errors import EvaluationRefused
from engine.evaluation.findings import Evaluation
from engine.evaluation.record import BELIEVED, check_current, evidence, from_record, seal, shipped_record, to_record, unseal
from engine.workers.pool import Workers
from gateway.audit.log import Receipt
from gateway.clock import Clock, iso
from gateway.enforcement.journal import Journal
from gateway.records import entries

NEXT_STEP: Final = (
    "Next step: `python3 -m gateway engine evaluate --images DIR --labels CSV`, or `python3 -m gateway engine records --adopt-shipped`"
    " where the shipped recogniser, cohort and calibrations serve."
)
# What can be wrong with a record, the likelier cause of a refusal first: it is what the refusal names.
_CAUSES: Final = ("evaluation-stale", "evaluation-other", "evaluation-without-groups", "evaluation-forged", "evaluation-refused")


@dataclass(frozen=True, slots=True)
class Believed:
    """An evaluation under this home's signature, its digest, and what it lets the rules know."""

    evaluation: Evaluation
    digest: str
    evidence: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Kept:
    """One file in the folder: what it says, or why it is not believed."""

    name: str
    content: Believed | EvaluationRefused

    def current(self, binding: Binding, now: datetime) -> Believed:
        """Return what it says, if that speaks for the binding now. Raises EvaluationRefused, saying why not."""
        if isinstance(self.content, EvaluationRefused):
            raise self.content
        check_current(self.content.evaluation, binding, now)
        return self.content


class Evaluations:
    """The records of one home, read anew when the folder changes: what another process adopts or removes counts at the next decision."""

    def __init__(self, folder: Path, key: Path) -> None:
        self._folder = folder
        self._key_file = key
        self._seen: tuple[tuple[str, int, int], ...] | None = None
        self._kept: tuple[Kept, ...] = ()

    @property
    def untouched(self) -> bool:
        """Whether no record was ever kept here: the home's evaluation key is not made yet."""
        return not self._key_file.exists()

    def keep(self, evaluation: Evaluation) -> str:
        """Sign a record and put it among the others, durably; return its name."""
        self._make_key()
        sealed = seal(evaluation, self._key().sign)
        name = f"{evaluation.at:%Y%m%dT%H%M%SZ}-{digest_of(evaluation)[:12]}.json"
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        aside = self._folder / f".{name}.{os.getpid()}"
        with aside.open("wb") as file:
            file.write(sealed + b"\n")
            file.flush()
            os.fsync(file.fileno())
        aside.replace(self._folder / name)
        return name

    def all(self) -> tuple[Kept, ...]:
        """Return every record, the newest first; a file that is none comes with the reason."""
        # A stat of each file is some microseconds; a record that was edited in place must not be believed for a moment longer.
        seen = tuple((path.name, status.st_mtime_ns, status.st_size) for path, status in self._files())
        if seen != self._seen:
            kept = [self._read(self._folder / name) for name, _, _ in seen]
            self._kept = tuple(sorted(kept, key=lambda one: (isinstance(one.content, Believed), one.name), reverse=True))
            self._seen = seen
        return self._kept

    def current(self, binding: Binding, now: datetime) -> Believed:
        """Return the newest record that speaks for this binding now.

        Raises EvaluationRefused, with the next step: evaluation-absent, or what is wrong with those that are there."""
        faults: dict[str, EvaluationRefused] = {}
        for kept in self.all():
            try:
                return kept.current(binding, now)
            except EvaluationRefused as fault:
                faults.setdefault(fault.code, fault)
        for code in _CAUSES:
            if code in faults:
                raise EvaluationRefused(f"{faults[code].sentence} {NEXT_STEP}", code=code)
        raise EvaluationRefused(
            f"There is no evaluation of this recogniser on file, and without one it serves nobody. {NEXT_STEP}", code="evaluation-absent"
        )

    def _files(self) -> list[tuple[Path, os.stat_result]]:
        try:
            paths = [path for path in self._folder.iterdir() if path.suffix == ".json" and not path.name.startswith(".")]
            return [(path, path.stat()) for path in sorted(paths)]
        except OSError:
            return []

    def _read(self, path: Path) -> Kept:
        try:
            found = unseal(path.read_bytes().rstrip(b"\n"), self._verify)
        except OSError as fault:
            return Kept(path.name, EvaluationRefused(f"The record {path.name} cannot be read: {fault.strerror}."))
        except EvaluationRefused as fault:
            return Kept(path.name, fault)
        return Kept(path.name, Believed(found, digest_of(found), MappingProxyType(evidence(found))))

    def _verify(self, message: bytes, signature: bytes) -> bool:
        try:
            self._key().public_key().verify(signature, message)
        except (InvalidSignature, OSError, ValueError):
            return False
        return True

    def _key(self) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(bytes.fromhex(self._key_file.read_text("ascii").strip()))

    def _make_key(self) -> None:
        """Write the key unless it is there; two processes may do so at once, and both find the first one's."""
        if self._key_file.exists():
            return
        self._key_file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        aside = self._key_file.with_name(f".{self._key_file.name}.{os.getpid()}")
        aside.touch(mode=0o600)
        aside.write_text(Ed25519PrivateKey.generate().private_bytes_raw().hex() + "\n", "ascii")
        try:
            self._key_file.hardlink_to(aside)
        except FileExistsError:
            pass
        finally:
            aside.unlink()


@dataclass(frozen=True, slots=True)
class EvaluationGate:
    """What is measured of the recogniser that serves at this moment: asked at start, by readiness, and at each decision."""

    evaluations: Evaluations
    workers: Workers
    clock: Clock

    def current(self) -> Believed:
        """Return the record that speaks for the running recogniser now. Raises EvaluationRefused with the next step."""
        return self.evaluations.current(self.workers.state().binding, self.clock.now())


async def begin(evaluations: Evaluations, journal: Journal, clock: Clock) -> None:
    """At the first start of a home, and never again, adopt the record that comes with the package.

    Afterwards an absent record stays absent, until somebody evaluates or adopts one. Raises AuditUnavailable."""
    if evaluations.untouched:
        await adopt(evaluations, from_record(shipped_record()), journal, clock, by="first start")


async def adopt(evaluations: Evaluations, evaluation: Evaluation, journal: Journal, clock: Clock, *, by: str) -> tuple[str, Receipt]:
    """Let this record speak for the recogniser: an entry in the log first, then the sealed file. Raises AuditUnavailable."""
    more = {
        "change": secrets.token_hex(16),
        "digest": digest_of(evaluation),
        "recogniser": evaluation.recogniser,
        "cohort": evaluation.cohort,
        "calibrations": list(evaluation.calibrations),
        "evaluated_at": iso(evaluation.at),
        "ends_at": iso(evaluation.at + BELIEVED),
    }
    receipt = await journal.write(entries.change("evaluation-change", at=clock.now(), by=by, act="adopted", more=more))
    return await asyncio.to_thread(evaluations.keep, evaluation), receipt


def digest_of(evaluation: Evaluation) -> str:
    """Return the SHA-256 (hex) of a record's canonical bytes: its name in the log and on the command line."""
    return hashlib.sha256(to_record(evaluation)).hexdigest()
