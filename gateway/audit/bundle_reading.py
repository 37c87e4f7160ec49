"""Verify an evidence bundle from its bytes and the one key that the reader trusts. Believes neither its page nor its manifest.

1 the file is a bundle as it is written, each part as its manifest says; 2 the checkpoint is signed; 3 each entry lies under it;
4 each opening opens its commitment; 5 each rulebook is the one that an entry names; 6 the entries are one decision's;
7 what is said besides (digests, page) is what the entries say."""

import hmac
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from gateway.audit.bundle import (
    DIGESTS,
    MANIFEST,
    PAGE,
    README,
    REDRESS,
    VERSION,
    WITNESSES,
    digests,
    entry_path,
    openings_path,
    pack,
    page_data,
    proof_path,
)
from gateway.audit.canonical import CanonicalError, decode
from gateway.audit.invariants import Rederivation
from gateway.audit.note import Checkpoint, Note, NoteError, Verified, VerifierKey
from gateway.audit.page import data_in, embedded
from gateway.audit.published import CHECKPOINT, KEY, rulebook_path
from gateway.audit.quorum import PolicyError, TrustPolicy
from gateway.audit.report import Broken, CannotVerify, Finding, Report
from gateway.audit.rotation import KeyChain, KeyChange
from gateway.audit.tlogproof import TlogProof, TlogProofError
from gateway.audit.tree import ProofError, leaf_hash, verify_inclusion
from gateway.audit.unpacking import MAX_BUNDLE, index_in, unpacked
from gateway.audit.verify import Demands

_ALWAYS: Final = frozenset({CHECKPOINT, KEY, README, REDRESS, DIGESTS, PAGE, MANIFEST})
_DECIDES: Final = ("intent", "denial", "check")
_CLOSES: Final = ("outcome", "abandoned")


def verify_bundle(path: Path, key: VerifierKey, demands: Demands | None = None) -> Report:
    """Verify a bundle, offline. Raises CannotVerify if there is no such file."""
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BUNDLE + 1)
    except OSError as wrong:
        raise CannotVerify(f"{path} cannot be read: {wrong.strerror}") from wrong
    return _Bundle(str(path), raw, key, demands or Demands()).run()


