"""Conditions about the audit log that will record the answer. They know what witnesses said of it, never what it holds."""

from datetime import datetime, timedelta
from typing import Final

from policies.conditions.condition import Condition
from policies.question import Question

_AHEAD: Final = timedelta(minutes=5)  # clocks differ; one that runs further ahead would make a cosignature look fresh for ever


def witnessed(question: Question) -> bool:
    """A quorum of witnesses has cosigned the log's head within `witness_window_s` seconds; a time that lies ahead is no time."""
    since = question.facts.log.witnessed_at
    return since is not None and recent(since, question.facts.at, question.settings.witness_window_s)


def recent(since: datetime, at: datetime, window_s: int) -> bool:
    """At this moment, that one is at most so many seconds ago and does not lie ahead by more than clocks differ."""
    return at - timedelta(seconds=window_s) <= since <= at + _AHEAD


CONDITIONS: Final = (
    Condition(
        "witnessed", "a quorum of witnesses has cosigned the audit log within witness_window_s seconds", witnessed, supply="witnessed"
    ),
)
