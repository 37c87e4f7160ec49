"""Verify what a reader names: an export directory, an evidence bundle, or the address of a served log. Never reads the log's own database.

Both commands that verify end here: `python3 -m gateway audit verify`, and `python3 -m gateway.audit`, which runs on a bare Python."""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Final

from gateway.audit.bundle_reading import verify_bundle
from gateway.audit.invariants import Rederive
from gateway.audit.note import VerifierKey
from gateway.audit.quorum import TrustPolicy
from gateway.audit.report import CannotVerify, Report
from gateway.audit.stamps import read_authorities
from gateway.audit.verify import Demands, verify_export, verify_url

MAX_IN_FLIGHT_SECONDS: Final = 1e9
TOKEN_VARIABLE: Final = "CUSTODES_TOKEN"  # noqa: S105 - the name of a variable, not a secret


def verify_source(
    source: str,
    key: str,
    *,
    since: Path | None = None,
    policy: Path | None = None,
    in_flight: float = 0.0,
    token: str | None = None,
    rederive: Rederive | None = None,
    tsa_cert: Path | None = None,
) -> Report:
    """Verify a directory, a bundle, or an address that starts with http. `key` is a verifier key, or a file that holds one.

    `in_flight` is in seconds. Raises CannotVerify, NoteError or PolicyError: nothing was verified (exit status 2)."""
    if not 0 <= in_flight <= MAX_IN_FLIGHT_SECONDS:  # neither is what is no number at all
        raise CannotVerify("a search may be in flight for 0 seconds or more, and not for centuries")
    demands = Demands(
        policy=TrustPolicy(quorum="none") if policy is None else TrustPolicy.parse(read(policy)),
        rederive=rederive,
        in_flight=timedelta(seconds=in_flight),
        authorities=() if tsa_cert is None else read_authorities(read(tsa_cert)),
    )
    vkey = VerifierKey.parse(text_or_file(key))
    older = None if since is None else read(since)
    if source.startswith(("http://", "https://")):
        return verify_url(source, vkey, older, demands, {} if token is None else {"Authorization": f"Bearer {token}"})
    if Path(source).is_file():
        if older is not None or tsa_cert is not None:
            raise CannotVerify(
                "a bundle shows one decision: whether the log extends an older checkpoint, and its time stamps, an export shows"
            )
        return verify_bundle(Path(source), vkey, demands)
    return verify_export(Path(source), vkey, older, demands)


def token_from(option: str | None, file: Path | None, environment: Mapping[str, str]) -> str | None:
    """Return the token to send along: as typed, from a file, or from CUSTODES_TOKEN. Raises CannotVerify for one that no header carries."""
    text = option or (read(file).decode("ascii", "replace") if file is not None else environment.get(TOKEN_VARIABLE, ""))
    token = text.strip()
    if not all("!" <= letter <= "~" for letter in token):
        raise CannotVerify("a token is one word of ASCII characters")
    return token or None


def text_or_file(key: str) -> str:
    """Return the key: what was given, or what the file of that name holds."""
    path = Path(key)
    # A verifier key holds base64, and so perhaps slashes: it is a file only if there is such a file.
    return read(path).decode("utf-8", "replace").strip() if len(key) < 256 and path.is_file() else key.strip()


def read(path: Path) -> bytes:
    """Return a file's bytes. Raises CannotVerify."""
    try:
        return path.read_bytes()
    except OSError as wrong:
        raise CannotVerify(f"{path} cannot be read: {wrong.strerror}") from wrong
