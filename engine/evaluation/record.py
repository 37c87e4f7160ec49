"""Write an evaluation down so that it can be signed, kept and believed for a while. Knows no key: signing is the caller's."""

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib import resources
from typing import Final

import msgspec

from engine.equipment import Binding
from engine.errors import EvaluationRefused
from engine.evaluation.findings import Evaluation, Scoring

SIGNED_AS: Final = b"custodes-evaluation/2\n"  # before the record's bytes, so that no signature made for something else fits
COHORT_COVERS_ALL: Final = "cohort_covers_all"  # of evidence(): whether the cohort has enough of every group that was evaluated
BELIEVED: Final = timedelta(days=365)

Sign = Callable[[bytes], bytes]
Verify = Callable[[bytes, bytes], bool]


@dataclass(frozen=True, slots=True)
class _Sealed:
    record: str
    signature: str


def to_record(evaluation: Evaluation) -> bytes:
    """Return the evaluation as canonical JSON (RFC 8785: sorted, no spaces; no floats)."""
    return msgspec.json.encode(evaluation, order="sorted")


def from_record(data: bytes) -> Evaluation:
    """Read a record. Raises EvaluationRefused for anything that is not one, or not written canonically."""
    try:
        found = msgspec.json.decode(data, type=Evaluation)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as fault:
        raise EvaluationRefused(f"This is not an evaluation record: {fault}.") from fault
    if found.at.utcoffset() != timedelta(0) or to_record(found) != data:
        raise EvaluationRefused("This evaluation record is not written canonically.")
    if not all(_fits_its_grid(scoring) for findings in found.findings for scoring in (findings.before, findings.after) if scoring):
        raise EvaluationRefused("This evaluation record counts errors at other steps than those of its grid.")
    return found


def _fits_its_grid(scoring: Scoring) -> bool:
    steps = len(scoring.grid)
    return all(len(one.false_matches_at) == steps and len(one.misses_at) in (0, steps) for one in scoring.slices)


def seal(evaluation: Evaluation, sign: Sign) -> bytes:
    """Return the record with its signature. `sign` gets the bytes to sign and returns the signature."""
    record = to_record(evaluation)
    return msgspec.json.encode(_Sealed(record.decode(), base64.b64encode(sign(SIGNED_AS + record)).decode()), order="sorted")


def unseal(data: bytes, verify: Verify) -> Evaluation:
    """Return the evaluation if `verify` (given bytes and signature) says yes. Raises EvaluationRefused otherwise."""
    try:
        sealed = msgspec.json.decode(data, type=_Sealed)
        signature = base64.b64decode(sealed.signature, validate=True)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, binascii.Error, ValueError) as fault:
        raise EvaluationRefused(f"This is not a signed evaluation: {fault}.") from fault
    record = sealed.record.encode()
    if not verify(SIGNED_AS + record, signature):
        raise EvaluationRefused("The signature under this evaluation is not valid; it is not believed.", code="evaluation-forged")
    return from_record(record)


def check_current(evaluation: Evaluation, binding: Binding, now: datetime) -> None:
    """Raise EvaluationRefused unless this evaluation speaks of just this, is not older than a year, and compares groups.

    A recogniser that does not pass serves nobody. Codes: evaluation-other, evaluation-stale, evaluation-without-groups."""
    if (evaluation.recogniser, evaluation.cohort) != (binding.recogniser, binding.cohort) or not set(binding.calibrations) <= set(
        evaluation.calibrations
    ):
        raise EvaluationRefused(
            "The evaluation on file is of another recogniser, cohort or calibration; evaluate this one.", code="evaluation-other"
        )
    if not any(scoring.spread is not None for scoring in _in_use(evaluation)):
        raise EvaluationRefused(
            "The evaluation on file does not compare demographic groups, or has not enough data on two of them;"
            " evaluate with labels that name groups.",
            code="evaluation-without-groups",
        )
    if not timedelta(0) <= now - evaluation.at <= BELIEVED:
        raise EvaluationRefused(
            f"The evaluation on file is of {evaluation.at:%Y-%m-%d}; one is believed for {BELIEVED.days} days. Evaluate anew.",
            code="evaluation-stale",
        )


def evidence(evaluation: Evaluation) -> dict[str, object]:
    """Return what an evaluation lets a rulebook know, of the scoring that is in use. What was not measured is absent, never guessed.

    `fmr_ratio` is the highest over the lowest group's false match rate; `evaluated_for_minors` whether enough pairs of under-18s were
    compared; `false_match_rate_minors` their rate; `min_true_positive_all_groups` the share found again of the group that fares worst."""
    used = _in_use(evaluation)
    found: dict[str, object] = {"evaluated_on": f"{evaluation.at:%Y-%m-%d}", "evaluated_for_minors": False}
    found[COHORT_COVERS_ALL] = not any(findings.missing_from_cohort for findings in evaluation.findings)
    if ratios := [float(scoring.spread.max_over_min) for scoring in used if scoring.spread is not None]:
        found["fmr_ratio"] = max(ratios)
    if minors := [one.false_matches for scoring in used for one in scoring.of("age") if one.name == "under 18" and one.enough]:
        found["evaluated_for_minors"] = True
        found["false_match_rate_minors"] = max(rate.at_least_one for rate in minors)
    if (worst := _worst_found_again(used)) is not None:
        found["min_true_positive_all_groups"] = worst
    return found


def _in_use(evaluation: Evaluation) -> list[Scoring]:
    return [findings.after or findings.before for findings in evaluation.findings]


def _worst_found_again(used: list[Scoring]) -> float | None:
    groups = [one for scoring in used for one in scoring.of("group")]
    misses = [one.misses.value for one in groups if one.enough_same and one.misses.value is not None]
    return 1 - max(misses) if groups and len(misses) == len(groups) else None


def shipped_record() -> bytes:
    """Return the record that comes with the shipped recogniser, cohort and calibrations; an operator may replace it by one of their own."""
    return resources.files("engine").joinpath("data", "evaluations", "dlib.json").read_bytes().rstrip(b"\n")
