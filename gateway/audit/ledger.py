"""The log as its one writing thread sees it: a store, the tree's right edge, the signers and the guard. Knows no queue and no caller.

What it promises about crashes. The store's commit is the one moment at which entries come to exist: before it nothing
of them is on disk, after it entries, tree and signed checkpoint all are. The guard is written after it, never before,
so a guard ahead of the log can only mean that the log was rolled back."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from gateway.audit.failures import LogDamaged, LogRolledBack
from gateway.audit.guard import INTERVAL_SECONDS, Guard
from gateway.audit.nodes import Nodes
from gateway.audit.note import Checkpoint, NoteError, NoteSigner, VerifierKey, open_checkpoint, sign_note
from gateway.audit.stores.base import Batch, Commit, HeadMoved, Opening, Store, StoreMissing
from gateway.audit.tiles import TileError, decode_bundle, encode_bundle
from gateway.audit.tree import Frontier, leaf_hash

LAST_ENTRIES: Final = 1024  # re-hashed at each opening; `AuditLog.check` re-hashes all
OpenStore = Callable[[bool], Store]  # the argument: may the store be created?


@dataclass(frozen=True, slots=True)
class Head:
    """The newest state of the log that is known to be durable."""

    size: int
    root: bytes
    checkpoint: bytes


@dataclass(frozen=True, slots=True)
class Added:
    """Entries that are now in the log: their first index, their leaf hashes, and the head that covers them."""

    first: int
    leaves: Sequence[bytes]
    head: Head


class Ledger:
    """An opened, verified log. After any error but StoreBusy from a writing method it must be closed and opened anew."""

    def __init__(self, open_store: OpenStore, signers: Sequence[NoteSigner], guard: Guard) -> None:
        """Open the store, verify what it holds, and take it up.

        Raises LogDamaged, LogRolledBack, or LogUnavailable if the storage does not answer."""
        self._signers = signers
        self._keys = [signer.key for signer in signers]
        self._guard = guard
        self._guarded_size = -1
        self._guarded_at = 0.0
        kept = self._read_guard()
        try:
            self.store = open_store(kept is None or kept.size == 0)
        except StoreMissing as error:
            raise _rolled_back(f"the guard has seen {kept.size if kept else 0} entries, but there is no log", 0, kept) from error
        try:
            self._take_up(kept)
        except BaseException:
            self.store.close()
            raise

    def _take_up(self, kept: Checkpoint | None) -> None:
        """Believe the store only after these steps:

        1 the guard was read before the head is, so that another process's appends in between do not look like a rollback
        2 the head's signature
        3 the tree rebuilt from stored leaves and tiles has the signed root
        4 the last entries hash to their leaves
        5 the head extends the guard; then the guard is brought up to it"""
        newest = self.store.head()  # 1
        if newest is not None and kept is None:
            # Another process may be starting this log for the first time: it writes the guard before anything else.
            kept = self._read_guard()
            newest = self.store.head()
        if newest is None:
            newest, kept = self._begin(kept)
        self.head = self._signed(newest)  # 2
        self.nodes = Nodes(self.store, self.head.size)
        if self.nodes.frontier.root() != self.head.root:  # 3
            raise LogDamaged(f"the stored tree of {self.head.size} entries does not have the root that was signed: check the whole log")
        for batch in self.store.batches(max(0, self.head.size - LAST_ENTRIES), self.head.size):  # 4
            leaves_of(batch)
        self._must_extend(kept)  # 5
        self.keep_guard(now=True)

    @property
    def origin(self) -> str:
        """The name under which this log signs."""
        return self._signers[0].key.name

    @property
    def verifier_keys(self) -> tuple[VerifierKey, ...]:
        """The public keys that vouch for its checkpoints."""
        return tuple(self._keys)

    def append(self, entries: Sequence[bytes], openings: Mapping[int, Mapping[str, Opening]]) -> Added:
        """Add at most MAX_BATCH entries, durably; `openings` are keyed by the entry's place among them.

        Raises StoreBusy if nothing was written; after any other error the effect is unknown."""
        leaves = [leaf_hash(entry) for entry in entries]
        while True:
            growth = self.nodes.grown(leaves)
            head = self._sign(growth.frontier)
            batch = Batch(head.size, head.checkpoint, b"".join(leaves), encode_bundle(entries))
            try:
                self.store.commit(Commit(batch, {batch.first + at: opened for at, opened in openings.items()}, growth.tiles))
            except HeadMoved:
                # Nothing was written. Take up what the other process added, and sign a tree that extends it.
                if not self.follow():
                    raise LogDamaged("the log file takes no entries, though it holds just those that were written") from None
                continue
            self.nodes.accept(growth)
            self.head = head
            return Added(batch.first, leaves, head)

    def follow(self) -> bool:
        """Take up what other processes have appended; return whether there was anything. Raises LogRolledBack, LogDamaged."""
        size = self.store.size()
        if size < self.head.size:
            raise LogRolledBack(
                f"the log shrank from {self.head.size} to {size} entries while it was open", log_size=size, guard_size=self.head.size
            )  # fmt: skip
        if size == self.head.size:
            return False
        leaves: list[bytes] = []
        for batch in self.store.batches(self.head.size, size):
            if batch.first != self.head.size + len(leaves):
                raise LogDamaged(f"entry {self.head.size + len(leaves)} was written twice", index=self.head.size + len(leaves))
            leaves += leaves_of(batch)
            newest = batch
        head, growth = self._signed(newest), self.nodes.grown(leaves)
        if growth.frontier.root() != head.root:
            raise LogDamaged(f"the checkpoint of {head.size} entries, by another process, does not match the entries")
        self.nodes.accept(growth)
        self.head = head
        return True

    def keep_guard(self, *, now: bool = False) -> None:
        """Bring the guard up to the head, at most once in INTERVAL_SECONDS unless `now`. Raises LogUnavailable."""
        moment = time.monotonic()
        if self._guarded_size == self.head.size or not (now or moment - self._guarded_at >= INTERVAL_SECONDS):
            return
        kept = self._read_guard()
        if kept is None or kept.size < self.head.size:  # another process may have brought it further
            self._guard.write(self.head.checkpoint)
        self._guarded_size, self._guarded_at = self.head.size, moment

    def _begin(self, kept: Checkpoint | None) -> tuple[Batch, Checkpoint]:
        """Start the log. The guard comes first: from here on, a log without a guard is one whose guard was taken away."""
        if kept is not None and kept.size:
            raise _rolled_back(f"the guard has seen {kept.size} entries, but the log is empty", 0, kept)
        nothing = self._sign(Frontier())
        self._guard.write(nothing.checkpoint)
        self.store.begin(nothing.checkpoint)
        newest = self.store.head()
        if newest is None:
            raise LogDamaged("the log was emptied in the moment in which it was started")
        return newest, Checkpoint(self.origin, 0, nothing.root)

    def _sign(self, edge: Frontier) -> Head:
        root = edge.root()
        return Head(edge.size, root, sign_note(Checkpoint(self.origin, edge.size, root).text(), *self._signers))

    def _signed(self, newest: Batch) -> Head:
        try:
            checkpoint = open_checkpoint(newest.checkpoint, *self._keys)
        except NoteError as error:
            raise LogDamaged(f"the newest checkpoint is not signed with this log's key: {error.sentence}") from error
        if checkpoint.size != newest.size or newest.first < 0:
            raise LogDamaged(f"the newest checkpoint is signed for {checkpoint.size} entries, not {newest.size}")
        return Head(newest.size, checkpoint.root, newest.checkpoint)

    def _read_guard(self) -> Checkpoint | None:
        try:
            return self._guard.read(*self._keys)
        except NoteError as error:
            raise LogDamaged(f"the guard file {self._guard.path.name} holds no checkpoint of this log: {error.sentence}") from error

    def _must_extend(self, kept: Checkpoint | None) -> None:
        size = self.head.size
        if kept is None:
            raise _rolled_back(
                f"the guard file is missing, so nothing shows that these {size} entries are all there were: put back a checkpoint"
                " that you published, or recover under a new origin", size, kept,
            )  # fmt: skip
        if kept.size > size:
            raise _rolled_back(f"the guard has seen {kept.size} entries, the log holds {size}: an older copy was restored", size, kept)
        before = Frontier.restore(kept.size, self.nodes.at).root()
        if before != kept.root:
            raise _rolled_back(
                f"the first {kept.size} of the log's {size} entries are not those the guard has seen: history was rewritten", size, kept
            )


def _rolled_back(sentence: str, log_size: int, kept: Checkpoint | None) -> LogRolledBack:
    return LogRolledBack(sentence, log_size=log_size, guard_size=kept.size if kept else 0)


def leaves_of(batch: Batch) -> list[bytes]:
    """Hash a batch's entries. Raises LogDamaged naming the first that is not what its leaf was made of."""
    leaves = [batch.leaves[at * 32 : at * 32 + 32] for at in range(batch.width)]
    try:
        hashes = [leaf_hash(entry) for entry in decode_bundle(batch.bundle, batch.width)]
    except TileError as error:
        raise LogDamaged(f"the entries from {batch.first} on cannot be read: {error.sentence}", index=batch.first) from error
    for index, (stored, computed) in enumerate(zip(leaves, hashes, strict=True), batch.first):
        if stored != computed:
            raise LogDamaged(f"entry {index} is not what was logged", index=index)
    return leaves
