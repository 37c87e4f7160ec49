"""Gather what the log holds of one decision into evidence for one reader. Judges nothing, and leaves to disclosure.py who may see what."""

import json
from collections.abc import Callable, Iterator
from typing import Any, Final

from gateway.audit.bundle import Evidence, Exhibit
from gateway.audit.log import AuditLog, Opening
from gateway.audit.note import Checkpoint, Note
from gateway.audit.quorum import NONE, TrustPolicy, newest_witnessed
from gateway.errors import CustodesError
from gateway.records.disclosure import Reader, opened, shown
from gateway.records.explorer import Explorer, Filter
from gateway.records.redress import Contacts, redress

MOST_ENTRIES: Final = 500
_LOOK_BACK: Final = 64  # cosigned heads, among which one of a quorum is looked for
NO_WITNESS: Final = TrustPolicy(NONE)


class DecisionUnknown(CustodesError):
    """The log holds no such decision for this reader; absent and foreign look alike."""

    code = "unknown-decision"


class EvidenceRoom:
    """Where evidence is gathered. Each method blocks: call it from a thread."""

    def __init__(
        self,
        log: AuditLog,
        explorer: Explorer,
        text_of: Callable[[str], bytes | None],
        contacts: Contacts,
        witnesses: TrustPolicy = NO_WITNESS,
    ) -> None:
        """`contacts`: to whom people turn. `witnesses`: the policy by which the operator relies on witnesses; a bundle rests on what a
        quorum has seen, where it can."""
        self._log = log
        self._explorer = explorer
        self._text_of = text_of
        self._contacts = contacts
        self._witnesses = witnesses

    def gather(self, decision_id: str, reader: Reader, client: str | None = None) -> Evidence:
        """Return the evidence for a decision. For Reader.CLIENT, `client` is who asks; another's decision is as absent as none.

        Raises DecisionUnknown. The entries come from the log itself: the explorer only says where to look."""
        story = dict(self._story(decision_id))
        owner = next((entry.get("client") for entry in story.values() if entry.get("kind") in ("intent", "denial", "check")), None)
        if owner is None or (reader is Reader.CLIENT and owner != client):
            raise DecisionUnknown("There is no such decision, or it is not yours; `decision_id` stands in each answer.")
        told = {index: entry for index, entry in story.items() if shown(reader, entry, list(story.values()))}
        before = min(told)
        named = dict.fromkeys(entry["rulebook"] for entry in told.values() if isinstance(entry.get("rulebook"), str))
        context = {index: entry for digest in named for index, entry in self._made_live(digest, before)} | dict(self._key_changes())
        checkpoint, witnessed = self._head(covering=max({*told, *context}) + 1)
        return Evidence(
            decision_id=decision_id,
            reader=str(reader),
            key=self._log.verifier_keys[-1].text(),
            checkpoint=checkpoint,
            exhibits=[
                self._exhibit(index, checkpoint, self._openings(reader, index, entry, list(story.values())) if index in told else {})
                for index, entry in sorted((told | context).items())
            ],
            rulebooks={digest: text for digest in named if (text := self._text_of(digest)) is not None},
            redress=redress(decision_id, [entry for _index, entry in sorted(told.items())], self._contacts),
            witnesses=self._witnesses if witnessed else None,
            kept_back=len(story) - len(told),
        )

    def _head(self, covering: int) -> tuple[bytes, bool]:
        """Return what the bundle rests on, and whether a quorum has seen it: the newest such head, if it covers these entries.

        Where witnesses have not seen these entries yet, better the log's own word on all than theirs on some."""
        cosigned = [*self._log.cosigned_checkpoints(_LOOK_BACK)]
        if (witnessed := newest_witnessed(self._witnesses, cosigned, covering)) is not None:
            return witnessed, True
        checkpoint = next(iter(cosigned), self._log.checkpoint())
        return checkpoint if Checkpoint.parse(Note.parse(checkpoint).text).size >= covering else self._log.checkpoint(), False

    def client_of(self, decision_id: str) -> str | None:
        """Return whose decision it is, None if there is no such decision."""
        return next((client for _index, entry in self._story(decision_id) if isinstance(client := entry.get("client"), str)), None)

    def _story(self, decision_id: str) -> Iterator[tuple[int, dict[str, Any]]]:
        for found in reversed(self._explorer.find(Filter(decision_id=decision_id), limit=MOST_ENTRIES)):
            entry = json.loads(self._log.entry(found.index))
            if entry.get("decision_id") == decision_id:
                yield found.index, entry

    def _made_live(self, digest: str, before: int) -> Iterator[tuple[int, dict[str, Any]]]:
        """Find the entry that made a rulebook live, the last one before the decision."""
        for found in self._explorer.find(Filter(kind="policy-change"), before=before, limit=MOST_ENTRIES):
            entry = json.loads(self._log.entry(found.index))
            if entry.get("act") == "live" and entry.get("rulebook") == digest:
                yield found.index, entry
                return

    def _key_changes(self) -> Iterator[tuple[int, dict[str, Any]]]:
        """Find how the log went from one key to the next, so that whoever trusts the first can follow."""
        for found in self._explorer.find(Filter(kind="key-change"), limit=MOST_ENTRIES):
            entry = json.loads(self._log.entry(found.index))
            if "note" in entry:
                yield found.index, entry

    def _openings(self, reader: Reader, index: int, entry: dict[str, Any], story: list[dict[str, Any]]) -> dict[str, Opening]:
        held = self._log.openings(index)
        return {path: held[path] for path in opened(reader, sorted(held), entry, story)}

    def _exhibit(self, index: int, checkpoint: bytes, openings: dict[str, Opening]) -> Exhibit:
        return Exhibit(index, self._log.entry(index), self._log.receipt_under(index, checkpoint).text(), openings)
