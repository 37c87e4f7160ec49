"""`clients`: put on record, suspend, reinstate, list; and a bearer token of the built-in issuer, for whoever may read the issuer's key.

Each change acts for the person that `--by` names, is refused as it would be over HTTP, and stands in the log."""

from pathlib import Path
from typing import Annotated

import typer

from gateway.api import documents
from gateway.assembly.registers import open_registry
from gateway.cli.acting import ByOption, ClientArgument, ReasonOption, acting, at_the_desks, read_json, show, tell
from gateway.cli.options import HomeOption, JsonOption, PortOption, plainly, say, settings_as_served, settings_of
from gateway.clock import SystemClock
from gateway.enforcement.desks.papers import REGISTRAR
from gateway.enforcement.registrar import Done
from gateway.registry.clients import Client, NewClient

app = typer.Typer(
    help="Clients of the gateway: put on record, keys, tokens, suspension.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)


@app.command()
def token(
    client: Annotated[str, typer.Argument(help="The client's id, or a staff member's.")],
    *,
    home: HomeOption = None,
    port: PortOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print a bearer token that lasts a quarter of an hour. Exit code 0; 2 if there is no such client.

    It is for the service that runs on the home, unless --port or CUSTODES_PUBLIC_URL name another."""
    with plainly():
        registry = open_registry(settings_as_served(home, port), SystemClock())
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
    listed = [{"id": client.id, "name": client.name, "kind": client.kind, "state": client.state} for client in clients]
    say(listed, "\n".join(f"{client.id}  {client.kind}  {client.state}  {client.name}" for client in clients), as_json=as_json)


@app.command("show")
def show_client(client: ClientArgument, *, home: HomeOption = None) -> None:
    """Print one client as JSON, with its public keys. Exit code 0; 2 if there is none."""
    with at_the_desks(home) as desks:
        found = desks.clients.clients.get(client)
    show(documents.client(found))


@app.command()
def add(
    client: ClientArgument,
    *,
    name: Annotated[str, typer.Option("--name", help="The organisation's name.")],
    kind: Annotated[str, typer.Option("--kind", help="What the registrar found it to be (GET /v1/purposes, `clients`).")],
    place: Annotated[str | None, typer.Option("--place", help="Where it works: an ISO 3166 code.")] = None,
    acts_for: Annotated[str | None, typer.Option("--acts-for", help="The kind of body that it acts for.")] = None,
    key: Annotated[list[Path] | None, typer.Option("--key", help="A file: a public key as a JWK; may be given more than once.")] = None,
    by: ByOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Put a client on record, active at once. Exit code 0; 2 if that may not be."""
    with at_the_desks(home) as desks:
        keys = tuple(read_json(path) for path in key or ())
        done = desks.clients.register(
            acting(desks, by, REGISTRAR), NewClient(client, name, kind, place=place, acts_for=acts_for, keys=keys)
        )
    _tell(done, as_json)


@app.command()
def suspend(
    client: ClientArgument, *, reason: ReasonOption, by: ByOption = None, home: HomeOption = None, as_json: JsonOption = False
) -> None:
    """Refuse all that a client asks, from its next request on. Exit code 0; 2 if its state does not allow it."""
    with at_the_desks(home) as desks:
        done = desks.clients.suspend(acting(desks, by, REGISTRAR), client, reason)
    _tell(done, as_json)


@app.command()
def reinstate(
    client: ClientArgument, *, reason: ReasonOption, by: ByOption = None, home: HomeOption = None, as_json: JsonOption = False
) -> None:
    """Let a suspended client act again. Exit code 0; 2 if its state does not allow it."""
    with at_the_desks(home) as desks:
        done = desks.clients.resume(acting(desks, by, REGISTRAR), client, reason)
    _tell(done, as_json)


@app.command()
def close(
    client: ClientArgument, *, reason: ReasonOption, by: ByOption = None, home: HomeOption = None, as_json: JsonOption = False
) -> None:
    """End the relation with a client for good; its record stays. Exit code 0; 2 if its state does not allow it."""
    with at_the_desks(home) as desks:
        done = desks.clients.close(acting(desks, by, REGISTRAR), client, reason)
    _tell(done, as_json)


@app.command("add-key")
def add_key(
    client: ClientArgument,
    key: Annotated[Path, typer.Argument(help="A file: the public key as a JWK.")],
    *,
    replaces: Annotated[str | None, typer.Option("--replaces", help="The kid of the key whose place it takes.")] = None,
    by: ByOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Trust one more key of a client, or one in the place of another. Exit code 0; 2 if the key is none that may be trusted."""
    with at_the_desks(home) as desks:
        jwk = read_json(key)
        if replaces is None:
            done = desks.clients.add_key(acting(desks, by, REGISTRAR), client, jwk)
        else:
            done = desks.clients.rotate_key(acting(desks, by, REGISTRAR), client, jwk, replaces)
    _tell(done, as_json)


@app.command("revoke-key")
def revoke_key(
    client: ClientArgument,
    kid: Annotated[str, typer.Argument(help="The key's kid (`clients show`).")],
    *,
    by: ByOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Trust a key of a client no longer, at once. Exit code 0; 2 if there is no such key."""
    with at_the_desks(home) as desks:
        done = desks.clients.revoke_key(acting(desks, by, REGISTRAR), client, kid)
    _tell(done, as_json)


def _tell(done: Done[Client], as_json: bool) -> None:
    tell(documents.client(done.value), done, f"{done.value.id} is {done.value.state}", as_json=as_json)
