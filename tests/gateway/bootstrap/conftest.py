"""A small checkout with the real bootstrap and a lock of two tiny packages, so that real installs need no network.
The packages are real wheels, made here; pip and venv are the machine's own."""

import base64
import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

FRONT = ("__init__.py", "__main__.py", "errors.py", "cli/__init__.py", "cli/installation.py", "cli/mishaps.py", "cli/progress.py")
COMMAND = """
import json, os, sys

def main():
    import parcel
    print(json.dumps({"prefix": sys.prefix, "cwd": os.getcwd(), "arguments": sys.argv[1:], "parcel": parcel.VERSION}))
"""


def make_wheel(folder: Path, name: str, version: str) -> str:
    """Write a wheel of one module that knows its version, and return its lock entry."""
    wheel = folder / f"{name}-{version}-py3-none-any.whl"
    info = f"{name}-{version}.dist-info"
    files = {
        f"{name}.py": f'VERSION = "{version}"\n',
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    rows = [
        f"{path},sha256={base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b'=').decode()},{len(text)}"
        for path, text in files.items()
    ]
    files[f"{info}/RECORD"] = "\n".join([*rows, f"{info}/RECORD,,", ""])
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
    return f"{name}=={version} \\\n    --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}\n"


@dataclass(frozen=True, slots=True)
class Checkout:
    """A small repository, and the wheels that its installers may take."""

    root: Path
    wheels: Path

    def lock(self, version: str) -> str:
        """Make the lock name this version of the parcel, and return its text."""
        text = make_wheel(self.wheels, "parcel", version) + make_wheel(self.wheels, "setuptools", "80.10.2")
        (self.root / "requirements.lock").write_text(text)
        return text

    def command(self, *arguments: str, by_path: bool = False) -> list[str]:
        """Return the command line of a start with the interpreter below any virtual environment."""
        base = getattr(sys, "_base_executable", sys.executable)
        return [base, str(self.root / "gateway"), *arguments] if by_path else [base, "-m", "gateway", *arguments]

    def environment(self) -> Mapping[str, str]:
        """Return an environment in which installers see our wheels and nothing else."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "UV_", "PYTHON", "VIRTUAL_ENV"))}
        return {**kept, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(self.wheels), "PIP_NO_CACHE_DIR": "1"}

    def start(self, command: Sequence[str], cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Run a start to its end."""
        return subprocess.run(
            command, cwd=cwd or self.root, env=self.environment(), capture_output=True, text=True, timeout=300, check=False
        )


@pytest.fixture
def checkout(repository: Path, tmp_path: Path) -> Checkout:
    """Return a small checkout without any .venv."""
    made = Checkout(tmp_path / "custodes", tmp_path / "wheels")
    made.wheels.mkdir()
    for name in FRONT:
        target = made.root / "gateway" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(repository / "gateway" / name, target)
    (made.root / "gateway/cli/main.py").write_text(COMMAND)
    # No wheel of uv is to be had here, so that pip has to take its place.
    (made.root / "requirements-uv.lock").write_text("uv==0.0.1 --hash=sha256:" + "0" * 64 + "\n")
    made.lock("1.0")
    return made
