"""Facts: all that is known of a request, frozen, in the JSON shape of the decision vectors. Never decides anything.

Unknown *words* (a purpose, a client kind) are kept as they came, so that the judge can refuse them by name. Unknown
*members* of a section are kept too, satisfy nothing, and are listed by `unrecognised`; the top level is closed.
Long because a request has one shape, and it is read and written here alone."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from operator import attrgetter
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
    def read(cls, value: object) -> Self:
        """Read one JSON object. Raises FactsError; JSON null is the same as absent."""
        readers = _readers(cls)
        known: dict[str, Any] = {}
        others: dict[str, object] = {}
        name = ""
        try:
            for name, entry in reading.members(value).items():
                if entry is None:
                    continue
                if name in readers:
                    known[name] = readers[name](entry)
                else:
                    others[name] = reading.freeze(entry)
        except FactsError as error:
            raise error.inside(name) if name else error from error
        return cls(**known, more=MappingProxyType(others)) if others else cls(**known)

    def to_json(self) -> dict[str, object]:
        """The JSON object that reads as this section."""
        return self.written(reading.plain)

    def written(self, write: Callable[[Json], object]) -> dict[str, object]:
        """As to_json(), each value written by this function."""
        names = _readers(type(self))
        values = zip(names, _held(type(self))(self), strict=True)
        held = {name: value if type(value) in reading.BARE else write(value) for name, value in values if value is not None}
        return held | {name: write(value) for name, value in self.more.items() if value is not None} if self.more else held


# Asking a dataclass for its fields costs more than reading or writing a section does; each is asked once.
_KNOWN: Final[dict[str, Mapping[str, reading.Reader]]] = {}
_HELD: Final[dict[str, Callable[[Section], tuple[Json, ...]]]] = {}


def _readers(section: type[Section]) -> Mapping[str, reading.Reader]:
    known = _KNOWN.get(section.__name__)
    if known is None:
        known = _KNOWN[section.__name__] = {member.name: member.metadata["read"] for member in fields(section) if member.name != "more"}
    return known


def _held(section: type[Section]) -> Callable[[Section], tuple[Json, ...]]:
    """Read every known member at once, in the order of _readers()."""
    held = _HELD.get(section.__name__)
    if held is None:
        names = tuple(_readers(section))
        several = attrgetter(*names)
        held = _HELD[section.__name__] = several if len(names) > 1 else lambda part: (several(part),)
    return held


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Log(Section):
    """The audit log itself: since when a quorum of witnesses has vouched for its newest cosigned head."""

    witnessed_at: datetime | None = field(default=None, metadata=_TIME)


def _papers(value: object) -> tuple[Authorisation, ...]:
    return reading.each(value, Authorisation.read)


# The whole shape of a request, part by part.
_READERS: Final[Mapping[str, reading.Reader]] = MappingProxyType(
    {
        "client": Client.read,
        "operation": reading.text,
        "capture": Capture.read,
        "purpose": reading.text,
        "target": Target.read,
        "case": Case.read,
        "gallery": Gallery.read,
        "place": reading.text,
        "authorisations": _papers,
        "review": Review.read,
        "evidence": reading.circumstances,
        "consent": Consent.read,
        "notice": reading.circumstances,
        "vendor_approval": VendorApproval.read,
        "route": Route.read,
        "context": reading.circumstances,
        "threshold_pct": reading.number,
        "log": Log.read,
    }
)


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
    log: Log = Log()

    @classmethod
    def from_json(cls, obj: object, *, at: datetime, licence: Iterable[str] = ()) -> "Facts":
        """Read the facts of a request in the vectors' shape. Raises FactsError, and nothing else."""
        if not isinstance(at, datetime) or at.tzinfo is None:
            raise FactsError("at", "must be a moment with its offset.")
        given = {name: entry for name, entry in reading.members(obj).items() if entry is not None}
        strange = sorted(given.keys() - _READERS.keys())
        if strange:
            raise FactsError(strange[0], f"is no part of a request; its parts are {', '.join(sorted(_READERS))}.")
        name = ""
        parts: dict[str, Any] = {}
        try:
            for name, entry in given.items():
                parts[name] = _READERS[name](entry)
        except FactsError as error:
            raise error.inside(name) from error
        return cls(at=at, licence=_grants(licence), **parts)

    def to_json(self) -> dict[str, object]:
        """The request in the vectors' shape; what was absent stays absent."""
        return self._written(reading.plain)

    def _written(self, write: Callable[[Json], object]) -> dict[str, object]:
        found: dict[str, object] = {}
        for name, part in zip(_READERS, _PARTS(self), strict=True):
            # A part that was never given is the very default; a review that was given and is empty says something else than none.
            if part is None or part is _ABSENT.get(name):
                continue
            if isinstance(part, Section):
                told: object = part.written(write)
            else:
                told = [paper.written(write) for paper in part] if name == "authorisations" else write(part)
            if (told != {} and told != []) or name == "review":
                found[name] = told
        return found

    def to_record(self) -> dict[str, object]:
        """The facts with moment and grants, without floating point numbers: what a log entry keeps to decide again later."""
        return {"at": reading.plain(self.at), "licence": sorted(self.licence), "request": self._written(reading.recorded)}

    @classmethod
    def from_record(cls, record: object) -> "Facts":
        """Read what to_record() wrote. Raises FactsError."""
        parts = reading.members(record)
        if set(parts) != {"at", "licence", "request"}:
            raise FactsError("facts", "must hold at, licence and request.")
        return cls.from_json(parts["request"], at=reading.time(parts["at"]), licence=reading.texts(parts["licence"]))

    def unrecognised(self) -> tuple[str, ...]:
        """The members of sections that nothing here understands: kept for the record, never counted."""
        parts = {name: getattr(self, name) for name in _READERS}
        found = [f"{name}.{member}" for name, part in parts.items() if isinstance(part, Section) for member in part.more]
        found += [f"authorisations[{position}].{member}" for position, paper in enumerate(self.authorisations) for member in paper.more]
        return tuple(found)


_PARTS: Final = attrgetter(*_READERS)
_ABSENT: Final[Mapping[str, object]] = MappingProxyType({member.name: member.default for member in fields(Facts)})


def _grants(licence: Iterable[str]) -> frozenset[str]:
    if isinstance(licence, str | bytes | Mapping) or not isinstance(licence, Iterable):
        raise FactsError("licence", "must be a list of purpose:operation pairs.")
    try:
        return frozenset(reading.texts(list(licence)))
    except FactsError as error:
        raise error.inside("licence") from error
