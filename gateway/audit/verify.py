"""Verify a log from its published bytes and the one key that the reader trusts: the outsider's side of the promise.

It needs the standard library and cryptography alone, and never the log's own program, its database or its word.

What is checked, each step relying on the ones before:
  1  the checkpoint: its form, the signature of the given key, the cosignatures of the given policy's witnesses
  2  the files: none missing, none besides
  3  each entry: bundle, hash tile and entries.jsonl agree; canonical JSON; the rules between entries; key changes; decisions
  4  the whole: tiles of every level, the root that was signed, and an older checkpoint's root on the way there
  5  the end: every intent closed, the engine's counter accounted for, the key that speaks for the log now, rulebook texts"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from hashlib import sha256
from itertools import count
from pathlib import Path
from typing import IO

from cryptography import x509

from gateway.audit.checkedtiles import CheckedTiles, tile_hashes
from gateway.audit.invariants import EntryRules, Rederivation, Rederive
from gateway.audit.note import Checkpoint, Note, NoteError, Verified, VerifierKey
from gateway.audit.published import KEY, LINES, ExportDirectory, Published, PublishedAt
from gateway.audit.quorum import TrustPolicy
from gateway.audit.report import Broken, CannotVerify, Finding, Report
from gateway.audit.rotation import KeyChain, KeyChange
from gateway.audit.stamps import Stamps
from gateway.audit.tiles import HEIGHT, WIDTH, Tile, TileError, decode_bundle, split_bundle, tiles_of_level
from gateway.audit.tree import EMPTY_ROOT, Frontier, root


@dataclass(frozen=True, slots=True)
class Demands:
    """What the reader asks for beyond a sound log; nothing of it can make a broken one pass.

    `policy`: a quorum of witnesses. `rederive`: decides every recorded decision again, from the texts of the rulebooks.
    `in_flight`: how old an intent without an outcome may be, measured at the log's latest entry; for logs that were at work when
    they were read. `authorities`: whose signature each time stamp in the log must carry; without any, none is checked."""

    policy: TrustPolicy = field(default_factory=lambda: TrustPolicy(quorum="none"))
    rederive: Rederive | None = None
    in_flight: timedelta = timedelta(0)
    authorities: tuple[x509.Certificate, ...] = ()


def verify_export(directory: Path, key: VerifierKey, since: bytes | None = None, demands: Demands | None = None) -> Report:
    """Verify an export directory, offline, from an older checkpoint (signed note) on if one is given.

    Raises CannotVerify if there is nothing to verify, or `since` is no checkpoint of this log."""
    return _Verification(ExportDirectory(directory), key, since, demands or Demands()).run()


def verify_url(
    url: str, key: VerifierKey, since: bytes | None = None, demands: Demands | None = None, headers: Mapping[str, str] | None = None
) -> Report:
    """Verify the log that is served below `url`. Raises CannotVerify as `verify_export` does, and if the log cannot be reached."""
    return _Verification(PublishedAt(url, headers), key, since, demands or Demands()).run()


class _Verification:
    """One run over one published log."""

    def __init__(self, published: Published, key: VerifierKey, since: bytes | None, demands: Demands) -> None:
        self._published = published
        self._demands = demands
        self._chain = KeyChain(key)
        self._rules = EntryRules()
        self._rederivation: Rederivation | None = demands.rederive(self._rulebook_text) if demands.rederive else None
        self._findings: list[Finding] = []
        self._older_note, self._older = _older_checkpoint(since, key)
        self._older_root: bytes | None = None
        self._in_flight: tuple[int, ...] = ()

    def run(self) -> Report:
        try:
            note, checkpoint, verified = self._open_checkpoint()
        except (Broken, NoteError) as wrong:
            return Report(self._published.name, (Finding(wrong.code, f"the checkpoint: {wrong.sentence}"),))
        self._look_for_strays(checkpoint.size)
        self._look_for_rollback(checkpoint)
        remarks: tuple[str, ...] = ()
        try:
            reached = self._read_entries(checkpoint.size)
        except Broken as wrong:
            self._findings.append(wrong.finding)
            if not _signers(note, self._chain.keys):
                sentence = "the checkpoint is not signed by the key that was given, and no key change up to the finding leads to its signer"
                self._findings.append(Finding("note-unsigned", sentence))
        else:
            self._compare_roots(checkpoint, reached)
            self._look_at_the_end(note)
            remarks = tuple(self._stamps.remarks())
        return Report(
            source=self._published.name,
            findings=tuple(self._findings),
            origin=checkpoint.origin,
            size=checkpoint.size,
            root=checkpoint.root,
            kinds=dict(self._rules.kinds),
            in_flight=self._in_flight,
            since=None if self._older is None else self._older.size,
            signers=tuple(one.key.text() for one in verified if one.time is None),
            cosigners=tuple((one.key.name, one.time) for one in verified if one.time is not None),
            unknown_signatures=len(note.signatures) - len(verified),
            derived=None if self._rederivation is None else self._rederivation.derived,
            unchecked={} if self._rederivation is None else dict(self._rederivation.unchecked),
            remarks=remarks,
        )

    # 1
    def _open_checkpoint(self) -> tuple[Note, Checkpoint, tuple[Verified, ...]]:
        """Read the checkpoint. That the trusted key is not among its signers is only final once all key changes are known."""
        key = self._chain.trusted
        note = Note.parse(self._published.checkpoint())
        checkpoint = Checkpoint.parse(note.text)
        if checkpoint.origin != key.name:
            raise Broken("origin-differs", f"this is the log {checkpoint.origin!r}; the key that was given is one of {key.name!r}")
        witnesses = {witness.key: name for name, witness in self._demands.policy.witnesses.items()}
        verified = note.verified_by([key, *witnesses])
        if not self._demands.policy.witnessed([witnesses[one.key] for one in verified if one.key in witnesses]):
            self._findings.append(Finding("quorum-missing", "the checkpoint is not cosigned by the witnesses that the policy demands"))
        return note, checkpoint, verified

    # 2
    def _look_for_strays(self, size: int) -> None:
        if isinstance(self._published, ExportDirectory):
            self._findings.extend(stray.finding for stray in self._published.strays(size))

    def _look_for_rollback(self, checkpoint: Checkpoint) -> None:
        if self._older is not None and self._older.size > checkpoint.size:
            self._findings.append(
                Finding(
                    "rolled-back",
                    f"the older checkpoint covers {self._older.size} entries, this log only {checkpoint.size}: entries are gone",
                    checkpoint.size,
                )
            )

    # 3 and 4
    def _read_entries(self, size: int) -> bytes:
        """Check every entry and every tile, in order, and return the root over the entries. Raises Broken at the first bad entry."""
        edge, tiles = Frontier(), CheckedTiles(self._published, size)
        self._stamps = Stamps(self._chain.trusted.name, self._demands.authorities, tiles.root_at)
        lines = self._published.lines() if isinstance(self._published, ExportDirectory) else None
        try:
            for bundle in tiles_of_level(size, None):
                leaves = []
                for index, entry, leaf in self._read_bundle(bundle, lines):
                    self._take_entry(index, entry)
                    leaves.append(leaf)
                for level, place, node in self._grow(edge, leaves):
                    tiles.compare(level, place, node)
            if lines is not None and lines.read(1):
                raise Broken("lines-differ", f"{LINES} goes on after the last entry", size)
        finally:
            if lines is not None:
                lines.close()
        return edge.root()

    def _read_bundle(self, bundle: Tile, lines: IO[bytes] | None) -> Iterator[tuple[int, bytes, bytes]]:
        """Return each entry with its index and leaf hash, once the hash tile and its line bear it out. Raises Broken."""
        tile = Tile(0, bundle.index, bundle.width)
        hashes = tile_hashes(self._published, tile)
        raw = self._published.tile(bundle)
        entries = split_bundle(raw)
        leaves = [sha256(b"\x00" + entry).digest() for entry in entries]  # leaf_hash, written out, as for all entries it runs here
        whole = leaves == hashes
        if whole and lines is not None:
            stretch = b"\n".join([*entries, b""])
            start = lines.tell()
            whole = lines.read(len(stretch)) == stretch
            if not whole:
                lines.seek(start)
        for index, entry, leaf, stated in zip(count(bundle.first), entries, leaves, hashes, strict=False):
            if not whole:  # somewhere in this bundle: what comes before the first difference is still looked at, in its order
                if leaf != stated:
                    raise Broken("entry-differs", f"{bundle.path} does not hold the entry whose hash is in {tile.path}", index)
                if lines is not None:
                    _compare_line(lines, index, entry)
            yield index, entry, leaf
        # Last, since a false length is better told by the entry that it spoils.
        try:
            decode_bundle(raw, bundle.width)
        except TileError as wrong:
            raise Broken(wrong.code, f"{bundle.path}: {wrong.sentence}", bundle.first + min(len(entries), bundle.width)) from wrong

    def _grow(self, edge: Frontier, leaves: Sequence[bytes]) -> Iterator[tuple[int, int, bytes]]:
        """Add a bundle's leaves to the edge, and return the nodes above the hash tiles that they complete."""
        older = self._older.size - edge.size if self._older is not None else 0
        if 0 < older <= len(leaves):
            before = edge.copy()
            for leaf in leaves[:older]:
                before.append(leaf)
            self._older_root = before.root()
        if len(leaves) == WIDTH:
            yield from edge.append(root(leaves), HEIGHT)
        else:
            for leaf in leaves:
                edge.append(leaf)

    def _take_entry(self, index: int, raw: bytes) -> None:
        entry = self._rules.see(index, raw)
        if entry["kind"] == "key-change" and "note" in entry:  # those without one are about other keys than the log's
            try:
                self._chain.follow(KeyChange.parse(entry))
            except NoteError as wrong:
                raise Broken("key-change-invalid", wrong.sentence, index) from wrong
        elif entry["kind"] == "anchor":
            self._stamps.see(index, entry)
        if self._rederivation is not None:
            self._rederivation.see(index, entry)

    def _rulebook_text(self, digest: str) -> bytes | None:
        """Return the text of a rulebook, once it hashes to its name. Raises Broken if it does not."""
        text = self._published.rulebook(digest)
        if text is not None and sha256(text).hexdigest() != digest:
            raise Broken(
                "rulebook-differs",
                f"the text of rulebook {digest} was altered: it does not have that digest",
                self._rules.rulebooks.get(digest),
            )
        return text

    def _compare_roots(self, checkpoint: Checkpoint, reached: bytes) -> None:
        older = self._older
        forked = older is not None and older.size <= checkpoint.size and older.root != (self._older_root or EMPTY_ROOT)
        unchanged = older.size if older is not None and not forked else 0
        if forked:
            sentence = f"the first {older.size if older else 0} entries are not those of the older checkpoint: history was rewritten"
            self._findings.append(Finding("forked", sentence, 0))
        if reached != checkpoint.root:
            sentence = f"the entries from here on do not hash to the root that was signed: at least one of {checkpoint.size} was changed"
            self._findings.append(Finding("root-differs", sentence, unchanged if checkpoint.size else None))

    # 5
    def _look_at_the_end(self, note: Note) -> None:
        try:
            self._in_flight = self._rules.end(self._demands.in_flight)
        except Broken as wrong:
            self._findings.append(wrong.finding)
        self._findings.extend(broken.finding for broken in self._look_at_keys(note))
        self._findings.extend(broken.finding for broken in self._look_at_rulebooks())
        if self._older_note is not None and not _signers(self._older_note, {self._chain.trusted, *self._chain.keys}):
            raise CannotVerify("the older checkpoint is signed by no key of this log, so it shows nothing")

    def _look_at_keys(self, note: Note) -> Iterator[Broken]:
        current = self._chain.current
        if self._chain.trusted not in self._chain.keys:
            yield Broken("key-unknown", "the key changes in this log neither start at the key that was given nor lead to it")
        if not _signers(note, [current]):
            yield Broken("note-unsigned", f"the checkpoint is not signed by {current.text()}, the key that speaks for this log")
        if isinstance(self._published, ExportDirectory):
            try:
                if self._published.key() != f"{current.text()}\n".encode():
                    yield Broken("log-key-differs", f"{KEY} does not hold the key that speaks for this log, and nothing else")
            except Broken as missing:
                yield missing

    def _look_at_rulebooks(self) -> Iterator[Broken]:
        """An export holds the text of each rulebook that an entry names, and no other; over the web they are read where they are needed."""
        if not isinstance(self._published, ExportDirectory):
            return
        for digest, index in self._rules.rulebooks.items():
            try:
                if self._rulebook_text(digest) is None:
                    yield Broken("rulebook-missing", f"the text of rulebook {digest}, which this entry names, is not in the export", index)
            except Broken as altered:
                yield altered
        for digest in self._published.rulebooks():
            if digest not in self._rules.rulebooks:
                yield Broken("file-stray", f"no entry names the rulebook {digest}")


def _compare_line(lines: IO[bytes], index: int, entry: bytes) -> None:
    if lines.read(len(entry) + 1) != entry + b"\n":
        raise Broken("lines-differ", f"the line in {LINES} is not the entry that the tiles hold", index)


def _signers(note: Note, keys: Collection[VerifierKey]) -> tuple[Verified, ...]:
    """Return which of the keys signed; none, if a signature that claims one of them is false."""
    try:
        return note.verified_by(keys)
    except NoteError:
        return ()


def _older_checkpoint(raw: bytes | None, key: VerifierKey) -> tuple[Note | None, Checkpoint | None]:
    """Read the checkpoint that the reader kept; who signed it is only known once all key changes are. Raises CannotVerify."""
    if raw is None:
        return None, None
    try:
        note = Note.parse(raw)
        checkpoint = Checkpoint.parse(note.text)
    except NoteError as wrong:
        raise CannotVerify(f"the older checkpoint cannot be read: {wrong.sentence}") from wrong
    if checkpoint.origin != key.name:
        raise CannotVerify(f"the older checkpoint is of another log, {checkpoint.origin!r}")
    return note, checkpoint
