"""Time stamps in a log are checked with it: of which checkpoint they are always, who signed them where the reader names an authority."""

import base64
import secrets
import shutil

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from gateway.audit.__main__ import main
from gateway.audit.anchor import read_answer, request
from gateway.audit.export import write_export
from gateway.audit.note import Checkpoint, NoteSigner, sign_note
from gateway.audit.verify import Demands, verify_export
from tests.audit.honest import ORIGIN, HonestLog, plain, rulebook
from tests.audit.test_anchor import Authority

SIZE = 601  # so that the root of the stamped 301 entries is made of several tiles


@pytest.fixture(scope="module")
def authorities(tmp_path_factory):
    if shutil.which("openssl") is None:
        pytest.skip("the time-stamping authority of these tests needs the program openssl")
    place = tmp_path_factory.mktemp("tsa")
    return Authority(place / "one"), Authority(place / "two", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256")


def stamped(authority, checkpoint):
    nonce = secrets.randbits(63)
    anchor = read_answer(authority.stamp(request(checkpoint, nonce)), checkpoint, nonce, authority.certificate)
    return {
        "authority": "https://tsa.test/",
        "checkpoint": checkpoint.decode(),
        "time": anchor.time.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "token": base64.b64encode(anchor.token).decode(),
    }


@pytest.fixture(scope="module")
def anchored(authorities):
    """The members of an anchor entry for a log of 301 entries, and what signs that log."""
    signer = NoteSigner.generate(ORIGIN)
    return signer, stamped(authorities[0], HonestLog.of(301, signer).checkpoint())


def exported(folder, signer, *anchors, at=302):
    """Export a log in which these anchor entries stand from entry `at` on."""
    log = HonestLog.of(301, signer)
    for index in range(301, SIZE):
        log.append(plain("anchor", index, **anchors[index - at]) if at <= index < at + len(anchors) else plain("heartbeat", index))
    write_export(log, folder, log.key, rulebook=rulebook)
    return log.key


@pytest.fixture(scope="module")
def export(anchored, tmp_path_factory):
    folder = tmp_path_factory.mktemp("export") / "log"
    return folder, exported(folder, *anchored)


def test_a_stamp_that_holds_is_counted_and_it_is_said_that_nobody_looked_at_its_signature(export, anchored):
    report = verify_export(*export)
    assert report.ok, report.findings
    assert f"the latest states {anchored[1]['time']}" in report.remarks[0]
    assert "signatures were NOT checked" in report.remarks[0]
    assert report.remarks[0] in "\n".join(report.lines())


def test_with_the_authoritys_certificate_its_signature_is_checked(export, authorities, tmp_path, capsys):
    one, two = (authority.certificate for authority in authorities)
    for given in ((one,), (two, one)):
        report = verify_export(*export, demands=Demands(authorities=given))
        assert report.ok, report.findings
        assert "checked against the certificate that was given" in report.remarks[0]
    (first,) = verify_export(*export, demands=Demands(authorities=(two,))).findings
    assert (first.code, first.index) == ("anchor-invalid", 302)
    (tmp_path / "tsa.pem").write_bytes(one.public_bytes(Encoding.PEM))
    asked = [str(export[0]), "--key", export[1].text(), "--tsa-cert"]
    assert main([*asked, str(tmp_path / "tsa.pem")]) == 0
    (tmp_path / "tsa.pem").write_bytes(b"no certificate")
    assert main([*asked, str(tmp_path / "tsa.pem")]) == 2
    assert "holds none in PEM" in capsys.readouterr().err


def other_root(signer, anchor):
    return stamped_by_nobody(anchor, sign_note(Checkpoint(ORIGIN, 301, bytes(32)).text(), signer))


def stamped_by_nobody(anchor, checkpoint):
    return anchor | {"checkpoint": checkpoint.decode()}


SPOILT = {
    "another checkpoint": (lambda signer, anchor: stamped_by_nobody(anchor, HonestLog.of(300, signer).checkpoint()), "not one of this log"),
    "a forked history": (other_root, "not one of this log"),
    "a checkpoint from the future": (
        lambda signer, anchor: stamped_by_nobody(anchor, HonestLog.of(500, signer).checkpoint()),
        "more than there were",
    ),
    "another log": (
        lambda _signer, anchor: stamped_by_nobody(anchor, HonestLog.of(301, NoteSigner.generate("x.test/log")).checkpoint()),
        "another log",
    ),
    "a signature line that came later": (
        lambda signer, anchor: stamped_by_nobody(anchor, HonestLog.of(301, signer, NoteSigner.generate(ORIGIN)).checkpoint()),
        "not one of this",
    ),
    "another time": (lambda _signer, anchor: anchor | {"time": "2020-01-01T00:00:00.000000Z"}, "another time"),
    "a cut token": (lambda _signer, anchor: anchor | {"token": anchor["token"][:400]}, "does not hold"),
    "a token that is not base64": (lambda _signer, anchor: anchor | {"token": "%%"}, "not base64"),
    "a token that is not even ASCII": (lambda _signer, anchor: anchor | {"token": "é"}, "not base64"),
    "no token": (lambda _signer, anchor: {name: anchor[name] for name in ("time", "checkpoint")}, "carries"),
    "no checkpoint": (lambda _signer, anchor: anchor | {"checkpoint": "no note"}, "does not hold"),
}


@pytest.mark.parametrize("how", SPOILT)
def test_a_stamp_that_does_not_hold_is_found_by_its_index_without_any_certificate(anchored, how, tmp_path):
    spoil, said = SPOILT[how]
    signer, anchor = anchored
    key = exported(tmp_path / "log", signer, anchor, spoil(signer, anchor))
    first = verify_export(tmp_path / "log", key).first
    assert (first.index, first.code in ("anchor-invalid", "entry-malformed")) == (303, True), first
    assert said in first.sentence
