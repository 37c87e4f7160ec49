"""Name everything that the engine can refuse or fail at, each with a stable code. Knows no HTTP status and no purpose."""

from enum import StrEnum


class EngineError(Exception):
    """Something the caller can be told about: a stable kebab-case `code` and a sentence to act on.

    It survives pickling, so a worker process can hand it to the process that asked. `call` is the engine's own count of the order
    that ended so; None where no order was accepted."""

    code = "engine-error"
    call: int | None = None

    def __init__(self, sentence: str, *, code: str | None = None) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        if code is not None:
            self.code = code


class ImageReason(StrEnum):
    """Why an image is refused; the values are part of the API and never change their meaning."""

    NOT_AN_IMAGE = "not-an-image"
    TOO_LARGE = "too-large"
    TOO_MANY_PIXELS = "too-many-pixels"
    ANIMATED = "animated"
    TRUNCATED = "truncated"
    CORRUPT = "corrupt"
    TOO_MUCH_METADATA = "too-much-metadata"
    NO_FACE = "no-face"
    SEVERAL_FACES = "several-faces"
    TOO_SMALL = "too-small"
    TOO_BLURRED = "too-blurred"
    TOO_DARK = "too-dark"
    TOO_BRIGHT = "too-bright"
    TURNED_AWAY = "turned-away"
    CUT_OFF = "cut-off"


class ImageRefused(EngineError):
    """The bytes are no image that the engine will look at, or hold no face that it can use."""

    def __init__(self, reason: ImageReason | str, sentence: str) -> None:
        super().__init__(sentence, code=str(reason))
        self.args = (str(reason), sentence)


class ModelRefused(EngineError):
    """A weights or model file is not the one whose digest is pinned, or cannot be read or written."""

    code = "model-refused"


class WrongRecogniser(EngineError):
    """Templates, a calibration, a cohort or an evaluation of one recogniser met another; they are never compared."""

    code = "wrong-recogniser"


class CalibrationRefused(EngineError):
    """A calibration file is malformed, or there are too few scores to make one."""

    code = "calibration-refused"


class ThresholdRefused(EngineError):
    """A threshold is worthless in a gallery of that size; the sentence says how many strangers it would "find"."""

    code = "threshold-worthless"


class CohortRefused(EngineError):
    """A reference cohort is malformed, too small or not of this recogniser."""

    code = "cohort-refused"


class EvaluationRefused(EngineError):
    """Images, labels or pairs cannot be evaluated; the sentence names the file and the line."""

    code = "evaluation-refused"


class OrderRefused(EngineError):
    """A work order is expired, used, forged, or not for this image; the recogniser was not woken."""

    code = "order-refused"


class GalleryUnknown(EngineError):
    """There is no such gallery here."""

    code = "gallery-unknown"


class GalleryRefused(EngineError):
    """A gallery exists, but not for this: a subject is unknown, a photo is enrolled already, a name is not acceptable."""

    code = "gallery-refused"


class GalleryDamaged(EngineError):
    """What a gallery holds on disk is not what was written there, or its key is gone; nothing in it is searched."""

    code = "gallery-damaged"


class PersonRefused(EngineError):
    """The probe is not the person whose reference photos the case has registered."""

    code = "probe-is-not-the-person"


class EngineBusy(EngineError):
    """The queue is full; nothing was started. `retry_after` is a fair guess, in seconds."""

    code = "engine-busy"

    def __init__(self, sentence: str, *, retry_after: int = 1) -> None:
        super().__init__(sentence)
        self.retry_after = retry_after


class EngineFailed(EngineError):
    """A worker crashed, hung, outgrew its memory or answered in a wrong shape; no result exists. `detail` says which."""

    code = "engine-failed"

    def __init__(self, sentence: str, *, detail: str = "crashed") -> None:
        super().__init__(sentence)
        self.detail = detail
