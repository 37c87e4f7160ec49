"""`policies rehearse` and `policies compare`: ask packs what they would answer, outside the service. Changes nothing, logs nothing."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.table import Table

from gateway.cli import drafts, replays, rulebooks
from gateway.cli.options import FAILED, MISUSED, JsonOption, plainly
from policies import reading
from policies.coverage import Covered, coverage
from policies.decision import Permit
from policies.errors import FactsError
from policies.facts import Facts
from policies.judge import Judge
from policies.packs import names
from policies.rehearsal import Result, lines_of, pack_lines, rehearse
from policies.rulebook import build

app = typer.Typer(
    help="Purpose policies: packs, rehearsals, comparisons, drafts, proofs.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)

STANCES: Final = ("vendor-amazon", "vendor-ibm-principles", "vendor-microsoft", "vendor-google", "vendor-ibm-exit")


@app.command("rehearse")
def rehearse_vectors(
    vectors: Annotated[Path | None, typer.Argument(metavar="[FILE]", help="Decision vectors; without one, every pack's own.")] = None,
    *,
    as_json: JsonOption = False,
) -> None:
    """Run decision vectors against the packs that they name. The last line is `N passed, M failed`.

    Without a file it also says which rules those vectors have shown, in one of them refusing (or asking) and in another letting pass.
    Exit code 0: all passed; 1: some failed; 2: a line is no vector, there is none, or a file cannot be read."""
    with plainly():
        rehearsed = _run(vectors)
        covered = [rule for pack, results in rehearsed.items() if pack for rule in coverage(pack, results)]
    results = [result for several in rehearsed.values() for result in several]
    for result in results:
        if as_json:
            typer.echo(json.dumps(result.to_json(), sort_keys=True))
        elif not result.passed:
            typer.echo(f"FAILED {result.id}: {'; '.join(result.wrong)}")
    if covered and as_json:
        typer.echo(json.dumps({"id": "_coverage", "rules": [rule.to_json() for rule in covered]}, sort_keys=True))
    for line in _told(covered) if not as_json else ():
        typer.echo(line)
    if not results:
        # A suite that shows nothing must not look like one that passed.
        typer.echo(f"no-vectors: {vectors} holds no decision vector.", err=True)
        typer.echo("0 passed, 0 failed")
        raise typer.Exit(MISUSED)
    failed = sum(not result.passed for result in results)
    typer.echo(f"{len(results) - failed} passed, {failed} failed")
    raise typer.Exit(FAILED if failed else 0)


@app.command()
def compare(
    request: Annotated[Path, typer.Argument(metavar="REQUEST.json", help="Facts in the shape of the decision vectors.")],
    *,
    packs: Annotated[list[str] | None, typer.Option("--pack", help="A pack to ask; may be given more than once.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Print what each stance answers to one request, side by side. Exit code 0; 2 if the request cannot be read."""
    with plainly():
        asked = _read(request)
        answers = [answer_of(name, asked) for name in packs or STANCES]
    if as_json:
        typer.echo(json.dumps(answers, sort_keys=True))
        return
    Console(highlight=False).print(table_of(answers))


app.add_typer(drafts.commands)
app.command("lint")(rulebooks.lint_rules)
app.command("prove")(rulebooks.prove_rulebook)
app.command("diff")(rulebooks.diff_rulebooks)
app.command("replay")(replays.replay_past)


def answer_of(pack: str, request: Mapping[str, Any]) -> dict[str, Any]:
    """Return one pack's answer to a request, with nothing else enabled. Raises FactsError or RulebookRefused.

    A request that the judge cannot read (an unknown purpose, say) is a refusal, as it is in the service."""
    asked = {name: part for name, part in request.items() if name not in ("at", "licence")}
    try:
        at = reading.time(request["at"]) if request.get("at") is not None else datetime.now(UTC)
    except FactsError as error:
        raise error.inside("at") from error
    licence = request.get("licence") or [f"{asked.get('purpose')}:{asked.get('operation')}", f"{asked.get('purpose')}:live_identify"]
    answer = Judge(build([pack])).decide(Facts.from_json(asked, at=at, licence=licence))
    if isinstance(answer, Permit):
        owed = [duty.slug for duty in answer.obligations]
        return {"pack": pack, "decision": "permit", "rules": [], "obligations": owed, "why": "", "needed": []}
    rules = list(dict.fromkeys(reason.rule for reason in answer.reasons))
    why = answer.reasons[0].sentence if answer.reasons else answer.code
    return {"pack": pack, "decision": "refusal", "rules": rules, "obligations": [], "why": why, "needed": list(answer.needed)}


def table_of(answers: Iterable[dict[str, Any]]) -> Table:
    """Return the answers as a table for a terminal."""
    table = Table("stance", "answer", "rule", "why, or what is asked in return", box=None, pad_edge=False)
    for answer in answers:
        permitted = answer["decision"] == "permit"
        table.add_row(
            answer["pack"],
            "[green]permitted[/]" if permitted else "[red]refused[/]",
            ", ".join(answer["rules"]),
            ", ".join(answer["obligations"]) if permitted else answer["why"],
        )
    return table


def _run(vectors: Path | None) -> dict[str, tuple[Result, ...]]:
    """The results by the pack whose own vectors they are; those of a file by no name."""
    if vectors is None:
        return {name: rehearse(pack_lines(name)) for name in names()}
    return {"": rehearse(lines_of(_text(vectors)))}


def _told(covered: Sequence[Covered]) -> Iterator[str]:
    """The coverage as lines: one a pack with its rules and how often each refused and let pass, then the sum."""
    for pack in dict.fromkeys(rule.pack for rule in covered):
        rules = [rule for rule in covered if rule.pack == pack]
        yield f"{pack}: {sum(rule.shown for rule in rules)} of {len(rules)} rules shown"
        for rule in rules:
            act = f"denied {rule.denied}" if rule.denied is not None else f"acted {rule.acted}"
            yield f"  {rule.rule}: {act}, allowed {rule.allowed}{'' if rule.shown else ' - NOT SHOWN'}"
    if covered:
        yield f"coverage: {sum(rule.shown for rule in covered)} of {len(covered)} rules are shown by a vector"


def _text(path: Path) -> str:
    try:
        # Some editors begin a file of text with a mark; it says nothing.
        return path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as fault:
        typer.echo(f"{path} cannot be read as text: {fault}", err=True)
        raise typer.Exit(2) from fault


def _read(path: Path) -> Mapping[str, Any]:
    try:
        request = reading.parsed(_text(path))
    except ValueError as fault:
        raise FactsError("request", f"must be one JSON object in the shape of the decision vectors ({fault}).") from fault
    if not isinstance(request, dict):
        raise FactsError("request", "must be one JSON object in the shape of the decision vectors.")
    # A whole vector is taken too: its request, at its moment.
    inner = request.get("request")
    return {**inner, **{name: request[name] for name in ("at", "licence") if name in request}} if isinstance(inner, dict) else request
