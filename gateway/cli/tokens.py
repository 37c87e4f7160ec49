"""`tokens`: take an access token back before its end, and see which were. A bearer token is printed by `clients token`.

Each step acts for the person that `--by` names, is refused as it would be over HTTP, and stands in the log. Verifies no token."""

from datetime import timedelta
from typing import Annotated

import typer

from gateway.api import documents
from gateway.assembly.registers import open_registry
from gateway.cli.acting import ByOption, ReasonOption, acting, at_the_desks, tell
from gateway.cli.options import HomeOption, JsonOption, plainly, say, settings_of
from gateway.clock import SystemClock
from gateway.enforcement.desks.trust import OPERATOR
from gateway.identity.tokens import LONGEST_LIFE
from gateway.registry.identities import BUILT_IN

app = typer.Typer(help="Tokens that were taken back.", no_args_is_help=True, add_completion=False, rich_markup_mode=None)


@app.command()
def revoke(
    jti: Annotated[str, typer.Argument(help="The token's `jti`.")],
    *,
    issuer: Annotated[str, typer.Option("--issuer", help="The name of the issuer that it is from.")] = BUILT_IN,
    reason: ReasonOption,
    by: ByOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Refuse a token from the next request on. Exit code 0; 2 if that may not be."""
    with at_the_desks(home) as desks:
        # No token lives longer than this, so the list need not remember for longer.
        ends_at = SystemClock().now() + timedelta(seconds=2 * LONGEST_LIFE)
        done = desks.trust.revoke_token(acting(desks, by, OPERATOR), issuer, jti, ends_at, reason)
    tell({"issuer": issuer, "jti": jti, "revoked": True}, done, f"{jti} is refused from now on", as_json=as_json)


@app.command("list")
def list_revoked(*, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Print the tokens that are refused although they have not ended. Exit code 0."""
    with plainly():
        registry = open_registry(settings_of(home, None), SystemClock())
        try:
            found = registry.revocations.all()
        finally:
            registry.close()
    lines = "\n".join(f"{one.issuer}  {one.jti}  until {one.ends_at:%Y-%m-%d %H:%M}  {one.reason}" for one in found)
    say([documents.revoked(one) for one in found], lines, as_json=as_json)
