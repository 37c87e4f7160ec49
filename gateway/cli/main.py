"""The front of the command line: every command of `python3 -m gateway` hangs on this tree.
It decides nothing itself, and prints nothing that --json could not say."""

import json
import tomllib
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from gateway.cli import audit, clients, engine, policies, quality
from gateway.cli.demo.command import demo
from gateway.cli.doctor import doctor
from gateway.cli.service import serve_command

ROOT = Path(__file__).resolve().parents[2]

app = typer.Typer(
    name="gateway",
    help="Custodes: a moratorium you can verify.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)

app.add_typer(audit.app, name="audit")
app.add_typer(clients.app, name="clients")
app.add_typer(engine.app, name="engine")
app.add_typer(policies.app, name="policies")
app.command()(demo)
app.command()(doctor)
app.command("serve")(serve_command)

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]


@app.command()
def version(*, as_json: AsJson = False) -> None:
    """Print the version. Exit code 0."""
    number = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    typer.echo(json.dumps({"version": number}) if as_json else f"custodes {number}")


@app.command("test", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def test(context: typer.Context, *, as_json: AsJson = False) -> None:
    """Run ruff, the import contracts, mypy --strict and pytest; what follows `test` goes to pytest.

    Exit code 0 when all are clean, 1 when any is not; every stage runs either way."""
    verdicts = quality.run(quality.stages(ROOT, context.args), ROOT, typer.echo)
    typer.echo("\n" + (json.dumps([asdict(verdict) for verdict in verdicts]) if as_json else "\n".join(quality.summary(verdicts))))
    raise typer.Exit(0 if all(verdict.passed for verdict in verdicts) else 1)


def main() -> None:
    """Run the command that was typed, and end the process with its exit code."""
    app()
