"""What each condition means, as a formula over a world: the counterpart of the functions in policies/conditions, family by family.

A condition without a line here is left free, which can only make a proof fail, and is named in its result. That counterparts
and functions say the same is tested in both directions (tests/policies/test_symbolic.py); nothing here decides a request.
Long because each of the conditions has its line: a list that is split is a list in which one is missed."""

from collections.abc import Callable, Iterable, Mapping
from math import ceil, floor
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from policies.conditions import bind
from policies.conditions.capture import PUBLIC
from policies.conditions.cases import SUSPICION
from policies.conditions.circumstances import HARMLESS_CATEGORIES, PROTECTED_GROUNDS
from policies.conditions.europe import (
    APPEARANCE,
    AUTHORISATIONS,
    CRIMINAL,
    LABELLING,
    NO_EFFECT,
    POLICE_WORK,
    SUSPECTS,
    fixed_ground,
    lifts_double_check,
)
from policies.conditions.evidence import WITHDRAWALS, WITHDRAWN
from policies.conditions.papers import OPENING
from policies.conditions.people import NOBODY_IN_PARTICULAR
from policies.conditions.united_states import (
    CHANGED,
    CHILD_EXPLOITATION,
    EXIGENT,
    FEDERAL,
    GAIN,
    GLBA,
    GOVERNMENT,
    OWN_DEVICE,
    PHOTOGRAPHS,
    PORT,
)
from policies.places import inside, open_to
from policies.reading import as_number
from policies.symbolic.papers import Paper
from policies.symbolic.variables import Choice, Formula, Held, seconds

if TYPE_CHECKING:
    from policies.symbolic.world import World

Meaning = Callable[["World", Any], Formula | None]
_DAY: Final = 86400


def meaning_of(world: "World", token: str) -> Formula | None:
    """The formula of a condition with its literal; None if there is none and the condition is to be left free."""
    meaning = _MEANINGS.get(token.partition(":")[0])
    return None if meaning is None else meaning(world, next(iter(bind(token, world.words).arguments), None))


def _word(part: str) -> Meaning:
    return lambda world, words: getattr(world, part).among(words)


def _flag(part: str) -> Meaning:
    return lambda world, _: getattr(world, part)


def _is(part: str, *words: str | None) -> Meaning:
    return lambda world, _: getattr(world, part).among(words)


def _kind_of(part: str, kind: str) -> Meaning:
    return lambda world, name: getattr(world, part)[name].kind.among([kind])


def _at_least(held: Held, least: float) -> Formula:
    """A number, as such or as text, that reaches this."""
    space = held.space
    worded = [flag for word, flag in held.words.items() if (number := as_number(word)) is not None and number >= least]
    return space.any(
        (space.all((held.kind.among(["number"]), held.number >= least)), space.all((held.kind.among(["text"]), space.any(worded))))
    )


def _measured_at_most(world: "World", name: str, most: float) -> Formula:
    held = world.evidence[name]
    return world.all((held.kind.among(["number"]), held.number <= most))


def _minors_false_match_at_most(world: "World", most: float) -> Formula:
    measured = _measured_at_most(world, "false_match_rate_minors", most)
    return world.all((_said_so(world, world.evidence, ["evaluated_for_minors"]), measured))


def _said_so(world: "World", part: Mapping[str, Held], names: Iterable[str]) -> Formula:
    return world.any(part[name].kind.among(["true"]) for name in names if name in part)


def _context_given(world: "World", name: str) -> Formula:
    return world.no(world.context[name].kind.among([None, "blank"]))


def _hours_since(world: "World", limit: tuple[str, float]) -> Formula:
    held = world.context[limit[0]]
    return world.all((held.kind.among(["moment"]), world.at - held.moment >= ceil(limit[1] * 3600)))


def _years_since(world: "World", limit: tuple[str, float]) -> Formula | None:
    """So many calendar years are 365 to 366 days each; between the two no moment is tried, for nothing else looks that closely."""
    held, past = world.context[limit[0]], world.at - world.context[limit[0]].moment
    soonest, latest = int(limit[1]) * 365 * _DAY, int(limit[1]) * 366 * _DAY
    asked = (float(token.rpartition("=")[2]) for token in world.tokens if token.startswith(f"hours_since:{limit[0]}="))
    if any(soonest <= hours * 3600 <= latest for hours in asked):
        return None
    world.law(world.any((past < soonest, past >= latest)))
    return world.all((held.kind.among(["moment"]), past >= latest))


