"""Find out which witnesses the operator relies on. A policy that is named and cannot be read stops the start; it is never left out."""

from pathlib import Path

from gateway.audit.quorum import MAX_POLICY_BYTES, NONE, PolicyError, TrustPolicy
from gateway.settings import Settings, SettingsRefused


def read_policy(settings: Settings) -> TrustPolicy:
    """Return the tlog-policy of the home or of CUSTODES_WITNESS_POLICY; one without witnesses if neither is there.

    Raises SettingsRefused if it cannot be read, or a witness in it has an address that is no web address."""
    path = settings.witness_policy or settings.home.witnesses
    if settings.witness_policy is None and not path.exists():
        return TrustPolicy(NONE)
    try:
        policy = TrustPolicy.parse(_read(path))
    except PolicyError as wrong:
        raise SettingsRefused(f"The witness policy {path} is malformed: {wrong.sentence}.") from wrong
    for name, witness in policy.witnesses.items():
        if witness.url is not None and not witness.url.startswith(("https://", "http://")):
            raise SettingsRefused(f"The witness {name} in {path} has an address that starts with neither https:// nor http://.")
    return policy


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MAX_POLICY_BYTES + 1)
    except OSError as wrong:
        raise SettingsRefused(f"The witness policy {path} cannot be read: {wrong.strerror}.") from wrong
