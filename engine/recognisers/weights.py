"""Find the weights that the installed `face_recognition_models` package brings, and let none through that are not the pinned ones.
Knows no format and no network."""

import hashlib
import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from engine.errors import ModelRefused


@dataclass(frozen=True, slots=True)
class Weights:
    """A file of the package, by name and SHA-256."""

    name: str
    sha256: str


NETWORK: Final = Weights("dlib_face_recognition_resnet_model_v1.dat", "55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30")
LANDMARKS: Final = Weights("shape_predictor_5_face_landmarks.dat", "c4b1e9804792707d3a405c2c16a80a20269e6675021f64a41d30fffafbc41888")


def packaged(weights: Weights) -> Path:
    """Return where the package keeps the file. Raises ModelRefused if the package is absent or the file is another."""
    # Found without importing it: the package imports pkg_resources, which warns, and is absent from newer setuptools.
    package = importlib.util.find_spec("face_recognition_models")
    if package is None or package.origin is None:
        raise ModelRefused("The package face_recognition_models is not installed; install requirements.lock.")
    path = Path(package.origin).parent / "models" / weights.name
    check(path, weights.sha256)
    return path


def check(path: Path, sha256: str) -> None:
    """Raise ModelRefused unless the file is there and has exactly this digest."""
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as fault:
        raise ModelRefused(f"The model file {path.name} cannot be read: {fault.strerror}.") from fault
    if found != sha256:
        raise ModelRefused(f"The model file {path.name} has digest {found[:16]}…, not the pinned {sha256[:16]}…; it is not used.")
