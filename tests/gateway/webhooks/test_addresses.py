"""Where a webhook may go: listed origins, public addresses, whatever spelling somebody tries; and nothing is connected to otherwise."""

import asyncio
import json
import socket
import ssl
from pathlib import Path

import pytest

from gateway.clock import SystemClock
from gateway.enforcement.webhooks.addresses import AddressRefused, AllowList, AllowListMalformed, is_public, parse, resolve_by_system
from gateway.enforcement.webhooks.posting import Post
from gateway.enforcement.webhooks.sending import Sender
from gateway.registry.webhooks import Webhook
from gateway.review.vault import Vault

pytestmark = pytest.mark.anyio

# Every form in which somebody's own network, a machine's inside or a cloud's metadata has been written to a server-side client.
INSIDE = [
    "127.0.0.1", "127.1.2.3", "0.0.0.1", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1", "100.100.100.200",
    "169.254.169.254", "169.254.170.2", "192.0.0.192", "192.0.2.1", "198.18.0.1", "198.51.100.1", "203.0.113.7", "192.88.99.1",
    "168.63.129.16", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255",
    "::", "::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::ffff:8.8.8.8", "::127.0.0.1", "fe80::1",
    "fe80::1%eth0", "fec0::1", "fc00::1", "fd00:ec2::254", "ff02::1", "ff0e::1", "64:ff9b::7f00:1", "64:ff9b:1::1", "100::1",
    "2001::1", "2001:0:7f00:1::", "2001:db8::1", "2002:7f00:1::", "2002:a9fe:a9fe::", "3fff::1", "5f00::1",
]  # fmt: skip
PUBLIC = ["8.8.8.8", "93.184.215.14", "2606:4700:4700::1111", "2a00:1450:4001:81b::200e"]
# Spellings that some resolver or library takes for an address of the inside; and addresses that are none.
SPELLINGS = [
    "https://127.1/", "https://2130706433/", "https://0x7f000001/", "https://0x7f.1/", "https://0177.0.0.1/", "https://017700000001/",
    "https://127.0.0.1./", "https://[::ffff:127.0.0.1]/", "https://[0:0:0:0:0:ffff:7f00:1]/", "https://[fe80::1%25eth0]/",
    "https://①②⑦.⓪.⓪.①/", "https://127。0。0。1/", "https://hooks.example.org@127.0.0.1/", "https://user:pass@hooks.example.org/",
    "https://hooks.example.org#@127.0.0.1/", "https://hooks.example.org\\@127.0.0.1/", "https://hooks.example.org:0/",
    "https://hooks.example.org:99999/", "https://hooks.example.org\r\nHost: x/", "https://hooks.example.org/a b", "https://hooks..example.org/",
    "https://-hooks.example.org/", "https://hooks.example.org./", "https:///x", "https://", "//hooks.example.org/", "hooks.example.org",
    "http://hooks.example.org/", "http://10.0.0.1/", "ftp://hooks.example.org/", "file:///etc/passwd", "gopher://127.0.0.1/",
    "unix:///run/x", "javascript:alert(1)", "https://" + "a" * 1100, "", " ", None, 7, ["https://hooks.example.org"],
]  # fmt: skip


@pytest.mark.parametrize("text", INSIDE)
def test_an_address_of_the_inside_is_not_public(text: str) -> None:
    assert not is_public(text)


@pytest.mark.parametrize("text", PUBLIC)
def test_an_address_of_the_internet_is_public(text: str) -> None:
    assert is_public(text)


@pytest.mark.parametrize("url", SPELLINGS)
def test_an_address_in_a_spelling_that_tricks_somebody_is_refused_even_where_its_host_is_listed(url: object) -> None:
    allowed = AllowList(frozenset({"https://hooks.example.org", "https://127.0.0.1"}))
    with pytest.raises(AddressRefused) as refused:
        allowed.check(url)
    assert refused.value.code == "webhook-address-refused"


def test_without_a_list_no_address_is_taken() -> None:
    with pytest.raises(AddressRefused):
        AllowList().check("https://hooks.example.org/")


