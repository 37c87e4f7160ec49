"""Assemble what is known of a request: the client's word counts only where the register cannot know better. Decides nothing."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Final

from engine.errors import EvaluationRefused
from engine.evaluation.record import COHORT_COVERS_ALL
from gateway.clock import Clock, iso
from gateway.enforcement.declaration import Declaration
from gateway.enforcement.fitness import EvaluationGate
from gateway.errors import CustodesError
from gateway.registry.authorisations import Authorisation, Invocation, check
from gateway.registry.cases import Case
from gateway.registry.coverage import Use, covering
from gateway.registry.errors import AuthorisationRefused, NotOnRecord, RegistryError
from gateway.registry.evidence import shown
from gateway.registry.galleries import Gallery
from gateway.registry.licences import Licence
from gateway.registry.lookups import Lookups, View
from policies.decision import Reason
from policies.errors import FactsError
from policies.facts import Facts

Gap = tuple[str, Reason]
WitnessedAt = Callable[[], datetime | None]
"""Says since when a quorum of witnesses has vouched for the log; None if none does."""

REGISTER: Final = "register"
_FROM_THE_REGISTER: Final = frozenset({"authorisation", "case", "gallery"})
_MOST_MISFITS: Final = 8
MEASURED: Final = frozenset({"evaluated_on", "evaluated_for_minors", "fmr_ratio", "false_match_rate_minors", COHORT_COVERS_ALL})
CASE_RESTRICTED: Final = "case-restricted"
SUBJECT_RESTRICTED: Final = "subject-restricted"
UNCONFIRMED: Final = "gallery-unconfirmed"
# What would close a gap, in the words of `needed`.
NEEDED: Final = MappingProxyType({UNCONFIRMED: "gallery_provenance_confirmed"})


class FactsRefused(CustodesError):
    """The declared facts cannot be read as facts; `field` says which."""

    code = "facts-malformed"

    def __init__(self, field: str, sentence: str) -> None:
        super().__init__(sentence)
        self.field = field


@dataclass(frozen=True, slots=True)
class Assembled:
    """The Facts of a request, the view of the registry they come from, and what it objects to before any rule is asked (`gaps`).

    `licences` are all that cover it, the newest first: the first whose quota has room pays, and it is that one that the request is then
    under. `misfits` say of the client's papers which do not authorise this request, and why: told when the rules miss a paper."""

    facts: Facts
    view: View
    operation: str
    case_ref: str | None
    gallery_id: str | None
    gaps: tuple[Gap, ...]
    licences: tuple[Licence, ...]
    unevaluated: Gap | None = None
    person_registered: bool = False
    retention_days: int | None = None
    keeps_pictures: bool = False
    misfits: tuple[Gap, ...] = ()

    @property
    def licence(self) -> Licence | None:
        """The licence that the request is under: of several that cover it, the first."""
        return self.licences[0] if self.licences else None

    @property
    def licence_least(self) -> float:
        """The least similarity that the licence lets be reported for this operation; 0 where it says nothing."""
        return 0.0 if self.licence is None else dict(self.licence.terms.thresholds).get(self.operation, 0.0)


