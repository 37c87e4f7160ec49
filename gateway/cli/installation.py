"""Make the virtual environment beside pyproject.toml, and fill it with what a lock names, every file checked by its hash.
Runs before anything is installed, so it imports the standard library alone; it knows nothing of faces, purposes or the web."""

import contextlib
import fcntl
import hashlib
import os
import re
import selectors
import shutil
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from gateway.cli.mishaps import InstallationError, explained, tail
from gateway.cli.progress import Progress

RUNTIME_LOCK, TEST_LOCK, UV_LOCK = "requirements.lock", "requirements-test.lock", "requirements-uv.lock"
UNFINISHED = "unfinished"


@dataclass(frozen=True, slots=True)
class Venv:
    """The virtual environment of one checkout, with a stamp for each lock that is wholly in it."""

    root: Path

    @property
    def folder(self) -> Path:
        """Where it stands: beside pyproject.toml."""
        return self.root / ".venv"

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.folder / "bin" / "python"

    def is_running_this(self) -> bool:
        """Tell whether the present process already is this environment's interpreter."""
        return Path(sys.prefix).resolve() == self.folder.resolve()

    def holds(self, lock: str) -> bool:
        """Tell whether exactly this lock was installed, whole, for this Python and at this place. Costs two small reads."""
        return self._stamped(lock) == self._stamp_of(lock) and self.python.exists()

    def make_ready(self, lock: str) -> bool:
        """Bring the environment in step with the lock; return whether anything had to be done.

        What was cut short, moved, or made by another Python is built anew; a changed lock is installed over the old
        one. Raises InstallationError with what to mend; the next start then begins again."""
        try:
            if self.holds(lock):
                return False
            with one_at_a_time(self.root / lock):
                # Another start may have done the work while this one waited.
                if not self.holds(lock):
                    self._bring_in_step(lock)
        except OSError as error:
            raise explained(str(error), f"{self.folder} cannot be made ready: {error}.") from error
        return True

    def _bring_in_step(self, lock: str) -> None:
        # 1 start from nothing unless what is there is sound; 2 mark it unfinished; 3 make the venv; 4 fill it, by hash;
        # 5 let it find our packages from any folder; 6 stamp it, last of all.
        began = time.monotonic()
        # 1
        if not self.is_sound():
            remove(self.folder)
        # 2 A power cut from here on leaves a mark that the next start reads as "begin again".
        self.folder.mkdir(exist_ok=True)
        self._stamp(lock).write_text(UNFINISHED, "utf-8")
        # 3
        if not self.python.exists():
            say(f"Preparing {self.folder}; this is done once.")
            self._make()
        # 4
        self._fill(lock, began)
        # 5
        modules = Path(sysconfig.get_path("purelib", "venv", {"base": str(self.folder)}))
        (modules / "custodes.pth").write_text(f"{self.root}\n", "utf-8")
        # 6 The test lock holds all of the runtime lock, so that it fulfils both.
        for fulfilled in {lock, RUNTIME_LOCK}:
            self._stamp(fulfilled).write_text(self._stamp_of(fulfilled), "utf-8")
        say(f"Ready after {time.monotonic() - began:.0f} s: .venv holds {lock}, each package checked by its hash.")

    def is_sound(self) -> bool:
        """Tell whether the environment can be added to: no mark of an unfinished start, this Python, this place."""
        for lock in (RUNTIME_LOCK, TEST_LOCK):
            stamped = self._stamped(lock)
            if stamped and stamped.splitlines()[:2] != self._stamp_of(lock).splitlines()[:2]:
                return False
        if not self.python.exists():
            return False
        # One made by hand carries no stamp: ask it.
        asked = [str(self.python), "-I", "-c", "import sys, pip; print(' '.join(sys.version.split()))"]
        answer = subprocess.run(asked, capture_output=True, text=True, check=False)  # noqa: S603  our own interpreter
        return answer.stdout.strip() == this_python()

    def _make(self) -> None:
        # The base interpreter, not the one of an activated venv: that one may be deleted tomorrow.
        base = getattr(sys, "_base_executable", sys.executable)
        command = [base, "-m", "venv", str(self.folder)]
        made = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  the interpreter that runs this
        if made.returncode != 0:
            output = made.stdout + made.stderr
            raise explained(output, f"`{' '.join(command)}` failed: {tail(output)}")

    def _fill(self, lock: str, began: float) -> None:
        """Install the lock with uv, or with pip where uv cannot be had or does not do."""
        if not self._got_uv(began):
            self._install(self._pip, lock, began)
            return
        try:
            self._install(self._uv, lock, began)
        except InstallationError as error:
            if error.code in {"hash-mismatch", "disk-full"}:
                raise
            # pip knows mirrors, proxies and certificates (pip.conf, PIP_CERT) that uv does not read.
            say("uv does not do here; pip takes its place, more slowly.")
            self._install(self._pip, lock, began)

    def _got_uv(self, began: float) -> bool:
        try:
            self._watch([*self._pip, str(self.root / UV_LOCK)], 1, began)
        except InstallationError as error:
            if error.code != "install-failed":
                raise
            say("uv cannot be had for this machine; pip takes its place, more slowly.")
            return False
        return True

    def _install(self, tool: Sequence[str], lock: str, began: float) -> None:
        text = (self.root / lock).read_text("utf-8")
        # One package comes as source. It is built by the lock's own setuptools, so that no unpinned builder is fetched.
        builder = self.folder / "builder.lock"
        builder.write_text("".join(entry for entry in entries(text) if entry.startswith("setuptools==")), "utf-8")
        self._watch([*tool, str(builder)], 1, began)
        self._watch([*tool, str(self.root / lock)], len(entries(text)), began)

    @property
    def _pip(self) -> tuple[str, ...]:
        pip = (str(self.python), "-I", "-m", "pip", "install", "--no-input", "--retries", "2", "--progress-bar", "off")
        return (*pip, "--no-deps", "--require-hashes", "--no-build-isolation", "-r")

    @property
    def _uv(self) -> tuple[str, ...]:
        uv = (str(self.python), "-I", "-m", "uv", "pip", "install", "--python", str(self.python))
        return (*uv, "--no-deps", "--require-hashes", "--no-build-isolation", "-r")

    def _watch(self, command: Sequence[str], packages: int, began: float) -> None:
        """Run an installer to its end and show how far it is. Raises InstallationError if it fails; its words are in install.log."""
        output = run_and_show(command, Progress(packages, sys.stderr, began))
        with (self.folder / "install.log").open("a", encoding="utf-8") as log:
            log.write(f"$ {' '.join(command)}\n{output.text}\n")
        if output.code != 0:
            raise explained(
                output.text, f"{command[3]} failed ({tail(output.text)}). All that it said is in {self.folder / 'install.log'}."
            )

    def _stamp(self, lock: str) -> Path:
        return self.folder / f"{lock}.stamp"

    def _stamped(self, lock: str) -> str:
        try:
            return self._stamp(lock).read_text("utf-8")
        except FileNotFoundError:
            return ""

    def _stamp_of(self, lock: str) -> str:
        digest = hashlib.sha256((self.root / lock).read_bytes()).hexdigest()
        return f"{this_python()}\n{self.folder}\n{digest}\n"


