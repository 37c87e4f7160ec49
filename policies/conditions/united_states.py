"""Conditions that only the law of the United States, of a state or of a city asks for. They know no single pack."""

from datetime import timedelta
from typing import Final

from policies.conditions.circumstances import words_of
from policies.conditions.condition import NAME_IS_NUMBER, Condition, Literal
from policies.conditions.papers import authorisation, counts
from policies.question import Question
from policies.reading import as_time
from policies.vocabulary import Vocabulary

EXIGENT: Final = ("urgent", "exigent", "exigency", "exigent_circumstances", "emergency")
FEDERAL: Final = frozenset({"federal", "cbp", "tsa"})
PORT: Final = frozenset({"airport", "seaport", "port"})
# Pictures as a camera made them. A probe of any other kind is drawn or changed, whatever it is called.
PHOTOGRAPHS: Final = frozenset(
    {"photo", "photograph", "image", "original", "unaltered", "still", "still_image", "frame", "video_frame", "video_still", "screenshot",
     "mugshot", "booking_photo", "cctv", "cctv_still", "crop", "cropped", "rotated"}
)  # fmt: skip
CHANGED: Final = ("probe_manipulated", "probe_altered", "probe_edited", "manipulated", "substantively_manipulated")
GAIN: Final = frozenset({"sale", "sell", "lease", "trade", "profit", "for_profit", "payment", "paid", "compensation", "consideration"})
GOVERNMENT: Final = frozenset({"police_local", "police_state", "prosecutor_court", "public_agency"})
GLBA: Final = ("glba", "glba_institution", "glba_financial_institution", "financial_institution")
CHILD_EXPLOITATION: Final = frozenset(
    {"child_sexual_exploitation", "sexual_exploitation_of_children", "child_exploitation", "child_sexual_abuse_material", "csam",
     "child_pornography"}
)  # fmt: skip
OWN_DEVICE: Final = ("own_device", "personal_device", "employer_device", "employer_issued_device")


def federal_home(question: Question) -> bool:
    """The client is at home in the United States as a whole, in no single state: a federal body."""
    return question.facts.client.place == "US"


def exigent(question: Question) -> bool:
    """It cannot wait: urgency is declared, or the case records a present danger to life."""
    return question.facts.case.imminent_threat is True or any(question.facts.context.get(name) is True for name in EXIGENT)


def surveillance(question: Question) -> bool:
    """People are watched: live, by tracking, or over time in bulk recordings of public cameras."""
    facts = question.facts
    declared = any(facts.context.get(name) is True for name in ("ongoing_surveillance", "persistent_tracking"))
    return declared or question.live or question.operation == "track" or facts.capture.source == "cctv_bulk"


def federal_matter(question: Question) -> bool:
    """A federal agency acts, a federal law demands it, or travellers are verified at a port with a federal agency."""
    mandated = any(
        paper.type == "legal_mandate" and paper.place == "US" and counts(paper, question) for paper in question.facts.authorisations
    )
    recorded = question.facts.evidence.get("federal_mandate") is True
    return federal_home(question) or mandated or recorded or (question.operation == "verify" and _at_port(question))


def _at_port(question: Question) -> bool:
    facts = question.facts
    said = [*facts.context.items(), *facts.evidence.items()]
    if any("federal" in name and held is False for name, held in said):
        return False
    # A border is federal by itself; an airport is only with the agency.
    if facts.capture.space == "border" or facts.client.acts_for == "border_agency":
        return True
    named = {word for name, held in said if held is not False for text in (name, *words_of(held)) for word in text.lower().split("_")}
    with_agency = facts.client.acts_for == "police_federal" or not FEDERAL.isdisjoint(named)
    return with_agency and (facts.purpose == "border_control" or not PORT.isdisjoint(named))


def paper_shown(question: Question, kinds: frozenset[str]) -> bool:
    """A document of one of these kinds is shown, whether or not it counts."""
    return any(paper.type in kinds for paper in question.facts.authorisations)


def altered_probe(question: Question) -> bool:
    """The face searched with is drawn, made up or changed; a kind of picture that is not known as a photograph counts as such."""
    context = question.facts.context
    kind = context.get("probe_kind")
    return any(context.get(name) is True for name in CHANGED) or (kind is not None and PHOTOGRAPHS.isdisjoint(words_of(kind)))


