"""A request of which nothing is known yet: each part of Facts as a variable, over words, places and names that the rules can tell apart.

What no rule can tell apart is one value here: a country that no rule names stands for all of them. Never decides."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from policies.conditions import bind
from policies.conditions.circumstances import HARMLESS_CATEGORIES, PROTECTED_GROUNDS
from policies.conditions.europe import APPEARANCE, NO_EFFECT, SUSPECTS
from policies.conditions.evidence import WITHDRAWALS, WITHDRAWN
from policies.conditions.united_states import (
    CHANGED,
    CHILD_EXPLOITATION,
    EXIGENT,
    FEDERAL,
    GAIN,
    GLBA,
    OWN_DEVICE,
    PHOTOGRAPHS,
    PORT,
)
from policies.places import areas_of, known_place
from policies.question import CAMERA_SOURCES
from policies.symbolic.meanings import meaning_of
from policies.symbolic.papers import Papers
from policies.symbolic.variables import OTHER, Choice, Formula, Held, Number, Space
from policies.vocabulary import Vocabulary

# Open names that a condition reads without being given them as a literal.
# What areas can tell of a place: which of them contain it, which it contains, and whether it is none, or the whole of the US.
_Signature = tuple[frozenset[str], frozenset[str], bool, bool]
_CONTEXT_NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "exigent": EXIGENT,
    "surveillance": ("ongoing_surveillance", "persistent_tracking"),
    "altered_probe": (*CHANGED, "probe_kind"),
    "match_alone": ("sole_basis", "action", "independent_evidence"),
    "for_gain": tuple(sorted(GAIN)),
    "own_device": OWN_DEVICE,
    "protected_ground": ("selection_basis",),
    "sensitive_categories": ("categories",),
    "infers_sensitive_trait": ("categories",),
    "affects_person": ("effect",),
    "request_overdue": ("started_at",),
    "lawful_labelling": ("labelling",),
    "federal_matter": (min(FEDERAL), min(PORT), "federal"),
    "consent": WITHDRAWALS,
    "consent_withdrawn": WITHDRAWALS,
}
_EVIDENCE_NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "works_for_government": GLBA,
    "federal_matter": ("federal_mandate",),
    "national_law_opens": ("national_rbi_law",),
    "double_check_lifted": ("article14_lifted",),
    "fmr_ratio_at_most": ("fmr_ratio",),
    "evaluated_for_minors": ("evaluated_for_minors",),
    "minors_false_match_at_most": ("evaluated_for_minors", "false_match_rate_minors"),
}
# Sets of words that conditions know by themselves: one of each kind has to be sayable.
_WORD_SETS: Final[Mapping[str, tuple[frozenset[str], ...]]] = {
    "selection_basis": (PROTECTED_GROUNDS,),
    "categories": (HARMLESS_CATEGORIES, APPEARANCE),
    "effect": (NO_EFFECT,),
    "probe_kind": (PHOTOGRAPHS,),
}


@dataclass(slots=True)
class Mentioned:
    """The words, names and places that the literals of some conditions mention."""

    words: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    context: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    evidence: set[str] = field(default_factory=set)
    notice: set[str] = field(default_factory=set)
    areas: set[str] = field(default_factory=set)
    homes: set[str] = field(default_factory=set)

    def add(self, token: str, words: Vocabulary) -> None:  # noqa: C901 - one case for each kind of literal
        """Take in one condition."""
        name = token.partition(":")[0]
        literal: Any = next(iter(bind(token, words).arguments), None)
        match name:
            case "device" | "offence" | "offence_class" | "role" | "gallery_named" | "gallery_category" | "consent" | "route":
                self.words[name] |= literal
            case "authorisation":
                self.words["issuer"] |= literal[1]
            case "context" | "context_denied" | "context_given":
                self.context[literal].update()
            case "context_is":
                self.context[literal[0]] |= literal[1]
            case "context_at_least" | "hours_since" | "years_since":
                self.context[literal[0]].update()
            case "evidence" | "evidence_denied":
                self.evidence.add(literal)
            case "evidence_at_least":
                self.evidence.add(literal[0])
            case "notice":
                self.notice.add(literal)
            case "place_open_to":
                self.areas.add(literal)
            case "client_place":
                self.homes.add(literal)
        for found in _CONTEXT_NAMES.get(name, ()):
            self.context[found].update()
        self.evidence.update(_EVIDENCE_NAMES.get(name, ()))


class World(Space):
    """Every request that words, places and names can tell apart, as one set of variables."""

    client: Choice
    acts_for: Choice
    purpose: Choice
    declared: Choice
    place: Choice
    home: Choice
    source: Choice
    device: Choice
    premises: Choice
    age: Choice
    target: Choice
    role: Choice
    minor: Choice
    reference: Choice
    offence: Choice
    offence_class: Choice
    suspicion: Choice
    gallery: Choice
    gallery_id: Choice
    consent: Choice
    route: Choice
    context: Mapping[str, Held]
    evidence: Mapping[str, Held]
    notices: Mapping[str, Formula]
    categories: Mapping[str, Formula]
    operation: Mapping[str, Formula]
    papers: Papers
    words: Vocabulary
    at: Number

    def __init__(self, tokens: Iterable[str], areas: Iterable[str], words: Vocabulary, live_window_s: int) -> None:
        super().__init__()
        self.words, self.live_window_s = words, live_window_s
        self.tokens = tuple(sorted(set(tokens)))
        self.abstracted: set[str] = set()
        mentioned = Mentioned(areas={area for area in areas if area != "*"})
        for token in self.tokens:
            mentioned.add(token, words)
        self.mentioned = mentioned
        self.client = self.choice("client.kind", words.clients)
        self.acts_for = self.choice("client.acts_for", (None, *words.clients))
        self.purpose = self.choice("purpose", words.purposes)
        self.declared = self.choice("operation", words.operations)
        self.places = _Places(mentioned.areas | {"US"}, words)
        self.place = self.choice("place", self.places.standing_for)
        self.homes = _Places(mentioned.homes | {"US"}, words)
        self.home = self.choice("client.place", self.homes.standing_for)
        self.at = self.moment("at")
        self.release = self.flag("release")
        self.licensed, self.witnessed = self.flag("licensed"), self.flag("log.witnessed_at is recent")
        self._capture(mentioned)
        self._people_and_case(mentioned)
        self._records(mentioned)
        self.papers = Papers(self, mentioned.words["issuer"])
        self._formulas: dict[str, Formula] = {}
        for token in self.tokens:
            self.token(token)

    def _capture(self, mentioned: Mentioned) -> None:
        self.source = self.choice("capture.source", (None, *sorted(self.words.words("source"))))
        self.device = self.choice("capture.device", (None, "none", *sorted({*mentioned.words["device"], "drone"} - {"none"}), OTHER))
        self.premises = self.choice("capture.space", (None, *sorted(self.words.words("space"))))
        self.age = self.choice("capture.age", (None, "recent", "old"))
        self.involved = self.flag("capture.subject_involved")
        no_camera = self.all((self.source.said(), self.no(self.source.among(CAMERA_SOURCES)), self.device.among([None, "none"])))
        identifies_live = self.declared.among(["live_identify"])
        by_capture = self.all((self.no(no_camera), self.no(self.age.among(["old"]))))
        self.live = self.flag("live")
        self.law(self.same(self.live, self.all((self.no(self.involved), self.any((identifies_live, by_capture))))))
        # The operation as the capture shows it to be: `identify` before a camera is `live_identify`.
        shown = {name: self.flag(f"operation shown={name}") for name in ("identify", "live_identify")}
        searched = self.declared.among(["identify"])
        self.law(self.same(shown["live_identify"], self.any((identifies_live, self.all((searched, self.live))))))
        self.law(self.same(shown["identify"], self.all((searched, self.no(self.live)))))
        self.operation = {name: shown.get(name, self.declared.flags[name]) for name in self.words.operations}

    def _people_and_case(self, mentioned: Mentioned) -> None:
        roles = {role for purpose in self.words.purposes.values() for role in purpose.roles} | SUSPECTS | mentioned.words["role"]
        self.target = self.choice("target.kind", (None, *sorted(self.words.words("target"))))
        self.role = self.choice("target.role", (None, *sorted(roles), OTHER))
        self.minor = self.choice("target.minor", (None, "true", "false"))
        self.apprehended = self.flag("target.apprehended")
        self.reference = self.choice("case.ref", (None, "blank", "given"))
        offences = {*mentioned.words["offence"], *sorted(CHILD_EXPLOITATION)[:1]}
        self.offence = self.choice("case.offence", (None, *sorted(offences), OTHER))
        self.offence_class = self.choice("case.offence_class", (None, *sorted(mentioned.words["offence_class"]), OTHER))
        self.annex_ii, self.threat = self.flag("case.annex_ii"), self.flag("case.imminent_threat")
        self.penalty_said, self.penalty = self.flag("case.max_penalty_years said"), self.number("case.max_penalty_years")
        self.suspicion = self.choice("case.suspicion", (None, *sorted(self.words.words("suspicion"))))
        self.gallery = self.choice("gallery.provenance", (None, *sorted(self.words.words("provenance"))))
        self.gallery_id = self.choice("gallery.id", (None, *sorted(mentioned.words["gallery_named"]), OTHER))
        listed = sorted({*mentioned.words["gallery_category"], "suspects", "people_of_interest"})
        self.categories = {name: self.flag(f"gallery.categories={name}") for name in listed}
        self.own_gallery = self.flag("gallery.deployment is the case")
        self.law(self.implies(self.own_gallery, self.reference.said()))

    def _records(self, mentioned: Mentioned) -> None:
        self.agency = self.flag("client.agency_authorised")
        self.review, self.trained, self.together = self.flag("review"), self.flag("review.trained"), self.flag("review.separate=false")
        self.reviewers = self.count("review.reviewers")
        self.law(self.implies(self.no(self.review), self.all((self.no(self.trained), self.reviewers == 0))))
        kinds = (None, *sorted(mentioned.words["consent"] | WITHDRAWN), OTHER)
        self.consent, self.withdrawn = self.choice("consent.type", kinds), self.flag("consent.withdrawn")
        self.late, self.approved = self.flag("consent.given_at after the capture"), self.flag("vendor_approval fits")
        self.route = self.choice("route.via", (None, *sorted(mentioned.words["route"]), OTHER))
        self.threshold_said, self.threshold = self.flag("threshold_pct said"), self.number("threshold_pct")
        self.notices = {name: self.flag(f"notice.{name}") for name in sorted(mentioned.notice)}
        self.context = {name: self._open("context", name, mentioned.context[name]) for name in sorted(mentioned.context)}
        self.evidence = {name: self._open("evidence", name, set()) for name in sorted(mentioned.evidence)}

    def _open(self, part: str, name: str, words: set[str]) -> Held:
        # Facts read only moments there; see policies/reading.py.
        timed = name.endswith("_at") or name == "last_interaction"
        return Held(self, f"{part}.{name}", sorted(words | _one_of_each(_WORD_SETS.get(name, ()))), *([("moment",)] if timed else []))

    def token(self, token: str) -> Formula:
        """The condition as one yes or no of its own, bound to its meaning by a law; free if nobody has written its meaning down."""
        if token not in self._formulas:
            flag = self._formulas[token] = self.flag(token)
            meaning = meaning_of(self, token)
            if meaning is None:
                self.abstracted.add(token)
            else:
                self.law(self.same(flag, meaning))
        return self._formulas[token]

    def within(self, area: str) -> Formula:
        """The place of use lies in this area."""
        return self.place.among(self.places.inside.get(area, ()))

    def operations(self, names: Iterable[str]) -> Formula:
        """The operation, as the capture shows it, is one of these."""
        return self.any(self.operation[name] for name in names)


class _Places:
    """Places that stand for all that the areas cannot tell apart from them; None stands for no place."""

    def __init__(self, areas: set[str], words: Vocabulary) -> None:
        self._areas, self._words = frozenset(areas), words
        below: dict[str, set[str]] = defaultdict(set)
        for area in areas:
            for parent in _parents(area):
                below[parent].add(area)
        self._below = {place: frozenset(parts) for place, parts in below.items()}
        candidates: list[str] = [area for area in sorted(areas) if known_place(area, words)]
        candidates += [parent for place in list(candidates) for parent in _parents(place)]
        candidates += [f"{place}-ELSEWHERE" for place in list(candidates) if place.count("-") == 1]
        candidates += sorted(words.countries)
        candidates += [f"{country}-{part}" for country, parts in sorted(words.subdivisions.items()) for part in sorted(parts)]
        candidates += [f"{place}-X1" for place in list(candidates) if len(place) == 2 and place not in words.subdivisions]
        self._by_signature: dict[_Signature, str | None] = {self._signature(None): None}
        for candidate in candidates:
            self._by_signature.setdefault(self._signature(candidate), candidate)
        self.standing_for: tuple[str | None, ...] = tuple(self._by_signature.values())
        # By area: which of them it contains.
        self.inside: dict[str, list[str | None]] = defaultdict(list)
        for standing in self.standing_for:
            for area in dict.fromkeys(areas_of(standing or "", words)):
                self.inside[area].append(standing)

    def of(self, place: str | None) -> str | None:
        """The place that stands for this one. KeyError if there is none, which would be a mistake of ours."""
        return self._by_signature[self._signature(place or None)]

    def _signature(self, place: str | None) -> _Signature:
        # Which areas contain it, and which it contains: looked up and not tried, for there may be thousands.
        containing = () if place is None else (area for area in areas_of(place, self._words) if area in self._areas)
        return frozenset(containing), self._below.get(place or "", frozenset()), place is None, place == "US"


def _parents(place: str) -> list[str]:
    parts = place.split("-")
    return ["-".join(parts[:depth]) for depth in range(1, len(parts))]


def _one_of_each(sets: tuple[frozenset[str], ...]) -> set[str]:
    """One word for each way to be in some of these sets and not in the others."""
    found = {tuple(word in one for one in sets): word for one in sets for word in sorted(one, reverse=True)}
    return set(found.values())
