"""Say what the recogniser is ordered to do, sealed so that nobody in between can alter, repeat or redirect it.
Never sees a purpose, a client or a template, and of the images only their digests."""

import hashlib
import hmac
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from engine.errors import OrderRefused
from engine.names import is_gallery_name, is_subject_name
from engine.stamps import OrderSeal, SealCheck, stamped, unstamped

FORMAT = b"custodes-order@v1"
LONGEST_LIFE = timedelta(minutes=5)
CLOCK_SKEW = timedelta(seconds=5)
GREATEST_INDEX = 2**63 - 1

_HEX = re.compile(r"[0-9a-f]+\Z")


class Operation(StrEnum):
    """What a worker can be ordered to do with one image."""

    DETECT = "detect"
    VERIFY = "verify"
    IDENTIFY = "identify"
    ENROLL = "enroll"


@dataclass(frozen=True, slots=True)
class GalleryState:
    """A gallery no older than `generation`: every withdrawal up to there has happened for the search that names it."""

    gallery: str
    generation: int = 0


@dataclass(frozen=True, slots=True)
class SubjectReference:
    """One enrolled subject, by the gallery that holds its photos."""

    gallery: str
    subject: str
    generation: int = 0


@dataclass(frozen=True, slots=True)
class SearchLimits:
    """What fulfilment allows at most. `max_candidates` counts over all faces of the probe together.

    `min_similarity` is the least that may be reported (or called the same person); `person_similarity` the least at which the
    probe counts as the case's registered person. `accept_poor_quality` lets a probe through that the quality gate would refuse."""

    max_faces: int
    max_candidates: int
    min_similarity: float
    person_similarity: float = 99.9
    accept_poor_quality: bool = False

    def __post_init__(self) -> None:
        if not (1 <= self.max_faces <= 1000 and 0 <= self.max_candidates <= 1000):
            raise ValueError("max_faces is 1 to 1000 and max_candidates 0 to 1000")
        if not (0 <= self.min_similarity <= 100 and 0 <= self.person_similarity <= 100):
            raise ValueError("a similarity lies between 0 and 100")


@dataclass(frozen=True, slots=True)
class WorkOrder:
    """One piece of recognition that a durable intent entry (`intent_index`, of this `boot`) has ordered.

    identify searches `gallery`; verify compares with `subject` or with a second image; enroll adds the image to `subject`.
    `person` is registered, and the probe must show it; `without` names who is passed over. `portraits` asks for pictures for people to look
    at: in the answer or, enrolling, beside the template. Raises ValueError where these do not fit together."""

    boot: str
    intent_index: int
    operation: Operation
    image_sha256: str
    limits: SearchLimits
    issued_at: datetime
    expires_at: datetime
    second_sha256: str | None = None
    gallery: GalleryState | None = None
    subject: SubjectReference | None = None
    person: SubjectReference | None = None
    without: tuple[str, ...] = ()
    order_id: str = field(default_factory=lambda: secrets.token_hex(16))
    portraits: bool = False

    def __post_init__(self) -> None:
        _require_sound_names(self)
        has = (self.second_sha256 is not None, self.gallery is not None, self.subject is not None)
        if has not in _ALLOWED_TARGETS[self.operation]:
            raise ValueError(f"an order to {self.operation} names the wrong second image, gallery or subject")
        if self.person is not None and self.operation is Operation.DETECT:
            raise ValueError("a case's person is looked for where a template is made, and nowhere else")
        if self.issued_at.tzinfo is None or self.expires_at.tzinfo is None:
            raise ValueError("an order's times are in UTC")
        if not timedelta(0) < self.expires_at - self.issued_at <= LONGEST_LIFE:
            raise ValueError("an order lives longer than no time and at most five minutes")

    @property
    def photo(self) -> str:
        """The name under which an enrolled photo is kept: the same image is the same photo, however often it is sent."""
        return self.image_sha256[:32]


# operation -> allowed (second image, gallery, subject)
_ALLOWED_TARGETS = {
    Operation.DETECT: {(False, False, False)},
    Operation.VERIFY: {(True, False, False), (False, False, True)},
    Operation.IDENTIFY: {(False, True, False)},
    Operation.ENROLL: {(False, False, True)},
}


def _require_sound_names(order: WorkOrder) -> None:
    digests = (order.image_sha256, order.second_sha256)
    if any(digest is not None and not (len(digest) == 64 and _HEX.match(digest)) for digest in digests):
        raise ValueError("an image is named by its SHA-256 in lower-case hex")
    if not (len(order.order_id) == 32 and _HEX.match(order.order_id) and _HEX.match(order.boot)):
        raise ValueError("an order's id is 32 hex digits, and its boot is named in hex")
    if not 0 <= order.intent_index < GREATEST_INDEX:
        raise ValueError("the intent index is the index of a log entry")
    galleries = [place.gallery for place in (order.gallery, order.subject, order.person) if place]
    subjects = [*order.without, *(place.subject for place in (order.subject, order.person) if place)]
    if not (all(map(is_gallery_name, galleries)) and all(map(is_subject_name, subjects))):
        raise ValueError("a gallery or subject has no acceptable name")


