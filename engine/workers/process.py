"""One worker as the pool sees it: a process at the other end of a socket, which answers in time and in shape, or is killed.
Never decides what an answer is worth, and never believes a worker that has once been wrong."""

import asyncio
import os
import socket
import subprocess
from asyncio import StreamReader, StreamReaderProtocol, StreamWriter
from pathlib import Path

import engine
from engine.errors import EngineError, EngineFailed
from engine.workers.plan import WorkerPlan
from engine.workers.wire import Broken, Done, Gone, Job, Loading, Look, Ready, Refused, Seen, WrongShape, frame, read_reply

# A worker gets these variables and no others: the service's environment may hold secrets.
_PASSED_ON = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "TMPDIR")
_ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}

_SENTENCES = {
    "crashed": "The recogniser's process ended in the middle of this order; nothing was found or kept. Ask again.",
    "hung": "The recogniser took longer than an order may take and was stopped; nothing was found or kept. Ask again.",
    "out-of-memory": "The recogniser needed more memory than an order may use; send a smaller image.",
    "wrong-shape": "The recogniser's answer was none that it may give, and was thrown away. Ask again.",
    "fault": "The recogniser met a fault in itself; nothing was found or kept. Ask again.",
}


def engine_failed(detail: str) -> EngineFailed:
    """Return the failure of this kind, with its sentence."""
    return EngineFailed(_SENTENCES[detail], detail=detail)


class _EndHearing(StreamReader):
    """A stream that says at once when it ends, even while nobody reads it."""

    def __init__(self) -> None:
        super().__init__()
        self.ended = asyncio.Event()

    def feed_eof(self) -> None:
        """Take the orderly end of the connection."""
        super().feed_eof()
        self.ended.set()

    def set_exception(self, exc: Exception) -> None:
        """Take its other end, with unread bytes in it."""
        super().set_exception(exc)
        self.ended.set()


class WorkerProcess:
    """A started worker. After any EngineFailed it is of no more use, and `end` must be called."""

    def __init__(self, process: subprocess.Popen[bytes], reader: _EndHearing, writer: StreamWriter, plan: WorkerPlan) -> None:
        self._process = process
        self._reader = reader
        self._writer = writer
        self._limits = plan.limits
        self.ready = Ready("", "", None)

    @classmethod
    async def start(cls, plan: WorkerPlan, ledger: int) -> "WorkerProcess":
        """Start a worker and return it when its models are loaded and warm.

        Raises EngineFailed if it does not get so far, or the worker's own EngineError that says why."""
        ours, theirs = socket.socketpair()
        with theirs:
            process = _spawn(plan.program, theirs.fileno(), ledger)
        reader, loop = _EndHearing(), asyncio.get_running_loop()
        try:
            transport, protocol = await loop.create_unix_connection(lambda: StreamReaderProtocol(reader), sock=ours)
        except BaseException:
            ours.close()
            process.kill()
            await _taken_back(process)
            raise
        worker = cls(process, reader, StreamWriter(transport, protocol, reader, loop), plan)
        try:
            worker.ready = await worker._await_ready(plan)
        except BaseException:
            await worker.end()
            raise
        return worker

    async def _await_ready(self, plan: WorkerPlan) -> Ready:
        self._writer.write(frame(plan.charge()))
        try:
            async with asyncio.timeout(plan.limits.start_seconds):
                reply = await read_reply(self._reader)
        except (Gone, OSError):
            raise engine_failed("crashed") from None
        except WrongShape:
            raise engine_failed("wrong-shape") from None
        except TimeoutError:
            raise engine_failed("hung") from None
        return _require_ready(reply)

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    async def ended(self) -> None:
        """Wait until the process has let go of its end of the connection: it is dead, or as good as dead."""
        await self._reader.ended.wait()

    async def carry_out(self, job: Job | Look) -> Done | Seen | Refused:
        """Send one job and return its reply. Raises EngineFailed (crashed, hung, out-of-memory, wrong-shape, fault)."""
        self._writer.write(frame(job))
        loop = asyncio.get_running_loop()
        may_load = True
        try:
            async with asyncio.timeout(self._limits.order_seconds) as deadline:
                await self._writer.drain()
                while True:
                    match await read_reply(self._reader):
                        case Loading(ticket) if ticket == job.ticket and may_load:
                            may_load = False
                            deadline.reschedule(loop.time() + self._limits.load_seconds)
                        case Done(ticket) | Seen(ticket) | Refused(ticket) as reply if ticket == job.ticket:
                            return reply
                        case Broken(detail):
                            raise engine_failed("out-of-memory" if detail == "MemoryError" else "fault")
                        case _:
                            raise engine_failed("wrong-shape")
        except (Gone, OSError) as fault:
            # TimeoutError is an OSError since Python 3.10.
            raise engine_failed("hung" if isinstance(fault, TimeoutError) else "crashed") from None
        except WrongShape:
            raise engine_failed("wrong-shape") from None

    async def end(self) -> None:
        """Kill the process, whatever it is doing, and return when the system has taken it back."""
        self._process.kill()
        self._writer.close()
        await _taken_back(self._process)


async def _taken_back(process: subprocess.Popen[bytes]) -> None:
    """Return when the system has taken a killed process back, even if whoever waits is cancelled."""
    try:
        await asyncio.to_thread(process.wait)
    finally:
        # Cancelled before the thread began, nobody would wait. A killed process is gone in a moment, so this holds up nobody.
        process.wait()


def _spawn(program: tuple[str, ...], channel: int, ledger: int) -> subprocess.Popen[bytes]:
    # A new interpreter, never a fork: a fork of a process with threads and sockets inherits their locks and secrets.
    return subprocess.Popen(  # noqa: S603 - our own program
        [*program, str(channel), str(ledger)],
        pass_fds=(channel, ledger),
        stdin=subprocess.DEVNULL,
        cwd=Path(engine.__file__).parents[1],
        env={name: os.environ[name] for name in _PASSED_ON if name in os.environ} | _ONE_THREAD,
        start_new_session=True,
    )


def _require_ready(reply: object) -> Ready:
    match reply:
        case Ready():
            return reply
        case Refused():
            raise _error_of(reply)
        case Broken(detail):
            raise EngineFailed(f"A recogniser's process could not be started ({detail}); `doctor` says more.", detail="fault")
        case _:
            raise engine_failed("wrong-shape")


def _error_of(reply: Refused) -> EngineError:
    try:
        return reply.error()
    except WrongShape:
        return engine_failed("wrong-shape")
