"""What a log and a witness say to each other (C2SP tlog-witness, `add-checkpoint`), as bytes. Never opens a connection.

The log's side writes a Submission and reads the answer; the witness's side reads a Submission."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from gateway.audit.errors import AuditError
from gateway.audit.note import Note, NoteError, Signature, VerifierKey, from_base64, from_decimal, to_base64
from gateway.audit.tree import HASH_SIZE

SIZE_TYPE: Final = "text/x.tlog.size"  # the content type of a size in a 409
MAX_HASHES: Final = 63
MAX_BODY_BYTES: Final = 1 << 20


class SubmissionError(AuditError):
    """What the other side sent is not in the form that was agreed; nothing in it is used."""

    code = "submission-invalid"


@dataclass(frozen=True, slots=True)
class Submission:
    """A checkpoint for a witness, and the proof that it extends the tree of `old` entries that the witness saw last."""

    old: int
    proof: Sequence[bytes]
    checkpoint: bytes

    def encode(self) -> bytes:
        """Write the body of the request."""
        lines = "".join(f"{to_base64(one)}\n" for one in self.proof)
        return f"old {self.old}\n{lines}\n".encode() + self.checkpoint

    @classmethod
    def parse(cls, body: bytes) -> "Submission":
        """Read the body of a request; the checkpoint in it is only known to be there. Raises SubmissionError."""
        head, gap, checkpoint = body.partition(b"\n\n")
        lines = head.split(b"\n")
        if len(body) > MAX_BODY_BYTES or not gap or not lines[0].startswith(b"old ") or len(lines) > MAX_HASHES + 1:
            raise SubmissionError("expected `old <size>`, up to 63 hashes in base64, an empty line and a checkpoint")
        try:
            old = from_decimal(lines[0].removeprefix(b"old ").decode())
            proof = tuple(from_base64(line.decode()) for line in lines[1:])
        except (NoteError, UnicodeDecodeError) as wrong:
            raise SubmissionError(f"the old size or a hash is malformed: {wrong}") from wrong
        if any(len(one) != HASH_SIZE for one in proof):
            raise SubmissionError("a hash in a consistency proof has 32 bytes")
        return cls(old, proof, checkpoint)


def read_cosignatures(answer: bytes, checkpoint: bytes, keys: Collection[VerifierKey]) -> tuple[Signature, ...]:
    """Return the signature lines in a witness's answer that these keys made over this checkpoint; others are passed over.

    Raises SubmissionError if there is none, NoteError if one that claims a key is false."""
    if len(answer) > MAX_BODY_BYTES:
        raise SubmissionError("the witness's answer is too large")
    text = Note.parse(checkpoint).text
    try:
        lines = Note.parse(text.encode() + b"\n" + answer).signatures
    except NoteError as wrong:
        raise SubmissionError("the witness's answer is not made of signature lines") from wrong
    known = {(key.name, key.key_id) for key in keys}
    found = tuple(line for line in lines if (line.name, line.key_id) in known)
    if not Note(text, found).verified_by(keys):
        raise SubmissionError("the witness's answer holds no cosignature of the key that was expected")
    return found


def read_size(answer: bytes) -> int:
    """Return the size in a 409: the latest that the witness cosigned. Raises SubmissionError."""
    try:
        return from_decimal(answer.decode().removesuffix("\n"))
    except (NoteError, UnicodeDecodeError) as wrong:
        raise SubmissionError("the witness did not say which size it saw last") from wrong


def with_signatures(checkpoint: bytes, lines: Iterable[Signature]) -> bytes:
    """Return the checkpoint with these lines added; a line of the same key is replaced. Raises NoteError."""
    note = Note.parse(checkpoint)
    signatures = {(line.name, line.key_id): line for line in (*note.signatures, *lines)}
    return Note(note.text, tuple(signatures.values())).encode()
