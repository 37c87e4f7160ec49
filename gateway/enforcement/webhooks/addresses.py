"""Say where a webhook may be sent: to origins that the operator has listed, and at the moment of sending to public addresses alone.

Never connects. What is returned by `pinned` is what must be connected to: a name is resolved once, and nobody resolves it again."""

import asyncio
import ipaddress
import json
import re
import socket
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias
from urllib.parse import SplitResult, urlsplit

from gateway.errors import CustodesError

LONGEST: Final = 1024
Resolver: TypeAlias = Callable[[str, int], Awaitable[list[str]]]
"""Turns a name and a port into the addresses (text) behind it; raises OSError where there are none."""

_PORTS: Final = {"https": 443, "http": 80}
_NAME: Final = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)
_GLOBAL_V6: Final = ipaddress.IPv6Network("2000::/3")
# Given out as public, and no place for a message: protocol assignments (Teredo among them), documentation, and 6to4, whose inside may
# be any IPv4 address.
_NOT_PUBLIC: Final = tuple(
    ipaddress.ip_network(text)
    # The last one is Azure's host, as its guests see it.
    for text in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "192.0.0.0/24", "192.88.99.0/24", "168.63.129.16/32")
)


class AddressRefused(CustodesError):
    """A webhook may not be sent there; the sentence says why."""

    code = "webhook-address-refused"


class AllowListMalformed(CustodesError):
    """The operator's list of webhook origins cannot be read; the service does not start without knowing it."""

    code = "webhooks-malformed"


@dataclass(frozen=True, slots=True)
class Address:
    """A webhook's address, taken apart. `origin` is scheme, host and port in their one spelling."""

    scheme: str
    host: str
    port: int
    target: str

    @property
    def origin(self) -> str:
        """Scheme, host and port; the scheme's own port is left out."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}" if self.port == _PORTS[self.scheme] else f"{self.scheme}://{host}:{self.port}"

    @property
    def authority(self) -> str:
        """What stands in the Host header."""
        return self.origin.partition("://")[2]


@dataclass(frozen=True, slots=True)
class AllowList:
    """The origins to which webhooks may be sent; an empty list sends none."""

    origins: frozenset[str] = frozenset()

    @classmethod
    def read(cls, path: Path) -> "AllowList":
        """Read `{"origins": ["https://hooks.example.org"]}`; no file is an empty list. Raises AllowListMalformed."""
        try:
            said = json.loads(path.read_text("utf-8"))
        except FileNotFoundError:
            return cls()
        except (OSError, ValueError, RecursionError) as fault:
            raise AllowListMalformed(f"{path.name} is not JSON: {fault}.") from fault
        listed = said.get("origins") if isinstance(said, dict) and said.keys() == {"origins"} else None
        if not isinstance(listed, list) or not all(isinstance(origin, str) for origin in listed):
            raise AllowListMalformed(f'{path.name} must be an object such as {{"origins": ["https://hooks.example.org"]}}.')
        try:
            return cls(frozenset(_origin(text) for text in listed))
        except AddressRefused as refused:
            raise AllowListMalformed(f"{path.name}: {refused.sentence}") from refused

    def check(self, url: object) -> Address:
        """Return the address, if the operator has listed its origin. Raises AddressRefused; nothing is resolved yet."""
        address = parse(url)
        if address.origin not in self.origins:
            raise AddressRefused("The operator has not listed this origin for webhooks; ask them to.")
        _must_be_reachable(address, _literal(address.host))
        return address

    async def pinned(self, url: str, resolve: Resolver) -> tuple[Address, tuple[str, ...]]:
        """Return the address and where to connect, as of now. Raises AddressRefused, if only one of the name's addresses is refused,
        or OSError where there is no such name."""
        address = self.check(url)
        found = _literal(address.host) or tuple(await resolve(address.host, address.port))
        if not found:
            raise OSError("no address")
        _must_be_reachable(address, found)
        return address, found


async def resolve_by_system(host: str, port: int) -> list[str]:
    """Ask the machine's resolver."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(place[4][0]) for place in found))


def parse(url: object) -> Address:
    """Take an address apart: https (http on the loopback alone), a host in its one spelling, no user or fragment. Raises AddressRefused."""
    if not isinstance(url, str) or len(url) > LONGEST or not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        raise AddressRefused(f"A webhook's address is text of at most {LONGEST} printable ASCII characters.")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise AddressRefused("A webhook's address is a URL such as https://hooks.example.org/custodes.") from None
    if parts.scheme not in _PORTS or port == 0 or "@" in parts.netloc or "#" in url or not parts.hostname:
        raise AddressRefused("A webhook's address is https, with a host, and without user name or fragment.")
    address = Address(parts.scheme, _host(parts), port or _PORTS[parts.scheme], _target(parts))
    if address.scheme == "http" and not _is_loopback_name(address.host):
        raise AddressRefused("A webhook's address is https; http is for the loopback, where the operator has listed it.")
    return address


def is_public(text: str) -> bool:
    """Say whether an address is one of the open internet: nobody's own network, no machine's inside, and no way into either."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    if any(address in network for network in _NOT_PUBLIC if network.version == address.version):
        return False
    if isinstance(address, ipaddress.IPv6Address):
        # IPv4-mapped, NAT64, link-local, unique-local, multicast and the rest lie outside of what is given out as public.
        return address.scope_id is None and address in _GLOBAL_V6
    return address.is_global and not address.is_multicast and not address.is_reserved


def _must_be_reachable(address: Address, places: Iterable[str]) -> None:
    """Hold each place against what its name may mean. A name of the loopback means that alone; every other name means the internet."""
    fits = _is_loopback if _is_loopback_name(address.host) else is_public
    if not all(fits(place) for place in places):
        raise AddressRefused("The address leads into a private network, to this machine, or nowhere public; nothing is sent there.")


def _origin(text: str) -> str:
    address = parse(text)
    if address.target not in ("", "/"):
        raise AddressRefused(f"{text!r} names more than an origin; list scheme, host and port alone.")
    return address.origin


def _host(parts: SplitResult) -> str:
    host = (parts.hostname or "").lower()
    if host in _literal(host) or (len(host) <= 253 and _NAME.fullmatch(host)):
        return host
    raise AddressRefused("The host is a name such as hooks.example.org, or an IP address in its usual spelling.")


def _target(parts: SplitResult) -> str:
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def _literal(host: str) -> tuple[str, ...]:
    """Return the address that a host is, in its one spelling; nothing for a name. 127.1, 0x7f.1 and 2130706433 are no names either."""
    try:
        return (str(ipaddress.ip_address(host)),)
    except ValueError:
        return ()


def _is_loopback_name(host: str) -> bool:
    return host == "localhost" or any(_is_loopback(place) for place in _literal(host))


def _is_loopback(text: str) -> bool:
    try:
        return ipaddress.ip_address(text).is_loopback
    except ValueError:
        return False
