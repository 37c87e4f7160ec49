"""`reviews`: what waits for people, how well they judge, and the pairs by which that is found out. Shows no face and judges nothing."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated, Final

import typer

from engine.pairs import PairsRefused, read_pairs
from gateway.api.reviews import competence, summary
from gateway.assembly.commands import changing
from gateway.assembly.registers import desks_of, open_registry
from gateway.cli import measuring
from gateway.cli.acting import ByOption, acting, tell
from gateway.cli.options import HomeOption, JsonOption, plainly, say, settings_of
from gateway.clock import SystemClock
from gateway.errors import CustodesError
from gateway.review.calibration import Pairs
from gateway.review.queue import Queue
from gateway.review.vault import Vault
from gateway.settings import Settings
from gateway.store.sessions import Database

OPERATOR: Final = "operator"

app = typer.Typer(help="Results that wait for people.", no_args_is_help=True, add_completion=False, rich_markup_mode=None)


@app.command("list")
def list_waiting(*, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Print what waits, oldest first, without names, scores and judgements. Exit code 0."""
    with _opened(home) as (_settings, database):
        found = [summary(review, "") for review in Queue(database, SystemClock()).waiting()]
    lines = [f"{one['since']}  {one['review']}  {one['purpose']}  {one['candidates']} to judge" for one in found]
    say(found, "\n".join(lines) or "Nothing waits.", as_json=as_json)


@app.command()
def rates(
    person: Annotated[str | None, typer.Argument(help="A reviewer's id; all, unless given.")] = None,
    *,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print how often reviewers were wrong about pairs whose truth is known, with n and a 95 % interval. Exit code 0."""
    with _opened(home) as (settings, database):
        pairs = _pairs(settings, database)
        found = [competence(pairs.competence(one)) for one in ((person,) if person else pairs.reviewers())]
    lines = [
        f"{one['reviewer']}  called strangers the same: {_told(one['false_same'])}"
        f"  called the same strangers: {_told(one['false_different'])}  could not tell: {one['cannot_tell']}"
        for one in found
    ]
    say(found, "\n".join(lines) or "Nobody has judged anything.", as_json=as_json)


@app.command()
def pairs(
    images: Annotated[Path, typer.Option("--images", help="The folder with the photos.", exists=True, file_okay=False)],
    listed: Annotated[Path, typer.Option("--pairs", help="A CSV: probe, candidate, truth (same or different).", exists=True)],
    *,
    by: ByOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Keep these pairs, in place of those before, to be mixed among the results that wait: an operator's, and in the log.

    Exit code 0; 2 if one cannot be used."""
    with plainly(), ExitStack() as stack:
        settings = settings_of(home, None)
        registry, registrar = stack.enter_context(changing(settings, SystemClock()))
        actor = acting(desks_of(registry, registrar), by, OPERATOR)
        registrar.must_hold(actor, OPERATOR)
        try:
            found = list(read_pairs(images, listed, measuring.recogniser_of(settings)))
        except PairsRefused as fault:
            raise CustodesError(str(fault), code="pairs-refused") from fault
        known = _pairs(settings, registry.database)
        done = registrar.give(actor, OPERATOR, "evaluation-change", "pairs-kept", lambda: known.keep(found), lambda kept: {"pairs": kept})
        known.scrub()
    tell({"pairs": done.value}, done, f"{done.value} pairs are kept, sealed; the photos may go.", as_json=as_json)


def _told(rate: dict[str, object]) -> str:
    interval = rate["interval_95"]
    if not isinstance(interval, list):
        return "not measured yet"
    low, high = interval
    return f"{rate['errors']} of {rate['n']} (95 %: {low:.1%} to {high:.1%})"


def _pairs(settings: Settings, database: Database) -> Pairs:
    return Pairs(database, Vault(settings.home.keys / "cases"))


@contextmanager
def _opened(home: Path | None) -> Iterator[tuple[Settings, Database]]:
    with plainly():
        settings = settings_of(home, None)
        registry = open_registry(settings, SystemClock())
        try:
            yield settings, registry.database
        finally:
            registry.close()
