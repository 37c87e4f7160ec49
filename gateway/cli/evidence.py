"""`evidence`: what organisations can show for themselves: impact assessments, training, published policies, each with its end.

Each step acts for the person that `--by` names, is refused as it would be over HTTP, and stands in the log. Decides no request."""

import json
from typing import Annotated, Any

import typer

from gateway.api import documents
from gateway.cli.acting import ByOption, ClientArgument, FromOption, UntilOption, acting, at_the_desks, tell
from gateway.cli.options import HomeOption, JsonOption, say
from gateway.enforcement.desks.papers import REGISTRAR
from gateway.registry.evidence import Evidence
from gateway.registry.fields import moment

app = typer.Typer(help="What organisations can show for themselves.", no_args_is_help=True, add_completion=False, rich_markup_mode=None)


@app.command()
def record(
    client: ClientArgument,
    kind: Annotated[str, typer.Argument(help="dpia, fria, training_current, policy_published … (docs/packs.md).")],
    *,
    value: Annotated[str, typer.Option("--value", help="true, a number, or a word.")] = "true",
    place: Annotated[str | None, typer.Option("--place", help="Only for use there.")] = None,
    purpose: Annotated[str | None, typer.Option("--purpose", help="Only for this purpose.")] = None,
    valid_from: FromOption,
    valid_to: UntilOption,
    by: ByOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Put a piece of evidence on record. Exit code 0; 2 if that may not be."""
    with at_the_desks(home) as desks:
        begins, ends = moment("valid_from", valid_from), moment("valid_to", valid_to)
        done = desks.evidence.record(acting(desks, by, REGISTRAR), Evidence(client, kind, _value(value), begins, ends, place, purpose))
    tell(documents.evidence(done.value), done, f"{done.value.id}: {client} shows {kind}", as_json=as_json)


@app.command()
def withdraw(
    client: ClientArgument,
    evidence: Annotated[str, typer.Argument(help="The piece's id (`evidence list`).")],
    *,
    by: ByOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show a piece of evidence no longer, from the next request on. Exit code 0; 2 if there is none."""
    with at_the_desks(home) as desks:
        done = desks.evidence.withdraw(acting(desks, by, REGISTRAR), client, evidence)
    tell({"id": evidence, "withdrawn": True}, done, f"{evidence} is withdrawn", as_json=as_json)


@app.command("list")
def list_evidence(client: ClientArgument, *, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Print what a client shows and has not withdrawn. Exit code 0; 2 if there is no such client."""
    with at_the_desks(home) as desks:
        desks.clients.clients.get(client)
        found = desks.evidence.evidence.all(client)
    lines = "\n".join(f"{one.id}  {one.kind}  {one.value}  until {one.valid_to:%Y-%m-%d}" for one in found)
    say([documents.evidence(one) for one in found], lines, as_json=as_json)


def _value(text: str) -> Any:  # noqa: ANN401  (the register says what a value may be)
    try:
        return json.loads(text)
    except ValueError:
        return text
