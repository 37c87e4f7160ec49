"""Fetch an issuer's documents: from one pinned address, over https or the loopback, small, quick, and without following anybody.

Never takes an address from a token, and never believes what it fetched."""

import asyncio
import ipaddress
import json
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, urlsplit

import httpx2

from gateway.identity.compact import CompactRefused, read_object
from gateway.identity.errors import IssuerRefused
from gateway.identity.keysets import LARGEST, read_key_set

SECONDS = 5.0
DISCOVERY = "/.well-known/openid-configuration"
DEEPEST_DISCOVERY = 8


def check_url(url: str) -> str:
    """Return the URL if it may be fetched; raise IssuerRefused (issuer-url) otherwise."""
    try:
        parts = urlsplit(url)
        fine = url.isascii() and url.isprintable() and " " not in url and parts.port != 0 and _is_allowed(parts)
    except ValueError:
        fine = False
    if not fine:
        raise IssuerRefused(
            "The address must be https (http only on the loopback), without user name, query or fragment.", code="issuer-url"
        )
    return url


def _is_allowed(parts: SplitResult) -> bool:
    if parts.username is not None or parts.password is not None or parts.query or parts.fragment or not parts.hostname:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(parts.hostname))


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class Fetcher:
    """Fetches documents. Build one at start: making its TLS context reads every root certificate, which would stall the event loop."""

    def __init__(self) -> None:
        self.tls: Final = httpx2.create_ssl_context()

    async def fetch(self, url: str) -> bytes:
        """Return the body of a document of at most 64 KiB.

        Raises IssuerRefused: issuer-url, issuer-unreachable (also for redirects, other statuses and compressed bodies), jwks-too-large."""
        check_url(url)
        try:
            async with asyncio.timeout(SECONDS):  # the whole of it: httpx2's own limits start anew with every byte
                return await self._read(url)
        except (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError, TimeoutError, OSError) as error:
            raise IssuerRefused(f"The issuer did not answer at {url}: {type(error).__name__}.", code="issuer-unreachable") from None

    async def discover(self, issuer: str) -> str:
        """Return the address of an issuer's key set from its discovery document, to be pinned.

        Raises IssuerRefused: discovery-malformed, discovery-other-issuer, and what fetch() and read_key_set() raise."""
        check_url(issuer)
        document = await self.fetch(issuer.removesuffix("/") + DISCOVERY)
        try:
            members = read_object(document, DEEPEST_DISCOVERY, "discovery")
        except CompactRefused as refused:
            raise IssuerRefused(f"The discovery document is not a JSON object ({refused.reason}).", code="discovery-malformed") from None
        if members.get("issuer") != issuer:
            named = json.dumps(members.get("issuer"))[:200]
            raise IssuerRefused(
                f"The discovery document is for the issuer {named}, not {issuer}; give it exactly.", code="discovery-other-issuer"
            )
        address = members.get("jwks_uri")
        if not isinstance(address, str):
            raise IssuerRefused("The discovery document names no `jwks_uri`.", code="discovery-malformed")
        read_key_set(await self.fetch(address))
        return address

    async def _read(self, url: str) -> bytes:
        headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
        async with (
            httpx2.AsyncClient(verify=self.tls, follow_redirects=False, timeout=SECONDS, trust_env=False, headers=headers) as client,
            client.stream("GET", url) as answer,
        ):
            if answer.status_code != 200 or "content-encoding" in answer.headers:
                raise IssuerRefused(f"The issuer answered {answer.status_code} at {url}, not a plain 200.", code="issuer-unreachable")
            body = b""
            async for chunk in answer.aiter_raw():
                body += chunk
                if len(body) > LARGEST:
                    raise IssuerRefused(f"The document at {url} is larger than {LARGEST // 1024} KiB.", code="jwks-too-large")
            return body


async def read_file(path: str) -> bytes:
    """Return a key set's file, or raise IssuerRefused (issuer-unreachable)."""
    try:
        return await asyncio.to_thread(_read_head, Path(path))
    except (OSError, ValueError) as error:
        raise IssuerRefused(f"The key set file {path} cannot be read: {type(error).__name__}.", code="issuer-unreachable") from None


def _read_head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(LARGEST + 1)
