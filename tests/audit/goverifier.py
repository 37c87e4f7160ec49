"""Build and ask the independent verifier of tests/audit/independent: Go's own sumdb packages, as Debian ships them, without a network."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Self

import pytest

SOURCE = Path(__file__).parent / "independent"
GOPATH = Path("/usr/share/gocode")


def build(place: Path) -> Path:
    """Return the program, or skip the test that asked where Go or its packages are absent."""
    if shutil.which("go") is None or not (GOPATH / "src/golang.org/x/mod/sumdb/tlog").is_dir():
        pytest.skip("the independent verifier needs Go: apt-get install golang-go golang-golang-x-mod-dev")
    settings = {"GO111MODULE": "off", "GOPATH": str(GOPATH), "GOCACHE": str(place / "cache"), "GOFLAGS": "", "GOPROXY": "off"}
    subprocess.run(["go", "build", "-o", place / "verify", "."], cwd=SOURCE, env=os.environ | settings, check=True)
    return place / "verify"


class GoVerifier:
    """The verifier, started once and asked about many exports."""

    def __init__(self, program: Path, *arguments: str | Path) -> None:
        self._process = subprocess.Popen([program, *arguments, "-batch"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def accepts(self, export: Path) -> bool:
        self._process.stdin.write(f"{export}\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer.startswith(("ok", "bad"))
        return answer == "ok\n"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._process.communicate(timeout=10)
