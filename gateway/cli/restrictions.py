"""`restrictions`: what is kept and not used because somebody asked so: placed, listed, lifted. Searches nothing.

Each step acts for the person that `--by` names, is refused as it would be over HTTP, and stands in the log."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from gateway.api.documents import recorded
from gateway.api.restrictions import shown
from gateway.assembly.commands import changing
from gateway.cli.options import HomeOption, JsonOption, plainly, say, settings_of
from gateway.clock import SystemClock
from gateway.enforcement.registrar import Actor
from gateway.enforcement.restrictions import REGISTRAR, RestrictionDesk
from gateway.registry.restrictions import LIFTED, STANDING, Ground, Restriction, Scope
from gateway.registry.timekeeping import Timekeeping

app = typer.Typer(
    help="Restrictions: what is kept about a person, and not used.", no_args_is_help=True, add_completion=False, rich_markup_mode=None
)

ByOption = Annotated[str, typer.Option("--by", help="The person who does it, by id.")]


@app.command("list")
def list_restrictions(
    *,
    lifted: Annotated[bool, typer.Option("--lifted", help="Those that were lifted.")] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print what is restricted. Exit code 0."""
    with _desk(home) as desk:
        found = desk.restrictions.all(states=(LIFTED if lifted else STANDING,))
    say([shown(one) for one in found], "\n".join(_line(one) for one in found) or "Nothing is restricted.", as_json=as_json)


@app.command()
def place(
    *,
    why: Annotated[Ground, typer.Option("--why", help="On what ground.")],
    gallery: Annotated[str | None, typer.Option("--gallery", help="With --subject: a person of a gallery.")] = None,
    subject: Annotated[str | None, typer.Option("--subject", help="The name of the person's enrolment.")] = None,
    client: Annotated[str | None, typer.Option("--client", help="With --case: a case of a client.")] = None,
    case: Annotated[str | None, typer.Option("--case", help="The case's reference.")] = None,
    by: ByOption,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Restrict at once, and owe the person an answer within thirty days. Exit code 0; 2 if that may not be."""
    with _desk(home) as desk:
        done = desk.place(Actor("staff", by), REGISTRAR, Scope(client, case, gallery, subject), why)
    say(recorded(shown(done.value), done), f"{_line(done.value)}; entry {done.receipt.index}", as_json=as_json)


@app.command()
def lift(
    restriction: Annotated[str, typer.Argument(help="The restriction's id.")],
    *,
    reason: Annotated[str, typer.Option("--reason", help="Why, in one line.")],
    by: ByOption,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """End a restriction: a registrar who did not place it. Exit code 0; 2 if that may not be."""
    with _desk(home) as desk:
        done = desk.lift(Actor("staff", by), restriction, reason)
    say(recorded(shown(done.value), done), f"{_line(done.value)}; entry {done.receipt.index}", as_json=as_json)


def _line(one: Restriction) -> str:
    about = f"case {one.client}/{one.case_ref}" if one.about == "case" else f"{one.subject} of gallery {one.gallery}"
    return f"{one.id}  {one.state:8}  {one.why}  {about}"


@contextmanager
def _desk(home: Path | None) -> Iterator[RestrictionDesk]:
    clock = SystemClock()
    with plainly(), changing(settings_of(home, None), clock) as (registry, registrar):
        time = Timekeeping(registry.database, clock)
        time.refresh()
        yield RestrictionDesk(registrar, registry.restrictions, registry.duties, time)
