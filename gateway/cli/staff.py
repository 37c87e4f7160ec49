"""`staff`: come in by a one-time link, invite people, set roles, record what reviewers were trained in, end access.

There is no password, and no link is ever logged. Each step acts for the person that `--by` names, is refused as it would be over
HTTP, and stands in the log."""

from typing import Annotated, Any

import typer

from gateway.api import documents
from gateway.cli.acting import ByOption, acting, at_the_desks
from gateway.cli.options import HomeOption, JsonOption, say
from gateway.clock import SystemClock
from gateway.enforcement.desks.papers import REGISTRAR
from gateway.registry.fields import moment
from gateway.registry.trainings import Training

app = typer.Typer(
    help="The people who work here: invitations, roles, trainings.", no_args_is_help=True, add_completion=False, rich_markup_mode=None
)

PersonArgument = Annotated[str, typer.Argument(help="The person's id.")]
RolesOption = Annotated[list[str], typer.Option("--role", help="A role; may be given more than once.")]


@app.command()
def enter(
    link: Annotated[str, typer.Argument(help="The secret of a one-time link.")], *, home: HomeOption = None, as_json: JsonOption = False
) -> None:
    """Come in by a one-time link. Exit code 0; 2 if it is unknown, used or too old."""
    with at_the_desks(home) as desks:
        done = desks.people.enter(link)
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
    by: ByOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Put a person on record, and print their one-time link, once. Exit code 0; 2 if that may not be."""
    with at_the_desks(home) as desks:
        done = desks.people.invite(acting(desks, by, REGISTRAR), person, name, role)
    say(documents.recorded(documents.link(done.value), done), done.value.secret, as_json=as_json)


@app.command()
def link(person: PersonArgument, *, by: ByOption = None, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Print a new one-time link; the person's earlier ones are worthless. Exit code 0; 2 if that may not be."""
    with at_the_desks(home) as desks:
        done = desks.people.relink(acting(desks, by, REGISTRAR), person)
    say(documents.recorded(documents.link(done.value), done), done.value.secret, as_json=as_json)


@app.command()
def roles(person: PersonArgument, *, role: RolesOption, by: ByOption = None, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Replace somebody else's roles, from their next request on. Exit code 0; 2 if that may not be."""
    with at_the_desks(home) as desks:
        done = desks.people.set_roles(acting(desks, by, REGISTRAR), person, role)
    say(documents.recorded(documents.person(done.value), done), f"{person}: {', '.join(sorted(done.value.roles))}", as_json=as_json)


@app.command()
def leave(person: PersonArgument, *, by: ByOption = None, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """End a person's access, from their next request on. Exit code 0; 2 if that may not be."""
    with at_the_desks(home) as desks:
        done = desks.people.leave(acting(desks, by, REGISTRAR), person)
    say(documents.recorded(documents.person(done.value), done), f"{person} has left.", as_json=as_json)


@app.command()
def train(
    person: PersonArgument,
    *,
    what: Annotated[str, typer.Option("--what", help="What was learnt, where and how long: one line.")],
    until: Annotated[str, typer.Option("--until", help="The last moment at which it counts, such as 2028-06-30T00:00:00Z.")],
    since: Annotated[str | None, typer.Option("--from", help="From when it counts; now, unless given.")] = None,
    by: ByOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Record that somebody else was trained to compare faces: nobody reviews without. Exit code 0; 2 if that may not be."""
    with at_the_desks(home) as desks:
        begins = moment("from", since) if since else SystemClock().now()
        done = desks.trainings.record(acting(desks, by, REGISTRAR), Training(person, what, begins, moment("until", until)))
    told = f"{done.value.id}: {person} is trained until {documents.training(done.value)['valid_to']}"
    say(documents.recorded(documents.training(done.value), done), told, as_json=as_json)


@app.command()
def untrain(
    person: PersonArgument,
    training: Annotated[str, typer.Argument(help="The training's id, as `trainings` prints it.")],
    *,
    by: ByOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Withdraw a training: it counts no more, from the next claim or judgement on. Exit code 0; 2 if that may not be."""
    with at_the_desks(home) as desks:
        done = desks.trainings.withdraw(acting(desks, by, REGISTRAR), person, training)
    say(documents.recorded(documents.training(done.value), done), f"{training} is withdrawn.", as_json=as_json)


@app.command()
def trainings(*, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Print who was trained to compare faces, and until when. Exit code 0."""
    with at_the_desks(home) as desks:
        found = [documents.training(training) for training in desks.trainings.trainings.all()]
    lines = [f"{each['person']}  {each['id']}  {_counts(each)}  {each['what']}" for each in found]
    say(found, "\n".join(lines) or "Nobody's training is on record: nobody can review.", as_json=as_json)


@app.command("list")
def list_people(*, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Print who works here. Exit code 0."""
    with at_the_desks(home) as desks:
        people = [documents.person(person) for person in desks.people.staff.all()]
    say(
        people,
        "\n".join(f"{person['id']}  {person['state']}  {', '.join(person['roles'])}  {person['name']}" for person in people),
        as_json=as_json,
    )


def _counts(training: dict[str, Any]) -> str:
    return "withdrawn" if training["withdrawn"] else f"{training['valid_from']} to {training['valid_to']}"
