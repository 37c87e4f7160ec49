"""The options that every command shares, and how a command ends. Knows no command."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from engine.errors import EngineError
from gateway.audit.errors import AuditError
from gateway.enforcement.boots import addresses
from gateway.errors import CustodesError
from gateway.settings import Settings, read_settings
from policies.errors import PolicyError

HomeOption = Annotated[Path | None, typer.Option("--home", help="The directory that holds all state (CUSTODES_HOME).")]
PortOption = Annotated[int | None, typer.Option("--port", min=1, max=65535, help="The port of the service (CUSTODES_PORT).")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]

FAILED = 1
MISUSED = 2


class HomeMissing(CustodesError):
    """The directory that was named holds no home."""

    code = "home-missing"


def settings_of(home: Path | None, port: int | None, *, may_begin: bool = False) -> Settings:
    """Return the settings, what was typed winning over the environment.

    Raises HomeMissing where no home was begun, unless the command may begin one: a name mistyped must not become a new home, of which
    it would be true that nothing is owed."""
    settings = read_settings(home=home, port=port)
    if not may_begin and not settings.home.audit.is_dir():
        raise HomeMissing(f"There is no home at {settings.home.root}: name the right one with --home; `serve` begins a new one.")
    return settings


def settings_as_served(home: Path | None, port: int | None) -> Settings:
    """Return the settings, with the address at which the home is being served now unless another was typed or set.

    A token for another address than the service's is one that the service refuses, and cannot say why."""
    settings = settings_of(home, port)
    if port is not None or "CUSTODES_PORT" in os.environ or settings.public_url:
        return settings
    served = addresses(settings.home.boots)
    return replace(settings, public_url=served.pop()) if len(served) == 1 else settings


def say(document: object, text: str, *, as_json: bool) -> None:
    """Print the one or the other."""
    typer.echo(json.dumps(document, sort_keys=True) if as_json else text)


@contextmanager
def plainly() -> Iterator[None]:
    """Turn an error that we mean into one sentence and exit code 2; anything else is a fault of ours and keeps its traceback."""
    try:
        yield
    except (CustodesError, AuditError, PolicyError, EngineError) as fault:
        typer.echo(f"{fault.code}: {fault.sentence}", err=True)
        raise typer.Exit(MISUSED) from fault