def _number(part: str) -> Meaning:
    return lambda world, least: world.all((getattr(world, f"{part}_said"), getattr(world, part) >= least))


def _consent(world: "World", kinds: frozenset[str]) -> Formula:
    return world.all((world.consent.among(kinds), world.no(_consent_withdrawn(world, None))))


def _consent_withdrawn(world: "World", _: object) -> Formula:
    return world.any((world.withdrawn, world.consent.among(WITHDRAWN), _said_so(world, world.context, WITHDRAWALS)))


def _reviewed(world: "World", people: int) -> Formula:
    return world.all((world.review, world.trained, world.no(world.together), world.reviewers >= people))


def _review_inadequate(world: "World", _: object) -> Formula:
    return world.all((world.review, world.any((world.reviewers == 0, world.no(world.trained)))))


def _contradicts(world: "World", part: Choice, of: str, *, absence: bool) -> Formula:
    """The purpose is compatible with some words of this part, and the request says none of them."""
    found = []
    for name, purpose in world.words.purposes.items():
        fitting = getattr(purpose, of)
        if fitting:
            wrong = (word for word in part.flags if word not in fitting and (word is not None or absence))
            found.append(world.all((world.purpose.among([name]), part.among(wrong))))
    return world.any(found)


def _operation_contradicts(world: "World", _: object) -> Formula:
    return world.any(
        world.all((world.purpose.among([name]), world.no(world.operations(purpose.operations))))
        for name, purpose in world.words.purposes.items()
        if purpose.operations
    )


def _authorisation(world: "World", kinds: tuple[frozenset[str], frozenset[str]]) -> Formula:
    types, issuers = kinds

    def holds(paper: Paper) -> Formula:
        issued = paper.issuer.among(issuers) if issuers else world.yes
        return world.all((paper.among(types), issued, paper.counts()))

    return world.papers.some(f"{sorted(types)} of {sorted(issuers)} counts", holds)


def _authorisation_status(world: "World", statuses: frozenset[str]) -> Formula:
    return world.papers.some(f"{sorted(statuses)}", lambda paper: world.all((paper.status.among(statuses), paper.binds())))


def _request_overdue(world: "World", hours: float) -> Formula:
    held = world.context["started_at"]
    ends = held.moment + floor(hours * 3600)

    def pends(paper: Paper) -> Formula:
        in_time = world.any((world.no(paper.hour_said), paper.hour <= ends))
        return world.all((paper.status.among(["requested"]), paper.among(AUTHORISATIONS), paper.binds(), in_time))

    pending = world.papers.some(f"pending for {hours} hours", pends)
    return world.all((held.kind.among(["moment"]), world.at > ends, world.no(pending)))


def _suspect_sought(world: "World", _: object) -> Formula:
    unsaid = world.all((world.role.among([None]), world.purpose.among(CRIMINAL)))
    return world.any((unsaid, world.role.among(SUSPECTS)))


def _first_identification(world: "World", _: object) -> Formula:
    return world.all((world.target.among(["unknown_suspect"]), world.suspicion.among(["objective_facts", "probable_cause"])))


def _national_law_opens(world: "World", _: object) -> Formula:
    # A list opens the purpose of this request or does not; that it does is the list "with OTHER in it".
    held = world.evidence["national_rbi_law"]
    return world.any((held.kind.among(["true"]), world.all((held.kind.among(["list"]), world.any(held.words.values())))))


def _double_check_lifted(world: "World", _: object) -> Formula:
    return _said_so(world, world.evidence, filter(lifts_double_check, world.evidence))


def _categories_beyond(harmless: frozenset[str]) -> Meaning:
    def meaning(world: "World", _: object) -> Formula:
        held = world.context["categories"]
        return world.any((world.no(world.any((held.kind.among(["text", "list"]),))), *_strange(world, held, harmless)))

    return meaning


def _strange(world: "World", held: Held, harmless: frozenset[str]) -> tuple[Formula, ...]:
    return (held.says(word for word in held.words if word not in harmless), world.no(world.any(held.words.values())))


def _lawful_labelling(world: "World", _: object) -> Formula:
    wild = world.any((world.gallery.among(["scraped"]), world.source.among(["web_scrape", "cctv_bulk"])))
    spoken = [
        world.any(
            (
                *([held.kind.among(["true"])] if not LABELLING.isdisjoint(name.split("_")) else []),
                held.says(word for word in held.words if not LABELLING.isdisjoint(word.split("_"))),
            )
        )
        for name, held in world.context.items()
    ]
    known = world.all((world.purpose.among(["research", "system_testing"]), world.gallery.said()))
    return world.all((world.no(wild), world.any((*spoken, known))))


