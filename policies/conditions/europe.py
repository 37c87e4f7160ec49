"""Conditions that only European law asks for, and British law after it. They know no single pack."""

from datetime import timedelta
from typing import Final

from policies.conditions.circumstances import words_of
from policies.conditions.condition import NUMBER, Condition
from policies.conditions.papers import binds
from policies.question import Question
from policies.reading import Json, as_time

# Roles of a person who is suspected or convicted of an offence.
SUSPECTS: Final = frozenset({"accused", "convicted", "defendant", "offender", "suspect", "wanted"})
CRIMINAL: Final = frozenset({"criminal_investigation", "wanted_person", "prosecution"})
# What police and prosecution do as such (LED Art. 1(1)); their gates and their staff are the GDPR's.
POLICE_WORK: Final = CRIMINAL | {
    "missing_person",
    "trafficking_victim",
    "victim_identification",
    "unidentified_person",
    "imminent_threat",
    "intelligence",
    "mass_surveillance",
    "protest_monitoring",
    "profiling",
}
# What a categorisation may say without inferring what Art. 5(1)(g) of the AI Act lists; a word that is not here is not harmless.
APPEARANCE: Final = frozenset(
    {
        "adult", "age", "age_group", "age_range", "beard", "blur", "child", "clothing", "exposure", "eye_colour", "facial_hair", "gender",
        "glasses", "hair", "hair_colour", "height", "hat", "make_up", "makeup", "mask", "minor", "noise", "occlusion", "pose", "quality",
        "sex", "smile",
    }
)  # fmt: skip
# The documents that AI Act Arts. 5(3) and 26(10) know.
AUTHORISATIONS: Final = ("judicial_authorisation", "admin_authorisation")
LABELLING: Final = frozenset({"acquired", "annotation", "dataset", "filtering", "labelling", "labeling", "labelled", "labeled"})
# A category of a watchlist is closed if its name says one of the first and none of the second (Bridges, 124).
_FIXED_GROUNDS: Final = frozenset(
    {
        "absconded", "absconder", "absconders", "arrest", "bail", "breach", "breached", "convicted", "court", "deceased", "escape",
        "escaped", "escapee", "escapees", "fugitive", "fugitives", "harm", "large", "missing", "offender", "offenders", "prisoner",
        "prisoners", "recall", "recalled", "risk", "suspect", "suspected", "suspects", "terrorist", "terrorists", "threat", "victim",
        "victims", "vulnerable", "wanted", "warrant", "warrants",
    }
)  # fmt: skip
_OPEN_GROUNDS: Final = frozenset(
    {"all", "any", "anybody", "anyone", "associates", "everybody", "everyone", "intelligence", "interest", "other", "others", "possible"}
)
NO_EFFECT: Final = frozenset({"beneficial", "favourable", "neutral", "none", "positive"})
# The record of a law that lifts the double check has no settled name. It says what (first set) and that it is lifted (second set).
_DOUBLE_CHECK: Final = frozenset({"14", "2", "art14", "article14", "double", "dual", "eyes", "second", "separate", "two", "verification"})
_LIFTED: Final = frozenset(
    {
        "derogation", "disapplied", "disapplies", "disproportionate", "exception", "exempt", "exempted", "exemption", "exempts", "lift",
        "lifted", "lifting", "lifts", "waive", "waived", "waiver", "waives",
    }
)  # fmt: skip


def suspect_sought(question: Question) -> bool:
    """A person who is suspected or convicted of an offence is sought: by role, or by purpose where no role is given."""
    role = question.facts.target.role
    return question.facts.purpose in CRIMINAL if role is None else role in SUSPECTS


def first_identification(question: Question) -> bool:
    """An unknown suspect is to be named for the first time, from objective and verifiable facts linked to the offence."""
    return question.facts.target.kind == "unknown_suspect" and question.facts.case.suspicion in ("objective_facts", "probable_cause")


def request_overdue(question: Question, hours: float) -> bool:
    """More than so many hours have passed since the use began, and no request for it that was made in time is pending."""
    started = as_time(question.facts.context.get("started_at"))
    if started is None:
        return False
    deadline = started + timedelta(hours=hours)
    # A register may hold a request without its hour; that it is pending is then what is known of it.
    pending = any(
        paper.status == "requested"
        and paper.type in AUTHORISATIONS
        and binds(paper, question)
        and (paper.requested_at is None or paper.requested_at <= deadline)
        for paper in question.facts.authorisations
    )
    return question.facts.at > deadline and not pending


