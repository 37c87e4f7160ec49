"""Check the time stamps that a log holds in its `anchor` entries (RFC 3161), as the entries stream by. Says plainly what it did not check.

Without the authority's certificate a token is only a claim: then it is checked that it names the checkpoint and the time that the
entry states, and that the checkpoint was this log's. With it, that the authority signed the token."""

import base64
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC
from typing import Any

from cryptography import x509

from gateway.audit.anchor import AnchorError, Token, read_token
from gateway.audit.note import Checkpoint, Note, NoteError
from gateway.audit.report import Broken, CannotVerify

RootAt = Callable[[int], bytes]
"""Gives the root over the first so many entries, all of which were checked."""


class Stamps:
    """The anchors seen so far. `authorities` are the certificates that the reader trusts; none is taken from the log."""

    def __init__(self, origin: str, authorities: Sequence[x509.Certificate], root_at: RootAt) -> None:
        self._origin = origin
        self._authorities = authorities
        self._root_at = root_at
        self._read = 0
        self._latest = ""

    def see(self, index: int, entry: Mapping[str, Any]) -> None:
        """Take an `anchor` entry. Raises Broken naming it, unless each of these holds:

        1 it holds a checkpoint of this log, older than itself, with the root that its entries have
        2 its token stamps that checkpoint, byte for byte, and states the time that the entry states
        3 one of the reader's authorities has signed the token, if any was given"""
        stated, note, encoded = entry.get("time"), entry.get("checkpoint"), entry.get("token")
        if not isinstance(stated, str) or not isinstance(note, str) or not isinstance(encoded, str):
            raise Broken("entry-malformed", "an anchor carries a checkpoint, a token and the time that the token states", index)
        try:
            raw = note.encode()
            self._must_be_of_this_log(index, Checkpoint.parse(Note.parse(raw).text))  # 1
            token = read_token(base64.b64decode(encoded, validate=True), raw)  # 2
            if token.time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ") != stated:
                raise Broken("anchor-invalid", f"the entry states another time than its token, which says {token.time}", index)
            if self._authorities:
                self._must_be_signed(token)  # 3
        except (NoteError, AnchorError) as wrong:
            raise Broken("anchor-invalid", f"the time stamp does not hold: {wrong.sentence}", index) from wrong
        except ValueError as wrong:  # of base64, of a token that is not even ASCII, or of a checkpoint that is no text
            raise Broken("anchor-invalid", "the anchor's token is not base64, or its checkpoint no text", index) from wrong
        self._read += 1
        self._latest = max(self._latest, stated)

    def remarks(self) -> Iterator[str]:
        """Say what was checked of the time stamps, and what not."""
        if not self._read:
            return
        named = f"{self._read} time stamps (the latest states {self._latest}) are of checkpoints of this log; their signatures were "
        if self._authorities:
            yield f"{named}checked against the certificate that was given, but not whether it was revoked or who issued it"
        else:
            yield f"{named}NOT checked, so the times are claims: give the authority's certificate with --tsa-cert"

    def _must_be_of_this_log(self, index: int, stamped: Checkpoint) -> None:
        if stamped.origin != self._origin:
            raise Broken("anchor-invalid", f"the checkpoint that was stamped is of another log, {stamped.origin!r}", index)
        if stamped.size > index:
            raise Broken("anchor-invalid", f"the checkpoint that was stamped covers {stamped.size} entries, more than there were", index)
        if stamped.root != self._root_at(stamped.size):
            raise Broken("anchor-invalid", f"the checkpoint that was stamped is not one of this log's first {stamped.size} entries", index)

    def _must_be_signed(self, token: Token) -> None:
        *others, last = self._authorities
        for authority in others:
            try:
                return token.must_be_signed_by(authority)
            except AnchorError:
                continue
        return token.must_be_signed_by(last)


def read_authorities(pem: bytes) -> tuple[x509.Certificate, ...]:
    """Return the certificates in a PEM file: the authority's own, one for each of its keys. Raises CannotVerify."""
    try:
        return tuple(x509.load_pem_x509_certificates(pem))
    except ValueError as wrong:
        raise CannotVerify("the file with the time-stamping authority's certificate holds none in PEM") from wrong
