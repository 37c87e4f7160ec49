"""Know which issuers are trusted and with which keys, and keep those keys fresh. Never takes a key, or an address, from a token.

Keys come from the one place that the registrar pinned. The last good set stays in force for at most an hour without a good
answer; a set is asked for at most once in 30 seconds, whoever sends what."""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from gateway.clock import Clock
from gateway.identity.errors import IssuerRefused, TokenRefused
from gateway.identity.fetching import Fetcher, read_file
from gateway.identity.keysets import read_key_set
from gateway.identity.tokens import Trust, VerifyingKey
from gateway.registry.issuers import IssuerRecord

ASK_AT_MOST_EVERY = timedelta(seconds=30)
REFRESH_AFTER = timedelta(minutes=5)
STALE_AFTER = timedelta(hours=1)
WORTH_ASKING = frozenset({"key-unknown", "keys-unavailable"})  # refusals that a fresh key set might lift


class OwnIssuer(Protocol):
    """The built-in issuer, as far as verification goes."""

    issuer: str

    def trust(self) -> Trust | str:
        """Return the keys that verify its tokens now, or why there are none."""
        ...


@dataclass(slots=True)
class _Followed:
    record: IssuerRecord
    trust: Trust | None = None
    good_at: datetime | None = None
    asked_at: datetime | None = None
    failure: str = ""
    asking: "asyncio.Task[bool] | None" = field(default=None)


class TrustedIssuers:
    """The built-in issuer and the registered ones. Lives in one event loop; `trust()` itself never waits."""

    def __init__(self, own: OwnIssuer, clock: Clock, fetcher: Fetcher | None = None) -> None:
        self._own = own
        self._clock = clock
        self._fetcher = fetcher or Fetcher()
        self._records: tuple[IssuerRecord, ...] = ()
        self._followed: dict[str, _Followed] = {}

    def follow(self, records: tuple[IssuerRecord, ...]) -> None:
        """Take the register as it stands; one that was removed or changed is trusted no longer, from this moment on."""
        if records is self._records:
            return
        old = self._followed
        self._followed = {
            record.issuer: old[record.issuer] if record.issuer in old and old[record.issuer].record == record else _Followed(record)
            for record in records
            if record.issuer != self._own.issuer  # nobody else speaks for the built-in issuer
        }
        self._records = records

    def trust(self, issuer: str) -> Trust | str:
        """Return the issuer's keys, or why there are none: issuer-unknown, keys-unavailable (never had, or stale for an hour)."""
        if issuer == self._own.issuer:
            return self._own.trust()
        followed = self._followed.get(issuer)
        if followed is None:
            return "issuer-unknown"
        if followed.trust is None or followed.good_at is None or self._clock.now() - followed.good_at > STALE_AFTER:
            return "keys-unavailable"
        return followed.trust

    def keep_fresh(self) -> None:
        """Ask in the background for keys whose last good answer is older than five minutes. Call it with a running loop."""
        for followed in self._followed.values():
            if followed.good_at is not None and self._clock.now() - followed.good_at > REFRESH_AFTER:
                self._ask(followed)

    async def may_help(self, refused: TokenRefused) -> bool:
        """Ask for fresh keys if that might lift the refusal; say whether a good answer came. At most one question in 30 seconds."""
        followed = self._followed.get(refused.issuer) if refused.issuer is not None and refused.reason in WORTH_ASKING else None
        if followed is None:
            return False
        task = self._ask(followed)
        # Shielded: the caller who hangs up must not end the question for all others who wait for it.
        return task is not None and await asyncio.shield(task)

    def report(self) -> dict[str, str]:
        """Say for each followed issuer, by name, what went wrong last (empty: nothing); for `doctor` and the health page."""
        return {followed.record.name: followed.failure for followed in self._followed.values()}

    def _ask(self, followed: _Followed) -> "asyncio.Task[bool] | None":
        now = self._clock.now()
        if followed.asking is not None and not followed.asking.done():
            return followed.asking
        if followed.asked_at is not None and timedelta(0) <= now - followed.asked_at < ASK_AT_MOST_EVERY:
            return None
        followed.asked_at = now
        followed.asking = asyncio.get_running_loop().create_task(self._refresh(followed))
        return followed.asking

    async def _refresh(self, followed: _Followed) -> bool:
        record = followed.record
        try:
            source = self._fetcher.fetch(record.jwks_url) if record.jwks_url is not None else read_file(record.jwks_file or "")
            keys = read_key_set(await source)
        except IssuerRefused as refused:
            followed.failure = refused.code
            return False
        followed.failure, followed.good_at = "", self._clock.now()
        known = followed.trust
        if known is None or {kid: key.public for kid, key in known.keys.items()} != keys:
            # A new Trust object: whatever was verified with the old one is no longer remembered (tokens.py).
            built = {kid: VerifyingKey(key) for kid, key in keys.items()}
            followed.trust = Trust(record.name, record.issuer, frozenset({record.audience}), built)
        return True


async def new_record(fetcher: Fetcher, name: str, issuer: str, audience: str, *, jwks_file: str | None = None) -> IssuerRecord:
    """Check an issuer that is to be trusted, and pin where its keys come from: the file, or what its discovery document says now.

    Raises IssuerRefused when its documents cannot be had, or are not good."""
    if jwks_file is not None:
        read_key_set(await read_file(jwks_file))
        return IssuerRecord(name, issuer, audience, jwks_file=jwks_file)
    return IssuerRecord(name, issuer, audience, jwks_url=await fetcher.discover(issuer))
