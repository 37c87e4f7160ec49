"""`issuers`: whose tokens are believed, who stands behind their subjects, and the built-in issuer's own key.

Each step acts for the person that `--by` names, is refused as it would be over HTTP, and stands in the log. Believes no token itself."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from gateway.api import documents
from gateway.cli.acting import ByOption, acting, at_the_desks, tell
from gateway.cli.options import HomeOption, JsonOption, say
from gateway.enforcement.desks.trust import OPERATOR, REGISTRAR
from gateway.identity.fetching import Fetcher
from gateway.identity.issuers import new_record
from gateway.registry.errors import Malformed
from gateway.registry.identities import Identity

app = typer.Typer(help="Issuers whose tokens are believed.", no_args_is_help=True, add_completion=False, rich_markup_mode=None)

NameArgument = Annotated[str, typer.Argument(help="The issuer's name here.")]
SubjectArgument = Annotated[str, typer.Argument(help="The subject (`sub`) of its tokens.")]


@app.command()
def add(
    name: NameArgument,
    *,
    issuer: Annotated[str, typer.Option("--issuer", help="Its exact `iss`: an https address (http only on the loopback).")],
    audience: Annotated[str, typer.Option("--audience", help="The exact `aud` that its tokens must carry here.")],
    jwks: Annotated[Path | None, typer.Option("--jwks", help="A file: its public keys (JWKS), looked at again when it changes.")] = None,
    discovery: Annotated[
        bool, typer.Option("--discovery", help="Ask its discovery document once where its keys are, and pin that.")
    ] = False,
    by: ByOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Trust an issuer from the next request on. Exit code 0; 2 if its documents cannot be had, or are not good."""
    with at_the_desks(home) as desks:
        if (jwks is None) != discovery:
            raise Malformed("jwks", "or `--discovery`: give one of them, a file of keys or the way to its discovery document.")
        # Asked first: nobody but an operator makes this machine fetch anything.
        actor = acting(desks, by, OPERATOR)
        desks.trust.registrar.must_hold(actor, OPERATOR)
        file = None if jwks is None else str(jwks.resolve())
        record = asyncio.run(new_record(Fetcher(), name, issuer, audience, jwks_file=file))
        done = desks.trust.add_issuer(actor, record)
    tell(documents.issuer(done.value), done, f"{name} is trusted: {issuer}", as_json=as_json)


@app.command()
def remove(name: NameArgument, *, by: ByOption = None, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Trust an issuer no longer, and forget who stands behind its subjects. Exit code 0; 2 if there is none."""
    with at_the_desks(home) as desks:
        done = desks.trust.remove_issuer(acting(desks, by, OPERATOR), name)
    tell({"name": name, "removed": True}, done, f"{name} is trusted no longer", as_json=as_json)


@app.command("list")
def list_issuers(*, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Print the issuers that are trusted beside the built-in one. Exit code 0."""
    with at_the_desks(home) as desks:
        found = desks.trust.issuers.all()
    lines = "\n".join(f"{one.name}  {one.issuer}  {one.audience}  {one.jwks_url or one.jwks_file}" for one in found)
    say([documents.issuer(one) for one in found], lines, as_json=as_json)


@app.command()
def bind(
    name: NameArgument,
    subject: SubjectArgument,
    *,
    client: Annotated[str | None, typer.Option("--client", help="The client that stands behind it.")] = None,
    holder: Annotated[str | None, typer.Option("--person", help="Or the person.")] = None,
    by: ByOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say who stands behind a subject of an issuer's tokens. Exit code 0; 2 if that may not be."""
    with at_the_desks(home) as desks:
        if (client is None) == (holder is None):
            raise Malformed("client", "or `--person`: give one of them, whoever stands behind the subject.")
        identity = Identity("client", client) if client is not None else Identity("staff", holder or "")
        done = desks.trust.bind(acting(desks, by, REGISTRAR), name, subject, identity)
    document = {"issuer": name, "subject": subject, "kind": identity.kind, "holder": identity.holder}
    tell(document, done, f"{subject} of {name} is {identity.holder}", as_json=as_json)


@app.command()
def unbind(
    name: NameArgument, subject: SubjectArgument, *, by: ByOption = None, home: HomeOption = None, as_json: JsonOption = False
) -> None:
    """Let a subject act as nobody, from the next request on. Exit code 0; 2 if it is not bound."""
    with at_the_desks(home) as desks:
        done = desks.trust.unbind(acting(desks, by, REGISTRAR), name, subject)
    tell({"issuer": name, "subject": subject, "removed": True}, done, f"{subject} of {name} is nobody now", as_json=as_json)


@app.command("rotate-key")
def rotate_key(*, by: ByOption = None, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Have the built-in issuer sign with a new key; the old one verifies until its last token has ended. Exit code 0; 2."""
    with at_the_desks(home) as desks:
        done = desks.trust.rotate_issuer_key(acting(desks, by, OPERATOR))
    tell({"kid": done.value}, done, f"Tokens are signed with {done.value} from now on", as_json=as_json)
