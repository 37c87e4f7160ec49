"""Hand a log from one key to the next in the open: a note signed by both, kept in a `key-change` entry of the log itself.

Whoever trusts the old key can follow it to the new one; nobody else can be led anywhere. It never knows where keys are kept."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from gateway.audit.note import KeyType, Note, NoteError, NoteSigner, VerifierKey, sign_note

HEADER: Final = "custodes key-change v1"  # its second line is a key, so it can never be read as a checkpoint


@dataclass(frozen=True, slots=True)
class KeyChange:
    """The old key says that the new one speaks for the log from here on, and the new one agrees."""

    old: VerifierKey
    new: VerifierKey

    @classmethod
    def parse(cls, entry: Mapping[str, Any]) -> "KeyChange":
        """Read a `key-change` entry's member `note`. Raises NoteError unless both keys have signed it, under one name."""
        text = entry.get("note")
        if not isinstance(text, str):
            raise NoteError("a key-change entry carries the note in which both keys sign")
        note = Note.parse(text.encode(errors="replace"))
        lines = note.text.split("\n")
        if len(lines) != 4 or lines[0] != HEADER:
            raise NoteError("the note of a key change is its header, the old key and the new key")
        change = cls(VerifierKey.parse(lines[1]), VerifierKey.parse(lines[2]))
        if change.old == change.new or change.old.name != change.new.name or {change.old.type, change.new.type} != {KeyType.ED25519}:
            raise NoteError("a key change leads from one log key to another under the same name")
        if len(note.verified_by((change.old, change.new))) != 2:
            raise NoteError("a key change is signed by the old key and by the new one")
        return change


def key_change_note(old: NoteSigner, new: NoteSigner) -> str:
    """Return the signed note that a `key-change` entry carries as its member `note`."""
    return sign_note(f"{HEADER}\n{old.key.text()}\n{new.key.text()}\n", old, new).decode()


class KeyChain:
    """The keys that spoke for a log, as its own entries tell it, starting from a key that the reader trusts."""

    def __init__(self, trusted: VerifierKey) -> None:
        self.trusted = trusted
        self.changes: list[KeyChange] = []

    def follow(self, change: KeyChange) -> None:
        """Take the next change. Raises NoteError unless it starts at the key that the one before led to."""
        if self.changes and self.changes[-1].new != change.old:
            raise NoteError("this key change does not start at the key that the last one led to")
        self.changes.append(change)

    @property
    def current(self) -> VerifierKey:
        """The key that must sign the log's checkpoint now."""
        return self.changes[-1].new if self.changes else self.trusted

    @property
    def keys(self) -> tuple[VerifierKey, ...]:
        """All keys that ever spoke for the log, the first one first."""
        return (self.changes[0].old, *(change.new for change in self.changes)) if self.changes else (self.trusted,)
