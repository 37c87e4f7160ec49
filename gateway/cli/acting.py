"""What commands that change the registry share: who acts and why, the desks at which it happens, and how the end of a step is told.
Knows no command of its own, and decides nothing: the desks refuse what would be refused over HTTP."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from gateway.api import documents
from gateway.assembly.commands import changing
from gateway.assembly.registers import desks_of
from gateway.cli.options import plainly, say, settings_of
from gateway.clock import SystemClock
from gateway.enforcement.desks import Desks
from gateway.enforcement.registrar import Actor, Done
from gateway.registry.errors import Malformed

ByOption = Annotated[
    str | None,
    typer.Option(
        "--by",
        envvar="CUSTODES_BY",
        help="The person who does it, by id; the log names them. May be left out where one person alone holds the role that it takes.",
    ),
]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why, in one line; it stands in the log.")]
ClientArgument = Annotated[str, typer.Argument(help="The client's id.")]
FromOption = Annotated[str, typer.Option("--from", help="Since when it holds, such as 2026-12-01T00:00:00Z.")]
UntilOption = Annotated[str, typer.Option("--until", help="When it ends; everything that counts has an end.")]


@contextmanager
def at_the_desks(home: Path | None) -> Iterator[Desks]:
    """Lend the desks of a home, beside a running service or without one; what they refuse becomes one sentence and exit code 2."""
    with plainly(), changing(settings_of(home, None), SystemClock()) as (registry, registrar):
        yield desks_of(registry, registrar)


def acting(desks: Desks, by: str | None, role: str) -> Actor:
    """Return who acts: the person that `--by` names, or the only one here who holds the role.

    Raises Malformed, naming who could be meant, where that is nobody or more than one."""
    if by is not None:
        return Actor("staff", by)
    could = sorted(person.id for person in desks.people.staff.all() if person.state == "active" and role in person.roles)
    if len(could) == 1:
        return Actor("staff", could[0])
    who = f"is needed; it may be {', '.join(could)}" if could else f"is needed, and nobody here holds the role {role} yet"
    raise Malformed("--by", f"{who}.")


def tell(document: dict[str, Any], done: Done[Any], text: str, *, as_json: bool) -> None:
    """Print what came of a step, with the entry that says so."""
    say(documents.recorded(document, done), f"{text}  (log entry {done.receipt.index})", as_json=as_json)


def show(document: dict[str, Any]) -> None:
    """Print one thing on record as JSON, for people to read and for programs to parse."""
    typer.echo(json.dumps(document, indent=2))


def read_json(path: Path) -> Any:  # noqa: ANN401  (whatever JSON there is: the registers say what it must be)
    """Return what a file holds. Raises Malformed, naming the file, for one that cannot be read or is not JSON."""
    try:
        return json.loads(read_text(path))
    except (ValueError, RecursionError) as fault:
        raise Malformed(path.name, f"is not JSON ({fault}).") from fault


def read_text(path: Path) -> str:
    """Return a file's text. Raises Malformed, naming the file."""
    try:
        return path.read_text("utf-8")
    except (OSError, ValueError) as fault:
        raise Malformed(path.name, f"cannot be read ({type(fault).__name__}).") from fault
