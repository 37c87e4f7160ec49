"""The built-in issuer gives a token to a client that proves its key, once for each proof, and to nobody else."""

import os
import secrets
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from gateway.clock import FixedClock
from gateway.identity.errors import KeyringDamaged, TokenRefused, TokenRequestRefused
from gateway.identity.issuer import ASSERTION_TYPE, TOKEN_PATH
from gateway.identity.keyring import Keyring
from gateway.identity.seals import STATEMENT, RegistrarSeal, open_statement
from gateway.identity.tokens import SigningKey
from gateway.registry.errors import Malformed, NotOnRecord
from tests.gateway.identity.conftest import NOON, URL, Doorway, client_pem, pem_of

Change = Callable[[dict[str, Any]], None]


def form(doorway: Doorway, key: SigningKey, kind: str = "JWT", **changes: Any) -> dict[str, str]:
    now = int(doorway.clock.now().timestamp())
    claims = {"iss": "ngo", "sub": "ngo", "aud": URL + TOKEN_PATH, "iat": now, "exp": now + 60, "jti": secrets.token_hex(8), **changes}
    return {
        "grant_type": "client_credentials",
        "client_assertion_type": ASSERTION_TYPE,
        "client_assertion": key.sign({name: value for name, value in claims.items() if value != "absent"}, kind),
    }


def refused(doorway: Doorway, given: dict[str, str]) -> tuple[str, str]:
    with pytest.raises(TokenRequestRefused) as caught:
        doorway.issuer.answer(given)
    return caught.value.code, caught.value.reason


def test_a_client_that_proves_its_key_gets_a_token_that_lets_it_in(doorway: Doorway, client_key: SigningKey) -> None:
    issued = doorway.issuer.answer(form(doorway, client_key))
    assert issued.to_json() == {"access_token": issued.access_token, "token_type": "Bearer", "expires_in": 900}
    assert doorway.callers.recognise(issued.access_token, doorway.lookups.now()).client_id == "ngo"


def test_an_assertion_is_good_once_also_for_another_process(doorway: Doorway, client_key: SigningKey) -> None:
    given = form(doorway, client_key)
    doorway.issuer.answer(given)
    assert refused(doorway, given) == ("invalid-client", "used-before")
    again = type(doorway.issuer)(URL, doorway.keyring, doorway.lookups, doorway.revocations, doorway.clock)
    with pytest.raises(TokenRequestRefused):
        again.answer(given)


def test_of_sixteen_that_present_one_assertion_at_once_one_gets_a_token(doorway: Doorway, client_key: SigningKey) -> None:
    given = form(doorway, client_key)

    def ask(_: int) -> bool:
        try:
            doorway.issuer.answer(given)
        except TokenRequestRefused:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(ask, range(16))) == 1


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"aud": "https://elsewhere"}, "claim-aud"),
        ({"aud": [URL, "https://elsewhere"]}, "claim-aud"),
        ({"iss": "nobody", "sub": "nobody"}, "unknown-client"),
        ({"sub": "police"}, "claim-sub"),
        ({"exp": 1}, "expired"),
        ({"exp": 2_000_000_000}, "life-too-long"),
        ({"jti": "absent"}, "claim-jti"),
        ({"iat": "absent"}, "claim-iat"),
    ],
)
def test_an_assertion_that_says_anything_else_is_refused(
    doorway: Doorway, client_key: SigningKey, changes: dict[str, Any], reason: str
) -> None:
    assert refused(doorway, form(doorway, client_key, **changes)) == ("invalid-client", reason)


def test_another_key_than_those_on_record_is_refused(doorway: Doorway) -> None:
    stranger = SigningKey(pem_of(ec.generate_private_key(ec.SECP256R1())))
    assert refused(doorway, form(doorway, stranger)) == ("invalid-client", "key-unknown")


def test_a_removed_key_opens_nothing_any_more_and_an_added_one_does(doorway: Doorway, client_key: SigningKey) -> None:
    new = SigningKey(pem_of(ec.generate_private_key(ec.SECP256R1())))
    doorway.clients.add_key("ngo", new.public.jwk)
    doorway.issuer.answer(form(doorway, client_key))
    doorway.clients.remove_key("ngo", client_key.public.kid)
    assert refused(doorway, form(doorway, client_key)) == ("invalid-client", "key-unknown")
    doorway.issuer.answer(form(doorway, new))


def test_a_suspended_client_gets_no_token(doorway: Doorway, client_key: SigningKey) -> None:
    doorway.clients.suspend("ngo", "under inquiry")
    assert refused(doorway, form(doorway, client_key)) == ("invalid-client", "client-suspended")


def test_an_access_token_is_no_assertion_and_an_assertion_is_no_access_token(doorway: Doorway, client_key: SigningKey) -> None:
    given = form(doorway, client_key)
    token = doorway.issuer.answer(given).access_token
    assert refused(doorway, {**given, "client_assertion": token}) == ("invalid-client", "header-typ")
    with pytest.raises(TokenRefused) as caught:
        doorway.callers.recognise(given["client_assertion"], doorway.lookups.now())
    assert caught.value.reason == "header-typ"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"grant_type": "password"}, "unsupported-grant-type"),
        ({"grant_type": ""}, "unsupported-grant-type"),
        ({"client_assertion_type": "urn:other"}, "invalid-request"),
        ({"client_secret": "hunter2"}, "invalid-request"),
        ({"scope": "everything"}, "invalid-scope"),
        ({"client_assertion": "rubbish"}, "invalid-client"),
        ({"client_id": "police"}, "invalid-client"),
    ],
)
def test_any_other_kind_of_request_is_refused(doorway: Doorway, client_key: SigningKey, changes: dict[str, str], code: str) -> None:
    assert refused(doorway, {**form(doorway, client_key), **changes})[0] == code


