"""Hear the judge's alarms: write each into the log, and count them. Answers no request: the judge has refused already."""

from dataclasses import dataclass

from gateway.audit.errors import AuditError
from gateway.audit.log import AuditLog
from gateway.clock import Clock
from gateway.records import entries

_LONGEST = 500


@dataclass(slots=True)
class Alarms:
    """The alarms of this process: the index and Casbin did not agree, or a judgement broke."""

    log: AuditLog
    clock: Clock
    count: int = 0
    unrecorded: int = 0

    def __call__(self, sentence: str) -> None:
        """Take one. It waits for the entry: an alarm is rare, and must not be lost with the process that raised it."""
        self.count += 1
        record = entries.note("alarm", at=self.clock.now(), more={"what": sentence[:_LONGEST]})
        try:
            self.log.append_blocking(record.body, record.openings)
        except AuditError:
            # The refusal itself cannot be recorded either, so nothing happens to the request; readiness shows both.
            self.unrecorded += 1
