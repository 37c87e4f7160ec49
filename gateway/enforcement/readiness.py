"""Tell whether a request could be served now, part by part. Reveals no client, no path and no secret."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from engine.errors import EvaluationRefused
from engine.evaluation.record import BELIEVED
from engine.workers.pool import Workers
from gateway.audit.log import AuditLog
from gateway.clock import iso
from gateway.enforcement.alarms import Alarms
from gateway.enforcement.bench import Bench
from gateway.enforcement.fitness import EvaluationGate
from gateway.errors import CustodesError


@dataclass(frozen=True, slots=True)
class Report:
    """What each part says of itself; `ready` only if every part can serve."""

    ready: bool
    parts: dict[str, dict[str, object]]


@dataclass(frozen=True, slots=True)
class Readiness:
    """The parts without which nobody is served."""

    log: AuditLog
    bench: Bench
    alarms: Alarms
    workers: Workers
    gate: EvaluationGate
    witnesses: Callable[[], Mapping[str, object] | None]
    anchors: Callable[[], Mapping[str, object] | None]

    def report(self) -> Report:
        """Ask each part."""
        state = self.workers.state()
        parts: dict[str, dict[str, object]] = {
            "log": {"ready": self.log.trouble is None, "origin": self.log.origin, "size": self.log.size},
            "rulebook": self._rulebook(),
            # Each was a refusal: the rest of the rules answer on, and one client's odd request must not stop everybody's.
            "judge": {"ready": True, "alarms": self.alarms.count},
            "recogniser": {
                "ready": state.ready,
                "workers": state.up,
                "calls": state.calls,
                "recogniser": state.recogniser,
                "calibration": state.calibration,
                "cohort": state.cohort,
            },
            "evaluation": self._evaluation(),
        }
        for name, outsiders in (("witnesses", self.witnesses()), ("anchor", self.anchors())):
            if outsiders is not None:
                parts[name] = dict(outsiders)
        return Report(all(bool(part["ready"]) for part in parts.values()), parts)

    def _evaluation(self) -> dict[str, object]:
        try:
            current = self.gate.current()
        except EvaluationRefused as fault:
            return {"ready": False, "code": fault.code, "why": fault.sentence}
        measured_at = current.evaluation.at
        return {"ready": True, "digest": current.digest, "at": iso(measured_at), "ends": iso(measured_at + BELIEVED)}

    def _rulebook(self) -> dict[str, object]:
        try:
            rulebook = self.bench.judge().rulebook
        except CustodesError as fault:
            return {"ready": False, "why": fault.sentence}
        return {"ready": not rulebook.blocked, "digest": rulebook.digest, "packs": [pack.name for pack in rulebook.packs]}
