"""`staff`: come in by a one-time link, invite people, set roles, end access. There is no password, and no link is ever logged.

Each step acts for the person that `--by` names, is refused as it would be over HTTP, and stands in the log."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from gateway.api import documents
from gateway.assembly.commands import changing
from gateway.assembly.registers import desks_of
from gateway.cli.options import HomeOption, JsonOption, plainly, say, settings_of
from gateway.clock import SystemClock
from gateway.enforcement.desks.people import PeopleDesk
from gateway.enforcement.registrar import Actor

app = typer.Typer(help="The people who work here.", no_args_is_help=True, add_completion=False, rich_markup_mode=None)

PersonArgument = Annotated[str, typer.Argument(help="The person's id.")]
RolesOption = Annotated[list[str], typer.Option("--role", help="A role; may be given more than once.")]
ByOption = Annotated[str, typer.Option("--by", help="The registrar who does it, by id.")]


@app.command()
def enter(
    link: Annotated[str, typer.Argument(help="The secret of a one-time link.")], *, home: HomeOption = None, as_json: JsonOption = False
) -> None:
    """Come in by a one-time link. Exit code 0; 2 if it is unknown, used or too old."""
    with _desk(home) as desk:
        done = desk.enter(link)
    say(
        documents.recorded(documents.person(done.value), done),
        f"{done.value.id} is in: {', '.join(sorted(done.value.roles))}",
        as_json=as_json,
    )


@app.command()
def invite(
    person: PersonArgument,
    *,
    name: Annotated[str, typer.Option("--name", help="The person's name.")],
    role: RolesOption,
    by: ByOption,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Put a person on record, and print their one-time link, once. Exit code 0; 2 if that may not be."""
    with _desk(home) as desk:
        done = desk.invite(Actor("staff", by), person, name, role)
    say(documents.recorded(documents.link(done.value), done), done.value.secret, as_json=as_json)


@app.command()
def link(person: PersonArgument, *, by: ByOption, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Print a new one-time link; the person's earlier ones are worthless. Exit code 0; 2 if that may not be."""
    with _desk(home) as desk:
        done = desk.relink(Actor("staff", by), person)
    say(documents.recorded(documents.link(done.value), done), done.value.secret, as_json=as_json)


@app.command()
def roles(person: PersonArgument, *, role: RolesOption, by: ByOption, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Replace somebody else's roles, from their next request on. Exit code 0; 2 if that may not be."""
    with _desk(home) as desk:
        done = desk.set_roles(Actor("staff", by), person, role)
    say(documents.recorded(documents.person(done.value), done), f"{person}: {', '.join(sorted(done.value.roles))}", as_json=as_json)


@app.command()
def leave(person: PersonArgument, *, by: ByOption, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """End a person's access, from their next request on. Exit code 0; 2 if that may not be."""
    with _desk(home) as desk:
        done = desk.leave(Actor("staff", by), person)
    say(documents.recorded(documents.person(done.value), done), f"{person} has left.", as_json=as_json)


@app.command("list")
def list_people(*, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Print who works here. Exit code 0."""
    with _desk(home) as desk:
        people = [documents.person(person) for person in desk.staff.all()]
    say(
        people,
        "\n".join(f"{person['id']}  {person['state']}  {', '.join(person['roles'])}  {person['name']}" for person in people),
        as_json=as_json,
    )


@contextmanager
def _desk(home: Path | None) -> Iterator[PeopleDesk]:
    with plainly(), changing(settings_of(home, None), SystemClock()) as (registry, registrar):
        yield desks_of(registry, registrar).people
