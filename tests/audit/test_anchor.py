"""RFC 3161 anchors, with OpenSSL as the authority and as the second verifier."""

import contextlib
import shutil
import subprocess
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.audit.anchor import AnchorError, read_answer, request, verify_token
from tests.audit.honest import HonestLog

CHECKPOINT = HonestLog.of(11).checkpoint()
NONCE = 0xF00DFACE12345678
CONFIGURATION = """
[req]
distinguished_name = dn
prompt = no
[dn]
CN = Test authority
[v3]
extendedKeyUsage = critical,{usage}
[tsa]
default_tsa = t
[t]
serial = {place}/serial
signer_digest = sha{digest}
default_policy = 1.2.3.4.1
digests = sha256
accuracy = secs:1
ordering = yes
tsa_name = yes
ess_cert_id_alg = sha256
"""


class Authority:
    """A time-stamping authority run by OpenSSL."""

    def __init__(self, place, *key, usage="timeStamping", digest=256):
        self.place = place
        place.mkdir()
        (place / "serial").write_text("01\n")
        (place / "tsa.cnf").write_text(CONFIGURATION.format(place=place, usage=usage, digest=digest))
        made = "req -x509 -nodes -keyout key.pem -out cert.pem -days 30 -config tsa.cnf -extensions v3"
        self.run(made, *(key or ("-newkey", "rsa:2048")))
        self.certificate = x509.load_pem_x509_certificate((place / "cert.pem").read_bytes())

    def run(self, command, *more):
        done = subprocess.run(["openssl", *command.split(), *more], cwd=self.place, check=True, capture_output=True, text=True)
        return done.stdout

    def stamp(self, query):
        (self.place / "query").write_bytes(query)
        self.run("ts -reply -config tsa.cnf -queryfile query -signer cert.pem -inkey key.pem -out answer")
        return (self.place / "answer").read_bytes()


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    if shutil.which("openssl") is None:
        pytest.skip("the time-stamping authority of these tests needs the program openssl")
    return Authority(tmp_path_factory.mktemp("tsa") / "rsa")


@pytest.fixture(scope="module")
def answer(authority):
    return authority.stamp(request(CHECKPOINT, NONCE))


def test_an_answer_to_our_request_states_the_present_time(authority, answer):
    anchor = read_answer(answer, CHECKPOINT, NONCE, authority.certificate)
    assert abs(datetime.now(UTC) - anchor.time) < timedelta(minutes=10)
    assert verify_token(anchor.token, CHECKPOINT, authority.certificate) == anchor.time


def test_openssl_verifies_the_same_token(authority, answer):
    (authority.place / "token").write_bytes(read_answer(answer, CHECKPOINT, NONCE, authority.certificate).token)
    (authority.place / "checkpoint").write_bytes(CHECKPOINT)
    told = authority.run("ts -verify -in token -token_in -data checkpoint -CAfile cert.pem -untrusted cert.pem")
    assert "OK" in told


def test_an_authority_may_sign_with_ecdsa_and_a_longer_digest(authority, tmp_path):
    other = Authority(tmp_path / "ec", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", digest=512)
    answer = other.stamp(request(CHECKPOINT, NONCE))
    assert read_answer(answer, CHECKPOINT, NONCE, other.certificate).time <= datetime.now(UTC) + timedelta(seconds=5)
    with pytest.raises(AnchorError):
        read_answer(answer, CHECKPOINT, NONCE, authority.certificate)


def test_a_token_is_of_its_own_checkpoint_alone(authority, answer):
    with pytest.raises(AnchorError):
        read_answer(answer, CHECKPOINT + b"x", NONCE, authority.certificate)


def test_an_old_answer_is_not_taken_for_a_new_one(authority, answer):
    with pytest.raises(AnchorError):
        read_answer(answer, CHECKPOINT, NONCE + 1, authority.certificate)


def test_a_certificate_that_is_not_for_time_stamping_is_not_believed(authority, answer, tmp_path):
    key = (authority.place / "key.pem").absolute()
    other = Authority(tmp_path / "server", "-key", str(key), usage="serverAuth")
    with pytest.raises(AnchorError, match="not one for time stamping"):
        read_answer(answer, CHECKPOINT, NONCE, other.certificate)


def test_a_refusal_is_said_to_be_one(authority):
    with pytest.raises(AnchorError, match="refused"):
        read_answer(
            authority.stamp(request(CHECKPOINT, NONCE).replace(b"\x04\x02\x01", b"\x04\x02\x09")), CHECKPOINT, NONCE, authority.certificate
        )


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.data())
def test_a_changed_or_cut_answer_is_refused_or_says_the_same(authority, answer, data):
    """Some bits carry nothing that is signed (the signer's name, the status text); no change may alter what is believed."""
    true = read_answer(answer, CHECKPOINT, NONCE, authority.certificate).time
    at = data.draw(st.integers(0, len(answer) - 1))
    spoilt = (
        answer[:at]
        if data.draw(st.booleans())
        else answer[:at] + bytes([answer[at] ^ 1 << data.draw(st.integers(0, 7))]) + answer[at + 1 :]
    )
    with contextlib.suppress(AnchorError):
        assert read_answer(spoilt, CHECKPOINT, NONCE, authority.certificate).time == true


@given(st.binary(max_size=100))
def test_rubbish_is_refused_as_a_time_stamp_and_nothing_else_happens(raw):
    certificate = None  # never reached
    with pytest.raises(AnchorError):
        read_answer(raw, CHECKPOINT, NONCE, certificate)
    with pytest.raises(AnchorError):
        verify_token(raw, CHECKPOINT, certificate)
