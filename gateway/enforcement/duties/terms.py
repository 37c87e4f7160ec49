"""Say for each obligation how it is kept: at once, by a deed of the gateway at a certain time, by a paper, or by a person. Pure tables.

An obligation that is in none of them cannot be honoured, and a permit that asks for it is refused (docs/duties.md lists them all)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from policies.facts import Facts
from policies.obligations import Obligation


class Keeper(StrEnum):
    """Who keeps a duty: a paper that is put on record, the gateway itself by a deed, or a person who says what they did."""

    PAPER = "paper"
    DEED = "deed"
    PERSON = "person"


class Scope(StrEnum):
    """What a duty is owed for once, however many requests ask for it."""

    CASE = "case"
    CLIENT = "client"
    DECISION = "decision"
    GALLERY = "gallery"


@dataclass(frozen=True, slots=True)
class Term:
    """How one kind of obligation becomes a duty. `due` takes the moment of the first use and the obligation's parameter."""

    keeper: Keeper
    scope: Scope
    due: Callable[[datetime, int], datetime | None]
    period: Callable[[datetime], str] = lambda _at: ""
    roles: frozenset[str] = frozenset({"registrar", "operator"})


def _never(_at: datetime, _value: int) -> None:
    return None


def _hours(at: datetime, value: int) -> datetime:
    return at + timedelta(hours=value)


def _days(at: datetime, value: int) -> datetime:
    return at + timedelta(days=value)


def _within(days: int) -> Callable[[datetime, int], datetime]:
    return lambda at, _value: at + timedelta(days=days)


def _year_reported(at: datetime, _value: int) -> datetime:
    return datetime(at.year + 1, 2, 1, tzinfo=UTC)


def _quarter_reported(at: datetime, _value: int) -> datetime:
    month = 3 * ((at.month - 1) // 3) + 5  # one month after the quarter's end
    return datetime(at.year + (month > 12), (month - 1) % 12 + 1, 1, tzinfo=UTC)


def _year(at: datetime) -> str:
    return f"{at.year}"


def _quarter(at: datetime) -> str:
    return f"{at.year}-Q{(at.month - 1) // 3 + 1}"


_ACCOUNTABLE: Final = frozenset({"auditor", "registrar", "operator"})

# The days that no law names (three for telling the authorities, fourteen for a registration, a month for reports) are this gateway's
# own reading of "without delay" and "yearly".
TERMS: Final[Mapping[str, Term]] = MappingProxyType(
    {
        "request_authorisation": Term(Keeper.PAPER, Scope.CASE, _hours),
        "stop_delete_on_reject": Term(Keeper.DEED, Scope.CASE, _never),
        "retention_limit": Term(Keeper.DEED, Scope.DECISION, _days),
        "destroy_by_schedule": Term(Keeper.DEED, Scope.DECISION, _days),
        "destroy_watchlist_after": Term(Keeper.DEED, Scope.GALLERY, _never),
        "register_without_delay": Term(Keeper.PERSON, Scope.CLIENT, _within(14)),
        "notify_authorities": Term(Keeper.PERSON, Scope.CASE, _within(3)),
        "disclose_defendant": Term(Keeper.PERSON, Scope.CASE, _never),
        "annual_report": Term(Keeper.PERSON, Scope.CLIENT, _year_reported, _year, _ACCOUNTABLE),
        "annual_audit": Term(Keeper.PERSON, Scope.CLIENT, _year_reported, _year, frozenset({"auditor"})),
        "quarterly_report": Term(Keeper.PERSON, Scope.CLIENT, _quarter_reported, _quarter, _ACCOUNTABLE),
    }
)

# What no permit asks for, but the law: owed by the house to a person. It stops no case, for what is restricted is stopped already.
OF_THE_HOUSE: Final[Mapping[str, Term]] = MappingProxyType({"answer_restriction": Term(Keeper.PERSON, Scope.CASE, _within(30))})


def term_of(kind: str) -> Term:
    """Return how a duty of this kind is kept. Raises KeyError for a kind that nobody owes."""
    return TERMS[kind] if kind in TERMS else OF_THE_HOUSE[kind]


# Kept with the request itself, and where that shows.
AT_ONCE: Final = MappingProxyType(
    {
        "human_review": "the result waits, encrypted, until so many different reviewers have judged it",
        "threshold_min": "candidates below are not reported",
        "not_sole_basis": "every result carries the label",
        "disclose_fr_use": "every result says that whoever acts on it discloses the use",
        "scope_limit": "the order is bound to this case, gallery, image and moment",
        "expiry": "terms and documents are checked anew at each request",
        "delete_nonmatch_now": "probe and template leave memory with the answer; what people do not confirm is overwritten at once",
        "log_use": "intent and outcome are in the log, with their times",
        "log_led25": "the entry holds the justification, who asked, and when",
        "log_keep": "the log is append-only",
        "case_file_record": "the receipt is the case file's record, and `report case` writes the file",
        "document_search": "date, number of matches and purpose are in the outcome's entry",
        "public_log": "the public report counts every use",
        "erasure_on_withdrawal": "a person is withdrawn from a gallery at once, with every template",
        "independent_test_api": "testers are licensed for system_testing on galleries of their own, through the same doors",
        "publish_bias_test": "the recogniser's evaluation by group is shipped, dated and named in each outcome",
    }
)


# Kept at once, where the request itself shows the proof; refused where it does not.
PROVED: Final = frozenset({"notice", "consent_record", "alternative_method"})
HONOURED: Final = frozenset({*AT_ONCE, *TERMS, *PROVED})


def unkept(obligation: Obligation, facts: Facts) -> str | None:
    """Return why this obligation cannot be honoured for this request, or None if it is kept or becomes a duty."""
    kind = obligation.kind
    if kind == "destroy_watchlist_after":
        return None if deployment_ends(facts) is not None else "The document of a deployment must say when it ends; put one on record."
    if kind == "notice":
        return None if any(value is True or (isinstance(value, str) and value.strip()) for value in facts.notice.values()) else _NO_NOTICE
    if kind == "consent_record":
        return None if facts.consent.type is not None and not facts.consent.withdrawn else _NO_CONSENT
    if kind == "alternative_method":
        return None if facts.evidence.get("alternative_method") is True else _NO_ALTERNATIVE
    if kind in AT_ONCE or kind in TERMS:
        return None
    return f"The rules ask for {obligation.slug!r}, which this gateway cannot see through; what cannot be honoured is not permitted."


_NO_NOTICE: Final = "The rules ask for proof that people were told: declare the notice that was given in Custodes-Notice."
_NO_CONSENT: Final = "The rules ask for proof of consent: declare it in Custodes-Consent."
_NO_ALTERNATIVE: Final = (
    "The rules ask for a second way without face recognition: have a registrar record the evidence `alternative_method` first."
)


def due_at(obligation: Obligation, facts: Facts, first_use: datetime) -> datetime | None:
    """Return when the duty of this obligation falls due; None for one that waits for an event. Raises KeyError if there is no duty."""
    if obligation.kind == "destroy_watchlist_after":
        return deployment_ends(facts)
    return TERMS[obligation.kind].due(first_use, next(iter(obligation.parameters.values()), 0))


def deployment_ends(facts: Facts) -> datetime | None:
    """Return when the deployment ends for which a watchlist was made: with the last granted paper for this purpose and operation."""
    ends = [
        paper.valid_to
        for paper in facts.authorisations
        if paper.status == "granted"
        and paper.valid_to is not None
        and paper.purpose in (None, facts.purpose)
        and paper.case_ref in (None, facts.case.ref)
    ]
    return max(ends, default=None)
