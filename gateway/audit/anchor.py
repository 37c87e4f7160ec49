"""Have a time-stamping authority state when a checkpoint existed (RFC 3161). Never opens a connection, and trusts one pinned certificate.

A witness says that the log did not fork; an anchor says, in a form that courts know, that a checkpoint is not younger than it claims.
The token verifies with `openssl ts -verify` as well."""

from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from gateway.audit.errors import AuditError

REQUEST_TYPE: Final = "application/timestamp-query"
ANSWER_TYPE: Final = "application/timestamp-reply"
MAX_TOKEN_BYTES: Final = 1 << 16

_BOOLEAN, _INTEGER, _OCTETS, _OID, _SEQUENCE, _SET, _TIME = 0x01, 0x02, 0x04, 0x06, 0x30, 0x31, 0x18
_CONTEXT_0, _CONTEXT_1 = 0xA0, 0xA1
_SHA256: Final = bytes.fromhex("608648016503040201")
_SIGNED_DATA: Final = bytes.fromhex("2a864886f70d010702")
_TST_INFO: Final = bytes.fromhex("2a864886f70d0109100104")
_CONTENT_TYPE: Final = bytes.fromhex("2a864886f70d010903")
_MESSAGE_DIGEST: Final = bytes.fromhex("2a864886f70d010904")
_DIGESTS: Final[dict[bytes, type[hashes.SHA256 | hashes.SHA384 | hashes.SHA512]]] = {
    _SHA256: hashes.SHA256,
    bytes.fromhex("608648016503040202"): hashes.SHA384,
    bytes.fromhex("608648016503040203"): hashes.SHA512,
}


class AnchorError(AuditError):
    """A time-stamping authority refused, or what it sent does not stamp this checkpoint; there is no anchor."""

    code = "anchor-invalid"


@dataclass(frozen=True, slots=True)
class Anchor:
    """A token that states when a checkpoint existed, and the time that it states."""

    token: bytes
    time: datetime