@dataclass(frozen=True, slots=True)
class FactsBook:
    """Where Facts come from."""

    lookups: Lookups
    clock: Clock
    witnessed_at: WitnessedAt
    gate: EvaluationGate

    def of(self, client_id: str, declaration: Declaration, view: View | None = None, under: str | None = None) -> Assembled:
        """Return the Facts of a client's request at this moment, or as the given view of the registry has them.

        `under` names the one licence that counts, once it has paid: no other takes its place if it stands no longer.

        1 who asks; 2 for what: case, gallery, papers; 3 what is shown and measured; 4 under which licence; 5 all of it as Facts.
        What is not on record becomes a gap, never a fact. Raises FactsRefused for a declaration that is no facts at all."""
        # 1
        at = self.clock.now()
        view = view or self.lookups.now()
        gaps: list[Gap] = []
        client = view.client(client_id)
        known: dict[str, object] = {name: value for name, value in declaration.said.items() if name not in _FROM_THE_REGISTER}
        known["operation"] = declaration.operation
        known["client"] = _present(
            id=client.id,
            name=client.name,
            kind=client.kind,
            place=client.place,
            acts_for=client.acts_for,
            agency_authorised=client.agency_authorised,
        )
        place = known.setdefault("place", client.place) if client.place is not None else known.get("place")
        # 2
        case = _put_case(known, view, client_id, declaration, gaps)
        gallery = _put_gallery(known, view, client_id, declaration, gaps)
        use = _invocation(client_id, declaration, place)
        gaps += _named_paper(view, declaration.authorisation_id, use, at)
        misfits = tuple(gap for paper in _nearest(view.papers(client_id), use) for gap in _misfit(paper, use, at))
        known["authorisations"] = [paper.to_json() for paper in view.authorisations(client_id, declaration.case_ref)]
        # 3
        held = shown(view.evidence(client_id), place if isinstance(place, str) else None, declaration.purpose, at)
        measured, unevaluated = self._measured()
        # What the evaluation says of the recogniser is nobody else's to say: not even where it says nothing.
        known["evidence"] = {name: value for name, value in held.items() if name not in MEASURED} | measured
        # Who could look at a result today; a reviewer without current training on record is none.
        ready = view.trained_reviewers(at)
        known["review"] = {"reviewers": list(ready[:3]), "trained": bool(ready), "separate": True}
        known["log"] = log_facts(self.witnessed_at)
        # 4
        licences: tuple[Licence, ...] = ()
        try:
            client.must_be_active()
            wanted = Use(declaration.purpose or "", declaration.operation, place if isinstance(place, str) else "", gallery)
            licences = _covering(view, client_id, wanted, at, under)
        except RegistryError as refused:
            gaps.append(_gap(refused))
        # 5
        try:
            facts = Facts.from_json(known, at=at, licence=licences[0].terms.grants if licences else ())
        except FactsError as fault:
            raise FactsRefused(fault.field, fault.sentence) from fault
        return Assembled(
            facts,
            view,
            declaration.operation,
            declaration.case_ref,
            declaration.gallery_id,
            tuple(gaps),
            licences,
            unevaluated,
            case is not None and case.reference_face,
            None if gallery is None else gallery.retention_days,
            keeps_pictures=gallery is not None and gallery.pictures,
            misfits=misfits,
        )

    def _measured(self) -> tuple[dict[str, object], Gap | None]:
        """Return what the recogniser's current evaluation lets the rules know, or why there is none."""
        try:
            return dict(self.gate.current().evidence), None
        except EvaluationRefused as fault:
            return {}, (fault.code, _reason(fault.code, fault.sentence))


def _covering(view: View, client_id: str, use: Use, at: datetime, under: str | None) -> tuple[Licence, ...]:
    """Return the licences that cover the use. Whoever passed one on must be active too: what they hold is what was passed on."""
    found = covering((licence for licence in view.licences(client_id) if under in (None, licence.id)), use, at)
    standing: list[Licence] = []
    refusals: list[RegistryError] = []
    for licence in found:
        try:
            for above in licence.holders[1:]:
                view.client(above.client_id).must_be_active()
            standing.append(licence)
        except RegistryError as refused:
            refusals.append(refused)
    if not standing:
        raise refusals[0]
    return tuple(standing)


def _named_paper(view: View, authorisation_id: str | None, use: Invocation, at: datetime) -> list[Gap]:
    if authorisation_id is None:
        return []
    try:
        paper = view.authorisation(authorisation_id)
    except NotOnRecord as refused:
        return [_gap(refused)]
    return _misfit(paper, use, at)


def _nearest(papers: Iterable[Authorisation], use: Invocation) -> list[Authorisation]:
    """Of many papers, those that were most likely meant: for this operation, purpose and case first."""

    def distance(authorisation: Authorisation) -> tuple[bool, bool, bool, str]:
        paper = authorisation.paper
        return paper.operation != use.operation, paper.purpose != use.purpose, paper.case_ref != use.case_ref, authorisation.id

    return sorted(papers, key=distance)[:_MOST_MISFITS]


