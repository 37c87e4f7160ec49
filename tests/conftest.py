"""What every test may ask for: the asynchronous backend, the repository's root, and the shared data where it lies.
Holds no fixture that only one part needs."""

import os
from pathlib import Path

import hypothesis
import pytest

# A slow machine is no finding, so no example is timed. CI judges on the same examples each time; elsewhere they are drawn afresh.
hypothesis.settings.register_profile("here", deadline=None)
hypothesis.settings.register_profile("ci", deadline=None, derandomize=True)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "here")


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Run asynchronous tests on asyncio, which is what the service runs on."""
    return "asyncio"


@pytest.fixture(autouse=True)
def _every_test_may_ask_for_an_asynchronous_fixture(anyio_backend: str) -> None:
    """Put the backend among what each test asks for: without it, anyio leaves an asynchronous fixture to whichever test comes first,
    and where that one is synchronous, as it may be when two processes share out a module, each test after it fails as well."""


@pytest.fixture(scope="session")
def repository() -> Path:
    """Return the root of this checkout."""
    return Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared(repository: Path) -> Path:
    """Return the folder of shared material (data, vectors), or skip the test where there is none."""
    folder = Path(os.environ.get("CUSTODES_SHARED", repository.parent / "shared"))
    if not folder.is_dir():
        pytest.skip(f"needs the shared material: no folder {folder.name} beside the repository, and CUSTODES_SHARED names none")
    return folder


@pytest.fixture(scope="session")
def shared_data(shared: Path) -> Path:
    """Return the folder of research and sample images, or skip the test where there is none."""
    folder = shared / "data"
    if not folder.is_dir():
        pytest.skip("needs the shared images: the shared material holds no folder data")
    return folder
