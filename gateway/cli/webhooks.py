"""`webhooks`: where clients are told of their decisions, registered, rotated, tested and removed. Prints a secret once, when it is made.

Each step acts for the registrar that `--by` names, is refused as it would be over HTTP, and stands in the log."""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated

import typer

from gateway.api.documents import recorded
from gateway.api.webhooks import keyed, shown, told, tried
from gateway.assembly.commands import changing
from gateway.assembly.webhooks import open_webhooks
from gateway.cli.options import FAILED, HomeOption, JsonOption, plainly, say, settings_of
from gateway.clock import SystemClock
from gateway.enforcement.registrar import Actor, Done
from gateway.enforcement.webhooks.desk import OVERLAP_HOURS, Keyed, WebhookDesk
from gateway.identity.fetching import Fetcher

app = typer.Typer(help="Webhooks of the clients.", no_args_is_help=True, add_completion=False, rich_markup_mode=None)

ClientArgument = Annotated[str, typer.Argument(help="The client's id.")]
WebhookArgument = Annotated[str, typer.Argument(help="The webhook's id.")]
ByOption = Annotated[str, typer.Option("--by", help="The registrar who does it, by id.")]


@app.command("list")
def list_webhooks(client: ClientArgument, *, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Print a client's webhooks and their latest messages. Exit code 0; 1 if one was given up or stopped."""
    with _desk(home) as desk:
        documents = [
            shown(webhook) | {"deliveries": [told(one) for one in desk.webhooks.deliveries(webhook.id)]}
            for webhook in desk.webhooks.all(client)
        ]
    lines = []
    for webhook in documents:
        lines.append(f"{webhook['id']}  {webhook['state']:8}  {webhook['url']}")
        lines += [
            f"  {one['made_at']}  {one['decision_id']}  {one['state']}  {one['attempts']} attempts  {one['why']}"
            for one in webhook["deliveries"]
        ]
    say(documents, "\n".join(lines) or "No webhook is registered.", as_json=as_json)
    amiss = any(webhook["state"] != "active" or any(one["state"] == "given-up" for one in webhook["deliveries"]) for webhook in documents)
    raise typer.Exit(FAILED if amiss else 0)


@app.command()
def register(
    client: ClientArgument,
    url: Annotated[str, typer.Argument(help="https, and of an origin that webhooks.json lists.")],
    *,
    by: ByOption,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Register an address for a client, and print its secret. Exit code 0; 2 if that may not be."""
    with _desk(home) as desk:
        done = desk.register(Actor("staff", by), client, url)
    _tell(done, as_json)


@app.command()
def rotate(
    client: ClientArgument,
    webhook: WebhookArgument,
    *,
    overlap_hours: Annotated[int, typer.Option("--overlap-hours", help="How long the old secret signs, too.")] = OVERLAP_HOURS,
    by: ByOption,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Replace the secret, and print the new one. Exit code 0; 2 if that may not be."""
    with _desk(home) as desk:
        done = desk.rotate(Actor("staff", by), client, webhook, overlap_hours)
    _tell(done, as_json)


@app.command()
def test(client: ClientArgument, webhook: WebhookArgument, *, by: ByOption, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Send a message that says nothing, now. Exit code 0 if it was taken; 1 if not; 2 if that may not be."""
    with _desk(home) as desk:
        sent, message_id = asyncio.run(desk.test(Actor("staff", by), client, webhook))
    say(tried(sent, message_id), f"{'delivered' if sent.delivered else 'not delivered'}: {sent.why}", as_json=as_json)
    raise typer.Exit(0 if sent.delivered else FAILED)


@app.command()
def remove(client: ClientArgument, webhook: WebhookArgument, *, by: ByOption, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Stop telling it there, and destroy the secret. Exit code 0; 2 if that may not be."""
    with _desk(home) as desk:
        done = desk.remove(Actor("staff", by), client, webhook)
    say(recorded({"id": webhook, "removed": True}, done), f"{webhook} is removed; entry {done.receipt.index}", as_json=as_json)


@app.command()
def retry(
    client: ClientArgument,
    webhook: WebhookArgument,
    delivery: Annotated[str, typer.Argument(help="The message's id.")],
    *,
    by: ByOption,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Have the service send once more what was given up. Exit code 0; 2 if that may not be."""
    with _desk(home) as desk:
        done = desk.again(Actor("staff", by), client, webhook, delivery)
    say(recorded(told(done.value), done), f"{delivery} is due again; entry {done.receipt.index}", as_json=as_json)


@contextmanager
def _desk(home: Path | None) -> Iterator[WebhookDesk]:
    clock = SystemClock()
    with plainly(), ExitStack() as stack:
        settings = settings_of(home, None)
        registry, registrar = stack.enter_context(changing(settings, clock))
        _courier, desk = open_webhooks(settings, clock, registry, registrar, Fetcher().tls, "command-line")
        yield desk


def _tell(done: Done[Keyed], as_json: bool) -> None:
    webhook = done.value.webhook
    text = f"{webhook.id} for {webhook.client} at {webhook.url}\nIts secret, shown this once:\n{done.value.secret}"
    say(keyed(done), text, as_json=as_json)
