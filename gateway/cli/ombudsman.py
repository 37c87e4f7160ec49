"""`ombudsman`: ask whether a person was searched, and check an answer with the log's key alone. Lists nothing.

A question acts for the ombudsman that `--by` names, is refused as it would be over HTTP, and stands in the log before it is answered."""

import json
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Annotated

import typer

from gateway.assembly.commands import changing
from gateway.assembly.homes import open_explorer, open_log, tags_of
from gateway.audit.note import VerifierKey
from gateway.cli.options import FAILED, HomeOption, JsonOption, plainly, say, settings_of
from gateway.clock import SystemClock
from gateway.enforcement.ombudsman import OMBUDSMAN, Ombudsman, written
from gateway.enforcement.registrar import Actor
from gateway.errors import CustodesError
from gateway.records.questions import check_answer
from gateway.registry.restrictions import Scope

app = typer.Typer(
    help="An ombudsman's questions, and the check of their answers.", no_args_is_help=True, add_completion=False, rich_markup_mode=None
)


class AnswerUnreadable(CustodesError):
    """The file holds no answer that could be checked."""

    code = "answer-unreadable"


@app.command()
def ask(
    *,
    complaint: Annotated[str, typer.Option("--complaint", help="The reference of the ombudsman's own file.")],
    gallery: Annotated[str | None, typer.Option("--gallery", help="With --subject: a person of a gallery.")] = None,
    subject: Annotated[str | None, typer.Option("--subject", help="The name of the person's enrolment.")] = None,
    client: Annotated[str | None, typer.Option("--client", help="With --case: whoever a client's case seeks.")] = None,
    case: Annotated[str | None, typer.Option("--case", help="The case's reference.")] = None,
    by: Annotated[str, typer.Option("--by", help="The ombudsman who asks, by id.")],
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print whether the person was searched; --json prints the whole answer, for `check`. Exit code 0; 2 if it is not answered."""
    clock = SystemClock()
    with plainly(), ExitStack() as stack:
        settings = settings_of(home, None)
        _registry, registrar = stack.enter_context(changing(settings, clock))
        registrar.must_hold(Actor("staff", by), OMBUDSMAN)
        log = stack.enter_context(closing(open_log(settings)))
        explorer = stack.enter_context(closing(open_explorer(settings, log)))
        asked = Ombudsman(log, explorer, tags_of(settings.home), clock, settings.questions_a_day)
        answered = asked.ask(by, complaint, Scope(client, case, gallery, subject))
    lines = [
        f"{'Yes' if answered.traces.count else 'No'}: {answered.traces.count} entries. The question is entry {answered.receipt.index}."
    ]
    lines += [f"{one.index:8}  {one.at}  {one.role}{', released' if one.released else ''}" for one in answered.traces.shown]
    say(written(answered), "\n".join(lines), as_json=as_json)


@app.command()
def check(
    file: Annotated[Path, typer.Argument(help="An answer, as the API or `ask --json` gave it.")],
    *,
    key: Annotated[str, typer.Option("--key", help="The log's verifier key.")],
    as_json: JsonOption = False,
) -> None:
    """Check an answer: each entry lies in the log, and each opens to the one tag. Exit code 0; 1 if something does not hold; 2."""
    with plainly():
        try:
            answer = json.loads(file.read_text("utf-8"))
        except (OSError, ValueError, RecursionError) as fault:
            raise AnswerUnreadable(f"{file} holds no answer: {fault}.") from fault
        faults = check_answer(answer, VerifierKey.parse(key))
    say({"holds": not faults, "faults": faults}, "\n".join(faults) or "Everything holds.", as_json=as_json)
    raise typer.Exit(FAILED if faults else 0)
