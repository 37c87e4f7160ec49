"""`report`: the numbers of a log from an export alone, and the file of one case for a court. Changes nothing in the log."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Final

import typer

from gateway.cli.options import HomeOption, JsonOption, plainly, say, settings_of
from gateway.errors import CustodesError
from gateway.records.case_file import case_file
from gateway.records.report_page import page
from gateway.records.tally import SMALL, Span, tally

app = typer.Typer(help="Reports from the audit log alone.", no_args_is_help=True, add_completion=False, rich_markup_mode=None)

_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_QUARTER: Final = re.compile(r"(\d{4})-Q([1-4])", re.ASCII)
Source = Annotated[Path, typer.Argument(help="An export directory (audit export), or its entries.jsonl.")]
Client = Annotated[str | None, typer.Option("--client", help="Count this client alone.")]
Html = Annotated[Path | None, typer.Option("--html", help="Write the page there, too: for screen and paper.")]


class ReportRefused(CustodesError):
    """The report cannot be made from what was given; the sentence says why."""

    code = "report-refused"


@app.command()
def public(
    source: Source,
    *,
    since: Annotated[str, typer.Option(help="The first day, such as 2026-01-01.")] = "",
    until: Annotated[str, typer.Option(help="The day after the last.")] = "",
    html: Html = None,
) -> None:
    """Print the transparency report as JSON, small counts hidden. Exit code 0; 2 if the export cannot be read."""
    with plainly():
        for day in (since, until):
            if day and not _DAY.fullmatch(day):
                raise ReportRefused(f"{day!r} is no day; write it as 2026-01-31.")
        _report(source, Span(since, until or "9"), SMALL, html)


@app.command()
def annual(source: Source, year: Annotated[int, typer.Argument(min=2000, max=9998)], *, client: Client = None, html: Html = None) -> None:
    """Print the report of a year, with every count: for authorities, not for publication. Exit code 0; 2."""
    with plainly():
        _report(source, Span(f"{year}-01-01", f"{year + 1}-01-01", client), 0, html)


@app.command()
def quarterly(
    source: Source, quarter: Annotated[str, typer.Argument(metavar="2026-Q4")], *, client: Client = None, html: Html = None
) -> None:
    """Print the report of a quarter, with every count. Exit code 0; 2."""
    with plainly():
        match = _QUARTER.fullmatch(quarter)
        if match is None:
            raise ReportRefused(f"{quarter!r} is no quarter; write it as 2026-Q4.")
        year, number = int(match[1]), int(match[2])
        begins, ends = f"{year}-{3 * number - 2:02}-01", f"{year}-{3 * number + 1:02}-01" if number < 4 else f"{year + 1}-01-01"
        _report(source, Span(begins, ends, client), 0, html)


@app.command()
def case(client: str, reference: str, *, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Print everything that the log holds of one case, with openings and receipts: the file for a court.

    The reading is in the log first. Exit code 0; 2."""
    from gateway.assembly.homes import open_log  # the log's own home is needed here alone
    from gateway.cli.audit import record_reading

    with plainly():
        log = open_log(settings_of(home, None))
        try:
            record_reading(log, {"case-file": True}, {"client": client, "case_ref": reference})
            document = case_file(log, client, reference)
        finally:
            log.close()
    lines = [f"{entry['index']:8}  {entry['entry']['at']}  {entry['entry']['kind']}" for entry in document["entries"]]
    say(document, "\n".join(lines) or "The log holds nothing that can still be opened to this case.", as_json=as_json)


def _report(source: Path, span: Span, hide_below: int, html: Path | None) -> None:
    counted = tally(_bodies(source), span).to_json(hide_below=hide_below)
    if html is not None:
        html.write_text(page(counted, str(source)), "utf-8")
    typer.echo(json.dumps(counted, indent=2))


def _bodies(source: Path) -> Iterator[bytes]:
    path = source / "entries.jsonl" if source.is_dir() else source
    try:
        with path.open("rb") as lines:
            for number, line in enumerate(lines):
                if not _is_entry(line):
                    raise ReportRefused(f"Line {number + 1} of {path} is no entry; verify the export first (`audit verify`).")
                yield line
    except OSError as fault:
        raise ReportRefused(f"{path} cannot be read: {fault.strerror}.") from fault


def _is_entry(line: bytes) -> bool:
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        return False
    return isinstance(entry, dict) and isinstance(entry.get("at"), str)
