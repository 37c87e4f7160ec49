"""`authorisations`: warrants, court orders and mandates: recorded by one person, confirmed by another, perhaps signed by their authority.

Each step acts for the person that `--by` names, is refused as it would be over HTTP, and stands in the log. The paper stays where it is."""

import hashlib
from pathlib import Path
from typing import Annotated

import typer

from gateway.api import documents
from gateway.cli.acting import ByOption, FromOption, ReasonOption, UntilOption, acting, at_the_desks, read_text, show, tell
from gateway.cli.options import HomeOption, JsonOption, say
from gateway.enforcement.desks.papers import REGISTRAR
from gateway.enforcement.registrar import Done
from gateway.registry.authorisations import Authorisation, Paper
from gateway.registry.errors import Malformed
from gateway.registry.fields import moment

app = typer.Typer(
    help="Papers under which something is done: record, confirm and withdraw them.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)

PaperArgument = Annotated[str, typer.Argument(help="The paper's id, as `authorisations record` printed it.")]


@app.command()
def record(
    client: Annotated[str, typer.Argument(help="The client that it authorises, by id.")],
    *,
    kind: Annotated[str, typer.Option("--type", help="judicial_warrant, court_order … (GET /v1/purposes, `authorisations`).")],
    issuer: Annotated[str, typer.Option("--issuer", help="What kind of authority issued it, such as court.")],
    place: Annotated[str, typer.Option("--place", help="Where it holds: an ISO 3166 code.")],
    purpose: Annotated[str, typer.Option("--purpose", help="For what.")],
    operation: Annotated[str, typer.Option("--operation", help="For which operation.")],
    case: Annotated[str | None, typer.Option("--case", help="For which case of the client.")] = None,
    valid_from: FromOption,
    valid_to: UntilOption,
    paper: Annotated[Path | None, typer.Option("--paper", help="The document: its SHA-256 is recorded, and nothing else of it.")] = None,
    digest: Annotated[str | None, typer.Option("--digest", help="Or its SHA-256, 64 hexadecimal digits.")] = None,
    by: ByOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Record what a paper says; it counts when another person has confirmed it. Exit code 0; 2 if it cannot be recorded."""
    with at_the_desks(home) as desks:
        read = Paper(
            client_id=client,
            type=kind,
            issuer=issuer,
            place=place,
            valid_from=moment("valid_from", valid_from),
            valid_to=moment("valid_to", valid_to),
            purpose=purpose,
            operation=operation,
            paper_digest=_digest(paper, digest),
            case_ref=case,
        )
        done = desks.papers.record(acting(desks, by, REGISTRAR), read)
    _tell(done, as_json)


@app.command()
def confirm(paper: PaperArgument, *, by: ByOption = None, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Let a paper count: another person than the one who recorded it. Exit code 0; 2 if that may not be."""
    with at_the_desks(home) as desks:
        done = desks.papers.confirm(acting(desks, by, REGISTRAR), paper)
    _tell(done, as_json)


@app.command()
def countersign(
    paper: PaperArgument,
    *,
    authority: Annotated[str, typer.Option("--authority", help="The authority on record that signed (`authorities list`).")],
    signature: Annotated[Path, typer.Option("--signature", help="A file: the compact JWS over the paper's statement.")],
    by: ByOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take the authority's own signature over a paper's statement. Exit code 0; 2 if it does not hold."""
    with at_the_desks(home) as desks:
        done = desks.papers.countersign(acting(desks, by, REGISTRAR), paper, authority, read_text(signature).strip())
    _tell(done, as_json)


@app.command()
def reject(
    paper: PaperArgument, *, reason: ReasonOption, by: ByOption = None, home: HomeOption = None, as_json: JsonOption = False
) -> None:
    """Note that the authority said no: what was done in urgency stops, and its results are destroyed. Exit code 0; 2."""
    with at_the_desks(home) as desks:
        done = desks.papers.reject(acting(desks, by, REGISTRAR), paper, reason)
    _tell(done, as_json)


@app.command()
def revoke(
    paper: PaperArgument, *, reason: ReasonOption, by: ByOption = None, home: HomeOption = None, as_json: JsonOption = False
) -> None:
    """Note that a paper no longer stands, from the next request on. Exit code 0; 2 if its state does not allow it."""
    with at_the_desks(home) as desks:
        done = desks.papers.revoke(acting(desks, by, REGISTRAR), paper, reason)
    _tell(done, as_json)


@app.command("list")
def list_papers(
    *,
    client: Annotated[str | None, typer.Option("--client", help="Only this client's.")] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print the papers on record. Exit code 0."""
    with at_the_desks(home) as desks:
        found = desks.papers.papers.all(client)
    lines = [f"{one.id}  {one.paper.client_id}  {one.paper.type}  {one.status}  until {one.paper.valid_to:%Y-%m-%d}" for one in found]
    say([documents.authorisation(one) for one in found], "\n".join(lines), as_json=as_json)


@app.command("show")
def show_paper(paper: PaperArgument, *, home: HomeOption = None) -> None:
    """Print one paper as JSON; `statement` is what its authority would sign. Exit code 0; 2 if there is none."""
    with at_the_desks(home) as desks:
        found = desks.papers.papers.get(paper, None)
    show(documents.authorisation(found))


def _digest(paper: Path | None, digest: str | None) -> str:
    if (paper is None) == (digest is None):
        raise Malformed("paper", "or `--digest`: give one of them, the document or its SHA-256.")
    if paper is None:
        return digest or ""
    try:
        with paper.open("rb") as document:
            return hashlib.file_digest(document, "sha256").hexdigest()
    except OSError as fault:
        raise Malformed(paper.name, f"cannot be read ({type(fault).__name__}).") from fault


def _tell(done: Done[Authorisation], as_json: bool) -> None:
    tell(documents.authorisation(done.value), done, f"{done.value.id} is {done.value.status}", as_json=as_json)
