"""Ask one witness to cosign the log's head (C2SP tlog-witness, the log's side). Believes no answer that does not verify.

1  the proof from the size that the witness saw last, as far as we know, to the head
2  200: the cosignature must be of the witness's pinned key, over this very head, at a time that a clock could show now
3  409: the size that the witness saw last; if the log has it, ask once more with the right proof
4  anything else is a refusal that has a name, and the witness has not cosigned"""

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType
from typing import Final

from gateway.audit.errors import AuditError
from gateway.audit.log import AuditLog
from gateway.audit.note import Checkpoint, Note, NoteError, Signature
from gateway.audit.quorum import WitnessKey
from gateway.audit.submission import SIZE_TYPE, Submission, SubmissionError, read_cosignatures, read_size
from gateway.clock import Clock
from gateway.errors import CustodesError
from gateway.witnessing.posting import Post, Reply

_KIND: Final = "text/plain; charset=utf-8"
# A cosignature from further away is worth nothing, whoever's clock is wrong: a replayed one, or one that would look fresh for ever.
CLOCKS_DIFFER: Final = timedelta(minutes=5)


class NotCosigned(CustodesError):
    """The witness has not cosigned this head; `code` is the state that is shown for it."""

    code = "not-cosigned"


@dataclass(frozen=True, slots=True)
class Head:
    """The log's newest checkpoint: the note, verbatim, and its size."""

    note: bytes
    size: int

    @classmethod
    def of(cls, log: AuditLog) -> "Head":
        """Take the head as it is now."""
        note = log.checkpoint()
        return cls(note, Checkpoint.parse(Note.parse(note).text).size)


class Submitter:
    """The way to one witness, and what it is known to have seen."""

    def __init__(self, witness: WitnessKey, log: AuditLog, post: Post, clock: Clock) -> None:
        self.witness = witness
        self.seen: int | None = None
        self._log = log
        self._post = post
        self._clock = clock

    async def cosign(self, head: Head) -> tuple[Signature, ...]:
        """Return the witness's cosignature lines over this head. Raises NotCosigned, or Unreachable."""
        # 1
        reply = await self._submit(head, min(self.seen or 0, head.size))
        if reply.status == 409:
            # 3
            self.seen = self._conflict(reply)
            if self.seen > head.size:
                raise NotCosigned(
                    f"The witness has seen {self.seen} entries, this log holds {self._log.size}: the log was set back, or the witness is"
                    " wrong.",
                    code="ahead-of-log",
                )
            reply = await self._submit(head, self.seen)
        if reply.status != 200:
            # 4
            raise _refusal(reply)
        # 2
        try:
            lines = await asyncio.to_thread(read_cosignatures, reply.body, head.note, [self.witness.key])
            times = [one.time or 0 for one in Note(Note.parse(head.note).text, lines).verified_by([self.witness.key])]
        except SubmissionError as wrong:
            raise NotCosigned(f"The witness's answer holds no cosignature of its key: {wrong.sentence}.", code="key-differs") from wrong
        except NoteError as wrong:
            raise NotCosigned(f"The witness's cosignature is false: {wrong.sentence}.", code="false-cosignature") from wrong
        if not all(abs(time - self._clock.now().timestamp()) <= CLOCKS_DIFFER.total_seconds() for time in times):
            raise NotCosigned("The cosignature states a time more than five minutes from ours: compare the clocks.", code="clocks-differ")
        self.seen = head.size
        return lines

    async def _submit(self, head: Head, old: int) -> Reply:
        try:
            proof = await asyncio.to_thread(self._log.consistency_proof, old, head.size) if old else ()
        except AuditError as wrong:
            raise NotCosigned(f"The proof for the witness cannot be made: {wrong.sentence}.", code="log-unavailable") from wrong
        url = (self.witness.url or "").rstrip("/") + "/add-checkpoint"
        return await self._post(url, Submission(old, proof, head.note).encode(), _KIND)

    def _conflict(self, reply: Reply) -> int:
        if reply.kind != SIZE_TYPE:
            raise NotCosigned(f"The witness's 409 is not of the type {SIZE_TYPE}.", code="answer-malformed")
        try:
            return read_size(reply.body)
        except SubmissionError as wrong:
            raise NotCosigned(f"The witness's 409 says no size: {wrong.sentence}.", code="answer-malformed") from wrong


_REFUSALS: Final = MappingProxyType(
    {
        403: ("key-unknown", "The witness does not know this log's key: give it the key of `GET /audit/log.vkey`."),
        404: ("log-unknown", "The witness does not watch this log: ask its operator to."),
        409: ("answer-malformed", "The witness says another size at each question."),
        422: ("history-disputed", "The witness says that this log is no extension of what it saw. Keep both, and find out which is true."),
    }
)


def _refusal(reply: Reply) -> NotCosigned:
    code, sentence = _REFUSALS.get(reply.status, ("refused", f"The witness answered {reply.status}."))
    return NotCosigned(sentence, code=code)