def request(checkpoint: bytes, nonce: int) -> bytes:
    """Return the body of a request to stamp these bytes; the nonce ties the answer to it. No certificate is asked for: ours is pinned."""
    imprint = _put(_SEQUENCE, _put(_SEQUENCE, _put(_OID, _SHA256)), _put(_OCTETS, sha256(checkpoint).digest()))
    return _put(_SEQUENCE, _put(_INTEGER, b"\x01"), imprint, _put(_INTEGER, nonce.to_bytes(nonce.bit_length() // 8 + 1, "big")))


def read_answer(answer: bytes, checkpoint: bytes, nonce: int, authority: x509.Certificate) -> Anchor:
    """Return the anchor in an authority's answer. Raises AnchorError unless it was granted for these bytes and this nonce."""
    whole = _Der(answer).inside(_SEQUENCE)
    status = whole.inside(_SEQUENCE).take(_INTEGER)
    if status not in (b"\x00", b"\x01"):
        raise AnchorError(f"the time-stamping authority refused the request (status {int.from_bytes(status, 'big')})")
    token = whole.rest()
    return Anchor(token, verify_token(token, checkpoint, authority, nonce))


def verify_token(token: bytes, checkpoint: bytes, authority: x509.Certificate, nonce: int | None = None) -> datetime:
    """Return the time at which the authority stamped these bytes.

    Raises AnchorError unless all of this holds:
     1 the token is CMS SignedData over a TSTInfo
     2 the TSTInfo is of these bytes, and carries the nonce if one is given
     3 the signed attributes name that content by its type and digest
     4 the authority's key signed them, and its certificate was valid then and is one for time stamping"""
    read = read_token(token, checkpoint, nonce)  # 1 to 3
    read.must_be_signed_by(authority)  # 4
    return read.time


@dataclass(frozen=True, slots=True)
class Token:
    """A token of which everything was checked but who signed it: until that is, the time in it is a claim."""

    time: datetime
    signed: bytes
    signature: bytes
    digest: hashes.HashAlgorithm

    def must_be_signed_by(self, authority: x509.Certificate) -> None:
        """Raise AnchorError unless the authority's key signed it, and its certificate was valid then and is one for time stamping."""
        _check_signature(self.signature, self.signed, self.digest, authority)
        _check_certificate(authority, self.time)


def read_token(token: bytes, checkpoint: bytes, nonce: int | None = None) -> Token:
    """Return what a token says of these bytes, without knowing who says it: steps 1 to 3 of `verify_token`. Raises AnchorError."""
    content = _Der(token).inside(_SEQUENCE)  # 1
    content.expect(_OID, _SIGNED_DATA)
    signed = content.inside(_CONTEXT_0).inside(_SEQUENCE)
    signed.take(_INTEGER)
    signed.take(_SET)
    encapsulated = signed.inside(_SEQUENCE)
    encapsulated.expect(_OID, _TST_INFO)
    info = encapsulated.inside(_CONTEXT_0).take(_OCTETS)
    signed.skip(_CONTEXT_0)
    signed.skip(_CONTEXT_1)
    signer = signed.inside(_SET).inside(_SEQUENCE)
    time = _read_info(info, checkpoint, nonce)  # 2
    signer.take(_INTEGER)
    signer.take_any()  # who signed: only the pinned key can have
    digest = _DIGESTS.get(signer.inside(_SEQUENCE).take(_OID))
    if digest is None:
        raise AnchorError("the token is signed over a digest that is not accepted (SHA-256, 384 or 512)")
    attributes = signer.take(_CONTEXT_0)
    signer.take(_SEQUENCE)
    _check_attributes(attributes, info, digest())  # 3
    return Token(time, _put(_SET, attributes), signer.take(_OCTETS), digest())


def _read_info(info: bytes, checkpoint: bytes, nonce: int | None) -> datetime:
    fields = _Der(info).inside(_SEQUENCE)
    fields.expect(_INTEGER, b"\x01")
    fields.take(_OID)
    imprint = fields.inside(_SEQUENCE)
    imprint.inside(_SEQUENCE).expect(_OID, _SHA256)
    imprint.expect(_OCTETS, sha256(checkpoint).digest())
    fields.take(_INTEGER)
    moment = fields.take(_TIME)
    fields.skip(_SEQUENCE)  # accuracy
    fields.skip(_BOOLEAN)  # ordering
    stated = fields.skip(_INTEGER)
    if nonce is not None and (stated is None or int.from_bytes(stated, "big") != nonce):
        raise AnchorError("the token does not carry the nonce of the request: it may be an old one")
    try:
        text = moment.decode("ascii")
        layout = "%Y%m%d%H%M%S.%fZ" if "." in text else "%Y%m%d%H%M%SZ"
        return datetime.strptime(text, layout).replace(tzinfo=UTC)
    except ValueError as wrong:
        raise AnchorError("the token states no readable time") from wrong


def _check_attributes(attributes: bytes, info: bytes, digest: hashes.HashAlgorithm) -> None:
    hashed = hashes.Hash(digest)
    hashed.update(info)
    wanted = {(_CONTENT_TYPE, _put(_OID, _TST_INFO)), (_MESSAGE_DIGEST, _put(_OCTETS, hashed.finalize()))}
    reader, found = _Der(attributes), set()
    while reader.more():
        attribute = reader.inside(_SEQUENCE)
        found.add((attribute.take(_OID), attribute.take(_SET)))
    if not wanted <= found:
        raise AnchorError("the token's signed attributes do not name its content")


def _check_signature(signature: bytes, message: bytes, digest: hashes.HashAlgorithm, authority: x509.Certificate) -> None:
    key = authority.public_key()
    try:
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, message, padding.PKCS1v15(), digest)
        elif isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, message, ec.ECDSA(digest))
        else:
            raise AnchorError("the authority's certificate holds a key that is neither RSA nor ECDSA")
    except InvalidSignature as wrong:
        raise AnchorError("the token is not signed by the authority whose certificate is pinned") from wrong


def _check_certificate(authority: x509.Certificate, time: datetime) -> None:
    try:
        usage = authority.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound as wrong:
        raise AnchorError("the pinned certificate is not one for time stamping") from wrong
    if x509.oid.ExtendedKeyUsageOID.TIME_STAMPING not in usage:
        raise AnchorError("the pinned certificate is not one for time stamping")
    if not authority.not_valid_before_utc <= time <= authority.not_valid_after_utc:
        raise AnchorError("the token states a time at which the authority's certificate was not valid")


class _Der:
    """Reads DER from left to right. Every surprise is an AnchorError."""

    def __init__(self, raw: bytes) -> None:
        if len(raw) > MAX_TOKEN_BYTES:
            raise AnchorError("a time stamp larger than 64 KiB is not read")
        self._raw = raw
        self._at = 0

    def more(self) -> bool:
        return self._at < len(self._raw)

    def rest(self) -> bytes:
        return self._raw[self._at :]

    def take(self, tag: int) -> bytes:
        """Return the contents of the next element, which must have this tag."""
        found, contents = self.take_any()
        if found != tag:
            raise AnchorError(f"the time stamp is malformed: tag {found:#04x} where {tag:#04x} belongs")
        return contents

    def take_any(self) -> tuple[int, bytes]:
        head = self._raw[self._at : self._at + 2]
        start = self._at + 2
        if len(head) == 2 and head[1] > 0x80:
            width = head[1] & 0x7F
            length = int.from_bytes(self._raw[start : start + width], "big") if width <= 4 else -1
            start += width
        else:
            length = head[1] if len(head) == 2 and head[1] < 0x80 else -1
        if length < 0 or start + length > len(self._raw):
            raise AnchorError("the time stamp is malformed: it breaks off, or is not DER")
        self._at = start + length
        return head[0], self._raw[start : self._at]

    def inside(self, tag: int) -> "_Der":
        return _Der(self.take(tag))

    def expect(self, tag: int, contents: bytes) -> None:
        if self.take(tag) != contents:
            raise AnchorError("the time stamp is not one of this checkpoint, or not in the form of RFC 3161")

    def skip(self, tag: int) -> bytes | None:
        """Return the contents of the next element if it has this tag, and leave it where it is otherwise."""
        return self.take(tag) if self.more() and self._raw[self._at] == tag else None


def _put(tag: int, *parts: bytes) -> bytes:
    contents = b"".join(parts)
    size = len(contents)
    width = (size.bit_length() + 7) // 8
    return bytes([tag]) + (bytes([size]) if size < 0x80 else bytes([0x80 | width]) + size.to_bytes(width, "big")) + contents
