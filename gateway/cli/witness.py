"""`witness`: cosign the checkpoints of other people's logs, so that none of them can show two histories. Never reads an entry.

A witness lives in a directory of its own: `key` (secret), `memory.sqlite` (what was signed last), `logs` (a tlog-policy file)."""

import asyncio
import hashlib
import os
from pathlib import Path
from typing import Annotated, Final

import typer

from gateway.api.witness import create_witness_app
from gateway.audit.errors import AuditError
from gateway.audit.note import Checkpoint, Cosigner, Note, VerifierKey
from gateway.audit.watched import WatchedLogs
from gateway.audit.witness import Witness
from gateway.cli.options import JsonOption, plainly, say
from gateway.cli.serving import Server, config, run
from gateway.clock import SystemClock

DEFAULT_PORT: Final = 8081

app = typer.Typer(help="Be a witness of logs.", no_args_is_help=True, add_completion=False, rich_markup_mode=None)
StateOption = Annotated[Path, typer.Option("--state", help="The witness's directory.")]
_STATE: Final = Path("custodes-witness")


class WitnessMisplaced(AuditError):
    """There is no witness in this directory, or there is one already."""

    code = "witness-misplaced"


@app.command()
def init(
    name: Annotated[str, typer.Argument(help="The witness's name: an address without its scheme, such as witness.example/w1.")],
    *,
    state: StateOption = _STATE,
    as_json: JsonOption = False,
) -> None:
    """Make a witness: its key and its empty memory. Exit code 0; 2 if there is one in this directory already."""
    with plainly():
        cosigner = Cosigner.generate(name)
        _make(state, cosigner)
    key = cosigner.key.text()
    lines = f"The witness's verifier key, for everybody who relies on it:\n{key}\nIn their tlog-policy:\nwitness NAME {key} https://…/"
    say({"state": str(state), "key": key}, lines, as_json=as_json)


@app.command("key")
def show_key(*, state: StateOption = _STATE, as_json: JsonOption = False) -> None:
    """Print the witness's verifier key. Exit code 0; 2 if there is no witness."""
    with plainly():
        key = _cosigner(state).key.text()
    say({"key": key}, key, as_json=as_json)


@app.command()
def watch(
    vkey: Annotated[str, typer.Argument(help="The log's verifier key, as its operator gave it to you.")],
    *,
    state: StateOption = _STATE,
    as_json: JsonOption = False,
) -> None:
    """Watch a log, or one more key of it; a serving witness does so at once. Exit code 0, also if it was watched; 2 if it cannot be."""
    with plainly():
        _cosigner(state)
        key = VerifierKey.parse(vkey.strip())
        added = WatchedLogs(state / "logs").add(key)
    text = f"{key.name} is watched now." if added else f"{key.name} was watched with this key already."
    say({"origin": key.name, "key": key.text(), "added": added}, text, as_json=as_json)


@app.command()
def show(*, state: StateOption = _STATE, as_json: JsonOption = False) -> None:
    """Print which logs are watched, and the size at which each was cosigned last. Exit code 0; 2 if there is no witness."""
    with plainly(), _open(state) as witness:
        logs = [(key, _latest(witness, key.name)) for key in WatchedLogs(state / "logs").all()]
    documents = [{"origin": key.name, "key": key.text(), "size": None if last is None else last.size} for key, last in logs]
    lines = [f"{key.name}  {'never cosigned' if last is None else f'{last.size} entries'}  {key.text()}" for key, last in logs]
    say(documents, "\n".join(lines) or "No log is watched yet: `witness watch VKEY`.", as_json=as_json)


@app.command("serve")
def serve_command(
    *,
    state: StateOption = _STATE,
    host: Annotated[str, typer.Option("--host", help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=1, max=65535, help="The port to listen on.")] = DEFAULT_PORT,
) -> None:
    """Serve C2SP tlog-witness until a signal says otherwise. Exit code 0; 2 if the witness could not be started."""
    with plainly():
        run(_serve, state, host, port)


async def _serve(state: Path, host: str, port: int) -> None:
    witness = await asyncio.to_thread(_open, state)
    try:
        key = _cosigner(state).key.text()
        typer.echo(f"A witness serves on http://{host}:{port}; state in {state}.\n{key}")
        await Server(config(create_witness_app(witness, (key,)), host, port)).serve()
    finally:
        witness.close()


def _open(state: Path) -> Witness:
    # Never begun here: a witness whose memory is gone must not sign again under the same key.
    return Witness(state / "memory.sqlite", [_cosigner(state)], WatchedLogs(state / "logs").keys, SystemClock().now, create=False)


def _cosigner(state: Path) -> Cosigner:
    try:
        return Cosigner.parse((state / "key").read_text("ascii").strip())
    except (OSError, UnicodeError) as wrong:
        raise WitnessMisplaced(f"There is no witness in {state}; make one with `python3 -m gateway witness init NAME`.") from wrong


def _make(state: Path, cosigner: Cosigner) -> None:
    """Write the key last: a directory without a key is no witness yet."""
    try:
        state.mkdir(parents=True, exist_ok=True, mode=0o700)
        if any((state / name).exists() for name in ("key", "memory.sqlite")):
            raise WitnessMisplaced(f"There is a witness in {state} already, or what is left of one.")
        Witness(state / "memory.sqlite", [cosigner], WatchedLogs(state / "logs").keys, SystemClock().now).close()
        handle = os.open(state / "key", os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(cosigner.reveal() + "\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as wrong:
        raise WitnessMisplaced(f"{state} cannot be written: {wrong.strerror}") from wrong


def _latest(witness: Witness, origin: str) -> Checkpoint | None:
    raw = witness.latest(hashlib.sha256(origin.encode()).hexdigest())
    return None if raw is None else Checkpoint.parse(Note.parse(raw).text)
