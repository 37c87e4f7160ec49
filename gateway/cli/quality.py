"""Run every check that a change must pass, one heading each, and say at the end how each went.
Holds no rule of its own: each stands in pyproject.toml or in tests/."""

import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

TYPED = ("gateway", "policies", "engine", "bench")


@dataclass(frozen=True, slots=True)
class Stage:
    """One check: what it is called, the command that makes it, and the one that asks a second time what failed, if there is one."""

    name: str
    command: tuple[str, ...]
    again: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """How one stage ended; `unsteady` if something failed in it and passed when it was asked again."""

    stage: str
    passed: bool
    seconds: float
    unsteady: bool = False


def stages(root: Path, pytest_arguments: Sequence[str] = ()) -> tuple[Stage, ...]:
    """Name the checks in the order of their cost, so that the cheapest complaint comes first."""
    python = sys.executable
    typed = [folder for folder in TYPED if any((root / folder).rglob("*.py"))]
    return (
        Stage("ruff check", (python, "-m", "ruff", "check", ".")),
        Stage("ruff format", (python, "-m", "ruff", "format", "--check", ".")),
        # Called as a function: import-linter has no `-m` form, and a console script breaks when the folder is moved.
        Stage("import contracts", (python, "-c", "from importlinter.cli import lint_imports_command as run; run(['--no-logo'])")),
        Stage("mypy --strict", (python, "-m", "mypy", "--strict", *typed)),
        Stage(
            "pytest",
            (python, "-m", "pytest", "-n", "2", *pytest_arguments),
            (python, "-m", "pytest", "-rp", "--last-failed", "--last-failed-no-failures", "none", *pytest_arguments),
        ),
    )


def run(chosen: Sequence[Stage], root: Path, say: Callable[[str], None]) -> tuple[Verdict, ...]:
    """Run each stage to its end, whatever the one before said, and return a verdict for each.

    A stage's own output goes straight to the terminal; a stage that cannot be started has failed. What failed in a stage (exit code 1) is
    asked once more, alone: if it passes then, the stage is passed, and said to be unsteady."""
    verdicts = []
    for stage in chosen:
        say(f"\n── {stage.name} " + "─" * max(3, 76 - len(stage.name)))
        began = time.monotonic()
        code, unsteady = _called(stage.command, root), False
        if code == 1 and stage.again:
            say(f"\n── {stage.name}: what failed, once more and alone " + "─" * 30)
            unsteady = _called(stage.again, root) == 0
        verdicts.append(Verdict(stage.name, code == 0 or unsteady, time.monotonic() - began, unsteady))
    return tuple(verdicts)


def _called(command: Sequence[str], root: Path) -> int:
    return subprocess.run(command, cwd=root, stdin=subprocess.DEVNULL, check=False).returncode  # noqa: S603  the commands above


def summary(verdicts: Sequence[Verdict]) -> list[str]:
    """Write one line a stage, and one for the whole."""
    lines = [f"  {'ok    ' if verdict.passed else 'FAILED'}  {verdict.stage:<18}{verdict.seconds:7.1f} s" for verdict in verdicts]
    failed = [verdict.stage for verdict in verdicts if not verdict.passed]
    unsteady = [verdict.stage for verdict in verdicts if verdict.unsteady]
    if unsteady:
        lines.append(f"  UNSTEADY: something in {', '.join(unsteady)} failed and then passed alone; its name stands above. Find out why.")
    total = sum(verdict.seconds for verdict in verdicts)
    lines.append(f"  {'not clean: ' + ', '.join(failed) if failed else 'all clean'}, {total:.0f} s in all")
    return lines
