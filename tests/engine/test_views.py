"""A picture is opened for whoever carries the gateway's seal, now, in this run, and for nobody else."""

from datetime import UTC, datetime, timedelta

import pytest

from engine.errors import OrderRefused
from engine.orders import LocalSeal, SubjectReference
from engine.stamps import stamped
from engine.views import FORMAT, LIVES, ViewOrder, open_view, seal_view

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
SEAL = LocalSeal(b"k" * 32)
ORDER = ViewOrder("b007", 12, SubjectReference("missing", "s1"), NOW)


def code_of(sealed: bytes, boot: str = "b007", now: datetime = NOW) -> str:
    with pytest.raises(OrderRefused) as refused:
        open_view(sealed, SEAL, boot, now)
    return refused.value.code


def test_a_view_order_opens_in_its_run_and_for_half_a_minute() -> None:
    sealed = seal_view(ORDER, SEAL)
    assert open_view(sealed, SEAL, "b007", NOW + LIVES - timedelta(microseconds=1)) == ORDER
    assert code_of(sealed, boot="c0de") == "order-mismatch"
    assert code_of(sealed, now=NOW + LIVES) == "order-expired"
    assert code_of(sealed, now=NOW - timedelta(seconds=6)) == "order-expired"


def test_nothing_else_is_a_view_order() -> None:
    sealed = seal_view(ORDER, SEAL)
    for place in range(len(sealed)):
        changed = bytearray(sealed)
        changed[place] ^= 1
        assert code_of(bytes(changed)) == "order-forged", place
    for other in (b"", b"\n", sealed * 2, seal_view(ORDER, LocalSeal(b"x" * 32)), stamped(b"custodes-order@v1", b"{}", SEAL)):
        assert code_of(other) == "order-forged"
    assert code_of(stamped(FORMAT, b"{}", SEAL)) == "order-forged", "under the seal, but no view order"
