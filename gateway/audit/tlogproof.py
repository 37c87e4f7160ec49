"""Read and check a receipt in the form c2sp.org/tlog-proof@v1: an entry's index, its proof and the signed checkpoint.

It never needs the log: a receipt, the entry's bytes and the log's key are all that its holder must keep."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from gateway.audit.errors import AuditError
from gateway.audit.note import Checkpoint, NoteError, VerifierKey, from_base64, from_decimal, open_checkpoint
from gateway.audit.tree import HASH_SIZE, leaf_hash, verify_inclusion

HEADER: Final = "c2sp.org/tlog-proof@v1"
MAX_HASHES: Final = 63


class TlogProofError(AuditError):
    """The text is no tlog-proof; it proves nothing."""

    code = "tlog-proof-invalid"


@dataclass(frozen=True, slots=True)
class TlogProof:
    """What shows that an entry lies in a log, to anyone who has the entry and the log's key."""

    index: int
    hashes: Sequence[bytes]
    checkpoint: bytes

    @classmethod
    def parse(cls, text: str) -> "TlogProof":
        """Read a proof, passing over its unauthenticated `extra` line. Raises TlogProofError."""
        head, gap, checkpoint = text.partition("\n\n")
        lines = head.split("\n")
        if len(lines) > 1 and lines[1].startswith("extra "):
            del lines[1]
        if not gap or lines[0] != HEADER or len(lines) < 2 or not lines[1].startswith("index ") or len(lines) > MAX_HASHES + 2:
            raise TlogProofError(f"a tlog-proof is the line {HEADER}, an index, up to 63 hashes, an empty line and a checkpoint")
        try:
            index = from_decimal(lines[1].removeprefix("index "))
            hashes = tuple(from_base64(line) for line in lines[2:])
            raw = checkpoint.encode()
        except (NoteError, UnicodeEncodeError) as wrong:
            raise TlogProofError(f"the tlog-proof is malformed: {wrong}") from wrong
        if any(len(one) != HASH_SIZE for one in hashes):
            raise TlogProofError("a hash in a tlog-proof has 32 bytes")
        return cls(index, hashes, raw)

    def verify(self, entry: bytes, *keys: VerifierKey) -> Checkpoint:
        """Return the checkpoint, signed by one of these log keys, whose tree holds exactly this entry at this index.

        Raises NoteError if no key has signed it, ProofError if the entry is not there."""
        checkpoint = open_checkpoint(self.checkpoint, *keys)
        verify_inclusion(leaf_hash(entry), self.index, checkpoint.size, self.hashes, checkpoint.root)
        return checkpoint