def match_alone(question: Question) -> bool:
    """A step against a person rests on the match alone: said so, or a step is named and other evidence is denied."""
    context = question.facts.context
    return context.get("sole_basis") is True or (context.get("action") is not None and context.get("independent_evidence") is False)


def works_for_government(question: Question) -> bool:
    """A private body works for a state or local public body, or is a bank under the federal Gramm-Leach-Bliley Act."""
    facts = question.facts
    return facts.client.acts_for in GOVERNMENT or any(facts.evidence.get(name) is True for name in GLBA)


def release_late(question: Question) -> bool:
    """The written release is dated after the capture that it should have preceded."""
    signed = as_time(question.facts.consent.more.get("given_at") or question.facts.consent.more.get("signed_at"))
    captured = question.facts.at - timedelta(seconds=question.facts.capture.age_s or 0)
    return signed is not None and signed > captured


def for_gain(question: Question) -> bool:
    """Biometric data is sold, leased, traded or turned to profit."""
    return question.facts.purpose == "sale" or any(question.facts.context.get(name) is True for name in GAIN)


def years_since(question: Question, limit: tuple[str, float]) -> bool:
    """At least so many calendar years have passed since this moment; a moment that is not given never passed."""
    name, years = limit
    since = as_time(question.facts.context.get(name))
    if since is None:
        return False
    at = question.facts.at
    # Compared as calendars do; three years from 29 February end on 28 February, never a day later.
    day = 28 if (since.month, since.day) == (2, 29) else since.day
    return (at.year, at.month, at.day, at.time()) >= (since.year + int(years), since.month, day, since.time())


def own_device(question: Question) -> bool:
    """A person unlocks a device of their own, or one that the employer issued to them."""
    declared = any(question.facts.context.get(name) is True for name in OWN_DEVICE)
    return declared and question.facts.capture.subject_involved is True


def seized_child_abuse(question: Question) -> bool:
    """Pictures seized in one investigation of child sexual exploitation are searched, and nothing live."""
    case = question.facts.case
    seized = question.facts.gallery.provenance == "case_material"
    return case.offence in CHILD_EXPLOITATION and bool((case.ref or "").strip()) and seized and not question.live


def drone_target(question: Question) -> bool:
    """A drone's picture of the very person whom a warrant for that names, and of nobody else."""
    facts = question.facts
    warrant = authorisation(question, (frozenset({"judicial_warrant"}), frozenset({"court"})))
    return facts.capture.device == "drone" and facts.target.kind == "specific_person" and warrant


def _kinds(text: str, words: Vocabulary) -> frozenset[str]:
    known = words.words("authorisations")
    if not known.issuperset(text.split("|")):
        raise ValueError(f"write one of {', '.join(sorted(known))}")
    return frozenset(text.split("|"))


CONDITIONS: Final = (
    Condition("federal_home", "the client is at home in the United States as a whole, in no single state", federal_home),
    Condition("exigent", "urgency is declared, or the case records a present danger to life", exigent, supply="exigent_circumstances"),
    Condition("surveillance", "people are watched: live, by tracking, or over time in bulk recordings", surveillance),
    Condition(
        "federal_matter",
        "a federal agency acts, a federal law demands it, or travellers are verified at a port with a federal agency",
        federal_matter,
    ),
    Condition("paper_shown", "a document of one of these kinds is shown, whether or not it counts", paper_shown, Literal("KIND|…", _kinds)),
    Condition("altered_probe", "the face searched with is drawn, made up or changed", altered_probe),
    Condition("match_alone", "a step against a person rests on the match alone", match_alone),
    Condition("works_for_government", "a private body works for a state or local public body, or is a bank (GLBA)", works_for_government),
    Condition("release_late", "the written release is dated after the capture", release_late),
    Condition("for_gain", "biometric data is sold, leased, traded or turned to profit", for_gain),
    Condition("years_since", "at least so many calendar years have passed since this moment of the context", years_since, NAME_IS_NUMBER),
    Condition("own_device", "a person unlocks a device of their own, or one that the employer issued", own_device, supply="own_device"),
    Condition("seized_child_abuse", "pictures seized in a case of child sexual exploitation are searched", seized_child_abuse),
    Condition("drone_target", "a drone's picture of the very person whom a warrant names", drone_target),
)
