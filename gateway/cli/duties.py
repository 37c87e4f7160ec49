"""`duties`: what permits still ask for, by when, and who keeps it. Reads the registry of a home; changes nothing."""

from typing import Annotated

import typer

from gateway.api.duties import shown
from gateway.assembly.homes import endings_of
from gateway.assembly.registers import open_registry
from gateway.cli.options import HomeOption, JsonOption, plainly, say, settings_of
from gateway.clock import SystemClock
from gateway.registry.timekeeping import Timekeeping

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def duties(
    *,
    running_out: Annotated[bool, typer.Option("--running-out", help="With --json: what runs out, in place of what is owed.")] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print the open duties, the next deadline first, and what runs out. Exit code 0; 1 if one is overdue; 2 if the home cannot be read."""
    with plainly():
        clock = SystemClock()
        settings = settings_of(home, None)
        registry = open_registry(settings, clock)
        try:
            time = Timekeeping(registry.database, clock)
            time.refresh()
            documents = [shown(duty, time.now()) for duty in registry.duties.all()]
            ends = [one.to_json(clock.now()) for one in endings_of(settings, clock, registry).near()]
        finally:
            registry.close()
    lines = [
        f"{duty['due_at'] or 'at its event':27}  {duty['state']:8}  {duty['obligation']}  "
        f"{duty['client']}/{duty['case'] or '-'}  {duty['duty']}"
        for duty in documents
    ]
    lines = lines or ["Nothing is owed."]
    lines += [f"{one['ends_at']:27}  {one['state']:11}  {one['what']} {one['id']}  {one['client'] or '-'}  {one['about']}" for one in ends]
    say(ends if running_out else documents, "\n".join(lines), as_json=as_json)
    raise typer.Exit(1 if any(document["state"] == "overdue" for document in documents) else 0)
