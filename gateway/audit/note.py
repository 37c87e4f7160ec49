"""Sign and read C2SP notes, checkpoints and cosignatures (signed-note v1.0.0, tlog-checkpoint, tlog-cosignature).

It never knows what a log holds, and it never calls a note true: it says which of the keys it was given have signed it.
Over 300 lines, since the formats share keys, lines and spelling rules, and a reader checks them against one set of texts."""

import base64
import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from hashlib import sha256
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey, MLDSA44PublicKey

from gateway.audit.errors import AuditError
from gateway.audit.tree import HASH_SIZE

MAX_SIGNATURES: Final = 100  # Go's cap; the specification asks for at least 16
MAX_NOTE_BYTES: Final = 1 << 19  # 100 of the largest signatures, and a text
MAX_TREE_SIZE: Final = (1 << 63) - 1
MAX_TIME: Final = (1 << 63) - 1

_CONTROL: Final = re.compile(r"[\x00-\x09\x0b-\x1f\ud800-\udfff]")  # and what UTF-8 cannot carry
_DECIMAL: Final = re.compile(r"0|[1-9][0-9]{0,18}")
_DASH: Final = "— "


class NoteError(AuditError):
    """A note, key, signature or checkpoint is malformed, or not signed by a key that was asked for; it proves nothing."""

    code = "note-invalid"


class KeyType(IntEnum):
    """What a key's signatures say; the byte is part of the key ID."""

    ED25519 = 0x01  # over the note text
    COSIGNATURE = 0x04  # Ed25519: the largest consistent tree seen at a time
    COSIGNATURE_ML_DSA = 0x06  # the same by ML-DSA-44, which also covers the cosigner's name


_PUBLIC_SIZE: Final = {KeyType.ED25519: 32, KeyType.COSIGNATURE: 32, KeyType.COSIGNATURE_ML_DSA: 1312}


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature line of a note, verified or not; `blob` is what follows the key ID."""

    name: str
    key_id: bytes
    blob: bytes

    def line(self) -> str:
        """Write the line, with its newline."""
        return f"{_DASH}{self.name} {to_base64(self.key_id + self.blob)}\n"

    @classmethod
    def parse(cls, line: str) -> "Signature":
        """Read a line without its newline. Raises NoteError."""
        name, _, text = line.removeprefix(_DASH).partition(" ")
        blob = from_base64(text)
        if not line.startswith(_DASH) or not _is_name(name) or len(blob) < 5:
            raise NoteError("a signature line must be an em dash, a key name and base64, one space between them")
        return cls(name, blob[:4], blob[4:])


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A public key under a name: whoever holds it can tell this signer's notes from all others."""

    name: str
    type: KeyType
    public: bytes

    def __post_init__(self) -> None:
        """Raise NoteError for a name or a key that no signature line could carry."""
        if not _is_name(self.name):
            raise NoteError(f"{self.name!r} is no key name: not empty, no space, no `+`, no control character")
        if len(self.public) != _PUBLIC_SIZE[self.type]:
            raise NoteError(f"a public key of type {self.type:#04x} has {_PUBLIC_SIZE[self.type]} bytes, not {len(self.public)}")

    @property
    def key_id(self) -> bytes:
        """The four bytes that, with the name, tell which key signed."""
        return sha256(self.name.encode() + b"\n" + bytes([self.type]) + self.public).digest()[:4]

    def text(self) -> str:
        """Write the key as `<name>+<hex key ID>+<base64>`."""
        return f"{self.name}+{self.key_id.hex()}+{to_base64(bytes([self.type]) + self.public)}"

    @classmethod
    def parse(cls, text: str) -> "VerifierKey":
        """Read a key as `text()` writes it. Raises NoteError, also if the stated key ID is not this key's."""
        name, _, rest = text.partition("+")
        stated, _, encoded = rest.partition("+")
        raw = from_base64(encoded)
        if raw[:1] not in {bytes([kind]) for kind in KeyType}:
            raise NoteError("the verifier key is malformed, or of a type that is not supported here")
        key = cls(name, KeyType(raw[0]), raw[1:])
        if key.key_id.hex() != stated:
            raise NoteError(f"the verifier key states the key ID {stated!r}, but its own is {key.key_id.hex()}: it was altered or cut")
        return key

    def verify(self, text: str, signature: Signature) -> int | None:
        """Return the time that a cosignature states, None for a plain signature; raise NoteError if it is not this key's over `text`."""
        blob, message, time = signature.blob, text.encode(), None
        if self.type is not KeyType.ED25519:
            time = int.from_bytes(blob[:8], "big")
            if time > MAX_TIME:
                raise NoteError(f"the cosignature of {self.name} states a time that no clock shows", code="signature-invalid")
            blob, message = blob[8:], _cosigned_message(self, text, time)
        try:
            if self.type is KeyType.COSIGNATURE_ML_DSA:
                MLDSA44PublicKey.from_public_bytes(self.public).verify(blob, message)
            else:
                Ed25519PublicKey.from_public_bytes(self.public).verify(blob, message)
        except (InvalidSignature, ValueError) as wrong:
            raise NoteError(f"the signature of {self.name} does not belong to this text", code="signature-invalid") from wrong
        return time


