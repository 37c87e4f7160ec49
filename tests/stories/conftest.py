"""One town for all stories of a worker process: the recogniser starts once."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.stories.town import Town, running_town


@pytest.fixture(scope="session")
async def town(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Town]:
    """Return the running town."""
    home: Path = tmp_path_factory.mktemp("town")
    async with running_town(home) as running:
        yield running
