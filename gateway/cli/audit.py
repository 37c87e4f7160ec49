"""`audit export` and `audit verify`: take the log out of the house, and check it without the house. Decides nothing.

Whoever takes entries out by a command is written into the log first, as a reader over HTTP is."""

import asyncio
import getpass
import json
import os
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Annotated

import typer

from gateway.assembly.homes import contacts_of, open_eraser, open_explorer, open_log
from gateway.assembly.registers import open_registry
from gateway.audit.bundle import write_bundle
from gateway.audit.export import ExportRefused, write_export
from gateway.audit.log import AuditLog
from gateway.audit.note import Note
from gateway.audit.source import token_from, verify_source
from gateway.cli.custody import anchor_command, recover_command, rotate_key_command
from gateway.cli.options import HomeOption, JsonOption, plainly, settings_of
from gateway.clock import SystemClock
from gateway.enforcement.erasure import NothingToErase, Target, Why
from gateway.records import entries
from gateway.records.disclosure import Reader
from gateway.records.evidence import EvidenceRoom
from gateway.records.rederiving import Rederived
from gateway.registry.rulebook import text_of
from gateway.settings import Settings
from gateway.witnessing.policy import read_policy
from gateway.witnessing.posting import DEADLINE_SECONDS, Poster
from gateway.witnessing.quorums import cosigned_head

app = typer.Typer(help="Export and verify the audit log.", no_args_is_help=True, add_completion=False, rich_markup_mode=None)
app.command("rotate-key")(rotate_key_command)
app.command("recover")(recover_command)
app.command("anchor")(anchor_command)


