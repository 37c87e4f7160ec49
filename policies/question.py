"""A question put to the judge: the facts, the moment it is asked at, and the settings and words it is read with.

Here, and only here, what a client calls its operation is checked against how the picture was captured. Never answers."""

from dataclasses import dataclass, field
from typing import Final

from policies.facts import Facts
from policies.vocabulary import Vocabulary

KINDS: Final = ("request", "release", "lifecycle")
# A stored camera picture is a camera picture; an upload is one too if it names the camera it came from.
CAMERA_SOURCES: Final = ("live_feed", "recorded_video", "cctv_bulk")
NO_CAMERA: Final = (None, "none")


@dataclass(frozen=True, slots=True)
class Settings:
    """Numbers of the operator's that can change an answer; they are part of every rulebook's digest."""

    # Recital 17 of the AI Act rules out "minor delays" and names no number: this one is a reading.
    live_window_s: int = 3600
    # How old a quorum of witnesses' cosignatures may be and still count as one about the log of now.
    witness_window_s: int = 900


@dataclass(frozen=True, slots=True)
class Question:
    """What every condition is asked about. `operation` is what the capture shows, where that is stricter than the label."""

    facts: Facts
    kind: str
    settings: Settings
    words: Vocabulary
    operation: str = field(init=False)
    live: bool = field(init=False)

    def __post_init__(self) -> None:
        """Derive `live` and the operation once; conditions and rules see nothing else."""
        live = _is_live(self.facts, self.settings.live_window_s)
        declared = self.facts.operation or ""
        object.__setattr__(self, "live", live)
        object.__setattr__(self, "operation", "live_identify" if live and declared == "identify" else declared)

    @property
    def presumed_live(self) -> bool:
        """True where nobody says what took the picture, and it counts as a live camera's for that reason alone."""
        return self.live and self.facts.operation != "live_identify" and self.facts.capture.source is None


def _is_live(facts: Facts, window_s: int) -> bool:
    """True unless the capture shows that the person takes part, or that the picture is old or from no camera.

    The label can only make it stricter: `live_identify` is believed, `identify` is not."""
    capture = facts.capture
    if capture.subject_involved is True:
        return False
    if facts.operation == "live_identify":
        return True
    if capture.source is not None and capture.source not in CAMERA_SOURCES and capture.device in NO_CAMERA:
        return False
    return capture.age_s is None or capture.age_s <= window_s
