"""`policies draft | report | approve | activate | rollback | discard | list | show`: the way of a rulebook, from a terminal.

Works on a home with or without a service running beside it. Whoever may read the home's keys may act for anybody on record: `--by`
says for whom, and the same roles, second person and log entries hold as at the service's door."""

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from gateway.assembly.commands import changing, open_rulebook_desk
from gateway.cli.options import FAILED, MISUSED, HomeOption, JsonOption, plainly, say, settings_of
from gateway.clock import SystemClock, iso
from gateway.enforcement.aside import Step, WorkFailed
from gateway.enforcement.bench import Bench
from gateway.enforcement.desks.rulebooks import RulebookDesk
from gateway.enforcement.desks.switchboard import packs_now
from gateway.enforcement.registrar import Actor, Done
from gateway.errors import CustodesError
from gateway.registry.drafts import Draft, Report
from policies import reading
from policies.judge import unheard

commands = typer.Typer(add_completion=False, rich_markup_mode=None)

ByOption = Annotated[str, typer.Option("--by", help="The id of the person who acts: a policy_author or a policy_approver.")]
DraftArgument = Annotated[str, typer.Argument(metavar="DRAFT", help="A draft's id.")]
LIVE: Final = "live"


class Unreadable(CustodesError):
    """A file that was named cannot be read as a draft."""

    code = "draft-unreadable"