@app.command()
def export(
    directory: Annotated[Path, typer.Argument(help="A directory that does not exist yet, or is empty.")],
    *,
    cosigned: Annotated[bool, typer.Option("--cosigned", help="Only under a checkpoint that the witnesses' quorum has cosigned.")] = False,
    within: Annotated[float, typer.Option("--within", min=0, help="How long, in seconds, to wait for the quorum.")] = 60.0,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write the whole log as static files: checkpoint, tiles, entries, key. Exit code 0; 2 if it cannot be written, or if the quorum
    of witnesses that --cosigned asks for cannot be had: then nothing is written."""
    with plainly(), ExitStack() as stack:
        settings = settings_of(home, None)
        log = stack.enter_context(closing(open_log(settings)))
        record_reading(log, {"export": "directory"})
        head = _cosigned_head(settings, log, within) if cosigned else None
        key = log.verifier_keys[0]
        registry = stack.enter_context(closing(open_registry(settings, SystemClock())))
        checkpoint = write_export(log, directory, key, head, rulebook=text_of(registry.rulebooks))
    cosigners = [] if head is None else sorted(read_policy(settings).cosigned(Note.parse(head)))
    document = {
        "directory": str(directory), "origin": checkpoint.origin, "size": checkpoint.size, "key": key.text(), "cosigners": cosigners,
    }  # fmt: skip
    text = f"{checkpoint.size} entries of {checkpoint.origin} in {directory}\nThe log's key, to be kept elsewhere:\n{key.text()}"
    text += f"\nCosigned by {', '.join(cosigners)}: verify it with --policy." if cosigners else ""
    typer.echo(json.dumps(document) if as_json else text)


@app.command()
def bundle(
    decision: Annotated[str, typer.Argument(metavar="DECISION", help="The decision_id of an answer.")],
    *,
    out: Annotated[Path, typer.Option("--out", help="The zip file to write; it must not exist yet.")],
    reader: Annotated[Reader, typer.Option("--for", help="For whom: what its reader may not see is left out.")] = Reader.AUDITOR,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Pack the evidence for one decision into a file that proves itself. Exit code 0; 2 if there is none, or it cannot be written."""
    with plainly():
        settings = settings_of(home, None)
        clock = SystemClock()
        log = open_log(settings)
        registry = open_registry(settings, clock)
        explorer = open_explorer(settings, log)
        try:
            record_reading(log, {"evidence": str(reader)}, {"decision_id": decision})
            room = EvidenceRoom(log, explorer, text_of(registry.rulebooks), contacts_of(settings), read_policy(settings))
            evidence = room.gather(decision, reader, room.client_of(decision))
            content = write_bundle(evidence)
            key = log.verifier_keys[-1].text()
        finally:
            explorer.close()
            registry.close()
            log.close()
        _write_new(out, content)
    document = {
        "decision_id": decision,
        "entries": len(evidence.exhibits),
        "file": str(out),
        "key": key,
        "kept_back": evidence.kept_back,
        "reader": str(reader),
    }
    text = f"{len(evidence.exhibits)} entries of decision {decision}, for: {reader}, in {out}\nThe log's key, for comparison:\n{key}"
    typer.echo(json.dumps(document) if as_json else text)


@app.command()
def erase(
    *,
    why: Annotated[Why, typer.Option("--why", help="On what ground.")],
    case: Annotated[str | None, typer.Option("--case", help="A closed case, by its reference.")] = None,
    subject: Annotated[str | None, typer.Option("--subject", help="A person, by the name of an enrolment.")] = None,
    decision: Annotated[str | None, typer.Option("--decision", help="One decision, by its decision_id.")] = None,
    client: Annotated[str | None, typer.Option("--client", help="Whose case or subject; without it, everybody's of that name.")] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Destroy the personal values that the house holds about a case, a person or a decision. Every root and receipt stays valid.

    Exit code 0; 2 if nothing is held, the case is not closed, or a copy may be left (it is then done again at the next start)."""
    with plainly():
        named = [Target(about, value, client) for about, value in (("case", case), ("subject", subject), ("decision", decision)) if value]
        if len(named) != 1:
            raise NothingToErase("Name exactly one of --case, --subject or --decision.")
        settings, clock = settings_of(home, None), SystemClock()
        with ExitStack() as stack:
            log = stack.enter_context(closing(open_log(settings)))
            registry = stack.enter_context(closing(open_registry(settings, clock)))
            explorer = stack.enter_context(closing(open_explorer(settings, log)))
            erased = open_eraser(settings, clock, registry, log, explorer).erase(at_the_command_line(), named[0], why)
    document = {"entries": erased.entries, "openings": erased.openings, "log_index": erased.receipt.index}
    text = f"{erased.openings} values in {erased.entries} entries are destroyed; entry {erased.receipt.index} says so."
    typer.echo(json.dumps(document) if as_json else text)


@app.command()
def verify(
    source: Annotated[str, typer.Argument(metavar="DIR|BUNDLE.zip|URL", help="An export, a bundle, or the address of a log: …/audit.")],
    *,
    key: Annotated[str, typer.Option("--key", help="The log's verifier key, or a file that holds it. Never the one in the export.")],
    since: Annotated[Path | None, typer.Option("--since", help="An older checkpoint that the log must extend.")] = None,
    policy: Annotated[Path | None, typer.Option("--policy", help="A tlog-policy: whose cosignatures the checkpoint must carry.")] = None,
    in_flight: Annotated[float, typer.Option("--in-flight", min=0, help="How old, in seconds, a search without an end may be.")] = 0.0,
    decisions: Annotated[bool, typer.Option("--decisions", help="Decide every recorded decision again, from its rulebook.")] = False,
    tsa_cert: Annotated[Path | None, typer.Option("--tsa-cert", help="The time-stamping authority's certificate (PEM).")] = None,
    token: Annotated[str | None, typer.Option("--token", help="An auditor's token, for a URL; better in CUSTODES_TOKEN.")] = None,
    token_file: Annotated[Path | None, typer.Option("--token-file", help="A file that holds the token.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Check a log from its bytes and one key alone. Exit code 0: everything holds; 1: something does not; 2: it, or a part that was
    asked for, could not be checked. Without --decisions, `python3 -m gateway.audit` does the same with cryptography alone."""
    with plainly():
        report = verify_source(
            source,
            key,
            since=since,
            policy=policy,
            in_flight=in_flight,
            token=token_from(token, token_file, os.environ),
            rederive=Rederived if decisions else None,
            tsa_cert=tsa_cert,
        )
    typer.echo(json.dumps(report.as_json()) if as_json else "\n".join(report.lines()))
    raise typer.Exit(report.exit_status)


def _cosigned_head(settings: Settings, log: AuditLog, within: float) -> bytes:
    """Have the log's head cosigned, and return it with the quorum's lines. Raises NoQuorum."""
    policy = read_policy(settings)
    post = Poster(DEADLINE_SECONDS)
    return asyncio.run(cosigned_head(log, policy, post, SystemClock(), covering=log.size, within=within))


def at_the_command_line() -> str:
    """Name whoever types, as well as the machine knows."""
    return f"{getpass.getuser()}, at the command line"


def record_reading(log: AuditLog, what: dict[str, object], asked: dict[str, str] | None = None) -> None:
    """Write into the log that somebody at this machine reads entries. Raises LogUnavailable: then nothing is read."""
    record = entries.log_read(at=SystemClock().now(), by=at_the_command_line(), what=what, asked=asked or {})
    log.append_blocking(record.body, record.openings)


def _write_new(path: Path, content: bytes) -> None:
    try:
        with path.open("xb") as file:
            file.write(content)
    except OSError as fault:
        raise ExportRefused(f"{path} cannot be written: {fault.strerror}") from fault
