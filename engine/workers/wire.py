"""The frames between the pool and a worker: four bytes of length, then MessagePack in one of a few closed shapes.
Never pickle: what a worker that was taken over sends can be wrong, but it cannot be code."""

import socket
from asyncio import StreamReader

import msgspec

from engine.errors import (
    CalibrationRefused,
    CohortRefused,
    EngineError,
    GalleryDamaged,
    GalleryRefused,
    GalleryUnknown,
    ImageRefused,
    ModelRefused,
    OrderRefused,
    PersonRefused,
    ThresholdRefused,
    WrongRecogniser,
)
from engine.faces import Answer
from engine.workers.plan import Charge

LONGEST_REPLY = 4 * 1024 * 1024
LONGEST_JOB = 64 * 1024 * 1024

_LENGTH = 4
# What a worker may say no with. A name that is not here is a wrong shape, not an error of ours.
_REFUSALS: dict[str, type[EngineError]] = {
    kind.__name__: kind
    for kind in (
        CalibrationRefused,
        CohortRefused,
        GalleryDamaged,
        GalleryRefused,
        GalleryUnknown,
        ModelRefused,
        OrderRefused,
        PersonRefused,
        ThresholdRefused,
        WrongRecogniser,
    )
}


class WrongShape(Exception):
    """The other end sent something that is no frame of ours; nothing it says is believed any more."""


class Gone(Exception):
    """The other end closed the connection: the process is gone."""


class Job(msgspec.Struct, frozen=True, tag=True):
    """Pool to worker: carry this order out. `ticket` comes back with the reply, so that no answer reaches another's request."""

    ticket: int
    sealed: bytes
    images: tuple[bytes, ...]


class Look(msgspec.Struct, frozen=True, tag=True):
    """Pool to worker: return the picture that this sealed view order names. No recognition is done."""

    ticket: int
    sealed: bytes


class Seen(msgspec.Struct, frozen=True, tag=True):
    """Worker to pool: the picture, or None where none is kept."""

    ticket: int
    portrait: bytes | None
    retiring: bool = False


class Ready(msgspec.Struct, frozen=True, tag=True):
    """Worker to pool, once: everything is loaded and warm. All but the last are digests.

    `calibration` is for scores against `cohort`, `raw_calibration` for galleries where that is switched off; `best_similarity` is
    the highest that both can vouch for."""

    recogniser: str
    calibration: str
    cohort: str | None
    raw_calibration: str = ""
    best_similarity: float = 100.0


class Loading(msgspec.Struct, frozen=True, tag=True):
    """Worker to pool: a gallery is being read into memory for this job, which takes longer than recognition."""

    ticket: int


class Done(msgspec.Struct, frozen=True, tag=True):
    """Worker to pool: the answer. `retiring` asks for a successor: this worker has served its time or grown too large."""

    ticket: int
    answer: Answer
    retiring: bool = False


class Refused(msgspec.Struct, frozen=True, tag=True):
    """Worker to pool: no, for a reason that the caller can act on; `call` is set when the order had been accepted."""

    ticket: int
    kind: str
    code: str
    sentence: str
    call: int | None = None
    retiring: bool = False

    @classmethod
    def of(cls, ticket: int, error: EngineError, call: int | None, *, retiring: bool) -> "Refused":
        """Write an error of ours so that it can be raised again at the other end."""
        return cls(ticket, type(error).__name__, error.code, error.sentence, call, retiring)

    def error(self) -> EngineError:
        """Return the error as it was raised in the worker; raises WrongShape where it is none that a worker may raise."""
        error: EngineError
        if self.kind == ImageRefused.__name__:
            error = ImageRefused(self.code, self.sentence)
        elif self.kind in _REFUSALS:
            error = _REFUSALS[self.kind](self.sentence, code=self.code)
        else:
            raise WrongShape(self.kind)
        error.call = self.call
        return error


class Broken(msgspec.Struct, frozen=True, tag=True):
    """Worker to pool, its last word: something happened that should not. Only the kind of fault: its text may hold personal data."""

    detail: str


Reply = Ready | Loading | Done | Seen | Refused | Broken

_ENCODER = msgspec.msgpack.Encoder()
_REPLIES: msgspec.msgpack.Decoder[Reply] = msgspec.msgpack.Decoder(Reply)
_JOBS: msgspec.msgpack.Decoder[Job | Look] = msgspec.msgpack.Decoder(Job | Look)
_CHARGES = msgspec.msgpack.Decoder(Charge)


def frame(message: Charge | Job | Look | Reply) -> bytes:
    """Return a message as it goes over the wire."""
    body = _ENCODER.encode(message)
    return len(body).to_bytes(_LENGTH, "big") + body


async def read_reply(reader: StreamReader) -> Reply:
    """Wait for the worker's next frame. Raises Gone at the end of the stream, WrongShape for anything but a frame of ours."""
    try:
        length = int.from_bytes(await reader.readexactly(_LENGTH), "big")
        if length > LONGEST_REPLY:
            raise WrongShape(f"{length} bytes")
        return _REPLIES.decode(await reader.readexactly(length))
    except (EOFError, OSError) as gone:
        raise Gone from gone
    except msgspec.MsgspecError as rubbish:
        raise WrongShape from rubbish


def read_charge(channel: socket.socket) -> Charge | None:
    """Wait, in the worker, for the first frame; None when the pool has closed the connection."""
    body = _read_frame(channel)
    return None if body is None else _CHARGES.decode(body)


def read_job(channel: socket.socket) -> Job | Look | None:
    """Wait, in the worker, for the next job; None when there will be no more."""
    body = _read_frame(channel)
    return None if body is None else _JOBS.decode(body)


def _read_frame(channel: socket.socket) -> bytes | None:
    head = _read_exactly(channel, _LENGTH)
    if head is None:
        return None
    length = int.from_bytes(head, "big")
    return _read_exactly(channel, length) if length <= LONGEST_JOB else None


def _read_exactly(channel: socket.socket, length: int) -> bytes | None:
    body = bytearray(length)
    view, filled = memoryview(body), 0
    while filled < length:
        got = channel.recv_into(view[filled:])
        if got == 0:
            return None
        filled += got
    return bytes(body)