@commands.command("draft")
def draft_rulebook(
    document: Annotated[Path, typer.Argument(metavar="FILE.json", help="The draft, as docs/policies.md says.")],
    *,
    by: ByOption,
    over: Annotated[str | None, typer.Option("--over", help="Write the next edition of this draft instead of a new one.")] = None,
    edition: Annotated[int | None, typer.Option("--edition", help="The edition that you read; needed with --over.")] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Keep a draft. Exit code 0; 2 if it does not hold together: then each fault is printed with its line, and nothing is kept."""
    with desk_of(home) as desk:
        said = _document(document)
        done = desk.draft(_person(by), said) if over is None else desk.replace(_person(by), over, edition or 0, said)
        _say_draft(done, as_json=as_json)


@commands.command("discard")
def discard_draft(
    draft: DraftArgument,
    *,
    by: ByOption,
    edition: Annotated[int, typer.Option("--edition", help="The edition that you read.")],
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Give a draft up. Exit code 0; 2 if it was changed since, or is over already."""
    with desk_of(home) as desk:
        _say_draft(desk.discard(_person(by), draft, edition), as_json=as_json)


@commands.command("report")
def report_on_draft(draft: DraftArgument, *, by: ByOption, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Find out what a draft would change, and keep that as the report to be approved. Progress goes to standard error.

    Exit code 0: it may be approved; 1: something speaks against it, and the report says what; 2: it could not be made."""
    with desk_of(home) as desk:
        done = desk.report(_person(by), draft, show_step)
        report = done.value
        content = json.loads(report.text)
        say(_of_report(done) | {"content": content}, "\n".join(_lines(report, content)), as_json=as_json)
    raise typer.Exit(0 if report.passed else FAILED)


@commands.command("approve")
def approve_report(
    draft: DraftArgument,
    report: Annotated[str, typer.Argument(metavar="REPORT", help="The digest of the report that you read.")],
    *,
    by: ByOption,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Approve exactly that report, as a second person. Exit code 0; 2 if it is refused, out of date, or not yours to approve."""
    with desk_of(home) as desk:
        done = desk.approve(_person(by), draft, report)
        say(_of_report(done), f"Approved: rulebook {done.value.rulebook} of {draft}.", as_json=as_json)


@commands.command("activate")
def activate_draft(draft: DraftArgument, *, by: ByOption, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Make the approved rulebook live, for a running service too. Exit code 0; 2 if it is not approved, or not any more."""
    with desk_of(home) as desk:
        done = desk.activate(_person(by), draft)
        say(_of_report(done), f"Live: rulebook {done.value.rulebook}, entry {done.receipt.index} of the log.", as_json=as_json)


@commands.command("rollback")
def roll_back(
    rulebook: Annotated[str, typer.Argument(metavar="DIGEST", help="A rulebook that was live before.")],
    *,
    by: ByOption,
    title: Annotated[str | None, typer.Option("--title", help="Why, in one line.")] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Draft a return to an old rulebook; it then needs its own report and approval. Exit code 0; 2 if it never was live, or is."""
    with desk_of(home) as desk:
        _say_draft(desk.roll_back(_person(by), rulebook, title or f"Return to rulebook {rulebook[:12]}"), as_json=as_json)


@commands.command("list")
def list_rulebooks(*, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Print which rulebook was live since when, and the drafts. Exit code 0."""
    with desk_of(home) as desk:
        reigns, drafts = desk.rulebooks.reigns(), desk.drafts.all()
        document = {
            "rulebooks": [{"digest": reign.digest, "since": iso(reign.since), "draft": reign.draft} for reign in reversed(reigns)],
            "drafts": [_of_draft(draft, desk.drafts.latest(draft.id)) for draft in drafts],
        }
        lines = [f"{iso(reign.since)}  {reign.digest}{'  live' if reign is reigns[-1] else ''}" for reign in reversed(reigns)]
        lines += [f"{found['draft']}  edition {found['edition']}  {found['state']}  {found['title']}" for found in document["drafts"]]
        say(document, "\n".join(lines), as_json=as_json)


@commands.command("show")
def show(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A rulebook's digest, `live`, or a draft's id.")],
    *,
    home: HomeOption = None,
) -> None:
    """Print a rulebook's exact text, or a draft with its newest report, as JSON. Exit code 0; 2 if there is none of that name."""
    with desk_of(home) as desk:
        if not name.startswith("draft-"):
            typer.echo(desk.rulebooks.get(_digest(desk, name)).text, nl=False)
            return
        draft, report = desk.drafts.get(name), desk.drafts.latest(name)
        document = _of_draft(draft, report) | {"document": json.loads(draft.document)}
        typer.echo(json.dumps(document | {"content": None if report is None else json.loads(report.text)}, sort_keys=True))


@commands.command("packs")
def list_packs(*, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Print the packs that ship: on since when, or off. Exit code 0."""
    with desk_of(home) as desk:
        found = packs_now(desk.rulebooks)
        lines = [
            f"{pack['name']:24} {'on since ' + pack['since'][:10] if pack['on'] else 'off':20} {pack['status']:12} {pack['title']}"
            for pack in found["packs"]
        ]
        say(found, "\n".join(lines), as_json=as_json)


@contextmanager
def desk_of(home: Path | None) -> Iterator[RulebookDesk]:
    """Lend the desk of a home; an error that we mean ends the command with 2, a draft's faults each on a line of its own."""
    clock = SystemClock()
    with plainly():
        settings = settings_of(home, None)
        try:
            with changing(settings, clock) as (registry, registrar):
                # It decides nothing here: it only shows whether a rulebook can sit.
                bench = Bench(registry.lookups, registry.rulebooks, unheard, lambda: None)
                yield open_rulebook_desk(settings, clock, registry, registrar, bench)
        except WorkFailed as failed:
            faults = failed.more.get("faults")
            if not isinstance(faults, list):
                raise
            for fault in faults:
                place = f"{fault['where']}, line {fault['line']}" if fault["line"] else fault["where"]
                typer.echo(f"{place}: {fault['code']}: {fault['sentence']} {fault['mend']}", err=True)
            raise typer.Exit(MISUSED) from failed


def _person(staff_id: str) -> Actor:
    return Actor("staff", staff_id)


def _digest(desk: RulebookDesk, name: str) -> str:
    return desk.rulebooks.live().digest if name == LIVE else name


def _document(path: Path) -> Any:  # noqa: ANN401  (whatever JSON it holds: the desk reads it)
    try:
        return reading.parsed(path.read_text("utf-8"))
    except (OSError, ValueError) as fault:
        raise Unreadable(f"{path} cannot be read as JSON: {fault}.") from fault


def show_step(step: Step) -> None:
    """Say on a terminal's standard error how far long work is."""
    if sys.stderr.isatty():
        typer.echo(f"\r\033[K{step.what}{f' {step.done} of {step.of}' if step.of else ''}", nl=False, err=True)


def _say_draft(done: Done[Draft], *, as_json: bool) -> None:
    draft = done.value
    say(_of_draft(draft, None) | {"log_index": done.receipt.index}, f"{draft.id}, edition {draft.edition}: {draft.state}.", as_json=as_json)


def _of_draft(draft: Draft, report: Report | None) -> dict[str, Any]:
    return {
        "draft": draft.id,
        "title": json.loads(draft.document)["title"],
        "edition": draft.edition,
        "state": draft.state,
        "editors": list(draft.editors),
        "report": None if report is None else {"digest": report.digest, "state": report.state, "passed": report.passed},
    }


def _of_report(done: Done[Report]) -> dict[str, Any]:
    report = done.value
    return {
        "draft": report.draft,
        "edition": report.edition,
        "rulebook": report.rulebook,
        "base": report.base,
        "report": report.digest,
        "passed": report.passed,
        "state": report.state,
        "log_index": done.receipt.index,
    }


def _lines(report: Report, content: Mapping[str, Any]) -> Iterator[str]:
    for change in content.get("restated", ()):
        yield f"RESTATED  {change['what']} {change['name']}: was {change['before']}; would be {change['after']}"
    for name, found in content["expectations"].items():
        yield f"expectations ({name}): {found['passed']} passed, {found['failed']} failed"
    proved = sum(proof["outcome"] == "proved" for proof in content["proofs"])
    yield f"properties: {proved} of {len(content['proofs'])} proved"
    changes = content["changes"]
    if "undecided" in changes:
        yield f"changes: {changes['undecided']}"
    else:
        yield f"changes: {', '.join(f'{change} {count}' for change, count in changes['counts'].items())}"
        yield from (f"  {_region(region)}" for region in changes["regions"])
    past = content["past"]
    yield f"past: {past['judged']} decisions; {', '.join(f'{change} {count}' for change, count in past['counts'].items())}"
    for group in past["groups"]:
        about = f"{group['count']} × {group['purpose']} by {group['client']}"
        yield f"  {group['change']}: {about}, first at entry {group['links'][0]['index']}"
    yield from (f"STOP  {stop}" for stop in content["stops"])
    yield f"rulebook {report.rulebook}"
    yield f"report   {report.digest}"


def _region(region: Mapping[str, Any]) -> str:
    names = [
        "any" if region[part] == ["*"] else ", ".join(str(name) for name in region[part])
        for part in ("clients", "purposes", "operations", "places")
    ]
    when = f", when {region['when']}" if region["when"] else ""
    return f"{region['change']}: {names[1]} by {names[0]} ({names[2]}) in {names[3]}{when}"
