"""The real recognisers, made once for each test process, and the portraits of people who agreed to be looked at by everyone."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.images import Picture, read_picture
from engine.recognisers.dlib import FaceFinder, ReferenceRecogniser
from engine.recognisers.onnx import OnnxRecogniser, ensure_model

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("models")
    ensure_model(directory)
    return directory


@pytest.fixture(scope="session")
def finder() -> FaceFinder:
    return FaceFinder()


@pytest.fixture(scope="session")
def recogniser(models: Path, finder: FaceFinder) -> OnnxRecogniser:
    return OnnxRecogniser(ensure_model(models), finder)


@pytest.fixture(scope="session")
def reference(finder: FaceFinder) -> ReferenceRecogniser:
    return ReferenceRecogniser(finder)


@pytest.fixture(scope="session")
def portraits() -> Path:
    return ROOT / "engine" / "data" / "portraits"


@pytest.fixture(scope="session")
def portrait(portraits: Path) -> Callable[[str], Picture]:
    return lambda name: read_picture((portraits / name).read_bytes())


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The research images that may be measured with here, and never committed."""
    found = Path(os.environ.get("CUSTODES_SHARED", ROOT.parent / "shared")) / "data"
    if not (found / "faces-pairs").is_dir():
        pytest.skip("the research images are absent: put them into ../shared/data, or name their parent in CUSTODES_SHARED")
    return found
