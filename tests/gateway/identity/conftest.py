"""A gateway's doorway with real parts: registry, built-in issuer, trusted issuers, verifier; and a bench for making bad tokens."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

from gateway.clock import FixedClock
from gateway.identity.callers import Callers
from gateway.identity.fetching import Fetcher
from gateway.identity.issuer import OLD_KEYS_KEPT, BuiltInIssuer
from gateway.identity.issuers import TrustedIssuers
from gateway.identity.keyring import Keyring
from gateway.identity.seals import RegistrarSeal
from gateway.identity.tokens import SigningKey, TokenVerifier
from gateway.registry.clients import Clients, NewClient
from gateway.registry.fields import Words
from gateway.registry.lookups import Lookups
from gateway.registry.revocations import Revocations
from gateway.settings import Home
from gateway.store.migrate import upgrade
from gateway.store.sessions import Database

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
URL = "http://127.0.0.1:8080"


def pem_of(key: PrivateKeyTypes) -> bytes:
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


@dataclass(frozen=True)
class Doorway:
    """Everything a token meets."""

    clock: FixedClock
    database: Database
    words: Words
    clients: Clients
    revocations: Revocations
    lookups: Lookups
    keyring: Keyring
    issuer: BuiltInIssuer
    issuers: TrustedIssuers
    verifier: TokenVerifier
    callers: Callers


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty registry, migrated once; each test gets a copy."""
    home = Home(tmp_path_factory.mktemp("migrated"))
    upgrade(home)
    return home.registry


@pytest.fixture(scope="session")
def fetcher() -> Fetcher:
    return Fetcher()


@pytest.fixture
def doorway(tmp_path: Path, migrated: Path, fetcher: Fetcher) -> Iterator[Doorway]:
    home = Home(tmp_path)
    home.make()
    shutil.copy(migrated, home.registry)
    clock, database = FixedClock(NOON), Database.open(home.registry)
    anything = frozenset({"ngo_victim", "police_local"})
    words = Words(anything, frozenset({"missing_person"}), frozenset({"identify"}), frozenset(), frozenset({"consented"}), frozenset())
    lookups = Lookups(database, words, RegistrarSeal(Keyring(home.keys / "registrar", clock, None)))
    revocations, keyring = Revocations(database, clock), Keyring(home.keys / "issuer", clock, OLD_KEYS_KEPT)
    issuer = BuiltInIssuer(URL, keyring, lookups, revocations, clock)
    issuers = TrustedIssuers(issuer, clock, fetcher)
    verifier = TokenVerifier(issuers, clock)
    clients = Clients(database, clock, words)
    clients.register(NewClient("ngo", "Find Them", "ngo_victim", keys=(SigningKey(client_pem()).public.jwk,)), by="registrar")
    yield Doorway(clock, database, words, clients, revocations, lookups, keyring, issuer, issuers, verifier, Callers(issuers, verifier))
    lookups.close()
    database.close()


_CLIENT_KEY = ec.derive_private_key(2**200 + 12345, ec.SECP256R1())


def client_pem() -> bytes:
    """The private key of the client `ngo`; the same in each test."""
    return pem_of(_CLIENT_KEY)


@pytest.fixture(scope="session")
def client_key() -> SigningKey:
    return SigningKey(client_pem())


@pytest.fixture(scope="session")
def rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


@pytest.fixture(scope="session")
def ec_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@pytest.fixture
def tick() -> timedelta:
    return timedelta(seconds=1)