def national_law_opens(question: Question) -> bool:
    """National law opens live identification: for every objective (true), or for a list of purposes that has this one."""
    opened = question.facts.evidence.get("national_rbi_law")
    return opened is True or (isinstance(opened, tuple) and question.facts.purpose in opened)


def double_check_lifted(question: Question) -> bool:
    """A law says that the check by two persons of Art. 14(5) is not needed here."""
    return any(held is True and lifts_double_check(name) for name, held in question.facts.evidence.items())


def lifts_double_check(name: str) -> bool:
    """The name of a record says that the check by two persons is lifted."""
    return not _DOUBLE_CHECK.isdisjoint(name.split("_")) and not _LIFTED.isdisjoint(name.split("_"))


def infers_sensitive_trait(question: Question) -> bool:
    """A categorisation says more than what is seen (race, belief, orientation …), or does not say what it sorts by."""
    sorted_by = set(words_of(question.facts.context.get("categories")))
    return not sorted_by or not sorted_by <= APPEARANCE


def lawful_labelling(question: Question) -> bool:
    """Pictures of a lawfully acquired dataset are labelled or filtered: declared, or for research or tests on a known gallery."""
    facts = question.facts
    if facts.gallery.provenance == "scraped" or facts.capture.source in ("web_scrape", "cctv_bulk"):
        return False
    declared = any(not LABELLING.isdisjoint(spoken(name, held)) for name, held in facts.context.items())
    return declared or (facts.purpose in ("research", "system_testing") and facts.gallery.provenance is not None)


def police_work(question: Question) -> bool:
    """Police or prosecutors, or somebody for them, do what they exist for: the Law Enforcement Directive applies, not the GDPR."""
    client = question.facts.client
    authorities = question.words.group("clients", "law_enforcement") or ()
    return question.facts.purpose in POLICE_WORK and (client.kind in authorities or client.acts_for in authorities)


def affects_person(question: Question) -> bool:
    """What follows from the output is not said to be harmless for the person; not saying it counts as harm."""
    return NO_EFFECT.isdisjoint(words_of(question.facts.context.get("effect")))


def closed_watchlist(question: Question) -> bool:
    """The gallery says whom it lists, and each of its categories is one that a policy can fix: no "people of interest"."""
    listed = question.facts.gallery.categories or ()
    return bool(listed) and all(fixed_ground(set(category.split("_"))) for category in listed)


def fixed_ground(words: set[str]) -> bool:
    """The words of a category say a ground that a policy can fix, and no open one."""
    return not _FIXED_GROUNDS.isdisjoint(words) and _OPEN_GROUNDS.isdisjoint(words)


def spoken(name: str, held: Json) -> set[str]:
    """The single words of a circumstance: of its name if it is declared to be so, and of its text."""
    texts = (name,) if held is True else words_of(held)
    return {word for text in texts for word in text.split("_")}


CONDITIONS: Final = (
    Condition("suspect_sought", "a person who is suspected or convicted of an offence is sought", suspect_sought),
    Condition("first_identification", "an unknown suspect is to be named for the first time, from objective facts", first_identification),
    Condition(
        "request_overdue",
        "more than so many hours have passed since `started_at` without a request for an authorisation that is pending",
        request_overdue,
        NUMBER,
    ),
    Condition(
        "national_law_opens", "national law opens live identification for this purpose", national_law_opens, supply="national_rbi_law"
    ),
    Condition("double_check_lifted", "a law lifts the check by two persons (AI Act Art. 14(5))", double_check_lifted),
    Condition("infers_sensitive_trait", "a categorisation says more than what is seen, or not what it sorts by", infers_sensitive_trait),
    Condition("lawful_labelling", "pictures of a lawfully acquired dataset are labelled or filtered", lawful_labelling),
    Condition("police_work", "police or prosecutors, or somebody for them, do what they exist for (LED)", police_work),
    Condition("affects_person", "the effect on the person is not said to be harmless", affects_person),
    Condition("closed_watchlist", "the gallery says whom it lists, and has no open category", closed_watchlist, supply="closed_watchlist"),
)
