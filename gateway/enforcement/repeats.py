"""Let a repeated request have the first one's answer, without a second search: what stands behind `Idempotency-Key`. Decides nothing.

An answer is kept for a day, sealed under its case's key: who destroys the key destroys it too. It is given again only where the request
would be permitted now, with the same strings, and names nobody who has been withdrawn meanwhile."""

import asyncio
import contextlib
import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeAlias

import msgspec

from engine.galleries.store import Galleries
from gateway.clock import Clock
from gateway.enforcement.answers import Held, ImageUnusable, Released
from gateway.enforcement.declaration import Declaration
from gateway.enforcement.images import Images
from gateway.enforcement.journal import Journal
from gateway.enforcement.restrictions import RestrictedResults
from gateway.enforcement.waiting import case_key
from gateway.errors import CustodesError
from gateway.records import entries
from gateway.registry.errors import KeyReused
from gateway.registry.idempotency import Answered, Begun, IdempotencyKeys
from gateway.review.vault import Vault
from policies.decision import Permit

Ending: TypeAlias = Released | Held | ImageUnusable
"""How a permitted request can end for good. (A recogniser that is busy, or failed, may be asked again.)"""


class AnswerWithdrawn(CustodesError):
    """The first answer may no longer be given out."""

    code = "answer-withdrawn"


@dataclass(frozen=True, slots=True)
class Once:
    """A request that is to happen once: its key, what is asked (a digest), and how its ending is written for the client."""

    key: str
    digest: str
    write: Callable[[Ending], bytes]

    @classmethod
    def of(cls, key: str, path: str, declaration: Declaration, write: Callable[[Ending], bytes]) -> "Once":
        """Return it for what is declared under a path; the images are compared when they are there."""
        asked = [path, declaration.operation, declaration.said, declaration.subject]
        return cls(key, hashlib.sha256(msgspec.json.encode(asked, enc_hook=dict, order="deterministic")).hexdigest(), write)


@dataclass(frozen=True, slots=True)
class Repeated:
    """The first answer, as it was written."""

    written: bytes


@dataclass(frozen=True, slots=True)
class Repeats:
    """The requests of the last day that named a key."""

    keys: IdempotencyKeys
    vault: Vault
    galleries: Galleries
    journal: Journal
    clock: Clock
    restricted: RestrictedResults

    async def begin(self, client: str, once: Once | None) -> Begun | Answered | None:
        """Claim the key; None without one. Raises KeyReused, StillRunning or Malformed."""
        return None if once is None else await asyncio.to_thread(self.keys.begin, client, once.key, once.digest)

    async def give_up(self, claim: Begun | Answered | None) -> None:
        """Let a key that was claimed be used again: nothing was done under it."""
        if isinstance(claim, Begun):
            await asyncio.to_thread(self.keys.abandon, claim)

    async def finish(
        self,
        claim: Begun | Answered | None,
        once: Once | None,
        case_ref: str | None,
        permit: Permit,
        images: Images,
        work: Awaitable[Released | Held],
    ) -> Released | Held:
        """Await the work, keep how it ended, and return or raise that. What ends without an answer gives its key free."""
        if once is None or not isinstance(claim, Begun):
            return await work
        try:
            ending: Ending = await work
        except ImageUnusable as unusable:
            ending = unusable
        except BaseException:
            await asyncio.shield(self.give_up(claim))
            raise
        # It is durable in the log: it is answered even if it cannot be kept, and then the key stays claimed rather than searched twice.
        with contextlib.suppress(CustodesError, OSError):
            await asyncio.to_thread(self._keep, claim, _Kept.of(ending, permit, images, once.write(ending)), case_ref)
        if isinstance(ending, ImageUnusable):
            raise ending
        return ending

    async def again(
        self, client: str, once: Once, answered: Answered, where: tuple[str | None, str | None], permit: Permit, images: Images
    ) -> Repeated:
        """Return the first answer, once more, after an entry that says so. `where` is the request's case and gallery.

        Raises KeyReused (other images), AnswerWithdrawn, ResultShredded or AuditUnavailable."""
        case_ref, gallery = where
        kept = await asyncio.to_thread(self._kept, client, once.key, answered, case_ref)
        if kept.images != images.digests:
            raise KeyReused("This Idempotency-Key came before with another image; use a new key for a new request.")
        if (
            kept.duties != _duties(permit)
            or not await asyncio.to_thread(self._all_enrolled, gallery, kept.subjects)
            or (gallery is not None and await asyncio.to_thread(self.restricted.of_subjects, gallery, kept.subjects))
        ):
            raise AnswerWithdrawn("What was answered then may no longer be given out as it was; ask anew, under a new Idempotency-Key.")
        await self.journal.write(entries.repeat(at=self.clock.now(), decision_id=kept.decision_id, client=client, rulebook=permit.rulebook))
        return Repeated(kept.written)

    def _keep(self, begun: Begun, kept: "_Kept", case_ref: str | None) -> None:
        name, case = _name(begun.client_id, begun.key), case_key(begun.client_id, case_ref)
        self.keys.finish(begun, self.vault.seal(case, name, msgspec.json.encode(kept)))

    def _kept(self, client: str, key: str, answered: Answered, case_ref: str | None) -> "_Kept":
        opened = self.vault.unseal(case_key(client, case_ref), _name(client, key), answered.answer)
        return msgspec.json.decode(opened, type=_Kept)

    def _all_enrolled(self, gallery: str | None, subjects: tuple[str, ...]) -> bool:
        return not subjects or (gallery is not None and all(self.galleries.holds(gallery, subject) for subject in subjects))


@dataclass(frozen=True, slots=True)
class _Kept:
    """What is sealed: the answer as it was written, and what must still be so for it to be given again."""

    decision_id: str
    images: tuple[str, ...]
    duties: tuple[str, ...]
    subjects: tuple[str, ...]
    written: bytes

    @classmethod
    def of(cls, ending: Ending, permit: Permit, images: Images, written: bytes) -> "_Kept":
        """Return what is kept of an ending."""
        named: tuple[str, ...] = ()
        if isinstance(ending, Released):
            enrolled = ending.answer.enrolled
            named = (*(candidate.subject for candidate in ending.answer.candidates), *(() if enrolled is None else (enrolled,)))
        return cls(ending.decision_id, images.digests, _duties(permit), named, written)


def _duties(permit: Permit) -> tuple[str, ...]:
    return tuple(sorted(obligation.slug for obligation in permit.obligations))


def _name(client: str, key: str) -> str:
    return f"repeat\n{client}\n{key}"
