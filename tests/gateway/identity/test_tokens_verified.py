"""A token that was good is still asked for each time: is it revoked, has it ended, is its key still trusted?"""

import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from gateway.clock import FixedClock
from gateway.identity.errors import CallerRefused, RoleMissing, TokenRefused
from gateway.identity.tokens import TokenVerifier
from gateway.registry.errors import ClientRefused
from tests.gateway.identity.conftest import URL, Doorway
from tests.gateway.identity.hostile import NOW, Bench, Book


def refusal(doorway: Doorway, token: object) -> str:
    with pytest.raises(TokenRefused) as caught:
        doorway.callers.recognise(token, doorway.lookups.now())
    return caught.value.reason


def test_a_registered_client_comes_in_and_is_known_by_the_register_alone(doorway: Doorway) -> None:
    caller = doorway.callers.recognise(doorway.issuer.mint("ngo").access_token, doorway.lookups.now())
    assert (caller.kind, caller.client_id, caller.roles, caller.issuer) == ("client", "ngo", frozenset(), "built-in")


def test_the_refusal_says_one_thing_to_the_caller_whatever_the_reason(doorway: Doorway) -> None:
    sentences = set()
    for token in ("", "a.b.c", doorway.issuer.mint("ngo").access_token[:-2]):
        with pytest.raises(TokenRefused) as caught:
            doorway.callers.recognise(token, doorway.lookups.now())
        sentences.add((caught.value.code, caught.value.sentence, str(caught.value)))
        assert len(caught.value.token_hash) == 64
    assert len(sentences) == 1


def test_revocation_stops_a_remembered_token_at_its_next_use(doorway: Doorway) -> None:
    token = doorway.issuer.mint("ngo").access_token
    caller = doorway.callers.recognise(token, doorway.lookups.now())
    ends = datetime.fromtimestamp(caller.expires_at, UTC)
    doorway.revocations.revoke("built-in", caller.token_id, ends, "stolen", by="operator")
    assert refusal(doorway, token) == "revoked"
    doorway.callers.recognise(doorway.issuer.mint("ngo").access_token, doorway.lookups.now())


def test_a_remembered_token_is_dropped_at_its_end(doorway: Doorway) -> None:
    token = doorway.issuer.mint("ngo", life=60).access_token
    doorway.callers.recognise(token, doorway.lookups.now())
    doorway.clock.advance(60)
    assert refusal(doorway, token) == "expired"


def test_a_suspended_client_is_stopped_at_its_next_request_with_a_good_token(doorway: Doorway) -> None:
    token = doorway.issuer.mint("ngo").access_token
    doorway.callers.recognise(token, doorway.lookups.now())
    doorway.clients.suspend("ngo", "under inquiry")
    with pytest.raises(ClientRefused) as caught:
        doorway.callers.recognise(token, doorway.lookups.now())
    assert caught.value.code == "client-suspended"
    doorway.clients.resume("ngo", "inquiry closed")
    assert doorway.callers.recognise(token, doorway.lookups.now()).client_id == "ngo"


def test_tokens_of_the_old_key_stay_good_for_their_life_after_a_rotation_and_not_longer(doorway: Doorway) -> None:
    token = doorway.issuer.mint("ngo").access_token
    old = doorway.issuer.jwks()["keys"]
    kid = doorway.issuer.rotate_keys()
    assert [key["kid"] for key in doorway.issuer.jwks()["keys"]] == [old[0]["kid"], kid]
    assert doorway.callers.recognise(token, doorway.lookups.now()).client_id == "ngo"
    doorway.clock.advance(16 * 60)
    assert [key["kid"] for key in doorway.issuer.jwks()["keys"]] == [kid]
    assert refusal(doorway, token) == "key-unknown"


def test_a_dropped_key_takes_its_remembered_tokens_with_it(doorway: Doorway) -> None:
    token = doorway.issuer.mint("ngo").access_token
    doorway.callers.recognise(token, doorway.lookups.now())
    doorway.issuer.rotate_keys()
    doorway.keyring.drop(doorway.issuer.jwks()["keys"][0]["kid"])
    assert refusal(doorway, token) == "key-unknown"