@pytest.mark.parametrize(
    "other", ["https://hooks.example.org:8443/", "https://sub.hooks.example.org/", "https://hooks.example.org.evil.example/", "https://evil.example/?https://hooks.example.org"]
)  # fmt: skip
def test_only_the_listed_origin_is_taken_and_no_neighbour_of_it(other: str) -> None:
    allowed = AllowList(frozenset({"https://hooks.example.org"}))
    assert allowed.check("https://HOOKS.example.org:443/custodes?x=1").target == "/custodes?x=1"
    with pytest.raises(AddressRefused):
        allowed.check(other)


@pytest.mark.parametrize("address", INSIDE)
async def test_a_listed_name_that_leads_inside_is_refused_when_it_is_sent_to(address: str) -> None:
    allowed = AllowList(frozenset({"https://hooks.example.org"}))

    async def both(_host: str, _port: int) -> list[str]:
        return ["93.184.215.14", address]  # the public one first: nobody may pick among them

    with pytest.raises(AddressRefused):
        await allowed.pinned("https://hooks.example.org/", both)


async def test_the_loopback_is_reached_only_where_the_operator_names_it_and_then_means_the_loopback() -> None:
    async def outside(_host: str, _port: int) -> list[str]:
        return ["93.184.215.14"]

    allowed = AllowList(frozenset({"http://localhost:9000", "http://127.0.0.1:9000", "https://10.0.0.5"}))
    assert (await allowed.pinned("http://127.0.0.1:9000/x", outside))[1] == ("127.0.0.1",)
    with pytest.raises(AddressRefused):
        await allowed.pinned("http://localhost:9000/x", outside)
    with pytest.raises(AddressRefused):
        allowed.check("http://127.0.0.1:9001/x")
    with pytest.raises(AddressRefused, match="private"):
        allowed.check("https://10.0.0.5/x")


def test_a_list_that_cannot_be_read_stops_the_start(tmp_path: Path) -> None:
    path = tmp_path / "webhooks.json"
    assert AllowList.read(path) == AllowList()
    path.write_text(json.dumps({"origins": ["https://Hooks.example.org:443/"]}))
    assert AllowList.read(path).origins == {"https://hooks.example.org"}
    for wrong in ("{", "[]", '{"origins": "x"}', '{"origins": ["http://hooks.example.org"]}', '{"origins": ["https://a.example/x"]}', "{}"):
        path.write_text(wrong)
        with pytest.raises(AllowListMalformed):
            AllowList.read(path)


async def test_nothing_is_connected_to_behind_any_refused_address(tmp_path: Path) -> None:
    """A listener on every address of this machine sees no connection, whatever a registered name turns out to mean."""
    came: list[object] = []

    async def listen(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        came.append(writer.get_extra_info("peername"))
        writer.close()

    server = await asyncio.start_server(listen, "0.0.0.0", 0)  # noqa: S104 - every address of this machine is the point
    port = server.sockets[0].getsockname()[1]
    leads_to = ""

    async def resolve(_host: str, _port: int) -> list[str]:
        return [leads_to]

    origin = f"https://hooks.example.org:{port}"
    sender = Sender(AllowList(frozenset({origin})), Vault(tmp_path), SystemClock(), resolve, Post(ssl.create_default_context(), 1.0))
    webhook = Webhook("wh-1", "c", f"{origin}/x", sender.seal("wh-1", "whsec_" + "AAAA" * 8), None, None, "active", 0, sender.clock.now())
    own = [str(place[4][0]) for place in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)]
    for leads_to in [*INSIDE, *own]:
        assert (await sender.send(webhook, "msg-1", b"{}")).why == "webhook-address-refused", leads_to
    # The listener does hear: it is the address that was refused, not the network that was absent.
    _reader, writer = await asyncio.open_connection("127.0.0.1", port)
    await asyncio.sleep(0)
    writer.close()
    await writer.wait_closed()
    for _ in range(100):
        if came:
            break
        await asyncio.sleep(0.01)
    assert len(came) == 1
    server.close()
    await server.wait_closed()


async def test_the_system_resolver_answers_with_plain_addresses() -> None:
    assert "127.0.0.1" in await resolve_by_system("localhost", 80)
    assert parse("http://localhost/").authority == "localhost"
