"""Measure what the doorway costs a request: a token's first and later verification, and the registry's answers from memory.

Run it as `python -m bench.doorway`; it prints microseconds, and each as a ratio to python-jose's usual call in the same run."""

import json
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import jose.jwt

from gateway.clock import SystemClock
from gateway.identity.callers import Callers
from gateway.identity.issuer import OLD_KEYS_KEPT, BuiltInIssuer
from gateway.identity.issuers import TrustedIssuers
from gateway.identity.keyring import Keyring
from gateway.identity.seals import RegistrarSeal
from gateway.identity.tokens import ACCESS_TOKEN, TokenVerifier, check
from gateway.registry.clients import Clients, NewClient
from gateway.registry.fields import Words
from gateway.registry.lookups import Lookups
from gateway.registry.revocations import Revocations
from gateway.settings import Home
from gateway.store.migrate import upgrade
from gateway.store.sessions import Database

URL = "http://127.0.0.1:8080"


def microseconds(call: Callable[[], object], times: int) -> float:
    """The median of seven rounds, each the mean of so many calls."""
    rounds = []
    for _ in range(7):
        begun = time.perf_counter()
        for _ in range(times):
            call()
        rounds.append((time.perf_counter() - begun) / times * 1e6)
    return statistics.median(rounds)


def main(place: Path) -> None:
    """Build a doorway in that directory, and measure it."""
    home, clock = Home(place), SystemClock()
    home.make()
    upgrade(home)
    database = Database.open(home.registry)
    words = Words(frozenset({"ngo_victim"}), frozenset(), frozenset(), frozenset(), frozenset(), frozenset())
    lookups = Lookups(database, words, RegistrarSeal(Keyring(home.keys / "registrar", clock, None)))
    Clients(database, clock, words).register(NewClient("ngo", "Find Them", "ngo_victim"), by="bench")
    keyring = Keyring(home.keys / "issuer", clock, OLD_KEYS_KEPT)
    issuer = BuiltInIssuer(URL, keyring, lookups, Revocations(database, clock), clock)
    issuers = TrustedIssuers(issuer, clock)
    callers = Callers(issuers, TokenVerifier(issuers, clock))
    token, jwks = issuer.mint("ngo").access_token, issuer.jwks()
    view = lookups.now()
    measured = {
        "python-jose, the usual call (JWKS, audience, issuer)": microseconds(
            lambda: jose.jwt.decode(token, jwks, algorithms=["ES256", "RS256"], audience=URL, issuer=URL), 200
        ),
        "strict verification, first time": microseconds(lambda: check(token, ACCESS_TOKEN, issuers, int(time.time())), 200),
        "a hostile token refused at its form": microseconds(lambda: _refused(callers, lookups, token + "."), 2000),
        "a known token to its Caller": microseconds(lambda: callers.recognise(token, view), 5000),
        "did anything change? (PRAGMA data_version)": microseconds(lookups.now, 5000),
        "one lookup in the view": microseconds(lambda: view.client("ngo"), 20000),
        "the whole door: change check, token, client": microseconds(lambda: callers.recognise(token, lookups.now()), 5000),
    }
    usual = next(iter(measured.values()))
    print(json.dumps({"machine": platform.machine(), "python": platform.python_version(), "python-jose": version("python-jose")}))
    for name, cost in measured.items():
        print(f"{name:55}{cost:10.1f} µs{usual / cost:10.1f}x")
    lookups.close()
    database.close()


def _refused(callers: Callers, lookups: Lookups, token: str) -> None:
    try:
        callers.recognise(token, lookups.now())
    except Exception as refused:
        assert refused.__class__.__name__ == "TokenRefused", refused
        return
    raise AssertionError("a hostile token was let in")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as directory:
        main(Path(directory))
