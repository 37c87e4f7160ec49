"""`authorities`: the courts and offices whose own signature on a paper can be checked, with their public keys.

Each step acts for the person that `--by` names, is refused as it would be over HTTP, and stands in the log. Holds no paper."""

from pathlib import Path
from typing import Annotated

import typer

from gateway.api import documents
from gateway.cli.acting import ByOption, acting, at_the_desks, read_json, tell
from gateway.cli.options import HomeOption, JsonOption, say
from gateway.enforcement.desks.papers import REGISTRAR

app = typer.Typer(help="Authorities that can countersign papers.", no_args_is_help=True, add_completion=False, rich_markup_mode=None)


@app.command()
def register(
    name: Annotated[str, typer.Argument(help="The authority's id here.")],
    *,
    kind: Annotated[str, typer.Option("--kind", help="What papers name as their issuer, such as court.")],
    place: Annotated[str, typer.Option("--place", help="Where it has authority: an ISO 3166 code.")],
    key: Annotated[Path, typer.Option("--key", help="A file: its public key as a JWK.")],
    by: ByOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Put an authority and its key on record. Exit code 0; 2 if that may not be."""
    with at_the_desks(home) as desks:
        done = desks.papers.register_authority(acting(desks, by, REGISTRAR), name, kind, place, read_json(key))
    tell(documents.authority(done.value), done, f"{name} may countersign papers of a {kind} in {place}", as_json=as_json)


@app.command("list")
def list_authorities(*, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Print the authorities on record. Exit code 0."""
    with at_the_desks(home) as desks:
        found = desks.papers.authorities.all()
    lines = "\n".join(f"{one.name}  {one.kind}  {one.place}  {one.key.kid}" for one in found)
    say([documents.authority(one) for one in found], lines, as_json=as_json)
