"""`engine check`: say of each image whether the recogniser would take it, and why not. Recognises nobody and keeps nothing."""

import json
from pathlib import Path
from typing import Annotated

import typer

from engine.check import check
from gateway.cli import measuring
from gateway.cli.options import FAILED, HomeOption, plainly, settings_of

app = typer.Typer(
    help="The recogniser: check images, measure it per group, calibrate it.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)
app.registered_commands += measuring.app.registered_commands
app.registered_groups += measuring.app.registered_groups


@app.command("check")
def check_images(
    images: Annotated[list[Path], typer.Argument(metavar="IMAGE…", help="Image files.")],
    *,
    home: HomeOption = None,
) -> None:
    """Print one JSON line an image: accepted with its faces, or refused with a reason code. Exit code 1 if any was refused."""
    with plainly():
        recogniser = measuring.recogniser_of(settings_of(home, None, may_begin=True))
    accepted = True
    for path in images:
        try:
            verdict = check(path.read_bytes(), recogniser)
        except OSError as fault:
            verdict = {"accepted": False, "reason": "unreadable", "sentence": f"The file cannot be read: {fault.strerror}."}
        accepted = accepted and bool(verdict["accepted"])
        typer.echo(json.dumps({"image": str(path), **verdict}, sort_keys=True))
    raise typer.Exit(0 if accepted else FAILED)
