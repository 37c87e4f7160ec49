"""Keep the log's head cosigned by witnesses, in the background, and know whether a quorum vouches for it. Stops nothing by itself.

A dead, slow or lying witness costs a line in the health report, and requests only where a rule demands `witnessed`."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from gateway.audit.errors import AuditError
from gateway.audit.log import AuditLog
from gateway.audit.note import NoteError, Signature
from gateway.audit.quorum import TrustPolicy, quorum_met
from gateway.audit.submission import with_signatures
from gateway.clock import Clock, iso
from gateway.errors import CustodesError
from gateway.witnessing.posting import Post
from gateway.witnessing.submitter import Head, Submitter

REFRESH_SECONDS: Final = 60.0  # a head that does not change is cosigned again this often, so that the time on it stays fresh
LONGEST_BACKOFF_SECONDS: Final = 300.0
# An older cosigned head is no longer shown in place of the newest: somebody may hold a later checkpoint, and would think the log cut.
PUBLISHED_FOR: Final = timedelta(minutes=15)
_LOOK_BACK: Final = 64


@dataclass(slots=True)
class _Standing:
    """How it goes with one witness. Times are those of the event loop."""

    submitter: Submitter
    state: str = "not-asked-yet"
    why: str = ""
    failures: int = 0
    due_at: float = 0.0
    cosigned: int | None = None

    def is_due(self, now: float, size: int) -> bool:
        """Say whether to ask now: a failing witness when its time has come, another also when the log has grown."""
        return now >= self.due_at or (self.failures == 0 and self.cosigned != size)


@dataclass(frozen=True, slots=True)
class _Vouched:
    """A cosigned checkpoint, when its newest cosignature was made, and since when a quorum stands behind it (None: never)."""

    note: bytes
    newest: datetime
    quorum_at: datetime | None


class Cosigning:
    """The witnesses of one log."""

    def __init__(self, log: AuditLog, policy: TrustPolicy, post: Post, clock: Clock) -> None:
        """Take up what was cosigned before, as the log kept it. Raises LogUnavailable, LogDamaged."""
        self._log = log
        self._policy = policy
        self._clock = clock
        self._standings = {name: _Standing(Submitter(one, log, post, clock)) for name, one in policy.witnesses.items() if one.url}
        self._vouched: _Vouched | None = None
        for note in log.cosigned_checkpoints(_LOOK_BACK) if policy.witnesses else ():
            found = self._weigh(note)
            if found is not None and (self._vouched is None or found.quorum_at is not None):
                self._vouched = found
            if self._vouched is not None and self._vouched.quorum_at is not None:
                break

    @property
    def keys(self) -> tuple[str, ...]:
        """The verifier keys of the witnesses that the policy names, for whoever checks their cosignatures."""
        return tuple(one.key.text() for one in self._policy.witnesses.values())

    async def run(self, seconds: float) -> None:
        """Ask for cosignatures for ever: whenever the log has grown, but at most every so many seconds. Ends at once without witnesses."""
        while self._standings:
            try:
                await self.round(seconds)
            except Exception as fault:  # nobody waits for this task: if it died of something unforeseen, that would be silent
                for standing in self._standings.values():
                    standing.state, standing.why = "failed-here", f"{type(fault).__name__}: {fault}"
            await asyncio.sleep(seconds)

    async def round(self, seconds: float) -> None:
        """Ask all witnesses that are due, together, and keep what they signed."""
        now = asyncio.get_running_loop().time()
        head = Head.of(self._log)
        due = [standing for standing in self._standings.values() if standing.is_due(now, head.size)]
        answers = await asyncio.gather(*(self._ask(standing, head, seconds) for standing in due))
        lines = [line for answer in answers for line in answer]
        if not lines:
            return
        try:
            await asyncio.to_thread(self._log.cosign, head.size, [line.line() for line in lines])
        except AuditError as fault:
            # Not durable, so not shown: the next round asks again.
            for standing in due:
                standing.state, standing.why, standing.cosigned = "not-kept", fault.sentence, None
            return
        found = self._weigh(with_signatures(head.note, lines))
        if found is not None and (found.quorum_at is not None or not self._is_shown(self._vouched) or self.witnessed_at() is None):
            self._vouched = found

    @property
    def policy(self) -> TrustPolicy:
        """Whom the operator relies on."""
        return self._policy

    def witnessed_at(self) -> datetime | None:
        """Return since when a quorum has vouched for the newest head that it saw; None if none ever did. Judging its age is for rules."""
        return None if self._vouched is None else self._vouched.quorum_at

    def published(self) -> bytes:
        """Return the checkpoint to show to strangers: the newest that witnesses have cosigned lately, else the newest of all."""
        vouched = self._vouched
        return vouched.note if vouched is not None and self._is_shown(vouched) else self._log.checkpoint()

    def report(self) -> Mapping[str, object] | None:
        """Say how it stands, for people who look after the service; None if no witness is named."""
        if not self._policy.witnesses:
            return None
        since = self.witnessed_at()
        return {
            "ready": True,  # the service serves without its witnesses; only rules may refuse for want of them
            "quorum": self._policy.quorum,
            "witnessed_at": None if since is None else iso(since),
            "fresh": since is not None and self._clock.now() - since <= PUBLISHED_FOR,
            "witnesses": {
                name: {"state": "no-address"}
                if (standing := self._standings.get(name)) is None
                else {"state": standing.state, "cosigned": standing.cosigned, **({"why": standing.why} if standing.why else {})}
                for name in self._policy.witnesses
            },
        }

    async def _ask(self, standing: _Standing, head: Head, seconds: float) -> tuple[Signature, ...]:
        loop = asyncio.get_running_loop()
        try:
            lines = await standing.submitter.cosign(head)
        except CustodesError as fault:
            standing.state, standing.why = fault.code, fault.sentence
            standing.failures += 1
            standing.due_at = loop.time() + min(seconds * 2**standing.failures, LONGEST_BACKOFF_SECONDS)
            return ()
        standing.state, standing.why, standing.failures, standing.cosigned = "cosigns", "", 0, head.size
        standing.due_at = loop.time() + REFRESH_SECONDS
        return lines

    def _weigh(self, note: bytes) -> _Vouched | None:
        """Return what the policy's witnesses have said on this note; None if nothing that counts."""
        try:
            quorum = quorum_met(self._policy, note, self._clock.now(), None)
        except NoteError:
            return None  # a line that was altered in the store vouches for nothing
        if not quorum.cosigned:
            return None
        since = self._policy.witnessed_since(quorum.cosigned)
        return _Vouched(note, _moment(max(quorum.cosigned.values())), None if since is None else _moment(since))

    def _is_shown(self, vouched: _Vouched | None) -> bool:
        return vouched is not None and self._clock.now() - vouched.newest <= PUBLISHED_FOR


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
