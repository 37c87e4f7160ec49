"""The front of the command line: every command of `python3 -m gateway` hangs on this tree.
It decides nothing itself, and prints nothing that --json could not say."""

import json
import sys
import tomllib
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Final

import typer
from typer.core import TyperGroup

from gateway.cli import quality

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Late:
    """A branch that is imported when it is called: where it is, and the sentence that stands for it until then."""

    where: str
    says: str


# A token should not wait for the recogniser's libraries, nor a verification for the web's, nor a list of commands for either.
LATE: Final = MappingProxyType(
    {
        "audit": Late("gateway.cli.audit:app", "Export and verify the audit log."),
        "authorisations": Late(
            "gateway.cli.authorisations:app", "Papers under which something is done: record, confirm and withdraw them."
        ),
        "authorities": Late("gateway.cli.authorities:app", "Authorities that can countersign papers."),
        "cases": Late("gateway.cli.cases:app", "Cases: what requests are made for."),
        "clients": Late("gateway.cli.clients:app", "Clients of the gateway: put on record, keys, tokens, suspension."),
        "demo": Late("gateway.cli.demo.command:app", "Tell the story on a real service and real faces, and leave the service running."),
        "doctor": Late("gateway.cli.doctor:app", "Look at everything that the service needs, from Python to the port."),
        "duties": Late("gateway.cli.duties:app", "Print the open duties, the next deadline first, and what runs out."),
        "engine": Late("gateway.cli.engine:app", "The recogniser: check images, measure it per group, calibrate it."),
        "evidence": Late("gateway.cli.evidence:app", "What organisations can show for themselves."),
        "galleries": Late("gateway.cli.galleries:app", "Galleries of faces: open, fill, confirm and close them."),
        "issuers": Late("gateway.cli.issuers:app", "Issuers whose tokens are believed."),
        "licences": Late("gateway.cli.licences:app", "Licences: what each client may do."),
        "ombudsman": Late("gateway.cli.ombudsman:app", "An ombudsman's questions, and the check of their answers."),
        "policies": Late("gateway.cli.policies:app", "Purpose policies: packs, rehearsals, comparisons, drafts, proofs."),
        "report": Late("gateway.cli.reports:app", "Reports from the audit log alone."),
        "restrictions": Late("gateway.cli.restrictions:app", "Restrictions: what is kept about a person, and not used."),
        "reviews": Late("gateway.cli.reviews:app", "Results that wait for people."),
        "serve": Late("gateway.cli.service:app", "Serve until a signal says otherwise."),
        "staff": Late("gateway.cli.staff:app", "The people who work here: invitations, roles, trainings."),
        "tokens": Late("gateway.cli.tokens:app", "Tokens that were taken back."),
        "webhooks": Late("gateway.cli.webhooks:app", "Webhooks of the clients."),
        "witness": Late("gateway.cli.witness:app", "Be a witness of logs."),
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
            module, _, name = LATE[cmd_name].where.partition(":")
            self.commands[cmd_name] = typer.main.get_command(getattr(import_module(module), name))
        return super().get_command(ctx, cmd_name)

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401  (as above)
        """Write every command with its sentence, whole, and import none for it."""
        said = {name: command.get_short_help_str(sys.maxsize) for name, command in self.commands.items()}
        said |= {name: late.says for name, late in LATE.items()}
        with formatter.section("Commands"):
            formatter.write_dl(sorted(said.items()))


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
