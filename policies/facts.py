"""Facts: all that is known of a request, frozen, in the JSON shape of the decision vectors. Never decides anything.

Unknown *words* (a purpose, a client kind) are kept as they came, so that the judge can refuse them by name. Unknown
*members* of a section are kept too, satisfy nothing, and are listed by `unrecognised`; the top level is closed."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final, Self

from policies import reading
from policies.errors import FactsError
from policies.reading import Json

_NOTHING: Final[Mapping[str, Json]] = MappingProxyType({})


# How each member of a section is read from JSON.
_TEXT: Final = {"read": reading.text}
_TEXTS: Final = {"read": reading.texts}
_FLAG: Final = {"read": reading.flag}
_NUMBER: Final = {"read": reading.number}
_TIME: Final = {"read": reading.time}


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One part of the facts. A member that was not given is None, and None never counts as satisfied."""

    more: Mapping[str, Json] = field(default_factory=lambda: _NOTHING)

    @classmethod
    def read(cls, path: str, value: object) -> Self:
        """Read one JSON object. Raises FactsError; JSON null is the same as absent."""
        given = {name: entry for name, entry in reading.members(path, value).items() if entry is not None}
        known: dict[str, Any] = {}
        for member in fields(cls):
            if member.name != "more" and member.name in given:
                known[member.name] = member.metadata["read"](f"{path}.{member.name}", given.pop(member.name))
        return cls(**known, more=reading.freeze(path, given))

    def to_json(self) -> dict[str, object]:
        """The JSON object that reads as this section."""
        held = {member.name: getattr(self, member.name) for member in fields(self) if member.name != "more"}
        return {name: reading.plain(entry) for name, entry in {**held, **self.more}.items() if entry is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Client(Section):
    """Who asks: the kind of organisation, where it is at home, and for whom it acts (if not for itself)."""

    id: str | None = field(default=None, metadata=_TEXT)
    name: str | None = field(default=None, metadata=_TEXT)
    kind: str | None = field(default=None, metadata=_TEXT)
    place: str | None = field(default=None, metadata=_TEXT)
    acts_for: str | None = field(default=None, metadata=_TEXT)
    agency_authorised: bool | None = field(default=None, metadata=_FLAG)


@dataclass(frozen=True, slots=True, kw_only=True)
class Capture(Section):
    """Where the picture comes from; `age_s` is its age in seconds when it reached the gateway."""

    source: str | None = field(default=None, metadata=_TEXT)
    device: str | None = field(default=None, metadata=_TEXT)
    space: str | None = field(default=None, metadata=_TEXT)
    age_s: int | float | None = field(default=None, metadata=_NUMBER)
    subject_involved: bool | None = field(default=None, metadata=_FLAG)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target(Section):
    """Who is sought."""

    kind: str | None = field(default=None, metadata=_TEXT)
    role: str | None = field(default=None, metadata=_TEXT)
    minor: bool | None = field(default=None, metadata=_FLAG)
    apprehended: bool | None = field(default=None, metadata=_FLAG)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case(Section):
    """The case: its reference, the offence, and how strong the suspicion is."""

    ref: str | None = field(default=None, metadata=_TEXT)
    offence: str | None = field(default=None, metadata=_TEXT)
    offence_class: str | None = field(default=None, metadata=_TEXT)
    annex_ii: bool | None = field(default=None, metadata=_FLAG)
    max_penalty_years: int | float | None = field(default=None, metadata=_NUMBER)
    suspicion: str | None = field(default=None, metadata=_TEXT)
    imminent_threat: bool | None = field(default=None, metadata=_FLAG)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gallery(Section):
    """What is searched: where its faces come from and for which deployment it was made."""

    id: str | None = field(default=None, metadata=_TEXT)
    provenance: str | None = field(default=None, metadata=_TEXT)
    categories: tuple[str, ...] | None = field(default=None, metadata=_TEXTS)
    deployment: str | None = field(default=None, metadata=_TEXT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Authorisation(Section):
    """A document: its kind and issuer, what it binds itself to, its status and its term."""

    id: str | None = field(default=None, metadata=_TEXT)
    type: str | None = field(default=None, metadata=_TEXT)
    issuer: str | None = field(default=None, metadata=_TEXT)
    place: str | None = field(default=None, metadata=_TEXT)
    status: str | None = field(default=None, metadata=_TEXT)
    valid_from: datetime | None = field(default=None, metadata=_TIME)
    valid_to: datetime | None = field(default=None, metadata=_TIME)
    requested_at: datetime | None = field(default=None, metadata=_TIME)
    purpose: str | None = field(default=None, metadata=_TEXT)
    operation: str | None = field(default=None, metadata=_TEXT)
    case_ref: str | None = field(default=None, metadata=_TEXT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Review(Section):
    """Who looked, or is to look, at the result; `separate` says whether they did so without each other."""

    reviewers: tuple[str, ...] | None = field(default=None, metadata=_TEXTS)
    trained: bool | None = field(default=None, metadata=_FLAG)
    separate: bool | None = field(default=None, metadata=_FLAG)


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent(Section):
    """What the person agreed to."""

    type: str | None = field(default=None, metadata=_TEXT)
    withdrawn: bool | None = field(default=None, metadata=_FLAG)
    withdrawn_at: datetime | None = field(default=None, metadata=_TIME)


@dataclass(frozen=True, slots=True, kw_only=True)
class VendorApproval(Section):
    """The vendor's approval of one use case, where the vendor asks for registration."""

    status: str | None = field(default=None, metadata=_TEXT)
    use_case: str | None = field(default=None, metadata=_TEXT)
    valid_to: datetime | None = field(default=None, metadata=_TIME)


@dataclass(frozen=True, slots=True, kw_only=True)
class Route(Section):
    """Through whom the request goes, such as a motor-vehicle bureau."""

    via: str | None = field(default=None, metadata=_TEXT)


_SECTIONS: Final[Mapping[str, type[Section]]] = MappingProxyType(
    {
        "client": Client,
        "capture": Capture,
        "target": Target,
        "case": Case,
        "gallery": Gallery,
        "review": Review,
        "consent": Consent,
        "vendor_approval": VendorApproval,
        "route": Route,
    }
)
_WORDS: Final = ("operation", "purpose", "place")
_OPEN: Final = ("evidence", "context", "notice")
SHAPE: Final = (*_SECTIONS, *_WORDS, *_OPEN, "authorisations", "threshold_pct")


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Everything one decision rests on, the moment and the client's grants included. Equal facts get equal answers."""

    at: datetime
    licence: frozenset[str] = frozenset()
    client: Client = Client()
    operation: str | None = None
    capture: Capture = Capture()
    purpose: str | None = None
    target: Target = Target()
    case: Case = Case()
    gallery: Gallery = Gallery()
    place: str | None = None
    authorisations: tuple[Authorisation, ...] = ()
    review: Review | None = None
    evidence: Mapping[str, Json] = field(default_factory=lambda: _NOTHING)
    consent: Consent = Consent()
    notice: Mapping[str, Json] = field(default_factory=lambda: _NOTHING)
    vendor_approval: VendorApproval = VendorApproval()
    route: Route = Route()
    context: Mapping[str, Json] = field(default_factory=lambda: _NOTHING)
    threshold_pct: int | float | None = None

    @classmethod
    def from_json(cls, obj: object, *, at: datetime, licence: Iterable[str] = ()) -> "Facts":
        """Read the facts of a request in the vectors' shape. Raises FactsError, and nothing else."""
        if not isinstance(at, datetime) or at.tzinfo is None:
            raise FactsError("at", "must be a moment with its offset.")
        given = {name: entry for name, entry in reading.members("request", obj).items() if entry is not None}
        strange = sorted(set(given) - set(SHAPE))
        if strange:
            raise FactsError(strange[0], f"is no part of a request; its parts are {', '.join(sorted(SHAPE))}.")
        return cls(at=at, licence=_grants(licence), **{name: _part(name, entry) for name, entry in given.items()})

    def to_json(self) -> dict[str, object]:
        """The request in the vectors' shape; what was absent stays absent."""
        held: dict[str, object] = {}
        for name in SHAPE:
            part = getattr(self, name)
            plain = (
                part.to_json() if isinstance(part, Section) else [paper.to_json() for paper in part] if isinstance(part, tuple) else part
            )
            if plain is not None and plain != {} and plain != []:
                held[name] = reading.plain(plain)
        if self.review is not None:
            # A review that was given and is empty says something else than no review.
            held["review"] = self.review.to_json()
        return held

    def to_record(self) -> dict[str, object]:
        """The facts with moment and grants, without floating point numbers: what a log entry keeps to decide again later."""
        record = reading.without_floats(self.to_json())
        return {"at": reading.plain(self.at), "licence": sorted(self.licence), "request": record}

    @classmethod
    def from_record(cls, record: object) -> "Facts":
        """Read what to_record() wrote. Raises FactsError."""
        parts = reading.members("facts", record)
        if set(parts) != {"at", "licence", "request"}:
            raise FactsError("facts", "must hold at, licence and request.")
        return cls.from_json(parts["request"], at=reading.time("at", parts["at"]), licence=reading.texts("licence", parts["licence"]))

    def unrecognised(self) -> tuple[str, ...]:
        """The members of sections that nothing here understands: kept for the record, never counted."""
        found = [f"{name}.{member}" for name in _SECTIONS if (part := getattr(self, name)) is not None for member in part.more]
        found += [f"authorisations[{at}].{member}" for at, paper in enumerate(self.authorisations) for member in paper.more]
        return tuple(found)


def _grants(licence: Iterable[str]) -> frozenset[str]:
    if isinstance(licence, str | bytes | Mapping):
        raise FactsError("licence", "must be a list of purpose:operation pairs.")
    try:
        return frozenset(reading.texts("licence", list(licence)))
    except TypeError as error:
        raise FactsError("licence", "must be a list of purpose:operation pairs.") from error


def _part(name: str, value: object) -> Any:  # noqa: ANN401 - the type is that of the field of this name
    if name in _SECTIONS:
        return _SECTIONS[name].read(name, value)
    if name in _WORDS:
        return reading.text(name, value)
    if name in _OPEN:
        return reading.circumstances(name, value)
    if name == "threshold_pct":
        return reading.number(name, value)
    papers = enumerate(reading.sequence(name, value))
    return tuple(Authorisation.read(f"{name}[{position}]", paper) for position, paper in papers)
