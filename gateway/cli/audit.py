"""`audit export` and `audit verify`: take the log out of the house, and check it without the house. Never writes into the log."""

import json
from pathlib import Path
from typing import Annotated

import typer

from gateway.assembly import open_log
from gateway.audit.export import write_export
from gateway.audit.note import VerifierKey
from gateway.audit.verify import verify_export, verify_url
from gateway.cli.options import HomeOption, JsonOption, plainly, settings_of

app = typer.Typer(help="Export and verify the audit log.", no_args_is_help=True, add_completion=False, rich_markup_mode=None)


@app.command()
def export(
    directory: Annotated[Path, typer.Argument(help="A directory that does not exist yet, or is empty.")],
    *,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write the whole log as static files: checkpoint, tiles, entries, key. Exit code 0; 2 if it cannot be written."""
    with plainly():
        log = open_log(settings_of(home, None))
        try:
            key = log.verifier_keys[0]
            checkpoint = write_export(log, directory, key)
        finally:
            log.close()
    document = {"directory": str(directory), "origin": checkpoint.origin, "size": checkpoint.size, "key": key.text()}
    text = f"{checkpoint.size} entries of {checkpoint.origin} in {directory}\nThe log's key, to be kept elsewhere:\n{key.text()}"
    typer.echo(json.dumps(document) if as_json else text)


@app.command()
def verify(
    source: Annotated[str, typer.Argument(metavar="DIR|URL", help="An export directory, or the address of a served log.")],
    *,
    key: Annotated[str, typer.Option("--key", help="The log's verifier key, or a file that holds it. Never the one in the export.")],
    since: Annotated[Path | None, typer.Option("--since", help="An older checkpoint that the log must extend.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Check a log from its bytes and one key alone. Exit code 0: everything holds; 1: something does not; 2: it could not be checked."""
    with plainly():
        vkey = VerifierKey.parse(_text_or_file(key))
        older = since.read_bytes() if since is not None else None
        live = source.startswith(("http://", "https://"))
        report = verify_url(source, vkey, older) if live else verify_export(Path(source), vkey, older)
    typer.echo(json.dumps(report.as_json()) if as_json else "\n".join(report.lines()))
    raise typer.Exit(report.exit_status)


def _text_or_file(key: str) -> str:
    path = Path(key)
    # A verifier key holds base64, and so perhaps slashes: it is a file only if there is such a file.
    return path.read_text("utf-8").strip() if len(key) < 256 and path.is_file() else key.strip()
