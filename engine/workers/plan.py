"""What a pool of workers is given: how many, their limits, and where their models and galleries are. Holds values, and one key."""

import sys
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from engine.orders import HostSealCheck, LocalSeal
from engine.stamps import SealCheck

MIB = 1024 * 1024
WORKER_PROGRAM = (sys.executable, "-m", "engine.workers.main")


@dataclass(frozen=True, slots=True)
class Limits:
    """What one worker may use at most, and how long it may take; the pool kills what goes beyond.

    `order_seconds` is for one order; `load_seconds` instead, once, when a gallery has to be read first. `memory_bytes` is address
    space (RLIMIT_AS), of which `gallery_bytes` may be galleries. A worker is replaced after `orders_each`, or when it has grown
    by more than `growth_bytes` beyond its models and galleries."""

    order_seconds: float = 5.0
    load_seconds: float = 60.0
    start_seconds: float = 120.0
    queue_seconds: float = 10.0
    memory_bytes: int = 4096 * MIB
    gallery_bytes: int = 2048 * MIB
    growth_bytes: int = 512 * MIB
    orders_each: int = 5000
    nice: int = 5


@dataclass(frozen=True, slots=True)
class WorkerPlan:
    """Everything that `Workers.start` needs. `queue` is how many orders may wait while all workers are busy.

    `recogniser` is `onnx` (the default) or `reference` (face_recognition itself). `calibration` and `cohort` are files; without
    one, the shipped calibration and cohort serve. Without a `sketch_key` answers carry no sketches. `program` is what runs as a worker."""

    boot: str
    check: LocalSeal | HostSealCheck = field(repr=False)
    galleries: Path
    keys: Path
    models: Path
    count: int = 2
    queue: int = 16
    recogniser: str = "onnx"
    calibration: Path | None = None
    cohort: Path | None = None
    limits: Limits = field(default_factory=Limits)
    sketch_key: bytes = field(default=b"", repr=False)
    program: tuple[str, ...] = WORKER_PROGRAM

    def charge(self) -> "Charge":
        """Return the part of the plan that goes to the worker."""
        return Charge(
            boot=self.boot,
            scheme=self.check.scheme,
            secret=self.check.key if isinstance(self.check, LocalSeal) else self.check.public_key,
            galleries=str(self.galleries.absolute()),
            keys=str(self.keys.absolute()),
            models=str(self.models.absolute()),
            calibration=str(self.calibration.absolute()) if self.calibration else None,
            cohort=str(self.cohort.absolute()) if self.cohort else None,
            recogniser=self.recogniser,
            limits=self.limits,
            sketch_key=self.sketch_key,
        )


class Charge(msgspec.Struct, frozen=True):
    """The first frame to a worker: what it needs to know before it can say that it is ready. Never on a command line: it holds a key."""

    boot: str
    scheme: str
    secret: bytes
    galleries: str
    keys: str
    models: str
    calibration: str | None
    cohort: str | None
    recogniser: str
    limits: Limits
    sketch_key: bytes = b""

    def check(self) -> SealCheck:
        """Return what the worker checks orders with."""
        kind = LocalSeal if self.scheme == LocalSeal(b"").scheme else HostSealCheck
        return kind(self.secret)
