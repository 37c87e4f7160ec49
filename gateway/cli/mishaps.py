"""Turn what an installer wrote when it failed into a sentence that says what to mend.
Reads words only: it never looks at the machine, and never guesses where the words name no cause."""

import re
from dataclasses import dataclass

from gateway.errors import CustodesError


class InstallationError(CustodesError):
    """The environment could not be made ready; the sentence says what to mend."""

    code = "install-failed"


@dataclass(frozen=True, slots=True)
class Mishap:
    """A failure that the reader can mend: how it shows in an installer's output, and what to say."""

    code: str
    trace: str
    sentence: str


# In the order of asking: a wrong hash outranks the network error that may come along with it.
MISHAPS = (
    Mishap(
        "hash-mismatch",
        r"hash mismatch|do not match the hashes",
        "A downloaded package is not the one that the lock names: its hash differs, and nothing of it was run. "
        "Start again; if it stays so, the package mirror serves altered files.",
    ),
    Mishap(
        "disk-full",
        r"no space left on device|disk quota exceeded",
        "The disk is full: .venv needs about 1 GB, and the installer's cache as much again while it works.",
    ),
    Mishap(
        "venv-module-missing",
        r"ensurepip is not available|no module named '?(venv|ensurepip)",
        "This Python cannot make virtual environments. On Debian and Ubuntu install the package python3-venv "
        "(`apt install python3-venv`), then start again.",
    ),
    Mishap(
        "no-network",
        r"name resolution|name or service not known|dns error|network is unreachable|connection refused|connection reset|timed out"
        r"|error sending request|failed to establish a new connection|proxyerror|tcp connect error",
        "The package index cannot be reached, and the first start has to download some 250 MB. "
        "Check the network, the proxy, or the mirror that pip is set to; then start again.",
    ),
)


def explained(output: str, otherwise: str) -> InstallationError:
    """Find the cause in an installer's output and say it with its remedy, or say `otherwise`."""
    flowing = " ".join(output.split())  # installers wrap their sentences to the width of a terminal
    for mishap in MISHAPS:
        if re.search(mishap.trace, flowing, re.IGNORECASE):
            return InstallationError(mishap.sentence, code=mishap.code)
    return InstallationError(otherwise)


def tail(output: str) -> str:
    """Return the last lines that say something."""
    return " / ".join([line.strip() for line in output.splitlines() if line.strip()][-3:])
