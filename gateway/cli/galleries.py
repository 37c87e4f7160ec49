"""`galleries import`: bring a folder of photos into a gallery, each by its own decision, order and entries, as over HTTP.

Enrols nobody behind the log's back: what a client may not enrol, this command may not either."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from engine.errors import EngineBusy, EngineError, EngineFailed, GalleryRefused
from engine.galleries.folder import Progress, import_folder, read_folder
from gateway.api.declaration import from_part
from gateway.assembly.commands import journalling
from gateway.assembly.homes import template_galleries
from gateway.assembly.request_path import Assembly
from gateway.assembly.service import assemble
from gateway.cli.bars import Count, counting
from gateway.cli.gallery_records import GalleryArgument
from gateway.cli.gallery_records import app as records
from gateway.cli.options import FAILED, HomeOption, JsonOption, plainly, say, settings_of
from gateway.cli.serving import run
from gateway.clock import SystemClock
from gateway.enforcement.answers import ImageUnusable, RecogniserBusy, RecognitionFailed
from gateway.enforcement.declaration import Declaration
from gateway.enforcement.images import Images
from gateway.enforcement.journal import Journal
from gateway.identity.callers import Caller
from gateway.records import entries

DeclarationOption = Annotated[Path | None, typer.Option("--declaration", help="JSON: what else is declared (docs/api.md).")]

app = typer.Typer(
    help="Galleries of faces: open, fill, confirm and close them.", no_args_is_help=True, add_completion=False, rich_markup_mode=None
)
app.add_typer(records)


@app.command("import")
def import_command(
    gallery: GalleryArgument,
    *,
    images: Annotated[Path, typer.Option("--images", help="The folder that the files are named in.", exists=True, file_okay=False)],
    table: Annotated[Path, typer.Option("--csv", help="CSV: subject, file. A subject may have several lines.", exists=True)],
    client: Annotated[str, typer.Option("--client", help="The client whose gallery and licence it is.")],
    purpose: Annotated[str, typer.Option("--purpose", help="The purpose that the gallery is bound to.")],
    declaration: DeclarationOption = None,
    state: Annotated[Path | None, typer.Option("--state", help="Where to remember how far it is; default: the CSV with .state.")] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Enrol every photo; the same command goes on where it was stopped. Exit code 0; 1 some were refused; 2 it could not be done."""
    with plainly():
        photos = read_folder(images, table)
        said = declared(declaration, purpose)
        settings = settings_of(home, None)
        journal = state or table.with_name(f"{table.name}.state")
        found: list[Progress] = []

        async def work() -> None:
            async with assemble(settings) as house:
                with counting("Enrolling") as count:
                    importer = _Importer(house, Caller("client", client, frozenset(), "command line", "", "", 0), gallery, said)
                    shown = _shown(count)
                    found.append(await import_folder(photos, importer.enroll, journal, shown, at_once=settings.worker_count))

        run(work)
    (result,) = found
    lines = [f"{result.done:,} of {result.total:,} photos: " + (", ".join(f"{count:,} {what}" for what, count in result.outcomes.items()))]
    say({"done": result.done, "total": result.total, "outcomes": result.outcomes}, "\n".join(lines), as_json=as_json)
    raise typer.Exit(0 if set(result.outcomes) <= {"enrolled"} else FAILED)


@app.command("normalise")
def normalise_command(
    gallery: GalleryArgument,
    *,
    on: Annotated[bool, typer.Option("--on/--off", help="Score against the cohort, or by raw distance.")] = True,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Switch cohort normalisation of a gallery, from its next search on; the log says so first. Exit code 0; 2 no such gallery."""
    with plainly():
        settings, clock = settings_of(home, None), SystemClock()
        templates = template_galleries(settings.home)
        templates.record(gallery)

        async def write(journal: Journal) -> None:
            more = {"gallery": gallery, "normalised": on}
            await journal.write(entries.change("gallery-change", at=clock.now(), by="installation", act="normalisation-set", more=more))

        with journalling(settings, clock) as journal:
            asyncio.run(write(journal))
        templates.set_normalised(gallery, normalised=on)
    say({"gallery": gallery, "normalised": on}, f"{gallery}: {'cohort-normalised' if on else 'raw distance'}.", as_json=as_json)


@dataclass(frozen=True, slots=True)
class Photo:
    """One photo as a request's body."""

    image: bytes

    async def images(self) -> Images:
        """Return the photo."""
        return Images(self.image)


@dataclass(frozen=True, slots=True)
class _Importer:
    """Enrols one photo the way of every request, and tells the import what became of it."""

    house: Assembly
    caller: Caller
    gallery: str
    said: Declaration

    async def enroll(self, subject: str, image: bytes) -> None:
        """Raises EngineError for what concerns this photo alone; a refusal of the request itself ends the import."""
        declaration = Declaration.of("enroll", self.said.said, subject).into(self.gallery)
        try:
            await self.house.pipeline.run(self.caller, declaration, Photo(image), self.house.registry.lookups.now())
        except RecogniserBusy as busy:
            raise EngineBusy(busy.sentence, retry_after=busy.retry_after) from busy
        except RecognitionFailed as failed:
            raise EngineFailed(failed.sentence) from failed
        except ImageUnusable as unusable:
            raise EngineError(unusable.sentence, code=unusable.code) from unusable


def declared(path: Path | None, purpose: str) -> Declaration:
    """Return what an enrolment declares: the purpose, and what the file adds. Raises GalleryRefused or DeclarationMalformed."""
    try:
        extra = json.loads(path.read_bytes()) if path else {}
    except (OSError, ValueError) as fault:
        raise GalleryRefused(f"The declaration {path} cannot be read: {fault}.", code="import-refused") from None
    if not isinstance(extra, dict):
        raise GalleryRefused(f"The declaration {path} must be a JSON object.", code="import-refused")
    return from_part(json.dumps(extra | {"purpose": purpose}).encode(), "enroll", frozenset({"enroll"}))


def _shown(count: Count) -> Callable[[Progress], None]:
    def show(progress: Progress) -> None:
        count(progress.done, progress.total)

    return show