def _police_work(world: "World", _: object) -> Formula:
    authorities = world.words.group("clients", "law_enforcement") or ()
    return world.all((world.purpose.among(POLICE_WORK), world.any((world.client.among(authorities), world.acts_for.among(authorities)))))


def _affects_person(world: "World", _: object) -> Formula:
    return world.no(world.context["effect"].says(NO_EFFECT))


def _closed_watchlist(world: "World", _: object) -> Formula:
    open_ones = [flag for name, flag in world.categories.items() if not fixed_ground(set(name.split("_")))]
    return world.all((world.any(world.categories.values()), world.no(world.any(open_ones))))


def _exigent(world: "World", _: object) -> Formula:
    return world.any((world.threat, _said_so(world, world.context, EXIGENT)))


def _surveillance(world: "World", _: object) -> Formula:
    declared = _said_so(world, world.context, ("ongoing_surveillance", "persistent_tracking"))
    return world.any((declared, world.live, world.operation["track"], world.source.among(["cctv_bulk"])))


def _federal_home(world: "World", _: object) -> Formula:
    return world.home.among(["US"])


def _federal_matter(world: "World", _: object) -> Formula:
    mandated = world.papers.some(
        "federal mandate", lambda paper: world.all((paper.among(["legal_mandate"]), paper.nationwide, paper.counts()))
    )
    said = [*world.context.items(), *world.evidence.items()]
    denied = world.any(held.kind.among(["false"]) for name, held in said if "federal" in name)
    named_federal = world.any(_names(world, name, held, FEDERAL) for name, held in said)
    named_port = world.any(_names(world, name, held, PORT) for name, held in said)
    border = world.any((world.premises.among(["border"]), world.acts_for.among(["border_agency"])))
    with_agency = world.any((world.acts_for.among(["police_federal"]), named_federal))
    port = world.any((named_port, world.purpose.among(["border_control"])))
    at_port = world.all((world.no(denied), world.any((border, world.all((with_agency, port))))))
    recorded = _said_so(world, world.evidence, ["federal_mandate"])
    return world.any((_federal_home(world, None), mandated, recorded, world.all((world.operation["verify"], at_port))))


def _names(world: "World", name: str, held: Held, wanted: frozenset[str]) -> Formula:
    """Name or words of this member hold one of these; a member that is denied or absent names nothing."""
    by_name = [world.no(held.kind.among([None, "false"]))] if not wanted.isdisjoint(name.split("_")) else []
    return world.any((*by_name, held.says(word for word in held.words if not wanted.isdisjoint(word.lower().split("_")))))


def _altered_probe(world: "World", _: object) -> Formula:
    kind = world.context["probe_kind"]
    drawn = world.all((kind.kind.said(), world.no(kind.says(PHOTOGRAPHS))))
    return world.any((_said_so(world, world.context, CHANGED), drawn))


def _match_alone(world: "World", _: object) -> Formula:
    named = world.all((world.context["action"].kind.said(), world.context["independent_evidence"].kind.among(["false"])))
    return world.any((world.context["sole_basis"].kind.among(["true"]), named))


def _works_for_government(world: "World", _: object) -> Formula:
    return world.any((world.acts_for.among(GOVERNMENT), _said_so(world, world.evidence, GLBA)))


def _for_gain(world: "World", _: object) -> Formula:
    return world.any((world.purpose.among(["sale"]), _said_so(world, world.context, GAIN)))


def _own_device(world: "World", _: object) -> Formula:
    return world.all((_said_so(world, world.context, OWN_DEVICE), world.involved))


def _seized_child_abuse(world: "World", _: object) -> Formula:
    seized = world.all((world.offence.among(CHILD_EXPLOITATION), world.gallery.among(["case_material"])))
    return world.all((seized, world.reference.among(["given"]), world.no(world.live)))


def _drone_target(world: "World", _: object) -> Formula:
    warrant = _authorisation(world, (frozenset({"judicial_warrant"}), frozenset({"court"})))
    return world.all((world.device.among(["drone"]), world.target.among(["specific_person"]), warrant))


