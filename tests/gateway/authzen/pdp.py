"""The certification's fixture as licences, galleries and rules of ours, on a running service behind TLS. Nothing in it is a stand-in.

Who may do what lies in the register: bob's `role` is not believed because he says it, it is what his licence for record-2 means."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from socket import create_server

import httpx2
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from gateway.assembly.registers import Registry, open_registry
from gateway.cli.service import running
from gateway.clock import SystemClock
from gateway.registry.acknowledgements import shipped
from gateway.registry.clients import NewClient
from gateway.registry.galleries import Gallery
from gateway.registry.terms import Terms
from gateway.settings import read_settings
from policies.rulebook import build
from tests.gateway.authzen.scenario import Runner

WORDS = """
subjects = ["user"]

[resources]
record = "gallery"

[actions.read]
operation = "verify"
purpose = "access_control"
capture = { source = "upload", device = "none", space = "none", age_s = 86400 }

[actions.write]
operation = "enroll"
purpose = "access_control"
capture = { source = "upload", device = "none", space = "none", age_s = 86400 }

[actions.delete]
operation = "detect"
purpose = "access_control"
capture = { source = "upload", device = "none", space = "none", age_s = 86400 }

[properties]
"resource.status" = "context.record_status"
"action.soft" = "context.soft"
"""
RULES = (
    {
        "rule": "OWN-1",
        "effect": "deny",
        "client": "company",
        "purpose": "access_control",
        "operation": "enroll",
        "when": "context_is:record_status=archived",
        "sentence": "Only the archive's own keepers write to archived records.",
    },
    {
        "rule": "OWN-2",
        "effect": "deny",
        "purpose": "access_control",
        "operation": "detect",
        "when": "!context:soft",
        "sentence": "Nothing is deleted for good.",
    },
)
ALL = ("access_control:detect", "access_control:enroll", "access_control:verify")


def furnish(registry: Registry) -> None:
    """Put the fixture's subjects, resources and rules on record."""
    now = datetime.now(UTC)
    for name, kind in (("alice", "company"), ("bob", "border_agency")):
        registry.clients.register(NewClient(name, name, kind, place="FR"), "registrar-1")
    for name in ("record-1", "record-2"):
        registry.galleries.create(Gallery(name, "alice", "consented", (), ("access_control",), 30))
        registry.galleries.confirm(name, "registrar-2")
    for client, grants, galleries in (
        ("alice", ALL, ("record-1", "record-2")),
        ("bob", ("access_control:verify",), ("record-1", "record-2")),
        ("bob", ("access_control:enroll",), ("record-2",)),
    ):
        terms = Terms(grants, galleries, ("FR",), now - timedelta(hours=1), now + timedelta(days=1), 100, 100)
        registry.licences.grant(registry.licences.apply(client, terms, shipped().all(), "registrar-1").id, "registrar-2")
    staff = registry.staff
    for person, role in (("author", "policy_author"), ("approver", "policy_approver"), ("auditor-1", "auditor"), ("looker", "reviewer")):
        staff.redeem(staff.invite(person, person, (role,), "installation").secret)
    books = registry.rulebooks
    kept = books.keep(build(("baseline",), own_rules=RULES).text(), "author")
    books.point(kept.digest, None)


@asynccontextmanager
async def certified(home: Path) -> AsyncIterator[tuple[Runner, object]]:
    """Start a service that holds the fixture, and lend a runner that asks it over TLS as the auditor."""
    with closing(create_server(("127.0.0.1", 0))) as one, closing(create_server(("127.0.0.1", 0))) as two:
        inner, outer = one.getsockname()[1], two.getsockname()[1]
    address = f"https://localhost:{outer}"
    settings = read_settings({"CUSTODES_PUBLIC_URL": address}, home=home, port=inner)
    settings.home.make()
    settings.home.dialect.write_text(WORDS)
    registry = open_registry(settings, SystemClock())
    furnish(registry)
    registry.close()
    server, client = _trust(home)
    async with (
        running(settings) as (house, _server, _task),
        await asyncio.start_server(lambda *streams: _pass_on(inner, *streams), "127.0.0.1", outer, ssl=server),
        httpx2.AsyncClient(verify=client) as web,
    ):
        yield Runner(address, web, house.registry.issuer.mint("auditor-1").access_token), house


async def _pass_on(port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Take TLS off, as the operator's proxy does."""
    beyond, back = await asyncio.open_connection("127.0.0.1", port)

    async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while chunk := await source.read(65536):
            sink.write(chunk)
            await sink.drain()
        sink.close()

    await asyncio.gather(pump(reader, back), pump(beyond, writer), return_exceptions=True)
    for stream in (back, writer):
        stream.close()


def _trust(folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Return a server's context with a fresh certificate for localhost, and a client's that trusts that one alone."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    chain, secret = folder / "tls.pem", folder / "tls.key"
    chain.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(chain, secret)
    return server, ssl.create_default_context(cafile=str(chain))
