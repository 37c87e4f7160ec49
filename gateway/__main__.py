"""Start Custodes from a bare Python: see that .venv holds what the lock names, then run the command inside it.
Never needs an installed package, and stays in words that Python 3.9 can read, so that an old interpreter gets a sentence.

Exit code 69 means that the environment could not be made ready; every other code is the command's own."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OLDEST, NEWEST = (3, 11), (3, 13)


def unsupported(version: tuple[int, int], system: str) -> str | None:
    """Say in a sentence why this interpreter cannot run Custodes, or None if it can."""
    if system != "posix":
        return "Custodes runs on Linux and macOS; on Windows, start it inside WSL."
    if OLDEST <= version <= NEWEST:
        return None
    found = ".".join(map(str, version))
    sentence = f"Python 3.11–3.13 is needed; found {found} ({sys.executable})."
    fitting = [name for name in ("python3.13", "python3.12", "python3.11") if shutil.which(name)]
    return f"{sentence} {fitting[0]} is here: `{fitting[0]} -m gateway` may do." if fitting else sentence


def main() -> None:
    """Make the environment ready if it is not, and hand over to the command line inside it."""
    refusal = unsupported(sys.version_info[:2], os.name)
    if refusal:
        leave(refusal)
    if not __package__:
        # Started by its path: our folder, first on sys.path, would shadow other modules with names like `errors`.
        sys.path[0] = str(ROOT)

    # Only now: what follows is written for Python 3.11.
    from gateway.cli.installation import Venv
    from gateway.cli.mishaps import InstallationError

    venv = Venv(ROOT)
    lock = "requirements-test.lock" if sys.argv[1:2] == ["test"] else "requirements.lock"
    try:
        changed = venv.make_ready(lock)
    except InstallationError as error:
        leave(error.sentence)
    except KeyboardInterrupt:
        leave("Stopped before .venv was ready; the next start begins it again.")
    if changed or not venv.is_running_this() or not __package__:
        # -P: a stray numpy.py in the caller's folder must not be imported in place of the real one.
        os.execv(venv.python, [str(venv.python), "-P", "-m", "gateway", *sys.argv[1:]])  # noqa: S606  it is meant to replace this process

    from gateway.cli.main import main as run

    run()


def leave(sentence: str) -> None:
    """Print the sentence where it does not mix with a command's output, and end the process."""
    print(f"custodes: {sentence}", file=sys.stderr)
    raise SystemExit(69)


if __name__ == "__main__":
    main()
