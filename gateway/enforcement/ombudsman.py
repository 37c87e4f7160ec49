"""Answer an ombudsman's question, "was this person searched?": by a blinded tag, with proofs, and only once the question is in the log.

Nobody lists anything here: each question names one person or case and a complaint, and of these a person may ask so many a day."""

import base64
import threading
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from gateway.audit.errors import AuditError
from gateway.audit.log import AuditLog, Receipt
from gateway.clock import Clock, iso
from gateway.enforcement.answers import AuditUnavailable
from gateway.errors import CustodesError
from gateway.records import entries
from gateway.records.explorer import Explorer, Filter
from gateway.records.questions import Traces, traces_of
from gateway.records.tags import Tags
from gateway.registry import fields
from gateway.registry.restrictions import Scope

OMBUDSMAN: Final = "ombudsman"
_DAY: Final = timedelta(days=1)
_MOST: Final = 10_000


class QuestionsSpent(CustodesError):
    """As many questions were asked within a day as one person may ask."""

    code = "questions-spent"

    def __init__(self, most: int) -> None:
        super().__init__(f"You have asked {most} questions within a day; ask again later. Each is in the log.")
        self.retry_after = 3600


@dataclass(frozen=True, slots=True)
class Answered:
    """What the log shows, and the question's own entry."""

    traces: Traces
    question: bytes
    receipt: Receipt


@dataclass(frozen=True, slots=True)
class Ombudsman:
    """The one who may ask. Blocks: call it in a thread."""

    log: AuditLog
    explorer: Explorer
    tags: Tags
    clock: Clock
    most_a_day: int
    _one_at_a_time: threading.Lock = field(default_factory=threading.Lock)

    def ask(self, by: str, complaint: str, about: Scope) -> Answered:
        """Answer whether the person, or whoever the case seeks, was searched for.

        1 the question has its form, and its asker has questions left; 2 the log is looked through; 3 the question, and how many entries
        answer it, is durable; 4 the answer is given. What is not on record is answered as what was never searched.
        Raises Malformed, QuestionsSpent, or AuditUnavailable (nothing is answered)."""
        # 1
        fields.reference("complaint", complaint)
        tag = self._tag(about)
        with self._one_at_a_time:
            if self._asked(by) >= self.most_a_day:
                raise QuestionsSpent(self.most_a_day)
            # 2
            traces = traces_of(tag, self.log, self.explorer)
            # 3
            record = entries.question(at=self.clock.now(), by=by, about=about.about, tag=tag, complaint=complaint, count=traces.count)
            try:
                receipt = self.log.append_blocking(record.body, record.openings)
            except AuditError as fault:
                raise AuditUnavailable("The audit log cannot take an entry, so nothing is answered. Try again shortly.") from fault
        # 4
        return Answered(traces, record.body, receipt)

    def _tag(self, about: Scope) -> str:
        if about.about == "case":
            return self.tags.case(about.client or "", about.case_ref or "")
        return self.tags.subject(about.gallery or "", about.subject or "")

    def _asked(self, by: str) -> int:
        """Count this person's questions of the last day by the log itself: no restart and no second process gives new ones."""
        since = iso(self.clock.now() - _DAY)
        asked = self.explorer.find(Filter(kind="question", since=since), limit=_MOST)
        return sum(self._is_by(entry.index, by) for entry in asked)

    def _is_by(self, index: int, by: str) -> bool:
        opening = self.log.openings(index).get("/by")
        return opening is not None and opening.value == by.encode()


def written(answered: Answered) -> dict[str, object]:
    """Return an answer as JSON: what it says can be checked with it, the log's key, and nothing of ours."""
    traces = answered.traces
    return {
        "searched": traces.count > 0,
        "count": traces.count,
        "tag": traces.tag,
        "entries": [trace.to_json() for trace in traces.shown],
        "question": base64.b64encode(answered.question).decode(),
        "log_index": answered.receipt.index,
        "receipt": answered.receipt.text(),
    }
