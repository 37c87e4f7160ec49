"""`clients token`: a bearer token of the built-in issuer, for whoever may read the issuer's key. Registers nobody."""

from typing import Annotated

import typer

from gateway.assembly import open_registry
from gateway.cli.options import HomeOption, JsonOption, PortOption, plainly, say, settings_of
from gateway.clock import SystemClock

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