@dataclass(frozen=True, slots=True)
class Verified:
    """A key that has signed, and when, if it is a cosigner's."""

    key: VerifierKey
    time: int | None


@dataclass(frozen=True, slots=True)
class Note:
    """A text and its signature lines; nothing in it is true until a key says so."""

    text: str
    signatures: tuple[Signature, ...]

    def encode(self) -> bytes:
        """Write the note."""
        return (self.text + "\n" + "".join(signature.line() for signature in self.signatures)).encode()

    @classmethod
    def parse(cls, raw: bytes) -> "Note":
        """Read a note without believing it. Raises NoteError; `parse(raw).encode()` is `raw`."""
        if len(raw) > MAX_NOTE_BYTES:
            raise NoteError(f"a note larger than {MAX_NOTE_BYTES} bytes is not read")
        try:
            whole = raw.decode()
        except UnicodeDecodeError as wrong:
            raise NoteError("the note is not UTF-8") from wrong
        body, gap, tail = whole.rpartition("\n\n")
        lines = tail.split("\n")
        if _CONTROL.search(whole) or not gap or lines.pop() != "" or not 1 <= len(lines) <= MAX_SIGNATURES:
            raise NoteError("a note is a text, an empty line and 1 to 100 signature lines, without control characters")
        return cls(body + "\n", tuple(Signature.parse(line) for line in lines))

    def verified_by(self, keys: Iterable[VerifierKey]) -> tuple[Verified, ...]:
        """Return which of these keys have signed. Signatures of other keys are ignored.

        Raises NoteError if a signature that claims one of these keys is false: then the whole note is."""
        known = {(key.name, key.key_id): key for key in keys}
        found: dict[VerifierKey, Verified] = {}
        for signature in self.signatures:
            key = known.get((signature.name, signature.key_id))
            if key is not None:
                verified = Verified(key, key.verify(self.text, signature))
                found[key] = max(found.get(key, verified), verified, key=lambda one: one.time or 0)
        return tuple(found.values())


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a log signs: its origin, its size and its root. Two of them that no proof can connect convict the signer."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Raise NoteError for values that the text form cannot carry."""
        lines = (self.origin, *self.extensions)
        if any(not line or "\n" in line or _CONTROL.search(line) for line in lines):
            raise NoteError("the lines of a checkpoint are not empty and hold no control character")
        if not 0 <= self.size <= MAX_TREE_SIZE or len(self.root) != HASH_SIZE:
            raise NoteError("a checkpoint holds a size below 2^63 and a root of 32 bytes")

    def text(self) -> str:
        """Write the note text that is signed."""
        return "".join(f"{line}\n" for line in (self.origin, str(self.size), to_base64(self.root), *self.extensions))

    @classmethod
    def parse(cls, text: str) -> "Checkpoint":
        """Read a note text as a checkpoint. Raises NoteError."""
        lines = text.split("\n")
        if lines.pop() != "" or len(lines) < 3:
            raise NoteError("a checkpoint has at least three lines: origin, size, root")
        return cls(lines[0], from_decimal(lines[1]), from_base64(lines[2]), tuple(lines[3:]))


class NoteSigner:
    """The secret half of a log's key: signs note texts."""

    def __init__(self, name: str, private: Ed25519PrivateKey) -> None:
        self._private = private
        self.key = VerifierKey(name, KeyType.ED25519, private.public_key().public_bytes_raw())

    @classmethod
    def generate(cls, name: str) -> "NoteSigner":
        """Make a new key under this name; for a log, its origin."""
        return cls(name, Ed25519PrivateKey.generate())

    @classmethod
    def parse(cls, secret: str) -> "NoteSigner":
        """Read what `reveal()` writes. Raises NoteError, and never repeats the secret in its sentence."""
        name, private = _parse_secret(secret, KeyType.ED25519)
        assert isinstance(private, Ed25519PrivateKey)  # the one kind that was asked for
        return cls(name, private)

    def reveal(self) -> str:
        """Write the SECRET key as `PRIVATE+KEY+<name>+<hex key ID>+<base64>`: whoever reads it can sign as this log."""
        return _secret_text(self.key, self._private)

    def sign(self, text: str) -> Signature:
        """Sign a note text."""
        return Signature(self.key.name, self.key.key_id, self._private.sign(text.encode()))