class _Bundle:
    """One run over one bundle."""

    def __init__(self, name: str, raw: bytes, key: VerifierKey, demands: Demands) -> None:
        self._name = name
        self._raw = raw
        self._chain = KeyChain(key)
        self._demands = demands
        self._files: dict[str, bytes] = {}
        self._head: Mapping[str, Any] = {}
        self._story: dict[int, Mapping[str, Any]] = {}
        self._checkpoint: Checkpoint | None = None
        self._rederivation: Rederivation | None = None
        self._remarks: list[str] = []

    def run(self) -> Report:
        findings: list[Finding] = []
        try:
            self._open()
            note, checkpoint = self._signed_text()
            self._read_story(checkpoint)
            verified = self._signers(note)
            for _looked in (self._openings(), self._rulebooks(), self._one_decision(), self._said_besides()):
                findings.extend(broken.finding for broken in _looked)
            self._rederive()
        except (Broken, NoteError) as wrong:
            found = wrong.finding if isinstance(wrong, Broken) else Finding(wrong.code, f"the checkpoint: {wrong.sentence}")
            return Report(self._name, (*findings, found))
        return Report(
            source=self._name,
            findings=tuple(findings),
            origin=checkpoint.origin,
            size=checkpoint.size,
            root=checkpoint.root,
            kinds=Counter(str(entry.get("kind")) for entry in self._story.values()),
            signers=tuple(one.key.text() for one in verified if one.time is None),
            cosigners=tuple((one.key.name, one.time) for one in verified if one.time is not None),
            unknown_signatures=len(note.signatures) - len(verified),
            derived=None if self._rederivation is None else self._rederivation.derived,
            unchecked={} if self._rederivation is None else dict(self._rederivation.unchecked),
            remarks=tuple(self._remarks),
        )

    # 1
    def _open(self) -> None:
        self._files = unpacked(self._raw)
        head = _document(self._files, MANIFEST)
        listed = head.pop("files", None)
        if head.get("v") != VERSION or not isinstance(listed, dict) or set(head) != {"decision_id", "reader", "kept_back", "v"}:
            raise Broken("bundle-malformed", f"{MANIFEST} is not that of an evidence bundle")
        for name in sorted({*self._files, *listed} - {MANIFEST}):
            content = self._files.get(name)
            if content is None or listed.get(name) != sha256(content).hexdigest():
                raise Broken("file-altered", f"{name} is missing, foreign, or not what {MANIFEST} says", index_in(name))
        # Last, since what was altered inside is better told by its name: everything else that a zip file can hide.
        if pack(self._files) != self._raw:
            raise Broken(
                "bundle-altered", "bytes between the parts of the zip file were changed or added: it is not as a bundle is written"
            )
        self._head = head

    # 2
    def _signed_text(self) -> tuple[Note, Checkpoint]:
        note = Note.parse(self._file(CHECKPOINT))
        checkpoint = Checkpoint.parse(note.text)
        if checkpoint.origin != self._chain.trusted.name:
            raise Broken("origin-differs", f"this is the log {checkpoint.origin!r}; the key is one of {self._chain.trusted.name!r}")
        return note, checkpoint

    def _signers(self, note: Note) -> tuple[Verified, ...]:
        """Say who signed, once the story's own key changes are known; the key that speaks for the log last must be among them."""
        witnesses = {witness.key: name for name, witness in self._demands.policy.witnesses.items()}
        current = self._chain.current
        verified = note.verified_by({self._chain.trusted, current, *witnesses})
        self._look_at_witnesses(note)
        if current not in {one.key for one in verified}:
            raise Broken("note-unsigned", f"the checkpoint is not signed by {current.text()}, the key that speaks for this log")
        if self._file(KEY) != f"{current.text()}\n".encode():
            raise Broken("log-key-differs", f"{KEY} does not hold the key that speaks for this log, and nothing else")
        if not self._demands.policy.witnessed([witnesses[one.key] for one in verified if one.key in witnesses]):
            raise Broken("quorum-missing", "the checkpoint is not cosigned by the witnesses that the policy demands")
        return verified

    def _look_at_witnesses(self, note: Note) -> None:
        """Check the cosignatures that the bundle itself names. They make nothing believed: whoever packed it chose those witnesses."""
        if WITNESSES not in self._files:
            return
        try:
            policy = TrustPolicy.parse(self._files[WITNESSES])
        except PolicyError as wrong:
            raise Broken("bundle-malformed", f"{WITNESSES}: {wrong.sentence}") from wrong
        if policy.encode() != self._files[WITNESSES]:
            raise Broken("bundle-malformed", f"{WITNESSES} is not as a bundle's policy is written")
        cosigned = policy.cosigned(note)
        if not policy.witnessed(cosigned):
            raise Broken("quorum-missing", f"the checkpoint is not cosigned by the witnesses that the bundle's own {WITNESSES} demands")
        self._remarks.append(
            f"{len(cosigned)} of the {len(policy.witnesses)} witnesses that the bundle's own {WITNESSES} names have cosigned, which is the"
            " quorum that it asks for; whether to trust them, only a policy of yours (--policy) says"
        )

    # 3
    def _read_story(self, checkpoint: Checkpoint) -> None:
        for name in sorted(name for name in self._files if name.startswith("entries/")):
            index = index_in(name)
            if index is None or name != entry_path(index):
                raise Broken("bundle-malformed", f"{name} is no entry's name")
            raw = self._files[name]
            try:
                proof = TlogProof.parse(self._file(proof_path(index)).decode())
                if proof.index != index or proof.checkpoint != self._file(CHECKPOINT):
                    raise Broken("proof-invalid", "the proof is for another entry, or rests on another checkpoint", index)
                verify_inclusion(leaf_hash(raw), index, checkpoint.size, proof.hashes, checkpoint.root)
                entry = decode(raw)
            except (ProofError, TlogProofError, CanonicalError) as wrong:
                raise Broken(wrong.code, f"entry and proof do not lead to the signed root: {wrong.sentence}", index) from wrong
            except UnicodeDecodeError as wrong:
                raise Broken("proof-invalid", "the proof is not text", index) from wrong
            if entry.get("kind") == "key-change" and "note" in entry:
                self._chain.follow(KeyChange.parse(entry))
            self._story[index] = entry

    # 4
    def _openings(self) -> Iterator[Broken]:
        for name in sorted(name for name in self._files if name.startswith("openings/")):
            index = index_in(name)
            entry = self._story.get(-1 if index is None else index)
            opened = _document(self._files, name)
            if index is None or entry is None or name != openings_path(index) or not opened:
                yield Broken("bundle-malformed", f"{name} opens no entry of this bundle")
                continue
            for path, opening in opened.items():
                if not _opens(opening, _at(entry, path)):
                    yield Broken("opening-differs", f"the value at {path} is not the one that the entry was written with", index)

    # 5
    def _rulebooks(self) -> Iterator[Broken]:
        named = {entry["rulebook"]: index for index, entry in self._story.items() if isinstance(entry.get("rulebook"), str)}
        for digest, index in named.items():
            text = self._files.get(rulebook_path(digest))
            if text is None or sha256(text).hexdigest() != digest:
                yield Broken("rulebook-differs", f"the text of rulebook {digest} is missing, or was altered", index)
        for name in self._files:
            if name.startswith("rulebooks/") and name not in {rulebook_path(digest) for digest in named}:
                yield Broken("file-stray", f"no entry names {name}")

    # 6
    def _one_decision(self) -> Iterator[Broken]:
        decision = self._head["decision_id"]
        story = {index: entry for index, entry in self._story.items() if "decision_id" in entry}
        for index, entry in story.items():
            if entry["decision_id"] != decision:
                yield Broken("decision-mixed", f"this entry is of another decision than {decision}", index)
        begun = [index for index, entry in story.items() if entry.get("kind") in _DECIDES]
        if len(begun) != 1:
            yield Broken("decision-mixed", f"a bundle holds one decision, and this one {len(begun)}")
            return
        for index, entry in story.items():
            of_it = story[begun[0]]["kind"] == "intent" and entry.get("intent") == begun[0] < index
            if entry.get("kind") in _CLOSES and not of_it:
                yield Broken("outcome-without-intent", "this outcome is not that of the bundle's decision", index)

    # 7
    def _said_besides(self) -> Iterator[Broken]:
        if _document(self._files, DIGESTS) != digests([self._files[entry_path(index)] for index in self._story]):
            yield Broken("digests-differ", f"{DIGESTS} does not name what the entries name")
        page = data_in(self._file(PAGE).decode("utf-8", "replace"))
        if page != embedded(page_data(self._head, self._files)):
            yield Broken("page-differs", f"{PAGE} does not hold the same evidence as the files beside it")
        known = {*_ALWAYS, WITNESSES}
        for name in self._files:
            if name not in known and not name.startswith(("entries/", "proofs/", "openings/", "rulebooks/")):
                yield Broken("file-stray", f"{name} does not belong to a bundle", index_in(name))
            if name.startswith("proofs/") and name not in {proof_path(index) for index in self._story}:
                yield Broken("file-stray", f"{name} proves nothing in this bundle", index_in(name))

    def _rederive(self) -> None:
        if self._demands.rederive is not None:
            self._rederivation = self._demands.rederive(lambda digest: self._files.get(rulebook_path(digest)))
            for index, entry in sorted(self._story.items()):
                self._rederivation.see(index, entry)

    def _file(self, name: str) -> bytes:
        if name not in self._files:
            raise Broken("file-missing", f"{name} is missing", index_in(name))
        return self._files[name]


