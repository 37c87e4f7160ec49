"""A worker carries out what the gateway ordered: exactly that, on exactly that image, once, and in time."""

import base64
import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import OrderRefused
from engine.orders import (
    LONGEST_LIFE,
    GalleryState,
    HostSeal,
    LocalSeal,
    Operation,
    SearchLimits,
    SubjectReference,
    WorkOrder,
    accept,
    intent_of,
    open_sealed,
    seal,
)
from engine.workers.ledger import REMEMBERED, SharedLedger

NOW = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
BOOT = "b0"
IMAGE = b"an image, as far as an order cares"


def an_order(intent: int = 7, **changes: object) -> WorkOrder:
    order = WorkOrder(
        boot=BOOT,
        intent_index=intent,
        operation=Operation.IDENTIFY,
        image_sha256=hashlib.sha256(IMAGE).hexdigest(),
        limits=SearchLimits(max_faces=1, max_candidates=1, min_similarity=99.9),
        issued_at=NOW,
        expires_at=NOW + timedelta(seconds=30),
        gallery=GalleryState("missing", 4),
    )
    return replace(order, **changes)  # type: ignore[arg-type]  # each test names a field that the order has


@pytest.fixture
def ledger():
    ledger = SharedLedger.empty()
    yield ledger
    ledger.close()


@pytest.fixture
def a_seal() -> LocalSeal:
    return LocalSeal.fresh()


def refusal(call) -> str:
    with pytest.raises(OrderRefused) as caught:
        call()
    return caught.value.code


def test_an_order_comes_out_of_its_seal_as_it_went_in(a_seal):
    order = an_order(person=SubjectReference("case-17", "p1", 2), limits=SearchLimits(2, 3, 99.95, 99.0, accept_poor_quality=True))
    assert open_sealed(seal(order, a_seal), a_seal, BOOT, NOW) == order


def test_another_host_checks_an_ed25519_seal_with_the_public_half_alone():
    ours = HostSeal(Ed25519PrivateKey.generate())
    order = an_order()
    assert open_sealed(seal(order, ours), ours.check(), BOOT, NOW) == order


def test_a_seal_made_with_another_key_is_forged(a_seal):
    assert refusal(lambda: open_sealed(seal(an_order(), LocalSeal.fresh()), a_seal, BOOT, NOW)) == "order-forged"
    stranger = HostSeal(Ed25519PrivateKey.generate())
    ours = HostSeal(Ed25519PrivateKey.generate()).check()
    assert refusal(lambda: open_sealed(seal(an_order(), stranger), ours, BOOT, NOW)) == "order-forged"


def test_a_public_key_cannot_be_used_as_the_key_of_an_hmac():
    ours = HostSeal(Ed25519PrivateKey.generate())
    confused = LocalSeal(ours.check().public_key)
    assert refusal(lambda: open_sealed(seal(an_order(), confused), ours.check(), BOOT, NOW)) == "order-forged"


def test_every_single_changed_byte_is_seen(a_seal):
    sealed = seal(an_order(), a_seal)
    for place in range(len(sealed)):
        changed = bytearray(sealed)
        changed[place] ^= 1
        assert refusal(lambda changed=changed: open_sealed(bytes(changed), a_seal, BOOT, NOW)) == "order-forged", place


def test_every_shortening_is_seen(a_seal):
    sealed = seal(an_order(), a_seal)
    for length in range(len(sealed)):
        assert refusal(lambda length=length: open_sealed(sealed[:length], a_seal, BOOT, NOW)) == "order-forged"


@given(rubbish=st.binary(max_size=300))
def test_rubbish_is_a_forged_order_and_nothing_else(rubbish):
    ours = LocalSeal(b"k" * 32)
    assert refusal(lambda: open_sealed(rubbish, ours, BOOT, NOW)) == "order-forged"
    assert intent_of(rubbish) is None


@given(body=st.binary(max_size=200))
def test_rubbish_under_a_good_seal_is_still_refused(body):
    ours = LocalSeal(b"k" * 32)
    message = b"custodes-order@v1 hmac-sha256\n" + body + b"\n"
    sealed = message + base64.b64encode(ours.stamp(message)) + b"\n"
    assert refusal(lambda: open_sealed(sealed, ours, BOOT, NOW)) == "order-forged"


def test_an_order_of_another_boot_is_a_mismatch(a_seal):
    assert refusal(lambda: open_sealed(seal(an_order(), a_seal), a_seal, "b1", NOW)) == "order-mismatch"


@pytest.mark.parametrize(("seconds", "good"), [(-6, False), (-4, True), (0, True), (29, True), (30, False), (3000, False)])
def test_an_order_is_in_force_from_its_issue_until_just_before_its_end(a_seal, seconds, good):
    sealed = seal(an_order(), a_seal)
    moment = NOW + timedelta(seconds=seconds)
    if good:
        assert open_sealed(sealed, a_seal, BOOT, moment).intent_index == 7
    else:
        assert refusal(lambda: open_sealed(sealed, a_seal, BOOT, moment)) == "order-expired"