_MEANINGS: Final[Mapping[str, Meaning]] = MappingProxyType(
    {
        # capture
        "live": _flag("live"),
        "subject_involved": _flag("involved"),
        "public_space": _is("premises", None, *PUBLIC),
        "space": _word("premises"),
        "source": _word("source"),
        "device": _word("device"),
        # people
        "acts_for": _word("acts_for"),
        "acts_for_another": lambda world, _: world.acts_for.said(),
        "agency_authorised": _flag("agency"),
        "client_place": lambda world, area: world.home.among(home for home in world.home.flags if inside(home or "", area, world.words)),
        "specific_person": _is("target", "specific_person"),
        "untargeted": _is("target", *NOBODY_IN_PARTICULAR),
        "target": _word("target"),
        "role": _word("role"),
        "minor": _is("minor", "true"),
        "adult": _is("minor", "false"),
        "apprehended": _flag("apprehended"),
        # cases and galleries
        "case_reference": _is("reference", "given"),
        "offence": _word("offence"),
        "offence_class": _word("offence_class"),
        "annex_ii": _flag("annex_ii"),
        "penalty_years_at_least": _number("penalty"),
        "suspicion_at_least": lambda world, least: world.suspicion.among(SUSPICION[least:]),
        "imminent_threat": _flag("threat"),
        "gallery": _word("gallery"),
        "gallery_named": _word("gallery_id"),
        "gallery_category": lambda world, names: world.any(world.categories[name] for name in sorted(names)),
        "gallery_of_this_case": _flag("own_gallery"),
        # papers
        "authorised": lambda world, _: _authorisation(world, (OPENING, frozenset())),
        "authorisation": _authorisation,
        "authorisation_status": _authorisation_status,
        "broken_term": lambda world, _: world.papers.some("broken term", lambda paper: paper.broken),
        "paper_shown": lambda world, kinds: world.papers.some(f"{sorted(kinds)} shown", lambda paper: paper.among(kinds)),
        "request_overdue": _request_overdue,
        # what is on record
        "evidence": _kind_of("evidence", "true"),
        "evidence_denied": _kind_of("evidence", "false"),
        "evidence_at_least": lambda world, limit: _at_least(world.evidence[limit[0]], limit[1]),
        "fmr_ratio_at_most": lambda world, most: _measured_at_most(world, "fmr_ratio", most),
        "evaluated_for_minors": lambda world, _: _said_so(world, world.evidence, ["evaluated_for_minors"]),
        "minors_false_match_at_most": _minors_false_match_at_most,
        "vendor_approved": _flag("approved"),
        "consent": _consent,
        "consent_withdrawn": _consent_withdrawn,
        "notice": lambda world, name: world.notices[name],
        "route": _word("route"),
        "similarity_at_least": _number("threshold"),
        # circumstances
        "context": _kind_of("context", "true"),
        "context_denied": _kind_of("context", "false"),
        "context_given": _context_given,
        "context_is": lambda world, wanted: world.context[wanted[0]].says(wanted[1]),
        "context_at_least": lambda world, limit: _at_least(world.context[limit[0]], limit[1]),
        "hours_since": _hours_since,
        "years_since": _years_since,
        "protected_ground": lambda world, _: world.context["selection_basis"].says(PROTECTED_GROUNDS),
        "sensitive_categories": _categories_beyond(HARMLESS_CATEGORIES),
        # licence, purpose, review, moment
        "licensed": _flag("licensed"),
        "role_contradicts": lambda world, _: _contradicts(world, world.role, "roles", absence=False),
        "target_contradicts": lambda world, _: _contradicts(world, world.target, "targets", absence=True),
        "operation_contradicts": _operation_contradicts,
        "reviewed": _reviewed,
        "review_inadequate": _review_inadequate,
        "since": lambda world, date: world.at >= seconds(date),
        "before": lambda world, date: world.at < seconds(date),
        "at_release": _flag("release"),
        "place_open_to": lambda world, area: world.place.among(place for place in world.place.flags if open_to(place or "", area)),
        "witnessed": _flag("witnessed"),
        # Europe
        "suspect_sought": _suspect_sought,
        "first_identification": _first_identification,
        "national_law_opens": _national_law_opens,
        "double_check_lifted": _double_check_lifted,
        "infers_sensitive_trait": _categories_beyond(APPEARANCE),
        "lawful_labelling": _lawful_labelling,
        "police_work": _police_work,
        "affects_person": _affects_person,
        "closed_watchlist": _closed_watchlist,
        # the United States
        "federal_home": _federal_home,
        "exigent": _exigent,
        "surveillance": _surveillance,
        "federal_matter": _federal_matter,
        "altered_probe": _altered_probe,
        "match_alone": _match_alone,
        "works_for_government": _works_for_government,
        "release_late": _flag("late"),
        "for_gain": _for_gain,
        "own_device": _own_device,
        "seized_child_abuse": _seized_child_abuse,
        "drone_target": _drone_target,
    }
)
