"""A gateway's desk in small: a seal, a home with galleries, and orders as fulfilment would write them."""

import hashlib
import itertools
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from engine.galleries.keys import KeyDirectory
from engine.galleries.store import Galleries
from engine.orders import GalleryState, LocalSeal, Operation, SearchLimits, SubjectReference, WorkOrder, seal
from engine.workers.plan import Limits, WorkerPlan
from engine.workers.pool import Workers

BOOT = "b007"
PATIENT = Limits(order_seconds=60, queue_seconds=120)  # a test machine may be busy with other tests; what is too slow has its own tests


class Desk:
    """Writes orders under fresh intents, and knows where everything lies."""

    def __init__(self, home: Path, models: Path) -> None:
        self.seal = LocalSeal.fresh()
        self.galleries = Galleries(home / "galleries", KeyDirectory(home / "keys"))
        self.plan = WorkerPlan(BOOT, self.seal, home / "galleries", home / "keys", models, count=1, limits=PATIENT)
        self._intents = itertools.count()

    def order(self, operation: Operation, image: bytes, **changes: object) -> WorkOrder:
        now = datetime.now(UTC)
        order = WorkOrder(
            boot=BOOT,
            intent_index=next(self._intents),
            operation=operation,
            image_sha256=hashlib.sha256(image).hexdigest(),
            limits=SearchLimits(1, 3, 99.9),
            issued_at=now,
            expires_at=now + timedelta(seconds=60),
            gallery=GalleryState("people") if operation is Operation.IDENTIFY else None,
            subject=SubjectReference("people", "someone") if operation is Operation.ENROLL else None,
            second_sha256="0" * 64 if operation is Operation.VERIFY else None,
        )
        return replace(order, **changes)  # type: ignore[arg-type]  # each test names a field that the order has

    def sealed(self, operation: Operation, image: bytes, **changes: object) -> bytes:
        return seal(self.order(operation, image, **changes), self.seal)


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory, models: Path) -> Desk:
    return Desk(tmp_path_factory.mktemp("home"), models)


@pytest.fixture(scope="module")
async def workers(desk: Desk) -> AsyncIterator[Workers]:
    """One pool of one worker for all tests of a module."""
    pool = await Workers.start(desk.plan)
    desk.galleries.create("people", pool.state().recogniser)
    yield pool
    await pool.close()


@pytest.fixture(scope="session")
def photo(portraits: Path) -> Callable[[str], bytes]:
    return lambda name: (portraits / name).read_bytes()
