"""`cases`: open, suspend, reopen and close the cases that requests are made for. A case belongs to one client, by that client's reference.

Each step acts for the person that `--by` names, is refused as it would be over HTTP, and stands in the log. Sees no face."""

from pathlib import Path
from typing import Annotated

import typer

from gateway.api import documents
from gateway.cli import case_persons
from gateway.cli.acting import ByOption, ClientArgument, ReasonOption, acting, at_the_desks, read_json, show, tell
from gateway.cli.options import HomeOption, JsonOption, say
from gateway.enforcement.desks.papers import REGISTRAR
from gateway.enforcement.registrar import Done
from gateway.registry.cases import Case, Target

app = typer.Typer(help="Cases: what requests are made for.", no_args_is_help=True, add_completion=False, rich_markup_mode=None)
app.add_typer(case_persons.app, name="person")

ReferenceArgument = Annotated[str, typer.Argument(help="The client's own reference, such as MP-2026-0142.")]


@app.command("open")
def open_case(
    client: ClientArgument,
    reference: ReferenceArgument,
    *,
    target: Annotated[str, typer.Option("--target", help="Whom it seeks: specific_person, watchlist …")],
    role: Annotated[str | None, typer.Option("--role", help="What that person is in it: missing, victim, suspect …")] = None,
    minor: Annotated[bool | None, typer.Option("--minor/--adult", help="Whether they are a minor, where that is known.")] = None,
    apprehended: Annotated[bool | None, typer.Option("--apprehended/--at-large", help="For a suspect, where that is known.")] = None,
    offence: Annotated[Path | None, typer.Option("--offence", help="A JSON file: the facts of the offence (docs/api.md).")] = None,
    by: ByOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Put a case on record, open at once. Exit code 0; 2 if that may not be."""
    with at_the_desks(home) as desks:
        case = Case(client, reference, Target(target, role, minor, apprehended), read_json(offence) if offence else {})
        done = desks.cases.open(acting(desks, by, REGISTRAR), case)
    _tell(done, as_json)


@app.command()
def suspend(
    client: ClientArgument,
    reference: ReferenceArgument,
    *,
    reason: ReasonOption,
    by: ByOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Refuse further requests for a case, from the next one on. Exit code 0; 2 if its state does not allow it."""
    with at_the_desks(home) as desks:
        done = desks.cases.suspend(acting(desks, by, REGISTRAR), client, reference, reason)
    _tell(done, as_json)


@app.command()
def reopen(
    client: ClientArgument,
    reference: ReferenceArgument,
    *,
    reason: ReasonOption,
    by: ByOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Open a case that its client filed, or that was suspended. Exit code 0; 2 if its state does not allow it."""
    with at_the_desks(home) as desks:
        done = desks.cases.resume(acting(desks, by, REGISTRAR), client, reference, reason)
    _tell(done, as_json)


@app.command()
def close(
    client: ClientArgument,
    reference: ReferenceArgument,
    *,
    reason: ReasonOption,
    by: ByOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """End a case for good; its record stays. Exit code 0; 2 if it is closed already."""
    with at_the_desks(home) as desks:
        done = desks.cases.close(acting(desks, by, REGISTRAR), client, reference, reason)
    _tell(done, as_json)


@app.command("list")
def list_cases(client: ClientArgument, *, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Print a client's cases, by reference. Exit code 0; 2 if there is no such client."""
    with at_the_desks(home) as desks:
        desks.clients.clients.get(client)
        found = desks.cases.cases.all(client)
    say(
        [documents.case(case) for case in found],
        "\n".join(f"{case.reference}  {case.state}  {case.target.kind}" for case in found),
        as_json=as_json,
    )


@app.command("show")
def show_case(client: ClientArgument, reference: ReferenceArgument, *, home: HomeOption = None) -> None:
    """Print one case as JSON. Exit code 0; 2 if there is none."""
    with at_the_desks(home) as desks:
        found = desks.cases.cases.get(client, reference)
    show(documents.case(found))


def _tell(done: Done[Case], as_json: bool) -> None:
    tell(documents.case(done.value), done, f"{done.value.client_id} {done.value.reference} is {done.value.state}", as_json=as_json)
