"""`clients`: put on record, suspend, reinstate, list; and a bearer token of the built-in issuer, for whoever may read the issuer's key.

Each change acts for the person that `--by` names, is refused as it would be over HTTP, and stands in the log."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from gateway.api import documents
from gateway.assembly.commands import changing
from gateway.assembly.registers import desks_of, open_registry
from gateway.cli.options import HomeOption, JsonOption, PortOption, plainly, say, settings_of
from gateway.clock import SystemClock
from gateway.enforcement.desks.clients import ClientDesk
from gateway.enforcement.registrar import Actor, Done
from gateway.registry.clients import Client, NewClient

app = typer.Typer(help="Clients of the gateway.", no_args_is_help=True, add_completion=False, rich_markup_mode=None)


@app.command()
def token(
    client: Annotated[str, typer.Argument(help="The client's id, or a staff member's.")],
    *,
    home: HomeOption = None,
    port: PortOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print a bearer token that lasts a quarter of an hour. Exit code 0; 2 if there is no such client."""
    with plainly():
        registry = open_registry(settings_of(home, port), SystemClock())
        try:
            issued = registry.issuer.mint(client)
        finally:
            registry.close()
    say(issued.to_json(), issued.access_token, as_json=as_json)


@app.command("list")
def list_clients(*, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Print who is on record. Exit code 0."""
    with plainly():
        registry = open_registry(settings_of(home, None), SystemClock())
        try:
            clients = registry.clients.all()
        finally:
            registry.close()
    documents = [{"id": client.id, "name": client.name, "kind": client.kind, "state": client.state} for client in clients]
    say(documents, "\n".join(f"{client.id}  {client.kind}  {client.state}  {client.name}" for client in clients), as_json=as_json)


ByOption = Annotated[str, typer.Option("--by", help="The registrar who does it, by id.")]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why, in one line.")]
ClientArgument = Annotated[str, typer.Argument(help="The client's id.")]


@app.command()
def add(
    client: ClientArgument,
    *,
    name: Annotated[str, typer.Option("--name", help="The organisation's name.")],
    kind: Annotated[str, typer.Option("--kind", help="What the registrar found it to be (GET /v1/purposes, `clients`).")],
    place: Annotated[str | None, typer.Option("--place", help="Where it works: an ISO 3166 code.")] = None,
    acts_for: Annotated[str | None, typer.Option("--acts-for", help="The kind of body that it acts for.")] = None,
    by: ByOption,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Put a client on record, active at once. Exit code 0; 2 if that may not be."""
    with _desk(home) as desk:
        done = desk.register(Actor("staff", by), NewClient(client, name, kind, place=place, acts_for=acts_for))
    _tell(done, as_json)


@app.command()
def suspend(client: ClientArgument, *, reason: ReasonOption, by: ByOption, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Refuse all that a client asks, from its next request on. Exit code 0; 2 if its state does not allow it."""
    with _desk(home) as desk:
        done = desk.suspend(Actor("staff", by), client, reason)
    _tell(done, as_json)


@app.command()
def reinstate(client: ClientArgument, *, reason: ReasonOption, by: ByOption, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Let a suspended client act again. Exit code 0; 2 if its state does not allow it."""
    with _desk(home) as desk:
        done = desk.resume(Actor("staff", by), client, reason)
    _tell(done, as_json)


@contextmanager
def _desk(home: Path | None) -> Iterator[ClientDesk]:
    with plainly(), changing(settings_of(home, None), SystemClock()) as (registry, registrar):
        yield desks_of(registry, registrar).clients


def _tell(done: Done[Client], as_json: bool) -> None:
    text = f"{done.value.id} is {done.value.state}; entry {done.receipt.index}"
    say(documents.recorded(documents.client(done.value), done), text, as_json=as_json)
