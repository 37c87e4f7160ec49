"""The files that the rules of the house speak about: what is committed or about to be, as text and as syntax trees.
Judges nothing; the rules stand in the tests beside it."""

import ast
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

OURS = ("gateway", "policies", "engine", "bench", "sdk", "tests")


@dataclass(frozen=True)
class Source:
    """One Python file: its path from the root, its text and its syntax tree."""

    path: str
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    @cached_property
    def lines(self) -> list[str]:
        return self.text.splitlines()

    @cached_property
    def docstring(self) -> str:
        return ast.get_docstring(self.tree) or ""

    @property
    def package(self) -> str:
        return self.path.split("/")[0]


def paths(root: Path) -> list[str]:
    """Name every file that is committed or would be by `git add`; of a folder without history, every file."""
    if (root / ".git").exists():
        listed = subprocess.run(
            ["git", "-c", f"safe.directory={root}", "ls-files", "-co", "--exclude-standard", "-z"],
            cwd=root,
            capture_output=True,
            check=True,
        )
        found = listed.stdout.decode().split("\0")
    else:
        found = [str(path.relative_to(root)) for path in root.rglob("*")]
    return sorted(name for name in set(found) if name and (root / name).is_file())


def python_files(root: Path, *packages: str) -> Iterator[Source]:
    """Read the Python files of the given packages, or of all of ours."""
    for name in paths(root):
        if name.endswith(".py") and name.split("/")[0] in (packages or OURS):
            yield Source(name, (root / name).read_text("utf-8"))


def texts(root: Path) -> Iterator[tuple[str, str]]:
    """Read every file that is text."""
    for name in paths(root):
        try:
            yield name, (root / name).read_text("utf-8")
        except UnicodeDecodeError:
            continue


def none(findings: Iterable[str]) -> None:
    """Fail with every finding on a line of its own."""
    found = list(findings)
    assert not found, "\n" + "\n".join(found)


def plant(root: Path, files: Mapping[str, str]) -> Path:
    """Write a small repository in which a rule must find something."""
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, "utf-8")
    return root
