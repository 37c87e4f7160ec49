"""The long questions about drafts and rulebooks, as a process of its own answers them. Imports little, for it starts anew each time;
knows no registry, and reads the log's entries only."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from gateway.enforcement.recorded import RecordedEntries
from policies.assessment import Assessment, assess
from policies.diff import diff
from policies.drafting import Tell, read_draft
from policies.rulebook import Rulebook
from policies.standing import standing


@dataclass(frozen=True, slots=True)
class Answer:
    """The text of the rulebook that the draft makes, how many entries the log held, and what was found."""

    text: str
    entries: int
    found: Assessment


@dataclass(frozen=True, slots=True)
class Return:
    """The old rulebook that a draft returns to: its text, and the document by which it first went live."""

    text: str
    document: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Question:
    """What a report is asked about; carried to the process that answers it."""

    draft: str
    returns: Return | None
    live: str
    standing: tuple[Mapping[str, Any], ...]
    entries: RecordedEntries

    def __call__(self, tell: Tell) -> Answer:
        """Answer it. Raises DraftRefused, RulebookRefused, RecordDamaged, LogDamaged or LogUnavailable."""
        tell("rules", 0, 0)
        draft = read_draft(json.loads(self.draft))
        if self.returns is None:
            rulebook = draft.build()
        else:
            draft, rulebook = draft.with_those_of(self.returns.document), Rulebook.from_text(self.returns.text)
        size = self.entries.size()
        promised = standing(self.standing)
        found = assess(draft, rulebook, Rulebook.from_text(self.live), promised, partial(self.entries.first, size), size, tell)
        return Answer(rulebook.text(), size, found)


def lint_document(document: object, _tell: Tell) -> None:
    """Read a draft's document. Raises DraftRefused with every fault."""
    read_draft(document)


def difference(before: str, after: str, _tell: Tell) -> Mapping[str, Any]:
    """Return every request that two rulebooks, given as their texts, answer differently. Raises Undecided."""
    return diff(Rulebook.from_text(before), Rulebook.from_text(after)).to_json()
