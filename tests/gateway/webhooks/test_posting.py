"""One message to one pinned address: what the receiver answers is its first line, quickly, and nothing else is believed or followed."""

import asyncio
import datetime
import ipaddress
import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from gateway.enforcement.webhooks.addresses import parse
from gateway.enforcement.webhooks.posting import Post, Undelivered
from tests.gateway.webhooks.receiver import receiving

pytestmark = pytest.mark.anyio

HEADERS = {"webhook-id": "msg-1"}


@pytest.fixture(scope="module")
def tls() -> ssl.SSLContext:
    return ssl.create_default_context()


async def test_a_message_arrives_whole_and_its_status_comes_back(tls: ssl.SSLContext) -> None:
    async with receiving() as receiver:
        status = await Post(tls)(parse(f"{receiver.origin}/in?x=1"), ("127.0.0.1",), HEADERS, b'{"a":1}')
        ((headers, body),) = receiver.came
        assert (status, body, headers[":line"]) == (204, b'{"a":1}', "POST /in?x=1 HTTP/1.1")
        assert (headers["webhook-id"], headers["content-type"], headers["host"]) == ("msg-1", "application/json", receiver.origin[7:])


async def test_a_redirect_is_a_status_and_nobody_goes_there(tls: ssl.SSLContext) -> None:
    async with receiving() as elsewhere, receiving() as receiver:
        receiver.answer = f"HTTP/1.1 307 Temporary Redirect\r\nLocation: {elsewhere.origin}/\r\n\r\n".encode()
        assert await Post(tls)(parse(f"{receiver.origin}/"), ("127.0.0.1",), HEADERS, b"{}") == 307
        assert elsewhere.came == []


@pytest.mark.parametrize(
    "answer", [b"", b"\r\n", b"SSH-2.0-x\r\n", b"HTTP/1.1 2000 x\r\n", b"HTTP/1.1 abc\r\n", b"x" * 100_000, b"HTTP/2 200\r\n"]
)
async def test_an_answer_that_is_none_is_a_failure(answer: bytes, tls: ssl.SSLContext) -> None:
    async with receiving() as receiver:
        receiver.answer = answer
        with pytest.raises(Undelivered, match=r"answer-malformed|unreachable"):
            await Post(tls, 60.0)(parse(f"{receiver.origin}/"), ("127.0.0.1",), HEADERS, b"{}")


async def test_of_an_endless_answer_only_the_first_line_is_read(tls: ssl.SSLContext) -> None:
    sent = 0

    async def pour(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        try:
            while sent < 64 * 2**20:
                writer.write(b"x" * 65536)
                await writer.drain()
                sent += 65536
        except OSError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(pour, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    assert await Post(tls)(parse(f"http://127.0.0.1:{port}/"), ("127.0.0.1",), HEADERS, b"{}") == 200
    server.close()
    await server.wait_closed()
    assert sent < 32 * 2**20


async def test_a_receiver_that_says_nothing_or_drips_is_too_slow(tls: ssl.SSLContext) -> None:
    async def drip(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                writer.write(b"H")
                await writer.drain()
                await asyncio.sleep(0.02)
        except OSError:
            writer.close()

    server = await asyncio.start_server(drip, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    with pytest.raises(Undelivered, match="too-slow"):
        await Post(tls, 0.2)(parse(f"http://127.0.0.1:{port}/"), ("127.0.0.1",), HEADERS, b"{}")
    server.close()
    await asyncio.sleep(0.05)
    await server.wait_closed()


async def test_nobody_at_the_address_is_unreachable(tls: ssl.SSLContext) -> None:
    async with receiving() as receiver:
        origin = receiver.origin
    with pytest.raises(Undelivered, match="unreachable"):
        await Post(tls)(parse(f"{origin}/"), ("127.0.0.1",), HEADERS, b"{}")


async def test_over_https_the_certificate_must_be_the_names_own_although_the_address_is_pinned(tmp_path: Path) -> None:
    served = _certificate(tmp_path, "hooks.example.org")
    trusting = ssl.create_default_context(cafile=str(tmp_path / "cert.pem"))

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=served)
    port = server.sockets[0].getsockname()[1]
    assert await Post(trusting)(parse(f"https://hooks.example.org:{port}/"), ("127.0.0.1",), HEADERS, b"{}") == 200
    for post, name in ((Post(trusting), "other.example.org"), (Post(ssl.create_default_context()), "hooks.example.org")):
        with pytest.raises(Undelivered, match="tls"):
            await post(parse(f"https://{name}:{port}/"), ("127.0.0.1",), HEADERS, b"{}")
    server.close()
    await server.wait_closed()


def _certificate(folder: Path, name: str) -> ssl.SSLContext:
    key = ec.generate_private_key(ec.SECP256R1())
    who = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    names = x509.SubjectAlternativeName([x509.DNSName(name), x509.IPAddress(ipaddress.ip_address("192.0.2.1"))])
    built = x509.CertificateBuilder().subject_name(who).issuer_name(who).public_key(key.public_key()).serial_number(7)
    built = built.not_valid_before(now - datetime.timedelta(hours=1)).not_valid_after(now + datetime.timedelta(days=1))
    built = built.add_extension(names, critical=False).add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    (folder / "cert.pem").write_bytes(built.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "key.pem").write_bytes(key.private_bytes(*form))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return context
