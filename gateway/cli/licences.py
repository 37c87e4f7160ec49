"""`licences`: apply, grant, suspend, pass on, exchange as ODRL, and check a licence's seal with nothing but its file and a public key.

Each step acts for the person or client that is named, is refused as it would be over HTTP, and stands in the log. Decides no request."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from gateway.api import documents
from gateway.assembly.commands import changing
from gateway.cli.acting import ByOption, ClientArgument, ReasonOption, acting, at_the_desks, read_json, read_text, tell
from gateway.cli.options import FAILED, HomeOption, JsonOption, plainly, say, settings_of
from gateway.clock import SystemClock
from gateway.enforcement.desks.papers import REGISTRAR
from gateway.enforcement.registrar import Actor, Done
from gateway.identity.seals import open_licence
from gateway.registry.acknowledgements import shipped
from gateway.registry.errors import Malformed
from gateway.registry.keys import PublicKey
from gateway.registry.licences import Licence

app = typer.Typer(help="Licences: what each client may do.", no_args_is_help=True, add_completion=False, rich_markup_mode=None)

LicenceArgument = Annotated[str, typer.Argument(help="The licence's id.")]
TermsOption = Annotated[Path, typer.Option("--terms", help="A JSON file: terms in our form, or an ODRL 2.2 policy.")]
PromisesOption = Annotated[
    list[str], typer.Option("--acknowledge", help="A promise that the applicant makes (`licences acknowledgements`); `all` for all.")
]


@app.command()
def acknowledgements(*, as_json: JsonOption = False) -> None:
    """Print what an applicant promises. Exit code 0."""
    listed = documents.promises(shipped())
    say({"acknowledgements": listed}, "\n".join(_promise_line(promise) for promise in listed), as_json=as_json)


@app.command()
def apply(
    client: ClientArgument,
    *,
    terms: TermsOption,
    acknowledge: PromisesOption,
    by: ByOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """File an application for a client. Exit code 0; 2 if it cannot be filed."""
    with at_the_desks(home) as desks:
        done = desks.licences.apply(acting(desks, by, REGISTRAR), client, read_json(terms), _promises(acknowledge))
    _tell(done, as_json)


@app.command()
def grant(licence: LicenceArgument, *, by: ByOption = None, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Seal an application: another person than the one who filed it. Exit code 0; 2 if it cannot be granted."""
    with at_the_desks(home) as desks:
        done = desks.licences.grant(acting(desks, by, REGISTRAR), licence)
    _tell(done, as_json)


@app.command()
def suspend(
    licence: LicenceArgument, *, reason: ReasonOption, by: ByOption = None, home: HomeOption = None, as_json: JsonOption = False
) -> None:
    """Stop a licence and all that derive from it, from the next request on. Exit code 0; 2 if its state does not allow it."""
    with at_the_desks(home) as desks:
        done = desks.licences.suspend(acting(desks, by, REGISTRAR), licence, reason)
    _tell(done, as_json)


@app.command()
def reinstate(
    licence: LicenceArgument, *, reason: ReasonOption, by: ByOption = None, home: HomeOption = None, as_json: JsonOption = False
) -> None:
    """Let a suspended licence stand again. Exit code 0; 2 if its state does not allow it."""
    with at_the_desks(home) as desks:
        done = desks.licences.reinstate(acting(desks, by, REGISTRAR), licence, reason)
    _tell(done, as_json)


@app.command()
def revoke(
    licence: LicenceArgument, *, reason: ReasonOption, by: ByOption = None, home: HomeOption = None, as_json: JsonOption = False
) -> None:
    """End a licence, or decline an application, for good. Exit code 0; 2 if its state does not allow it."""
    with at_the_desks(home) as desks:
        done = desks.licences.revoke(acting(desks, by, REGISTRAR), licence, reason)
    _tell(done, as_json)