def _document(files: Mapping[str, bytes], name: str) -> dict[str, Any]:
    raw = files.get(name, b"")
    if not raw.endswith(b"\n"):
        raise Broken("bundle-malformed", f"{name} is missing, or does not end with a newline")
    try:
        return decode(raw[:-1])
    except CanonicalError as wrong:
        raise Broken("bundle-malformed", f"{name} cannot be read: {wrong.sentence}") from wrong


def _opens(opening: object, stands: object) -> bool:
    """Say whether nonce and value are those of the commitment that stands in the entry."""
    if not isinstance(opening, dict) or set(opening) != {"nonce", "value"}:
        return False
    nonce, value = opening["nonce"], opening["value"]
    if not isinstance(nonce, str) or not isinstance(value, str) or not isinstance(stands, str):
        return False
    try:
        digest = hmac.digest(bytes.fromhex(nonce), value.encode(), "sha256").hex()
    except ValueError:
        return False
    return len(nonce) == 64 and nonce == nonce.lower() and stands == f"commitment:{digest}"


def _at(entry: Mapping[str, Any], path: str) -> object:
    value: object = entry
    for name in path.split("/")[1:]:
        if isinstance(value, Mapping):
            value = value.get(name)
        elif isinstance(value, Sequence) and not isinstance(value, str) and name.isascii() and name.isdigit() and len(name) < 6:
            value = value[int(name)] if int(name) < len(value) else None
        else:
            return None
    return value
