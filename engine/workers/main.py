"""Be a worker: take what the pool sends down one socket, and answer in turn, within limits that this process sets on itself first.
Never opens a port, writes a log or survives the pool."""

import contextlib
import ctypes
import gc
import os
import resource
import signal
import socket
import sys
import traceback
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path

from engine.equipment import read_equipment
from engine.errors import EngineError, ModelRefused
from engine.galleries.keys import KeyDirectory
from engine.galleries.store import Galleries
from engine.galleries.vault import Vault
from engine.images import read_picture
from engine.index import Indexes
from engine.matching import Matcher
from engine.orders import accept
from engine.quality import measure
from engine.recognisers.base import TEMPLATE_LENGTH, Recogniser
from engine.sketches import Sketcher
from engine.stamps import SealCheck
from engine.views import open_view
from engine.workers.ledger import SharedLedger
from engine.workers.plan import Charge
from engine.workers.recognition import Recognition
from engine.workers.wire import Broken, Done, Job, Loading, Look, Ready, Refused, Seen, frame, read_charge, read_job

_LOADING_FROM = 2000  # templates that have to be opened; fewer take no longer than an order may

_PR_SET_DUMPABLE, _PR_SET_PDEATHSIG = 4, 1


def main(channel: socket.socket, ledger: SharedLedger) -> None:
    """Serve one pool until it closes the socket, this worker is to retire, or something breaks."""
    charge = read_charge(channel)
    if charge is None:
        return
    try:
        _confine(charge)
        worker = Worker(charge, ledger)
        channel.sendall(frame(worker.ready))
        while (job := read_job(channel)) is not None:
            channel.sendall(frame(worker.show(job) if isinstance(job, Look) else worker.reply(job, channel)))
    except ConnectionError:
        return  # the pool's process is gone: nobody is left to be told, and nothing is wrong here
    except EngineError as refusal:
        _last_word(channel, Refused.of(0, refusal, None, retiring=True))
    except BaseException as fault:
        # Its kind and place alone: a message may quote what it stumbled over. After any of these the process cannot be trusted.
        traceback.print_tb(fault.__traceback__)
        _last_word(channel, Broken(type(fault).__name__))


def _last_word(channel: socket.socket, word: Refused | Broken) -> None:
    with contextlib.suppress(ConnectionError):
        channel.sendall(frame(word))


class Worker:
    """Everything loaded and warm, and the count of what was done with it."""

    def __init__(self, charge: Charge, ledger: SharedLedger) -> None:
        self._charge = charge
        self._check: SealCheck = charge.check()
        self._ledger = ledger
        recogniser = _recogniser(charge)
        equipment = read_equipment(recogniser.digest, _path(charge.cohort), _path(charge.calibration))
        keys = KeyDirectory(Path(charge.keys))
        vault = Vault(Galleries(Path(charge.galleries), keys), keys, recogniser.digest, equipment.cohort)
        self._vault = vault
        self._indexes = Indexes(vault, TEMPLATE_LENGTH, charge.limits.gallery_bytes)
        matcher = Matcher(equipment.cohort, equipment.with_cohort, equipment.raw)
        centre = equipment.cohort.templates.mean(axis=0)
        sketcher = Sketcher(charge.sketch_key, centre) if charge.sketch_key else None
        self._recognition = Recognition(recogniser, matcher, vault, self._indexes, _now, sketcher)
        binding = equipment.binding
        self.ready = Ready(binding.recogniser, binding.calibrations[0], binding.cohort, binding.calibrations[1], equipment.best_similarity)
        _warm(recogniser)
        gc.freeze()
        self._served = 0
        self._born_with = _resident()

    def reply(self, job: Job, channel: socket.socket) -> Done | Refused:
        """Carry one job out and return its reply; the accepted order is spent whatever comes of it."""

        def announce(templates: int) -> None:
            if templates >= _LOADING_FROM:
                channel.sendall(frame(Loading(job.ticket)))

        self._served += 1
        try:
            accepted = accept(job.sealed, job.images, self._check, self._charge.boot, _now(), self._ledger)
            answer = self._recognition.carry_out(accepted, job.images, announce)
        except EngineError as refusal:
            return Refused.of(job.ticket, refusal, refusal.call, retiring=self._is_old())
        return Done(job.ticket, answer, retiring=self._is_old())

    def show(self, look: Look) -> Seen | Refused:
        """Return the enrolled picture that a sealed view order names. Nothing is recognised, and no order is spent."""
        try:
            order = open_view(look.sealed, self._check, self._charge.boot, _now())
            portrait = self._vault.portrait(order.subject)
        except EngineError as refusal:
            return Refused.of(look.ticket, refusal, None, retiring=self._is_old())
        return Seen(look.ticket, portrait, retiring=self._is_old())

    def _is_old(self) -> bool:
        grown = _resident() - self._born_with - self._indexes.memory
        return self._served >= self._charge.limits.orders_each or grown > self._charge.limits.growth_bytes


def _recogniser(charge: Charge) -> Recogniser:
    # Imported here, behind the limits: these bring in dlib and onnxruntime, and the reference brings in face_recognition.
    from engine.recognisers.dlib import FaceFinder, ReferenceRecogniser
    from engine.recognisers.onnx import OnnxRecogniser, ensure_model

    match charge.recogniser:
        case "onnx":
            return OnnxRecogniser(ensure_model(Path(charge.models)), FaceFinder())
        case "reference":
            return ReferenceRecogniser(FaceFinder())
        case unknown:
            raise ModelRefused(f"There is no recogniser {unknown[:40]!r}; choose onnx or reference.")


def _path(given: str | None) -> Path | None:
    return None if given is None else Path(given)


def _warm(recogniser: Recogniser) -> None:
    """Take one shipped portrait the whole way, so that no caller waits for what is done only once."""
    portrait = resources.files("engine").joinpath("data", "portraits", "astronaut.png").read_bytes()
    pixels = read_picture(portrait).pixels
    for face in recogniser.detect(pixels):
        measure(pixels, face, recogniser.chip(pixels, face))
        recogniser.template(pixels, face)


def _confine(charge: Charge) -> None:
    """Take the limits that nothing in this process can lift again, before anything is loaded and long before an image is read."""
    limits = charge.limits
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core dump would hold faces and templates
    resource.setrlimit(resource.RLIMIT_AS, (limits.memory_bytes, limits.memory_bytes))
    os.nice(limits.nice)
    os.umask(0o077)
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    if sys.platform == "linux":
        libc = ctypes.CDLL(None)
        libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)  # nobody attaches a debugger to read templates
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def _resident() -> int:
    """Return the bytes of memory that this process holds; 0 where the system does not say."""
    try:
        pages = Path("/proc/self/statm").read_text().split()[1]
    except OSError:
        return 0
    return int(pages) * resource.getpagesize()


def _now() -> datetime:
    return datetime.now(UTC)


if __name__ == "__main__":
    main(socket.socket(fileno=int(sys.argv[1])), SharedLedger(int(sys.argv[2])))
