"""Read a C2SP tlog-policy and say whether the witnesses that it asks for have cosigned a checkpoint. Never talks to one.

A policy that cannot be read demands everything: it is refused, not weakened."""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from gateway.audit.errors import AuditError
from gateway.audit.note import Checkpoint, KeyType, Note, NoteError, VerifierKey

MAX_POLICY_BYTES: Final = 1 << 20
MAX_AHEAD: Final = timedelta(minutes=5)  # a witness whose clock runs further ahead could stay "fresh" for ever
NONE: Final = "none"

_FORBIDDEN: Final = re.compile(rb"[^\t\n\x20-\x7e\x80-\xff]")


class PolicyError(AuditError):
    """A tlog-policy is malformed; the sentence names the line. Nothing is trusted by it."""

    code = "tlog-policy-invalid"


@dataclass(frozen=True, slots=True)
class WitnessKey:
    """A witness that the policy names, and where to submit checkpoints to it, if it says so."""

    key: VerifierKey
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """Counts as one witness once `threshold` of its members do."""

    threshold: int
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TrustPolicy:
    """Whose cosignatures make a checkpoint believed: the logs, the witnesses, and how many of them are enough."""

    quorum: str
    logs: tuple[VerifierKey, ...] = ()
    witnesses: Mapping[str, WitnessKey] = field(default_factory=dict)
    groups: Mapping[str, Group] = field(default_factory=dict)

    @classmethod
    def parse(cls, raw: bytes) -> "TrustPolicy":
        """Read a policy file. Raises PolicyError, naming the line."""
        return _Reader().read(raw)

    def encode(self) -> bytes:
        """Write the witnesses, groups and quorum as a policy file; no log, and nobody's address."""
        lines = [f"witness {name} {witness.key.text()}\n" for name, witness in self.witnesses.items()]
        lines += [f"group {name} {group.threshold} {' '.join(group.members)}\n" for name, group in self.groups.items()]
        return "".join([*lines, f"quorum {self.quorum}\n"]).encode(errors="surrogateescape")

    def cosigned(self, note: Note) -> dict[str, int]:
        """Return which witnesses, by their names here, have cosigned this note, and when. Raises NoteError if one's line is false."""
        names = {witness.key: name for name, witness in self.witnesses.items()}
        return {names[verified.key]: verified.time for verified in note.verified_by(names) if verified.time is not None}

    def witnessed(self, names: Collection[str]) -> bool:
        """Say whether these witnesses, by their names in the policy, are a quorum."""
        counted = set(names) & set(self.witnesses)
        for name, group in self.groups.items():  # members are always defined before the group that counts them
            if sum(member in counted for member in group.members) >= group.threshold:
                counted.add(name)
        return self.quorum == NONE or self.quorum in counted

    def witnessed_since(self, cosigned: Mapping[str, int]) -> int | None:
        """Return the latest moment (POSIX seconds) since which a quorum of these cosigners has stood, given when each cosigned.

        None if they are no quorum, and always None under `quorum none`: who asks for no witness has none."""
        if self.quorum == NONE:
            return None
        counted: list[str] = []
        for time, name in sorted(((time, name) for name, time in cosigned.items()), reverse=True):
            counted.append(name)
            if self.witnessed(counted):
                return time
        return None


@dataclass(frozen=True, slots=True)
class Quorum:
    """Whether a checkpoint is witnessed well enough, and by whom since when (names in the policy, POSIX seconds)."""

    met: bool
    cosigned: Mapping[str, int]


def quorum_met(policy: TrustPolicy, checkpoint: bytes, now: datetime, max_age: timedelta | None) -> Quorum:
    """Weigh the cosignatures on a checkpoint: those older than `max_age` (None: of any age) or from the future do not count.

    Raises NoteError if the checkpoint is malformed, or a witness's signature on it is false."""
    newest = now.timestamp() + MAX_AHEAD.total_seconds()
    oldest = -1.0 if max_age is None else now.timestamp() - max_age.total_seconds()
    cosigned = {name: time for name, time in policy.cosigned(Note.parse(checkpoint)).items() if oldest <= time <= newest}
    return Quorum(policy.witnessed(cosigned), cosigned)