def test_no_order_lives_longer_than_five_minutes():
    assert an_order(expires_at=NOW + LONGEST_LIFE).expires_at == NOW + timedelta(minutes=5)
    with pytest.raises(ValueError, match="five minutes"):
        an_order(expires_at=NOW + LONGEST_LIFE + timedelta(seconds=1))


@pytest.mark.parametrize(
    "changes",
    [
        {"gallery": None},
        {"subject": SubjectReference("g", "s")},
        {"second_sha256": "0" * 64},
        {"operation": Operation.VERIFY},
        {"operation": Operation.ENROLL},
        {"operation": Operation.DETECT},
        {"operation": Operation.DETECT, "gallery": None, "person": SubjectReference("g", "s")},
        {"image_sha256": "F" * 64},
        {"image_sha256": "00"},
        {"gallery": GalleryState("../escape")},
        {"person": SubjectReference("g", "two\nlines")},
        {"intent_index": -1},
        {"order_id": "short"},
        {"issued_at": datetime(2026, 11, 23)},  # noqa: DTZ001 - naive on purpose
    ],
)
def test_an_order_that_does_not_fit_together_cannot_be_made(changes):
    with pytest.raises((ValueError, TypeError)):
        an_order(**changes)


def test_limits_outside_their_range_cannot_be_made():
    for bad in ((0, 1, 99.0), (1, -1, 99.0), (1, 1, 100.5), (1, 1, float("nan"))):
        with pytest.raises(ValueError, match=r"max_|similarity"):
            SearchLimits(*bad)


def test_the_image_must_be_the_one_that_the_order_names(a_seal, ledger):
    sealed = seal(an_order(), a_seal)
    for images in ((b"another",), (), (IMAGE, IMAGE)):
        assert refusal(lambda images=images: accept(sealed, images, a_seal, BOOT, NOW, ledger)) == "order-mismatch"
    assert ledger.calls == 0, "an order that was refused is no call"
    assert accept(sealed, (IMAGE,), a_seal, BOOT, NOW, ledger).call == 1


def test_a_second_image_must_be_the_one_that_the_order_names(a_seal, ledger):
    second = b"the other one"
    order = an_order(operation=Operation.VERIFY, gallery=None, second_sha256=hashlib.sha256(second).hexdigest())
    assert refusal(lambda: accept(seal(order, a_seal), (second, IMAGE), a_seal, BOOT, NOW, ledger)) == "order-mismatch"
    assert accept(seal(order, a_seal), (IMAGE, second), a_seal, BOOT, NOW, ledger).call == 1


def test_an_order_is_good_for_one_call(a_seal, ledger):
    sealed = seal(an_order(), a_seal)
    assert accept(sealed, (IMAGE,), a_seal, BOOT, NOW, ledger).call == 1
    assert refusal(lambda: accept(sealed, (IMAGE,), a_seal, BOOT, NOW, ledger)) == "order-used"
    assert ledger.calls == 1


def test_an_intent_pays_for_one_order_even_under_two_ids_and_an_id_for_one_even_under_two_intents(ledger):
    first = an_order(intent=7)
    assert ledger.spend(first) == 1
    assert refusal(lambda: ledger.spend(an_order(intent=7))) == "order-used"
    assert refusal(lambda: ledger.spend(an_order(intent=8, order_id=first.order_id))) == "order-used"


def test_orders_may_arrive_out_of_their_intents_order(ledger):
    assert [ledger.spend(an_order(intent=intent)) for intent in (9, 7, 0, 8)] == [1, 2, 3, 4]
    assert [ledger.call_of(intent) for intent in (9, 7, 0, 8, 1)] == [1, 2, 3, 4, None]


def test_the_spent_intent_zero_is_not_mistaken_for_an_empty_row(ledger):
    assert ledger.call_of(0) is None
    assert ledger.spend(an_order(intent=0)) == 1
    assert refusal(lambda: ledger.spend(an_order(intent=0))) == "order-used"


def test_what_the_ledger_has_forgotten_counts_as_spent(ledger):
    for intent in range(10, 10 + REMEMBERED + 5):
        ledger.spend(an_order(intent=intent))
    for forgotten in (10, 14, 3):
        assert refusal(lambda forgotten=forgotten: ledger.spend(an_order(intent=forgotten))) == "order-used"
    last = 10 + REMEMBERED + 4
    assert (ledger.call_of(last), ledger.call_of(last - 1), ledger.calls) == (REMEMBERED + 5, REMEMBERED + 4, REMEMBERED + 5)


def test_the_intent_of_sealed_bytes_can_be_read_for_the_record(a_seal):
    assert intent_of(seal(an_order(intent=123), a_seal)) == 123
