"""Turn a model into Facts that the real judge can be asked about, and leave out of them what the finding does not need.

A witness is worth what the judge says about it: nobody may report one that was not put to the judge."""

import copy
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import z3

from policies.errors import Undecided
from policies.facts import Facts
from policies.symbolic.papers import Paper
from policies.symbolic.variables import EPOCH, OTHER, Choice, Formula, Held, Model, moment_text, plain_number, seconds
from policies.symbolic.world import World

# What a witness calls things whose name no rule can read.
CASE, PURPOSE_OF_ANOTHER = "CASE-1", "another_purpose"


# Where nothing hangs on the year, a witness is of this one.
_FROM, _UNTIL = (seconds(datetime(2026, 6, day, tzinfo=UTC)) for day in (1, 30))


def find(world: World, solver: Any, *wanted: Formula) -> Model | None:  # noqa: ANN401 - a z3 solver
    """A model in which all this holds, or None if there can be none. Raises Undecided if the solver cannot tell in its time."""
    usual = z3.And(world.at >= _FROM, world.at < _UNTIL)
    if solver.check(*wanted, usual) == z3.sat or (answer := solver.check(*wanted)) == z3.sat:
        return solver.model()
    if answer == z3.unknown:
        raise Undecided(f"The solver could not tell within its time ({solver.reason_unknown()}).")
    return None


def facts_of(world: World, model: Model) -> tuple[Facts, str]:
    """The facts of a model, and whether the question is a `request` or a `release`."""
    request = _Reader(world, model).request()
    moment = _number(model, world.at)
    granted = world.true(model, world.licensed)
    operation = next(name for name, flag in world.operation.items() if world.true(model, flag))
    licence = [f"{world.purpose.of(model)}:{operation}"] if granted else []
    facts = Facts.from_json(request, at=EPOCH + timedelta(seconds=moment), licence=licence)
    return facts, "release" if world.true(model, world.release) else "request"


def simplest(facts: Facts, still: Callable[[Facts], bool]) -> Facts:
    """The same facts without the parts and members that the finding, as `still` tells, does not need."""
    request: Any = facts.to_json()
    for path in sorted(_paths(request), key=len):
        tried = copy.deepcopy(request)
        try:
            _drop(tried, path)
        except (KeyError, IndexError):
            continue  # went with something larger
        lighter = Facts.from_json(tried, at=facts.at, licence=facts.licence)
        if still(lighter):
            request = tried
    return Facts.from_json(request, at=facts.at, licence=facts.licence)