@dataclass(frozen=True, slots=True, repr=False)
class LocalSeal:
    """HMAC-SHA256 under a key that lives for one boot: for workers that the gateway started on its own host. Seals and checks."""

    key: bytes
    scheme: str = "hmac-sha256"

    @classmethod
    def fresh(cls) -> "LocalSeal":
        """Make this boot's seal from the machine's random numbers."""
        return cls(secrets.token_bytes(32))

    def stamp(self, message: bytes) -> bytes:
        """Return the HMAC of the message."""
        return hmac.digest(self.key, message, "sha256")

    def holds(self, message: bytes, stamp: bytes) -> bool:
        """Compare in constant time."""
        return hmac.compare_digest(self.stamp(message), stamp)


@dataclass(frozen=True, slots=True, repr=False)
class HostSeal:
    """Ed25519: for workers on other hosts, which can check an order but not make one."""

    key: Ed25519PrivateKey
    scheme: str = "ed25519"

    def stamp(self, message: bytes) -> bytes:
        """Return the signature of the message."""
        return self.key.sign(message)

    def check(self) -> "HostSealCheck":
        """Return what the other host needs."""
        return HostSealCheck(self.key.public_key().public_bytes_raw())


@dataclass(frozen=True, slots=True)
class HostSealCheck:
    """The public half of a HostSeal, as 32 raw bytes."""

    public_key: bytes
    scheme: str = "ed25519"

    def holds(self, message: bytes, stamp: bytes) -> bool:
        """Verify the signature."""
        try:
            Ed25519PublicKey.from_public_bytes(self.public_key).verify(stamp, message)
        except (InvalidSignature, ValueError):
            return False
        return True


class Ledger(Protocol):
    """Where all workers of a boot write down which orders are spent."""

    def spend(self, order: WorkOrder) -> int:
        """Spend an order, and return the engine's own count of it: 1, 2, 3… over all workers of the boot.

        Raises OrderRefused(order-used) if its id or its intent index was spent before, by whichever worker."""
        ...


@dataclass(frozen=True, slots=True)
class Accepted:
    """An order that passed every check, and the engine's own number for it."""

    order: WorkOrder
    call: int


def seal(order: WorkOrder, with_seal: OrderSeal) -> bytes:
    """Return the order as bytes that a worker will believe: a line of format and scheme, canonical JSON, and the stamp of both."""
    return stamped(FORMAT, msgspec.json.encode(order, order="sorted"), with_seal)


def open_sealed(sealed: bytes, check: SealCheck, boot: str, now: datetime) -> WorkOrder:
    """Return the order inside, if it is ours, of this boot, and still in force.

    Raises OrderRefused: order-forged for anything that this seal did not stamp, order-mismatch for another boot's order,
    order-expired outside its time."""
    order = _unsealed(sealed, check)
    if order.boot != boot:
        raise OrderRefused("The order was made for another run of the engine; ask again.", code="order-mismatch")
    if not order.issued_at - CLOCK_SKEW <= now < order.expires_at:
        raise OrderRefused("The order is not in force at this moment; ask again.", code="order-expired")
    return order


def accept(sealed: bytes, images: Sequence[bytes], check: SealCheck, boot: str, now: datetime, ledger: Ledger) -> Accepted:
    """Check an order as a worker must before it looks at a pixel, spend it, and return it with the engine's count.

    1 the seal is the gateway's; 2 the order is of this boot; 3 it is in force; 4 the images are those that the order names, by
    digest; 5 it was never spent. Spending comes last, so that the count is of orders that were carried out, and nothing else.
    Raises OrderRefused, with which the recogniser was not woken."""
    # 1, 2, 3
    order = open_sealed(sealed, check, boot, now)
    # 4
    named = [digest for digest in (order.image_sha256, order.second_sha256) if digest is not None]
    if [hashlib.sha256(image).hexdigest() for image in images] != named:
        raise OrderRefused("The image is not the one that the order names.", code="order-mismatch")
    # 5
    return Accepted(order, ledger.spend(order))


_DECODER = msgspec.json.Decoder(WorkOrder)


def _unsealed(sealed: bytes, check: SealCheck) -> WorkOrder:
    try:
        return _DECODER.decode(unstamped(FORMAT, sealed, check))
    except msgspec.MsgspecError:
        raise OrderRefused("The order does not carry the gateway's seal.", code="order-forged") from None


def intent_of(sealed: bytes) -> int | None:
    """Return the intent index that sealed bytes speak of, their seal unchecked: to find a lost order's number, never to act upon."""
    try:
        return _DECODER.decode(sealed.split(b"\n")[1]).intent_index
    except (IndexError, msgspec.MsgspecError):
        return None
