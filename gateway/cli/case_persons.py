"""`cases person add|show|remove`: the photos of the person whom a case seeks, so that no search under it begins from another face.

A photo comes in as over HTTP, by a decision, an order and entries of its own; none is kept, and no template is ever shown."""

from pathlib import Path
from typing import Annotated

import typer

from gateway.assembly.commands import changing
from gateway.assembly.homes import template_galleries
from gateway.assembly.registers import desks_of
from gateway.assembly.request_path import Assembly
from gateway.assembly.service import assemble
from gateway.cli.acting import ByOption, ClientArgument, acting
from gateway.cli.galleries import DeclarationOption, Photo, declared
from gateway.cli.options import FAILED, HomeOption, JsonOption, plainly, say, settings_of
from gateway.cli.serving import run
from gateway.clock import SystemClock
from gateway.enforcement.answers import ImageUnusable, RecogniserBusy, RecognitionFailed
from gateway.enforcement.declaration import Declaration
from gateway.enforcement.desks.papers import REGISTRAR
from gateway.enforcement.persons import PersonPhotos
from gateway.enforcement.repeats import Repeated
from gateway.identity.callers import Caller
from gateway.registry.errors import Malformed

app = typer.Typer(help="The person whom a case seeks.", no_args_is_help=True, add_completion=False, rich_markup_mode=None)

ReferenceArgument = Annotated[str, typer.Argument(help="The client's own reference, such as MP-2026-0142.")]
_LONGEST = 16 * 1024 * 1024  # bytes read; the engine's own, smaller limit gives the reason


@app.command("add")
def add_person(
    client: ClientArgument,
    reference: ReferenceArgument,
    images: Annotated[list[Path], typer.Argument(metavar="IMAGE…", help="Photos of the person, one face each.")],
    *,
    purpose: Annotated[str, typer.Option("--purpose", help="The purpose that the case serves.")],
    declaration: DeclarationOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Register photos under the client's licence; each further one must show the same person. Exit code 0; 1 some were refused; 2."""
    with plainly():
        photos = [(path.name, _read(path)) for path in images]
        said = declared(declaration, purpose).of_person(reference)
        found: list[dict[str, object]] = []

        async def work() -> None:
            async with assemble(settings_of(home, None)) as house:
                caller = Caller("client", client, frozenset(), "command line", "", "", 0)
                for name, photo in photos:
                    found.append({"image": name, **await _register(house, caller, said, photo)})

        run(work)
    lines = [f"{one['image']}: {one['outcome']}  (log entry {one['log_index']})  {one.get('sentence', '')}".rstrip() for one in found]
    say(found, "\n".join(lines), as_json=as_json)
    raise typer.Exit(0 if all(one["outcome"] == "registered" for one in found) else FAILED)


@app.command("show")
def show_person(client: ClientArgument, reference: ReferenceArgument, *, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Say how many photos count. Exit code 0; 2 if there is no such case."""
    with plainly():
        settings = settings_of(home, None)
        with changing(settings, SystemClock()) as (registry, registrar):
            count = PersonPhotos(registry.cases, template_galleries(settings.home), registrar).photos(client, reference)
    say({"case": reference, "photos": count}, f"{client} {reference}: {count} photos of the person.", as_json=as_json)


@app.command("remove")
def remove_person(
    client: ClientArgument, reference: ReferenceArgument, *, by: ByOption = None, home: HomeOption = None, as_json: JsonOption = False
) -> None:
    """Shred the photos and their key, at once and for good; the log says so first. Exit code 0; 2 if there are none."""
    with plainly():
        settings = settings_of(home, None)
        with changing(settings, SystemClock()) as (registry, registrar):
            desk = PersonPhotos(registry.cases, template_galleries(settings.home), registrar)
            receipt = desk.withdraw(acting(desks_of(registry, registrar), by, REGISTRAR), client, reference)
    document = {"case": reference, "withdrawn": True, "log_index": receipt.index, "receipt": receipt.text()}
    say(document, f"{client} {reference}: the person's photos are shredded  (log entry {receipt.index})", as_json=as_json)


async def _register(house: Assembly, caller: Caller, said: Declaration, photo: bytes) -> dict[str, object]:
    """Return what became of one photo; what refuses the request itself, and so every photo, is raised."""
    try:
        served = await house.person_desk.register(caller, said, Photo(photo), house.registry.lookups.now())
    except (ImageUnusable, RecognitionFailed, RecogniserBusy) as refusal:
        return {"outcome": refusal.code, "sentence": refusal.sentence, "log_index": refusal.receipt.index}
    # Nothing is repeated here: only a request with an Idempotency-Key can be.
    assert not isinstance(served.result, Repeated)
    return {"outcome": "registered", "log_index": served.result.receipt.index}


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_LONGEST)
    except OSError as fault:
        raise Malformed(path.name, f"cannot be read ({type(fault).__name__}).") from fault
