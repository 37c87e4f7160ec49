"""The list of commands is there at once and tells the truth: nothing is imported for it, and each sentence is the command's own."""

import subprocess
import sys
from pathlib import Path

import typer

from gateway.cli.main import LATE, app

LISTED = """
import sys
from gateway.cli.main import app
try:
    app(["--help"])
except SystemExit:
    print("imported:", *(name for name in sys.modules if name.startswith("gateway.cli.")))
"""


def test_the_list_of_commands_names_each_with_its_own_sentence() -> None:
    tree = typer.main.get_command(app)
    context = typer.Context(tree)
    assert set(LATE) < set(tree.list_commands(context))
    for name, late in LATE.items():
        assert " ".join((tree.get_command(context, name).help or "").split()).startswith(late.says), name


def test_the_list_of_commands_waits_for_no_library(repository: Path) -> None:
    said = subprocess.run([sys.executable, "-c", LISTED], cwd=repository, capture_output=True, text=True, check=True).stdout
    listed, _, imported = said.partition("imported:")
    assert all(name in listed for name in LATE)
    assert set(imported.split()) == {"gateway.cli.main", "gateway.cli.quality"}