def newest_witnessed(policy: TrustPolicy, checkpoints: Iterable[bytes], covering: int) -> bytes | None:
    """Return the first of these checkpoints, newest first, that covers so many entries and that a quorum has cosigned.

    None if there is no such one, and always None under `quorum none`. A line that is false vouches for nothing."""
    for checkpoint in checkpoints if policy.quorum != NONE else ():
        try:
            note = Note.parse(checkpoint)
            if Checkpoint.parse(note.text).size < covering:
                return None
            if policy.witnessed(policy.cosigned(note)):
                return checkpoint
        except NoteError:
            continue
    return None


class _Reader:
    """One pass over a policy file; each line may refer only to names above it."""

    def __init__(self) -> None:
        self._logs: list[VerifierKey] = []
        self._witnesses: dict[str, WitnessKey] = {}
        self._groups: dict[str, Group] = {}
        self._members: set[str] = set()
        self._quorum: str | None = None

    def read(self, raw: bytes) -> TrustPolicy:
        if len(raw) > MAX_POLICY_BYTES or _FORBIDDEN.search(raw):
            raise PolicyError("a tlog-policy is at most 1 MiB of text, without control characters but tab and newline")
        for number, line in enumerate(raw.decode(errors="surrogateescape").split("\n"), 1):
            words = line.replace("\t", " ").split()
            if words and not words[0].startswith("#"):
                try:
                    self._line(words[0], words[1:])
                except (PolicyError, NoteError) as wrong:
                    raise PolicyError(f"line {number}: {wrong.sentence}") from wrong
        if self._quorum is None:
            raise PolicyError("a tlog-policy has a quorum line; `quorum none` asks for no witness")
        return TrustPolicy(self._quorum, tuple(self._logs), self._witnesses, self._groups)

    def _line(self, word: str, rest: list[str]) -> None:
        match word, rest:
            case "log", [vkey, *url] if len(url) <= 1:
                self._log(VerifierKey.parse(vkey))
            case "witness", [name, vkey, *url] if len(url) <= 1:
                self._witness(name, WitnessKey(VerifierKey.parse(vkey), *url))
            case "group", [name, threshold, *members] if members:
                self._group(name, threshold, tuple(members))
            case "quorum", [name] if self._quorum is None:
                if name != NONE and not self._defined(name):
                    raise PolicyError(f"the quorum {name!r} is not defined above")
                self._quorum = name
            case _:
                raise PolicyError("expected `log`, `witness`, `group` or one `quorum`, with what belongs to it")

    def _defined(self, name: str) -> bool:
        return name in self._witnesses or name in self._groups

    def _log(self, key: VerifierKey) -> None:
        if key.type is not KeyType.ED25519 or key.public in {known.public for known in self._logs}:
            raise PolicyError("a log has an Ed25519 key of its own (type 0x01), listed once")
        self._logs.append(key)

    def _witness(self, name: str, witness: WitnessKey) -> None:
        if witness.key.type is KeyType.ED25519 or witness.key.public in {known.key.public for known in self._witnesses.values()}:
            raise PolicyError("a witness has a cosigner's key of its own (type 0x04 or 0x06), listed once")
        self._name(name)
        self._witnesses[name] = witness

    def _group(self, name: str, threshold: str, members: tuple[str, ...]) -> None:
        for member in members:
            if not self._defined(member) or member in self._members:
                raise PolicyError(f"the member {member!r} must be defined above, and belong to one group only")
            self._members.add(member)
        words = {"any": 1, "all": len(members)}
        count = words.get(threshold) or (int(threshold) if re.fullmatch(r"[1-9][0-9]{0,5}", threshold) else 0)
        if not 1 <= count <= len(members):
            raise PolicyError(f"a group asks for `any`, `all` or 1 to {len(members)} of its {len(members)} members")
        self._name(name)
        self._groups[name] = Group(count, members)

    def _name(self, name: str) -> None:
        if name == NONE or self._defined(name):
            raise PolicyError(f"the name {name!r} is taken")
