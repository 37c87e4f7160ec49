"""The front of the command line: every command of `python3 -m gateway` hangs on this tree.
It decides nothing itself, and prints nothing that --json could not say."""

import json
import tomllib
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Final

import typer
from typer.core import TyperGroup

from gateway.cli import quality

ROOT = Path(__file__).resolve().parents[2]

# Imported when they are called: a token should not wait for the recogniser's libraries, nor a verification for the web's.
LATE: Final = MappingProxyType(
    {
        "audit": "gateway.cli.audit:app",
        "authorisations": "gateway.cli.authorisations:app",
        "authorities": "gateway.cli.authorities:app",
        "cases": "gateway.cli.cases:app",
        "clients": "gateway.cli.clients:app",
        "demo": "gateway.cli.demo.command:app",
        "doctor": "gateway.cli.doctor:app",
        "duties": "gateway.cli.duties:app",
        "engine": "gateway.cli.engine:app",
        "evidence": "gateway.cli.evidence:app",
        "galleries": "gateway.cli.galleries:app",
        "issuers": "gateway.cli.issuers:app",
        "licences": "gateway.cli.licences:app",
        "ombudsman": "gateway.cli.ombudsman:app",
        "policies": "gateway.cli.policies:app",
        "report": "gateway.cli.reports:app",
        "restrictions": "gateway.cli.restrictions:app",
        "reviews": "gateway.cli.reviews:app",
        "serve": "gateway.cli.service:app",
        "staff": "gateway.cli.staff:app",
        "tokens": "gateway.cli.tokens:app",
        "webhooks": "gateway.cli.webhooks:app",
        "witness": "gateway.cli.witness:app",
    }
)


class LateCommands(TyperGroup):
    """The command tree, with the branches that are imported late."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ANN401  (typer's click is private to it)
        """Name every command, imported or not."""
        return sorted({*super().list_commands(ctx), *LATE})

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ANN401  (as above)
        """Return a command, importing its module if need be."""
        if cmd_name not in self.commands and cmd_name in LATE:
            module, _, name = LATE[cmd_name].partition(":")
            self.commands[cmd_name] = typer.main.get_command(getattr(import_module(module), name))
        return super().get_command(ctx, cmd_name)


app = typer.Typer(
    name="gateway",
    cls=LateCommands,
    help="Custodes: a moratorium you can verify.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)

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