def test_an_empty_form_is_refused(doorway: Doorway) -> None:
    assert refused(doorway, {})[0] == "unsupported-grant-type"


def test_the_metadata_names_what_is_there_and_nothing_else(doorway: Doorway) -> None:
    metadata = doorway.issuer.metadata()
    assert metadata["issuer"] == URL
    assert metadata["token_endpoint_auth_methods_supported"] == ["private_key_jwt"]
    assert {key["alg"] for key in doorway.issuer.jwks()["keys"]} == {"ES256"}
    assert not any("d" in key for key in doorway.issuer.jwks()["keys"])


def test_no_token_is_minted_for_somebody_who_is_not_on_record(doorway: Doorway) -> None:
    with pytest.raises(NotOnRecord):
        doorway.issuer.mint("nobody")


def test_a_token_can_be_asked_for_less_time_but_never_for_more(doorway: Doorway) -> None:
    assert doorway.issuer.mint("ngo", life=60).expires_in == 60
    assert doorway.issuer.mint("ngo", life=10**6).expires_in == 900
    assert doorway.issuer.mint("ngo", life=-5).expires_in == 1


def test_private_keys_are_readable_by_their_owner_alone(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        ring = Keyring(tmp_path / "ring", FixedClock(NOON), None)
        ring.rotate()
    finally:
        os.umask(old)
    assert {oct(path.stat().st_mode & 0o777) for path in (tmp_path / "ring").iterdir()} == {"0o600"}
    assert oct((tmp_path / "ring").stat().st_mode & 0o777) == "0o700"


def test_a_key_made_by_another_process_signs_and_verifies_here_at_once(tmp_path: Path) -> None:
    ring = Keyring(tmp_path, FixedClock(NOON), timedelta(minutes=16))
    before = ring.current().public.kid
    script = (
        "import sys, pathlib, datetime; from gateway.clock import SystemClock; from gateway.identity.keyring import Keyring; "
        "print(Keyring(pathlib.Path(sys.argv[1]), SystemClock(), datetime.timedelta(minutes=16)).rotate().public.kid)"
    )
    root = Path(__file__).parents[3]
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path)], cwd=root, capture_output=True, text=True, check=True)
    assert [key.public.kid for key in ring.verifying()] == [before, done.stdout.strip()]
    assert ring.current().public.kid == done.stdout.strip()


def test_a_clock_that_stands_still_does_not_confuse_the_order_of_keys(tmp_path: Path) -> None:
    ring = Keyring(tmp_path, FixedClock(NOON), None)
    made = [ring.current().public.kid, *(ring.rotate().public.kid for _ in range(8))]
    assert [key.public.kid for key in ring.verifying()] == made
    assert [key.public.kid for key in Keyring(tmp_path, FixedClock(NOON), None).verifying()] == made


@pytest.mark.parametrize("damage", [b"", b"rubbish", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"])
def test_a_damaged_key_file_is_named_and_nothing_is_signed(tmp_path: Path, damage: bytes) -> None:
    ring = Keyring(tmp_path, FixedClock(NOON), None)
    path = next(tmp_path.glob("*.pem"))
    path.write_bytes(damage)
    with pytest.raises(KeyringDamaged, match=path.name):
        Keyring(tmp_path, FixedClock(NOON), None)
    path.unlink()
    with pytest.raises(KeyringDamaged):
        ring.current()


def test_without_its_keys_the_built_in_issuer_refuses_every_token_and_does_not_crash(doorway: Doorway) -> None:
    token = doorway.issuer.mint("ngo").access_token
    for path in list(doorway.keyring._directory.glob("*.pem")):
        path.unlink()
    with pytest.raises(TokenRefused) as caught:
        doorway.callers.recognise(token, doorway.lookups.now())
    assert caught.value.reason == "keys-unavailable"


def test_the_registrars_seal_opens_what_it_sealed_also_after_its_key_changed(tmp_path: Path) -> None:
    ring = Keyring(tmp_path, FixedClock(NOON), None)
    seal = RegistrarSeal(ring)
    sealed = seal.seal({"id": "lic-1"})
    ring.rotate()
    assert seal.open(sealed) == {"id": "lic-1"}
    assert RegistrarSeal(ring).open(sealed) == {"id": "lic-1"}


def test_a_seal_by_anybody_else_or_of_another_kind_is_refused(tmp_path: Path) -> None:
    ring = Keyring(tmp_path / "a", FixedClock(NOON), None)
    seal, stranger = RegistrarSeal(ring), RegistrarSeal(Keyring(tmp_path / "b", FixedClock(NOON), None))
    sealed = seal.seal({"id": "lic-1"})
    head, body, signature = sealed.split(".")
    for forged in (
        stranger.seal({"id": "lic-1"}),
        ring.current().sign({"id": "lic-1"}, "at+jwt"),
        f"{head}.{body[:-2]}AA.{signature}",
        "",
        "a.b.c",
    ):
        with pytest.raises(Malformed):
            seal.open(forged)


def test_an_authoritys_statement_opens_with_its_own_key_alone(client_key: SigningKey) -> None:
    other = SigningKey(pem_of(ec.generate_private_key(ec.SECP256R1())))
    sealed = client_key.sign({"case_ref": "MP-1"}, STATEMENT)
    assert open_statement(sealed, client_key.public) == {"case_ref": "MP-1"}
    with pytest.raises(Malformed):
        open_statement(sealed, other.public)


def test_only_a_private_key_in_pem_can_sign() -> None:
    public = ec.generate_private_key(ec.SECP256R1()).public_key()
    pem = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    for rubbish in (b"", b"rubbish", client_pem()[:-40], pem):
        with pytest.raises(Malformed):
            SigningKey(rubbish)
