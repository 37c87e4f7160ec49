"""`duties`: what permits still ask for, by when, and who keeps it. Reads the registry of a home; changes nothing."""

import typer

from gateway.api.duties import shown
from gateway.assembly.registers import open_registry
from gateway.cli.options import HomeOption, JsonOption, plainly, say, settings_of
from gateway.clock import SystemClock
from gateway.registry.timekeeping import Timekeeping

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def duties(*, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Print the open duties, the next deadline first. Exit code 0; 1 if one is overdue; 2 if the home cannot be read."""
    with plainly():
        clock = SystemClock()
        registry = open_registry(settings_of(home, None), clock)
        try:
            time = Timekeeping(registry.database, clock)
            time.refresh()
            documents = [shown(duty, time.now()) for duty in registry.duties.all()]
        finally:
            registry.close()
    lines = [
        f"{duty['due_at'] or 'at its event':27}  {duty['state']:8}  {duty['obligation']}  "
        f"{duty['client']}/{duty['case'] or '-'}  {duty['duty']}"
        for duty in documents
    ]
    say(documents, "\n".join(lines) or "Nothing is owed.", as_json=as_json)
    raise typer.Exit(1 if any(document["state"] == "overdue" for document in documents) else 0)