class Cosigner:
    """The secret half of a witness's key: states when it saw a checkpoint as the largest consistent tree of its origin."""

    def __init__(self, name: str, private: Ed25519PrivateKey | MLDSA44PrivateKey) -> None:
        self._private = private
        kind = KeyType.COSIGNATURE if isinstance(private, Ed25519PrivateKey) else KeyType.COSIGNATURE_ML_DSA
        self.key = VerifierKey(name, kind, private.public_key().public_bytes_raw())

    @classmethod
    def generate(cls, name: str) -> "Cosigner":
        """Make a new Ed25519 key under this name. One key a cosigner: its name is not part of what it signs.

        For ML-DSA-44, which the specification prefers but few logs ask for yet, give the constructor such a key."""
        return cls(name, Ed25519PrivateKey.generate())

    @classmethod
    def parse(cls, secret: str) -> "Cosigner":
        """Read what `reveal()` writes. Raises NoteError, and never repeats the secret in its sentence."""
        return cls(*_parse_secret(secret, KeyType.COSIGNATURE, KeyType.COSIGNATURE_ML_DSA))

    def reveal(self) -> str:
        """Write the SECRET key as `PRIVATE+KEY+<name>+<hex key ID>+<base64>`."""
        return _secret_text(self.key, self._private)

    def cosign(self, text: str, time: int) -> Signature:
        """Cosign a checkpoint's note text at a POSIX time in whole seconds."""
        signed = self._private.sign(_cosigned_message(self.key, text, time))
        return Signature(self.key.name, self.key.key_id, time.to_bytes(8, "big") + signed)


def sign_note(text: str, *signers: NoteSigner) -> bytes:
    """Write a note with one signature line for each signer. Raises NoteError for a text that no note can carry."""
    note = Note(text, tuple(signer.sign(text) for signer in signers))
    if not text.endswith("\n") or _CONTROL.search(text) or not signers:
        raise NoteError("a note's text ends with a newline, holds no other control character, and has a signer")
    return note.encode()


def open_checkpoint(raw: bytes, *keys: VerifierKey) -> Checkpoint:
    """Return the checkpoint in a note that at least one of these log keys has signed under its own origin.

    Raises NoteError: `note-unsigned` if none has, `signature-invalid` if a signature that claims one of the keys is false."""
    note = Note.parse(raw)
    checkpoint = Checkpoint.parse(note.text)
    verified = note.verified_by(key for key in keys if key.name == checkpoint.origin)
    if not verified:
        raise NoteError(f"the checkpoint of {checkpoint.origin} is not signed by the key that was given", code="note-unsigned")
    return checkpoint


def to_base64(raw: bytes) -> str:
    """Write standard base64 with padding, as every C2SP format does."""
    return base64.b64encode(raw).decode()


def from_base64(text: str) -> bytes:
    """Read standard base64, and only the one spelling of each value. Raises NoteError."""
    try:
        raw = base64.b64decode(text, validate=True)
    except ValueError as wrong:
        raise NoteError("this is not base64") from wrong
    # Unused bits of the last character could hide a change that no signature covers.
    if to_base64(raw) != text:
        raise NoteError("this is not the canonical base64 of its value")
    return raw


def from_decimal(text: str) -> int:
    """Read a size or an index: ASCII digits, no sign, no leading zero, below 2^63. Raises NoteError."""
    if not _DECIMAL.fullmatch(text) or int(text) > MAX_TREE_SIZE:
        raise NoteError("a size is written in plain decimal, without leading zeroes, below 2^63")
    return int(text)


def _is_name(name: str) -> bool:
    return bool(name) and "+" not in name and not _CONTROL.search(name) and not any(letter.isspace() for letter in name)


def _cosigned_message(key: VerifierKey, text: str, time: int) -> bytes:
    if key.type is KeyType.COSIGNATURE:
        return f"cosignature/v1\ntime {time}\n{text}".encode()
    checkpoint = Checkpoint.parse(text)
    return b"".join((
        b"subtree/v1\n\0", _short(key.name), time.to_bytes(8, "big"), _short(checkpoint.origin),
        (0).to_bytes(8, "big"), checkpoint.size.to_bytes(8, "big"), checkpoint.root,
    ))  # fmt: skip


def _short(text: str) -> bytes:
    raw = text.encode()
    if len(raw) > 255:
        raise NoteError("a name or origin longer than 255 bytes cannot be cosigned with ML-DSA-44")
    return bytes([len(raw)]) + raw


def _secret_text(key: VerifierKey, private: Ed25519PrivateKey | MLDSA44PrivateKey) -> str:
    return f"PRIVATE+KEY+{key.name}+{key.key_id.hex()}+{to_base64(bytes([key.type]) + private.private_bytes_raw())}"


def _parse_secret(secret: str, *kinds: KeyType) -> tuple[str, Ed25519PrivateKey | MLDSA44PrivateKey]:
    parts = secret.split("+", 4)
    raw = from_base64(parts[4]) if len(parts) == 5 else b""
    if parts[:2] != ["PRIVATE", "KEY"] or len(raw) != 33 or raw[0] not in kinds:
        raise NoteError("this is no secret key of the kind that is needed here")
    kind = KeyType(raw[0])
    ml_dsa = kind is KeyType.COSIGNATURE_ML_DSA
    private = MLDSA44PrivateKey.from_seed_bytes(raw[1:]) if ml_dsa else Ed25519PrivateKey.from_private_bytes(raw[1:])
    if VerifierKey(parts[2], kind, private.public_key().public_bytes_raw()).key_id.hex() != parts[3]:
        raise NoteError("the secret key does not match its own key ID: it was altered or cut")
    return parts[2], private
