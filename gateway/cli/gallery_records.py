"""`galleries open|confirm|close|list|show`: the record of a gallery: whose it is, where its faces come from, for what and for how long.

Each step acts for the person that `--by` names, is refused as it would be over HTTP, and stands in the log. Sees no template."""

from typing import Annotated

import typer

from gateway.api import documents
from gateway.cli.acting import ByOption, ClientArgument, acting, at_the_desks, show, tell
from gateway.cli.options import HomeOption, JsonOption, say
from gateway.enforcement.desks.papers import REGISTRAR
from gateway.enforcement.registrar import Done
from gateway.registry.galleries import Gallery

app = typer.Typer(add_completion=False, rich_markup_mode=None)

GalleryArgument = Annotated[str, typer.Argument(help="The gallery's id.")]


@app.command("open")
def open_gallery(
    gallery: GalleryArgument,
    client: ClientArgument,
    *,
    provenance: Annotated[str, typer.Option("--provenance", help="Where its faces come from (GET /v1/purposes, `provenance`).")],
    purpose: Annotated[list[str], typer.Option("--purpose", help="For what it may be searched; may be given more than once.")],
    retention_days: Annotated[int, typer.Option("--retention-days", help="How long a photo counts.")],
    category: Annotated[list[str] | None, typer.Option("--category", help="Who is in it; may be given more than once.")] = None,
    deployment: Annotated[str | None, typer.Option("--deployment", help="The deployment with whose end it is destroyed.")] = None,
    by: ByOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Put a gallery on record for a client; another person confirms its provenance. Exit code 0; 2 if that may not be."""
    with at_the_desks(home) as desks:
        record = Gallery(gallery, client, provenance, tuple(category or ()), tuple(purpose), retention_days, deployment)
        done = desks.galleries.open(acting(desks, by, REGISTRAR), record)
    _tell(done, as_json)


@app.command()
def confirm(gallery: GalleryArgument, *, by: ByOption = None, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Say, as a registrar who did not open it, that the faces come from where its owner says. Exit code 0; 2 if that may not be."""
    with at_the_desks(home) as desks:
        done = desks.galleries.confirm(acting(desks, by, REGISTRAR), gallery)
    _tell(done, as_json)


@app.command()
def close(gallery: GalleryArgument, *, by: ByOption = None, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Stop every use of a gallery, for good. Exit code 0; 2 if it is closed already."""
    with at_the_desks(home) as desks:
        done = desks.galleries.close(acting(desks, by, REGISTRAR), gallery)
    _tell(done, as_json)


@app.command("list")
def list_galleries(
    *,
    client: Annotated[str | None, typer.Option("--client", help="Only this client's.")] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print the galleries on record. Exit code 0."""
    with at_the_desks(home) as desks:
        found = desks.galleries.records.all(client)
    say([documents.gallery(one) for one in found], "\n".join(_line(one) for one in found), as_json=as_json)


@app.command("show")
def show_gallery(gallery: GalleryArgument, *, home: HomeOption = None) -> None:
    """Print one gallery's record as JSON. Exit code 0; 2 if there is none."""
    with at_the_desks(home) as desks:
        found = desks.galleries.records.get(None, gallery)
    show(documents.gallery(found))


def _line(gallery: Gallery) -> str:
    confirmed = "provenance confirmed" if gallery.confirmed_by is not None else "provenance not confirmed: it serves nobody yet"
    return f"{gallery.id}  {gallery.owner}  {gallery.state}  {confirmed}"


def _tell(done: Done[Gallery], as_json: bool) -> None:
    tell(documents.gallery(done.value), done, _line(done.value), as_json=as_json)
