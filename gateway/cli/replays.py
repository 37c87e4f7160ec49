"""`policies replay`: put what was decided to another rulebook, from a home or from an export. Makes no report and changes no rule.

It runs what `policies report` runs over the past. Reading a home's log is written into that log first."""

import json
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Annotated, Final

import typer

from gateway.assembly.homes import open_log
from gateway.assembly.registers import open_registry
from gateway.cli.audit import record_reading
from gateway.cli.drafts import LIVE, show_step
from gateway.cli.options import FAILED, HomeOption, JsonOption, plainly, say, settings_of
from gateway.cli.rulebooks import rulebook_of
from gateway.clock import SystemClock
from gateway.enforcement.aside import Step
from gateway.enforcement.recorded import ExportedEntries, RecordedEntries
from gateway.settings import Settings
from policies.assessment import replayed_under
from policies.drafting import read_draft
from policies.errors import RulebookRefused
from policies.replay import MOST_LINKS, NEWLY_ALLOWED, NEWLY_REFUSED, OTHER_OBLIGATIONS, Group, Replay
from policies.rulebook import Rulebook

# How many decisions of a group are named on a terminal; JSON names as many as a report keeps.
_FEW: Final = 5
_DIGEST_LENGTH: Final = 64


def replay_past(
    rulebook: Annotated[str, typer.Argument(metavar="RULEBOOK", help="As in `prove`; or a draft's id, a rulebook's digest, or `live`.")],
    *,
    export: Annotated[Path | None, typer.Option("--export", metavar="DIR", help="Read what `audit export` wrote, and no home.")] = None,
    most: Annotated[int | None, typer.Option("--most", min=1, help="Name at most so many decisions of a group (5; as JSON 1000).")] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Judge every recorded decision again under a rulebook, and print what would be answered otherwise, newly allowed first.

    Each change names the decisions by entry and id. Exit code 0: nothing changes; 1: something does; 2: the rulebook or a record cannot
    be read, and then the sentence says which."""
    with plainly():
        book = _named(rulebook, home)
        found, records = _replayed(book, export, home)
    text = "\n".join(_lines(found, records, most or _FEW))
    say({"entries": records, **found.to_json(most or MOST_LINKS)}, text, as_json=as_json)
    raise typer.Exit(FAILED if found.groups else 0)


def _replayed(book: Rulebook, export: Path | None, home: Path | None) -> tuple[Replay, int]:
    """Replay the export, or the home's log once it says that it is read; with how many entries that were."""
    entries: ExportedEntries | RecordedEntries
    if export is not None:
        entries = ExportedEntries(export)
        records = entries.size()
    else:
        settings = settings_of(home, None)
        with closing(open_log(settings)) as log:
            record_reading(log, {"replay": book.digest})
        entries = RecordedEntries(settings.home.audit / "log.sqlite")
        records = entries.size()
    found = replayed_under(book, lambda: entries.first(records), records, lambda what, done, of: show_step(Step(what, done, of)))
    return found, records


def _named(name: str, home: Path | None) -> Rulebook:
    """The rulebook of that name. Raises RulebookRefused, DraftRefused or NotOnRecord."""
    if Path(name).is_file() or not (name == LIVE or name.startswith("draft-") or _is_digest(name)):
        book = rulebook_of(name)
    else:
        book = _on_record(name, settings_of(home, None))
    if not book.means_the_same:
        mend = "Replay under it with the version that it was built by."
        raise RulebookRefused("rulebook", 0, "Its conditions had another meaning when it was built.", mend)
    return book


def _on_record(name: str, settings: Settings) -> Rulebook:
    with ExitStack() as stack:
        registry = stack.enter_context(closing(open_registry(settings, SystemClock())))
        if name.startswith("draft-"):
            document = json.loads(registry.drafts.get(name).document)
            if "return_to" not in document:
                return read_draft(document).build()
            name = document["return_to"]
        digest = registry.rulebooks.live().digest if name == LIVE else name
        return Rulebook.from_text(registry.rulebooks.get(digest).text)


def _is_digest(name: str) -> bool:
    return len(name) == _DIGEST_LENGTH and not set(name) - set("0123456789abcdef")


def _lines(found: Replay, records: int, most: int) -> Iterator[str]:
    for group in found.groups:
        yield f"{group.change}: {len(group.links)} × {group.purpose} by {group.client} ({group.operation}) in {group.place or 'no place'}"
        yield f"    {_told(group)}"
        yield from (f"    entry {link.index}, decision {link.decision_id}" for link in group.links[:most])
        if len(group.links) > most:
            yield f"    and {len(group.links) - most} more; --most or --json names them"
    told = found.to_json(0)
    counts = ", ".join(f"{change} {found.count(change)}" for change in (NEWLY_ALLOWED, NEWLY_REFUSED, OTHER_OBLIGATIONS))
    yield f"{found.judged} decisions in {records} entries: {counts}, unchanged {told['unchanged']}"
    if found.by_gateway:
        yield f"{found.by_gateway} refusals rest on more than a rulebook (the register, the body, a quota): nothing is said of them"
    yield f"rulebook {found.rulebook}"


def _told(group: Group) -> str:
    """What a group was answered, and what it would be."""
    was, now = ", ".join(group.was) or "nothing", ", ".join(group.now) or "nothing"
    if group.change == NEWLY_ALLOWED:
        return f"was refused by {was}; would be permitted and owe {now}"
    if group.change == NEWLY_REFUSED:
        return f"was permitted and owed {was}; would be refused by {now}"
    return f"owed {was}; would owe {now}"
