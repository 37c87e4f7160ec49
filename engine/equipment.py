"""Read the cohort and the two calibrations that a recogniser is to serve with: an operator's own, or the shipped ones.
Holds nobody's face, and makes neither."""

from dataclasses import dataclass
from pathlib import Path

from engine import calibration as calibrations
from engine import cohort as cohorts
from engine.calibration import Calibration
from engine.cohort import Cohort
from engine.errors import CalibrationRefused, CohortRefused, WrongRecogniser


@dataclass(frozen=True, slots=True)
class Binding:
    """What an evaluation must speak of, by digest: the recogniser, its cohort, and every calibration that it reads scores with."""

    recogniser: str
    cohort: str | None
    calibrations: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Equipment:
    """A cohort, the calibration of scores against it, and that of raw distances, all of one recogniser."""

    cohort: Cohort
    with_cohort: Calibration
    raw: Calibration

    @property
    def best_similarity(self) -> float:
        """The highest similarity that both calibrations can vouch for."""
        return min(self.with_cohort.best_similarity, self.raw.best_similarity)

    @property
    def binding(self) -> Binding:
        """What an evaluation of this equipment must speak of."""
        return Binding(self.cohort.recogniser, self.cohort.digest, (self.with_cohort.digest, self.raw.digest))


def read_equipment(recogniser: str, cohort: Path | None, calibration: Path | None) -> Equipment:
    """Return the equipment of the recogniser with this digest; None stands for the shipped file.

    A calibration file serves for the scores that it is of; the shipped one serves for the other kind. Raises CohortRefused or
    CalibrationRefused for a file that cannot be read, WrongRecogniser for one of another recogniser or where no calibration fits."""
    reference = own_or_shipped_cohort(recogniser, cohort)
    own = None if calibration is None else read_calibration(calibration)
    scales = [
        own if own is not None and (own.recogniser, own.cohort) == (recogniser, digest) else calibrations.shipped(recogniser, digest)
        for digest in (reference.digest, None)
    ]
    return Equipment(reference, *scales)


def own_or_shipped_cohort(recogniser: str, cohort: Path | None) -> Cohort:
    """Return the cohort in this file, or the shipped one. Raises CohortRefused, or WrongRecogniser for another recogniser's."""
    found = cohorts.shipped() if cohort is None else cohorts.read_cohort(_bytes(cohort, CohortRefused))
    if found.recogniser != recogniser:
        raise WrongRecogniser("The reference cohort was made by another recogniser; fit one with `engine cohort fit`.")
    return found


def read_calibration(path: Path) -> Calibration:
    """Return the calibration in this file. Raises CalibrationRefused."""
    return Calibration.from_json(_bytes(path, CalibrationRefused).rstrip(b"\n"))


def _bytes(path: Path, refusal: type[CohortRefused | CalibrationRefused]) -> bytes:
    try:
        return path.read_bytes()
    except OSError as fault:
        raise refusal(f"{path.name} cannot be read: {fault.strerror}.") from fault
