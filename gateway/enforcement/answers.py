"""What the pipeline answers with, and the errors that end a request. Knows no status code and no JSON."""

from dataclasses import dataclass

from engine.faces import Answer
from gateway.audit.log import Receipt
from gateway.errors import CustodesError
from gateway.registry.quotas import Standing
from policies.decision import Permit, Reason, Refusal
from policies.obligations import Obligation


class Recorded(CustodesError):
    """A request that ended without a result, and stands in the log: its decision and its receipt come along."""

    def __init__(self, sentence: str, *, code: str, decision_id: str, receipt: Receipt) -> None:
        super().__init__(sentence, code=code)
        self.decision_id = decision_id
        self.receipt = receipt


class Refused(Recorded):
    """The request is not permitted: which rules say so, and what would be needed.

    `retry_after` is in seconds, where waiting helps; `standing` says how much of a quota is left, where that was the reason."""

    def __init__(
        self, refusal: Refusal, decision_id: str, receipt: Receipt, retry_after: int | None = None, standing: tuple[Standing, ...] = ()
    ) -> None:
        super().__init__(_foremost(refusal), code=refusal.code, decision_id=decision_id, receipt=receipt)
        self.refusal = refusal
        self.retry_after = retry_after
        self.standing = standing

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """Every rule that speaks against the request."""
        return self.refusal.reasons

    @property
    def needed(self) -> tuple[str, ...]:
        """What would have to be there for the nearest rule to permit it."""
        return self.refusal.needed


def _foremost(refusal: Refusal) -> str:
    """Return the sentence of the reason that the refusal is named for; where a rule refuses, that of the first."""
    named = [reason.sentence for reason in refusal.reasons if reason.rule == refusal.code]
    return next(iter([*named, *(reason.sentence for reason in refusal.reasons)]), "Nothing on record permits this request.")


class TurnedAway(Recorded):
    """What a known caller sent cannot be read; `field` names the part of it, where that can be told."""

    def __init__(self, fault: CustodesError, decision_id: str, receipt: Receipt) -> None:
        super().__init__(fault.sentence, code=fault.code, decision_id=decision_id, receipt=receipt)
        self.field: str | None = getattr(fault, "field", None)


class ImageUnusable(Recorded):
    """The request was permitted, but its image was refused: no image, no face, too many faces, not the case's person."""


class RecognitionFailed(Recorded):
    """The request was permitted, but the recogniser crashed, hung or answered nonsense. Nothing was found out."""


class RecogniserBusy(Recorded):
    """The request was permitted, but the recogniser's queue is full; `retry_after` is in seconds."""

    def __init__(self, sentence: str, *, decision_id: str, receipt: Receipt, retry_after: int) -> None:
        super().__init__(sentence, code="engine-busy", decision_id=decision_id, receipt=receipt)
        self.retry_after = retry_after


class AuditUnavailable(CustodesError):
    """The log cannot take an entry, so nothing happens and nothing is released."""

    code = "audit-unavailable"


class NotReady(CustodesError):
    """A part without which nobody is served is missing: no rulebook, no recogniser, no evaluation."""

    code = "not-ready"


@dataclass(frozen=True, slots=True)
class Checked:
    """What the answer to a request would be; no image was asked for and the engine was not woken."""

    decision_id: str
    receipt: Receipt
    verdict: Permit | Refusal


@dataclass(frozen=True, slots=True)
class Released:
    """A result that may be handed over: its outcome is durable in the log."""

    decision_id: str
    receipt: Receipt
    answer: Answer
    obligations: tuple[Obligation, ...]


@dataclass(frozen=True, slots=True)
class Held:
    """A result that waits, encrypted, for people to look at it."""

    decision_id: str
    receipt: Receipt
    review_id: str
    reviewers_needed: int
    obligations: tuple[Obligation, ...]
