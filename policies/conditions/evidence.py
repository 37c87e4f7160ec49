"""Conditions about what the organisation, the vendor and the person have put on record. Only an explicit yes is a yes."""

from typing import Final

from policies.conditions.condition import NAME, NAME_IS_NUMBER, NUMBER, OPEN_WORDS, Condition
from policies.question import Question
from policies.reading import as_number, as_time

# Consent that was taken back, as a kind of consent, as its status, and as a circumstance of the request.
WITHDRAWN: Final = frozenset({"withdrawn", "withdrawal", "revoked"})
WITHDRAWALS: Final = ("consent_withdrawn", "withdrawal", "withdrawn")
# What a past moment on an approval may be; any other moment that has passed is a term that has ended, whatever it is called.
_BEGINNINGS: Final = frozenset({"at", "from", "since", "start", "started", "last", "previous"})
_ENDS: Final = frozenset({"due", "expires", "expiry", "ends", "end", "until", "to", "by", "next", "before", "lapses", "renewal", "recheck"})


def evidence(question: Question, name: str) -> bool:
    """The organisation has this on record."""
    return question.facts.evidence.get(name) is True


def evidence_denied(question: Question, name: str) -> bool:
    """The organisation says itself that it does not have this."""
    return question.facts.evidence.get(name) is False


def evidence_at_least(question: Question, limit: tuple[str, float]) -> bool:
    """A recorded measure reaches the limit."""
    name, least = limit
    held = as_number(question.facts.evidence.get(name))
    return held is not None and held >= least


def fmr_ratio_at_most(question: Question, most: float) -> bool:
    """The recogniser's current evaluation finds the highest group's false match rate at most so many times the lowest's."""
    return _measured_at_most(question, "fmr_ratio", most)


def evaluated_for_minors(question: Question) -> bool:
    """The recogniser's current evaluation compared enough pairs of minors."""
    return evidence(question, "evaluated_for_minors")


def minors_false_match_at_most(question: Question, most: float) -> bool:
    """The recogniser's current evaluation finds minors taken for one another at most this often, as a share."""
    return evaluated_for_minors(question) and _measured_at_most(question, "false_match_rate_minors", most)


def _measured_at_most(question: Question, name: str, most: float) -> bool:
    measured = as_number(question.facts.evidence.get(name))
    return measured is not None and measured <= most


def vendor_approved(question: Question) -> bool:
    """The vendor has approved this very purpose, and no term on the approval has run out, by whatever name it goes."""
    approval = question.facts.vendor_approval
    return (
        approval.status == "approved"
        and approval.use_case is not None
        and approval.use_case == question.facts.purpose
        and (approval.valid_to is None or question.facts.at < approval.valid_to)
        and not any(_run_out(name, held, question) for name, held in approval.more.items())
    )


def _run_out(name: str, held: object, question: Question) -> bool:
    words = set(name.split("_"))
    ends = not _ENDS.isdisjoint(words) or _BEGINNINGS.isdisjoint(words)
    moment = as_time(held)
    return ends and moment is not None and moment <= question.facts.at


def consent(question: Question, kinds: frozenset[str]) -> bool:
    """The person's consent is of one of these kinds and has not been withdrawn."""
    return question.facts.consent.type in kinds and not consent_withdrawn(question)


def consent_withdrawn(question: Question) -> bool:
    """The person has withdrawn their consent."""
    facts, held = question.facts, question.facts.consent
    said = held.withdrawn is True or held.type in WITHDRAWN or held.more.get("status") in WITHDRAWN
    declared = any(facts.context.get(name) is True for name in WITHDRAWALS)
    return said or declared or (held.withdrawn_at is not None and held.withdrawn_at <= facts.at)


def notice(question: Question, name: str) -> bool:
    """The person was told this."""
    return question.facts.notice.get(name) is True


def route(question: Question, ways: frozenset[str]) -> bool:
    """The request goes through one of these bodies."""
    return question.facts.route.via in ways


def similarity_at_least(question: Question, least: float) -> bool:
    """The similarity threshold asked for is at least this."""
    threshold = question.facts.threshold_pct
    return threshold is not None and threshold >= least


CONDITIONS: Final = (
    Condition("evidence", "the organisation has this on record", evidence, NAME, supply="{}"),
    Condition("evidence_denied", "the organisation says itself that it does not have this", evidence_denied, NAME, cure="{}"),
    Condition("evidence_at_least", "this recorded measure is at least so much", evidence_at_least, NAME_IS_NUMBER, supply="{}"),
    Condition(
        "fmr_ratio_at_most", "the recogniser's evaluation finds the groups' false match rates at most so unlike", fmr_ratio_at_most, NUMBER
    ),
    Condition("evaluated_for_minors", "the recogniser was evaluated on enough pairs of minors", evaluated_for_minors),
    Condition(
        "minors_false_match_at_most", "the recogniser takes two minors for one at most this often", minors_false_match_at_most, NUMBER
    ),
    Condition("vendor_approved", "the vendor's approval is for this purpose and current", vendor_approved, supply="vendor_approval"),
    Condition("consent", "the person's consent is of one of these kinds, and not withdrawn", consent, OPEN_WORDS, supply="consent:{}"),
    Condition("consent_withdrawn", "the person has withdrawn their consent", consent_withdrawn),
    Condition("notice", "the person was told this", notice, NAME, supply="notice:{}"),
    Condition("route", "the request goes through one of these bodies", route, OPEN_WORDS, supply="route:{}"),
    Condition(
        "similarity_at_least", "the threshold asked for is at least this (0 to 100)", similarity_at_least, NUMBER, supply="threshold_pct:{}"
    ),
)