def test_a_client_that_was_never_registered_is_not_let_in_by_a_good_token(doorway: Doorway) -> None:
    from gateway.registry.identities import Identities

    token = doorway.issuer.mint("ngo").access_token
    Identities(doorway.database).unbind("built-in", "ngo")
    with pytest.raises(CallerRefused) as caught:
        doorway.callers.recognise(token, doorway.lookups.now())
    assert caught.value.code == "unknown-client"


def test_staff_come_in_with_the_roles_on_record_and_only_those(doorway: Doorway) -> None:
    from gateway.registry.staff import Staff

    staff = Staff(doorway.database, doorway.clock)
    person = staff.redeem(staff.invite("ann", "Ann", ("reviewer",), by="installation").secret)
    caller = doorway.callers.recognise(doorway.issuer.mint("ann").access_token, doorway.lookups.now())
    caller.require("reviewer")
    with pytest.raises(RoleMissing):
        caller.require("auditor")
    with pytest.raises(CallerRefused) as caught:
        _ = caller.client_id
    assert (person.state, caught.value.code) == ("active", "client-needed")
    token = doorway.issuer.mint("ann").access_token
    staff.leave("ann")
    with pytest.raises(CallerRefused) as gone:
        doorway.callers.recognise(token, doorway.lookups.now())
    assert gone.value.code == "staff-inactive"


def test_a_client_is_never_staff_whatever_role_is_asked(doorway: Doorway) -> None:
    caller = doorway.callers.recognise(doorway.issuer.mint("ngo").access_token, doorway.lookups.now())
    with pytest.raises(CallerRefused) as caught:
        caller.require("registrar")
    assert caught.value.code == "staff-needed"


def test_claims_about_ones_own_kind_or_rights_are_not_even_read(
    doorway: Doorway, rsa_key: rsa.RSAPrivateKey, ec_key: ec.EllipticCurvePrivateKey
) -> None:
    bench = Bench(rsa_key, ec_key, rsa_key, ec_key)
    verifier = TokenVerifier(Book(bench), FixedClock(datetime.fromtimestamp(NOW, UTC)))
    boast: dict[str, Any] = {"kind": "police_local", "acts_for": "ngo_victim", "roles": ["auditor"], "scope": "admin", "groups": ["staff"]}
    claims = verifier.verify(bench.token(claims=bench.claims(**boast)), lambda issuer, jti: False)
    assert not any(word in repr(claims) for word in ("police", "auditor", "admin", "staff"))


def test_a_users_token_does_not_act_as_the_client_it_was_issued_through(
    doorway: Doorway, rsa_key: rsa.RSAPrivateKey, ec_key: ec.EllipticCurvePrivateKey
) -> None:
    doorway.clock.at = datetime.fromtimestamp(NOW, UTC)
    bench = Bench(rsa_key, ec_key, rsa_key, ec_key)
    claims = bench.claims(iss=URL, aud=URL, sub="ngo", client_id="some-app")
    forged = doorway.keyring.current().sign(claims, "at+jwt")
    assert refusal(doorway, forged) == "claim-client-id"


def test_a_remembered_token_is_at_least_five_times_as_fast(doorway: Doorway) -> None:
    token, view = doorway.issuer.mint("ngo").access_token, doorway.lookups.now()

    def seconds(forget: bool) -> float:
        begun = time.perf_counter()
        for _ in range(200):
            if forget:
                doorway.verifier._known.clear()
            doorway.verifier.verify(token, view.revoked)
        return time.perf_counter() - begun

    assert min(seconds(True) for _ in range(3)) > 5 * min(seconds(False) for _ in range(3))


def test_eight_threads_may_ask_at_once_while_keys_rotate(doorway: Doorway) -> None:
    tokens = [doorway.issuer.mint("ngo").access_token for _ in range(20)]
    wrong: list[str] = []

    def ask() -> None:
        for _ in range(10):
            for token in tokens:
                try:
                    doorway.callers.recognise(token, doorway.lookups.now())
                except TokenRefused as refused:
                    wrong.append(refused.reason)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for _ in range(10):
        doorway.issuer.rotate_keys()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_the_memory_of_good_tokens_is_bounded(doorway: Doorway, monkeypatch: pytest.MonkeyPatch, tick: timedelta) -> None:
    monkeypatch.setattr("gateway.identity.tokens.MOST_REMEMBERED", 5)
    for _ in range(12):
        doorway.callers.recognise(doorway.issuer.mint("ngo").access_token, doorway.lookups.now())
    assert len(doorway.verifier._known) == 5