@dataclass(frozen=True, slots=True)
class Output:
    """What a command said, and the exit code it left."""

    text: str
    code: int


def run_and_show(command: Sequence[str], progress: Progress) -> Output:
    """Run a command, show its progress while it works, and return what it said."""
    # PIP_USER in somebody's settings would send packages to their home folder instead.
    environment = {**os.environ, "PIP_USER": "0", "NO_COLOR": "1"}
    process = subprocess.Popen(  # noqa: S603  pip or uv of our own venv
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment
    )
    assert process.stdout is not None
    heard, rest = bytearray(), b""
    with process, selectors.DefaultSelector() as ready:
        ready.register(process.stdout, selectors.EVENT_READ)
        while True:
            if ready.select(timeout=0.2):
                chunk = os.read(process.stdout.fileno(), 65536)
                if not chunk:
                    break
                heard += chunk
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    progress.hear(line.decode("utf-8", "replace"))
            progress.show()
    progress.end()
    return Output(heard.decode("utf-8", "replace"), process.returncode)


@contextlib.contextmanager
def one_at_a_time(lock: Path) -> Iterator[None]:
    """Let one start at a time work on the environment; the others wait here. A start that dies lets go of it."""
    with lock.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("Another start is preparing .venv; waiting for it.")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def entries(lock: str) -> list[str]:
    """Split the text of a lock into its packages, each with its hashes."""
    return re.findall(r"^[A-Za-z0-9][^\n]*==(?:[^\n]*\\\n)*[^\n]*\n", lock, re.MULTILINE)


def remove(folder: Path) -> None:
    """Remove an environment, or the link to one; nothing there is as good."""
    if folder.is_symlink():
        folder.unlink()
    elif folder.exists():
        shutil.rmtree(folder)


def this_python() -> str:
    """Name the running interpreter down to its build."""
    return " ".join(sys.version.split())


def say(sentence: str) -> None:
    """Tell the person who started it; on standard error, so that a command's output stays clean."""
    sys.stderr.write(f"custodes: {sentence}\n")
    sys.stderr.flush()
