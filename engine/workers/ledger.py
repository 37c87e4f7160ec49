"""Remember, for all workers of one boot together, which orders are spent and how many there were.
Knows no image and no answer; holds nothing but numbers, in a file without a name that dies with the processes."""

import fcntl
import mmap
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from engine.errors import OrderRefused
from engine.orders import WorkOrder

REMEMBERED = 16384  # orders; more than any pool can carry out while one order is in force (orders.LONGEST_LIFE)

# One row: the intent index plus one (so that zero means an empty row), and the two halves of the order id.
_ROW = 3
_CALLS, _FLOOR = 0, 1
_HEAD = 2
_BYTES = (_HEAD + _ROW * REMEMBERED) * 8


class SharedLedger:
    """A ring of the last spent orders and a count of all, in memory that the parent and its workers share.

    An intent index at or below the greatest one that fell out of the ring counts as spent: forgetting may refuse, never allow."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        numbers = np.frombuffer(mmap.mmap(descriptor, _BYTES), dtype=np.uint64)
        self._head = numbers[:_HEAD]
        self._rows = numbers[_HEAD:].reshape(REMEMBERED, _ROW)

    @classmethod
    def empty(cls) -> "SharedLedger":
        """Make the ledger of a new boot; workers open it by its descriptor."""
        with tempfile.TemporaryFile(buffering=0) as file:
            # Written out in full, so that a full disk shows now and not as a fault in the middle of an order.
            file.write(bytes(_BYTES))
            return cls(os.dup(file.fileno()))

    @property
    def calls(self) -> int:
        """How many orders the workers of this boot have accepted. Takes no lock: the asker must never wait for a stopped worker."""
        return int(self._head[_CALLS])

    def call_of(self, intent_index: int) -> int | None:
        """Return the engine's number of the order with this intent; None if no worker accepted it (or it was long ago)."""
        calls = self.calls
        for row in map(int, np.flatnonzero(self._rows[:, 0] == intent_index + 1)):
            # The next row to be written may hold half an order, of a worker that died before it counted it.
            if row != calls % REMEMBERED:
                return calls - (calls - 1 - row) % REMEMBERED
        return None

    def spend(self, order: WorkOrder) -> int:
        """Spend an order and return its number; raises OrderRefused(order-used)."""
        index = order.intent_index + 1
        high, low = int(order.order_id[:16], 16), int(order.order_id[16:], 16)
        with self._locked():
            calls = self.calls
            known = self._rows[: min(calls, REMEMBERED)]
            used = (known[:, 0] == index) | ((known[:, 1] == high) & (known[:, 2] == low))
            if index <= int(self._head[_FLOOR]) or bool(used.any()):
                raise OrderRefused("The order, or its intent, was carried out before; each is good for one call.", code="order-used")
            slot = self._rows[calls % REMEMBERED]
            # The floor before the row, the row before the count: a worker that dies in between has accepted nothing.
            self._head[_FLOOR] = max(int(self._head[_FLOOR]), int(slot[0]))
            slot[:] = (index, high, low)
            self._head[_CALLS] = calls + 1
            return calls + 1

    def close(self) -> None:
        """Let go of the file; it goes when the last process has, and the memory with the last look at it."""
        os.close(self.descriptor)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        # A record lock belongs to a process and falls when that process dies: a killed worker leaves nothing locked.
        fcntl.lockf(self.descriptor, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.lockf(self.descriptor, fcntl.LOCK_UN)