def _misfit(paper: Authorisation, use: Invocation, at: datetime) -> list[Gap]:
    try:
        check(paper, use, at)
    except AuthorisationRefused as refused:
        return [_gap(refused)]
    return []


def _invocation(client_id: str, declaration: Declaration, place: object) -> Invocation:
    where = place if isinstance(place, str) else ""
    return Invocation(client_id, declaration.case_ref, where, declaration.purpose or "", declaration.operation)


def _put_case(known: dict[str, object], view: View, client_id: str, declaration: Declaration, gaps: list[Gap]) -> Case | None:
    reference = declaration.case_ref
    if reference is None:
        return None
    try:
        case = view.case(client_id, reference)
        case.must_be_open()
    except RegistryError as refused:
        gaps.append(_gap(refused))
        return None
    if view.is_restricted_case(client_id, reference):
        gaps.append((CASE_RESTRICTED, _reason(CASE_RESTRICTED, _CASE_RESTRICTED)))
    known["case"] = case.to_json()
    declared, on_record = known.get("target"), case.target.to_json()
    if isinstance(declared, dict) and any(on_record.get(name, value) != value for name, value in declared.items()):
        sentence = (
            "The declared target is not the one that the case is on record for; search under the case that fits, or correct the record."
        )
        gaps.append(("target-contradicts-case", _reason("target-contradicts-case", sentence)))
    known["target"] = on_record
    return case


def _put_gallery(known: dict[str, object], view: View, client_id: str, declaration: Declaration, gaps: list[Gap]) -> Gallery | None:
    if declaration.gallery_id is None:
        return None
    try:
        gallery = view.gallery(client_id, declaration.gallery_id)
    except NotOnRecord as refused:
        gaps.append(_gap(refused))
        return None
    if declaration.subject is not None and view.is_restricted_subject(declaration.gallery_id, declaration.subject):
        gaps.append((SUBJECT_RESTRICTED, _reason(SUBJECT_RESTRICTED, _SUBJECT_RESTRICTED)))
    # Where its faces come from is its owner's word until a registrar has looked into it, and a word is no fact.
    provenance = gallery.provenance if gallery.confirmed_by is not None else None
    known["gallery"] = _present(id=gallery.id, provenance=provenance, categories=list(gallery.categories), deployment=gallery.deployment)
    if gallery.state != "open":
        gaps.append((f"gallery-{gallery.state}", _reason(f"gallery-{gallery.state}", _GALLERY_STATES[gallery.state])))
    elif declaration.purpose not in gallery.purposes:
        sentence = "The gallery is not bound to this purpose: its faces were given for others."
        gaps.append(("gallery-purpose", _reason("gallery-purpose", sentence)))
    elif provenance is None:
        sentence = "Nobody has confirmed where this gallery's faces come from; ask a registrar to look into it."
        gaps.append((UNCONFIRMED, _reason(UNCONFIRMED, sentence)))
    return gallery


_CASE_RESTRICTED: Final = "What is held for this case is kept and not used, for somebody it concerns asked so; a registrar can say more."
_SUBJECT_RESTRICTED: Final = "What is held about this person is kept and not used, for they asked so; a registrar can say more."
_GALLERY_STATES: Final = {
    "closed": "The gallery is closed; it serves nobody any more.",
}


def log_facts(witnessed_at: WitnessedAt) -> dict[str, object]:
    """Return what the gateway knows of its own log, as the Facts have it."""
    since = witnessed_at()
    return _present(witnessed_at=None if since is None else iso(since))


def _gap(refused: RegistryError) -> Gap:
    return refused.code, _reason(refused.code, refused.sentence)


def _reason(rule: str, sentence: str) -> Reason:
    return Reason(rule, REGISTER, "", sentence)


def _present(**members: object) -> dict[str, object]:
    return {name: value for name, value in members.items() if value is not None and value != []}