def _paths(part: object, above: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    if isinstance(part, dict):
        for name, member in part.items():
            yield (*above, name)
            yield from _paths(member, (*above, name))
    elif isinstance(part, list):
        for position in reversed(range(len(part))):
            yield (*above, position)
            yield from _paths(part[position], (*above, position))


def _drop(part: Any, path: tuple[str | int, ...]) -> None:  # noqa: ANN401 - any JSON
    for step in path[:-1]:
        part = part[step]
    del part[path[-1]]


def _number(model: Model, variable: Any) -> int:  # noqa: ANN401 - a z3 expression
    return int(model.eval(variable, model_completion=True).as_long())


class _Reader:
    """Reads one model."""

    def __init__(self, world: World, model: Model) -> None:
        self.world, self.model = world, model

    def request(self) -> dict[str, object]:
        world = self.world
        parts: dict[str, object] = {
            "client": {
                "kind": self._word(world.client),
                "place": self._word(world.home),
                "acts_for": self._word(world.acts_for),
                "agency_authorised": self._yes(world.agency),
            },
            "operation": self._word(world.declared),
            "purpose": self._word(world.purpose),
            "place": self._word(world.place),
            "capture": self._capture(),
            "target": self._target(),
            "case": self._case(),
            "gallery": self._gallery(),
            "authorisations": [self._paper(paper) for paper in world.papers.papers],
            "review": self._review(),
            "consent": self._consent(),
            "vendor_approval": {"status": "approved", "use_case": self._word(world.purpose)} if self._true(world.approved) else None,
            "log": {"witnessed_at": moment_text(_number(self.model, world.at)) if self._true(world.witnessed) else None},
            "route": {"via": self._word(world.route)},
            "notice": {name: self._yes(flag) for name, flag in world.notices.items()},
            "context": {name: held.of(self.model) for name, held in world.context.items()},
            "evidence": {name: self._evidence(name, held) for name, held in world.evidence.items()},
            "threshold_pct": self._measure(world.threshold_said, world.threshold),
        }
        return {name: _told(part) for name, part in parts.items() if part not in (None, {}, []) and _told(part) not in ({}, [])}

    def _capture(self) -> dict[str, object]:
        world = self.world
        window = world.live_window_s
        ages = {None: None, "recent": window, "old": window + 1}
        return {
            "source": self._word(world.source),
            "device": self._word(world.device),
            "space": self._word(world.premises),
            "age_s": ages[world.age.of(self.model)],
            "subject_involved": self._yes(world.involved),
        }

    def _target(self) -> dict[str, object]:
        minor = {None: None, "true": True, "false": False}[self.world.minor.of(self.model)]
        kind, role = self._word(self.world.target), self._word(self.world.role)
        return {"kind": kind, "role": role, "minor": minor, "apprehended": self._yes(self.world.apprehended)}

    def _case(self) -> dict[str, object]:
        world = self.world
        return {
            "ref": self._reference(),
            "offence": self._word(world.offence),
            "offence_class": self._word(world.offence_class),
            "annex_ii": self._yes(world.annex_ii),
            "max_penalty_years": self._measure(world.penalty_said, world.penalty),
            "suspicion": self._word(world.suspicion),
            "imminent_threat": self._yes(world.threat),
        }

    def _reference(self) -> str | None:
        return {None: None, "blank": "", "given": CASE}[self.world.reference.of(self.model)]

    def _gallery(self) -> dict[str, object]:
        world = self.world
        return {
            "id": self._word(world.gallery_id),
            "provenance": self._word(world.gallery),
            "categories": [name for name, flag in world.categories.items() if self._true(flag)] or None,
            "deployment": self._reference() if self._true(world.own_gallery) else None,
        }

    def _paper(self, paper: Paper) -> dict[str, object]:
        world, place = self.world, self._word(self.world.place)
        at = EPOCH + timedelta(seconds=_number(self.model, world.at))
        term = (at - timedelta(days=1), at + timedelta(days=1)) if self._true(paper.in_term) else (None, None)
        if self._true(paper.broken):
            term = (at, at - timedelta(days=1))
        asked = self._true(paper.hour_said) and paper.status.of(self.model) is not None
        fits, covers = self._true(paper.fits), self._true(paper.covers)
        operation = next(name for name, flag in world.operation.items() if self._true(flag))
        return {
            "type": self._word(paper.kind),
            "issuer": self._word(paper.issuer),
            "status": self._word(paper.status),
            "purpose": self._word(world.purpose) if fits else PURPOSE_OF_ANOTHER,
            "operation": operation,
            "place": "US" if self._true(paper.nationwide) else place if covers else None,
            "valid_from": _moment(term[0]),
            "valid_to": _moment(term[1]),
            "requested_at": moment_text(_number(self.model, paper.hour)) if asked else None,
        }

    def _review(self) -> dict[str, object] | None:
        world = self.world
        if not self._true(world.review):
            return None
        people = _number(self.model, world.reviewers)
        return {
            "reviewers": [f"reviewer-{number}" for number in range(1, people + 1)],
            "trained": self._yes(world.trained),
            "separate": False if self._true(world.together) else None,
        }

    def _consent(self) -> dict[str, object]:
        world = self.world
        signed = EPOCH + timedelta(seconds=_number(self.model, world.at) + 1)
        return {
            "type": self._word(world.consent),
            "withdrawn": self._yes(world.withdrawn),
            "given_at": _moment(signed) if self._true(world.late) else None,
        }

    def _evidence(self, name: str, held: Held) -> object:
        value = held.of(self.model)
        # See meanings.py: OTHER stands there for the purpose that the law opens.
        return [self._word(self.world.purpose)] if name == "national_rbi_law" and value == [OTHER] else value

    def _measure(self, said: Any, number: Any) -> int | float | None:  # noqa: ANN401 - z3 expressions
        return plain_number(self.model.eval(number, model_completion=True)) if self._true(said) else None

    def _word(self, choice: Choice) -> str | None:
        return choice.of(self.model)

    def _yes(self, flag: Any) -> bool | None:  # noqa: ANN401 - a z3 expression
        return True if self._true(flag) else None

    def _true(self, flag: Any) -> bool:  # noqa: ANN401 - a z3 expression
        return self.world.true(self.model, flag)


def _moment(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat().replace("+00:00", "Z")


def _told(part: object) -> object:
    """The part without what is absent; a review without anything is still a review."""
    return {name: value for name, value in part.items() if value is not None} if isinstance(part, dict) else part
