"""Open, fill and examine real logs in a directory of their own; shared by the tests about the log."""

import hashlib
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.audit.failures import LogUnavailable
from gateway.audit.log import AuditLog
from gateway.audit.note import NoteSigner, open_checkpoint
from gateway.audit.tree import leaf_hash, verify_inclusion

ORIGIN = "custodes.test/log"


def signer(name=ORIGIN, key="the log's key"):
    """The same name and word give the same key, also in another process."""
    return NoteSigner(name, Ed25519PrivateKey.from_private_bytes(hashlib.sha256(key.encode()).digest()))


@contextmanager
def opened(directory, *signers, **options) -> Iterator[AuditLog]:
    log = AuditLog.open(directory, *(signers or [signer()]), **options)
    try:
        yield log
    finally:
        log.close()


def entry(number, size=120):
    return (b'{"kind":"test","number":%d,"v":1}' % number).ljust(size)


def filled(directory, count, *signers):
    """Make a log of `count` entries, and close it."""
    with opened(directory, *signers) as log:
        for number in range(count):
            log.append_blocking(entry(number))


def assert_proves(receipt, body, *keys):
    """The receipt shows, with the key alone, that these bytes are in the log."""
    checkpoint = open_checkpoint(receipt.checkpoint, *(keys or [signer().key]))
    assert receipt.leaf_hash == leaf_hash(body)
    verify_inclusion(leaf_hash(body), receipt.index, checkpoint.size, receipt.proof, checkpoint.root)


@contextmanager
def database(directory, **options):
    """The log's file as an insider with a shell has it."""
    connection = sqlite3.connect(directory / "log.sqlite", isolation_level=None, **options)
    try:
        yield connection
    finally:
        connection.close()


def resumes(log, within=10.0):
    """Append until the log takes entries again, and return the receipt; fail after `within` seconds."""
    deadline = time.monotonic() + within
    while True:
        try:
            return log.append_blocking(b"after the fault")
        except LogUnavailable:
            assert time.monotonic() < deadline, f"the log did not resume within {within} s: {log.trouble}"
            time.sleep(0.02)


def wait_until(true, within=10.0):
    deadline = time.monotonic() + within
    while not true():
        assert time.monotonic() < deadline, f"this did not come true within {within} s"
        time.sleep(0.01)