@app.command("pass-on")
def pass_on(
    parent: LicenceArgument,
    client: ClientArgument,
    *,
    terms: TermsOption,
    acknowledge: PromisesOption,
    holder: Annotated[str, typer.Option("--holder", help="The client that holds the licence and passes it on.")],
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Pass a part of a licence on to another client: never wider, never longer. Exit code 0; 2 if it goes beyond the licence."""
    with at_the_desks(home) as desks:
        done = desks.licences.pass_on(Actor("client", holder), parent, client, read_json(terms), _promises(acknowledge))
    _tell(done, as_json)


@app.command("list")
def list_licences(
    *,
    client: Annotated[str | None, typer.Option("--client", help="Only what this client holds or passed on.")] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print the licences on record. Exit code 0."""
    now = SystemClock().now()
    with at_the_desks(home) as desks:
        found = desks.licences.licences.all(client)
    lines = [f"{licence.id}  {licence.client_id}  {licence.state_at(now)}  until {licence.terms.valid_to:%Y-%m-%d}" for licence in found]
    say([documents.licence(licence, now) for licence in found], "\n".join(lines), as_json=as_json)


@app.command()
def show(licence: LicenceArgument, *, home: HomeOption = None) -> None:
    """Print one licence as JSON. Exit code 0; 2 if there is none."""
    with at_the_desks(home) as desks:
        found = desks.licences.licences.get(licence)
    typer.echo(json.dumps(documents.licence(found, SystemClock().now()), indent=2))


@app.command()
def document(licence: LicenceArgument, *, home: HomeOption = None) -> None:
    """Print the sealed licence (a compact JWS), to be kept as a file. Exit code 0; 2 if it was never granted."""
    with at_the_desks(home) as desks:
        sealed = desks.licences.licences.get(licence).sealed()
    typer.echo(sealed)


@app.command()
def odrl(licence: LicenceArgument, *, home: HomeOption = None) -> None:
    """Print a licence or application as an ODRL 2.2 policy (JSON-LD). Exit code 0; 2 if it cannot be said so."""
    with at_the_desks(home) as desks:
        policy = desks.licences.odrl(desks.licences.licences.get(licence))
    typer.echo(json.dumps(policy, indent=2))


@app.command()
def keys(*, home: HomeOption = None) -> None:
    """Print the registrar's public keys (JWKS), with which anybody can check a licence. Exit code 0."""
    with plainly(), changing(settings_of(home, None), SystemClock()) as (registry, _registrar):
        typer.echo(json.dumps({"keys": [key.jwk for key in registry.seal.public_keys()]}))


@app.command()
def verify(
    file: Annotated[Path, typer.Argument(help="The licence: what `licences document` printed.")],
    *,
    key: Annotated[Path, typer.Option("--key", help="The registrar's public keys, as `licences keys` prints them (JWKS), or one JWK.")],
    as_json: JsonOption = False,
) -> None:
    """Check a licence's seal, without a home directory and without a service. Exit code 0 if it holds, 1 if not, 2 for unreadable files.

    The seal says what was granted. Whether it was suspended or revoked since, only the gateway and its log say."""
    with plainly():
        told = read_json(key)
        jwks = told.get("keys", [told]) if isinstance(told, dict) else []
        public = [PublicKey.from_jwk(jwk) for jwk in jwks] if isinstance(jwks, list) else []
        sealed = read_text(file).strip()
    try:
        found = open_licence(sealed, public)
    except Malformed as fault:
        say({"holds": False, "why": fault.sentence}, f"The seal does not hold: {fault.sentence}", as_json=as_json)
        raise typer.Exit(FAILED) from fault
    lines = [
        f"The seal holds. {found.get('id')}: granted to {found.get('client')} by {found.get('granted_by')}, {found.get('granted_at')}."
    ]
    lines.append(json.dumps(found.get("terms"), indent=2))
    say({"holds": True, "licence": found}, "\n".join(lines), as_json=as_json)


def _tell(done: Done[Licence], as_json: bool) -> None:
    now = SystemClock().now()
    tell(documents.licence(done.value, now), done, f"{done.value.id}  {done.value.client_id}  {done.value.state_at(now)}", as_json=as_json)


def _promises(named: list[str]) -> tuple[str, ...]:
    return shipped().all() if named == ["all"] else tuple(named)


def _promise_line(promise: dict[str, Any]) -> str:
    asked = [f"{of.replace('_', ' ')}: {', '.join(promise[of])}" for of in ("client_kinds", "purposes", "operations") if promise[of]]
    return f"{promise['say']}: {promise['sentence']}" + (f" (asked for {'; '.join(asked)})" if asked else "")
