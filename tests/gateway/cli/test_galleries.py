"""A folder of photos is imported by the book: decided, ordered, logged, resumable."""

import asyncio
import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from gateway.assembly.homes import open_log, template_galleries
from gateway.cli.demo.cast import GALLERY, NGO, POLICE
from gateway.cli.galleries import app
from gateway.settings import read_settings
from tests.stories.town import running_town

TABLE = "subject,file\nfirst,obama.jpg\nfirst,obama3.jpg\nsecond,biden.jpg\nnobody,SOURCES.md\n"
DECLARED = {"capture": {"source": "upload", "device": "none", "space": "none", "age_s": 86400, "subject_involved": False}}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a home with the demo's cast and gallery, its service stopped."""
    place = tmp_path_factory.mktemp("import")

    async def seed() -> None:
        async with running_town(place, CUSTODES_WORKERS="1"):
            pass

    asyncio.run(seed())
    return place


def words_of(home: Path, folder: Path, repository: Path, table: str, client: str = NGO) -> list[str]:
    (folder / "people.csv").write_text(table)
    (folder / "declared.json").write_text(json.dumps(DECLARED))
    words = ["import", GALLERY, "--images", repository / "engine/data/portraits", "--csv", folder / "people.csv", "--client", client]
    words += ["--purpose", "missing_person", "--declaration", folder / "declared.json", "--home", home, "--json"]
    return [str(word) for word in words]


def imported(home: Path, folder: Path, repository: Path, client: str = NGO) -> Result:
    return CliRunner().invoke(app, words_of(home, folder, repository, TABLE, client))


def entries(home: Path) -> list[dict[str, object]]:
    log = open_log(read_settings({}, home=home))
    try:
        return [json.loads(entry) for entry in log.entries(0, log.size)]
    finally:
        log.close()


def test_each_photo_has_its_intent_and_outcome_and_a_second_run_does_nothing_twice(home: Path, tmp_path: Path, repository: Path) -> None:
    before = len([entry for entry in entries(home) if entry["kind"] == "intent"])
    ended = imported(home, tmp_path, repository)
    assert ended.exit_code == 1, ended.output
    assert json.loads(ended.stdout) == {"done": 4, "total": 4, "outcomes": {"enrolled": 3, "not-an-image": 1}}
    after = entries(home)
    assert len([entry for entry in after if entry["kind"] == "intent"]) == before + 4
    assert after[-1]["kind"] == "outcome"
    again = imported(home, tmp_path, repository)
    assert json.loads(again.stdout)["outcomes"] == {"enrolled": 3, "not-an-image": 1}
    assert len([entry for entry in entries(home) if entry["kind"] == "intent"]) == before + 4


def test_a_client_that_may_not_enrol_imports_nothing(home: Path, tmp_path: Path, repository: Path) -> None:
    ended = imported(home, tmp_path, repository, POLICE)
    assert ended.exit_code == 2
    assert entries(home)[-1]["kind"] == "denial"


# Kills its own process where it hurts most: the second photo is in the gallery, and the state file does not know it yet.
DYING = """
import os, signal, sys
from engine.galleries import folder
from gateway.cli.galleries import app

real, done = folder._enroll_one, []

async def dying(photo, enroll):
    outcome = await real(photo, enroll)
    done.append(outcome)
    if done.count("enrolled") == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return outcome

folder._enroll_one = dying
app(sys.argv[1:])
"""


def photos_of(home: Path) -> tuple[int, int]:
    found = template_galleries(read_settings({}, home=home).home).count(GALLERY)
    return found.subjects, found.photos


def test_an_import_that_was_killed_goes_on_with_nothing_doubled_and_nothing_lost(home: Path, tmp_path: Path, repository: Path) -> None:
    table = "subject,file\nkilled,obama.jpg\nkilled,obama3.jpg\nspared,biden.jpg\nlast,astronaut.png\n"
    subjects, photos = photos_of(home)
    words = words_of(home, tmp_path, repository, table)
    dead = subprocess.run([sys.executable, "-c", DYING, *words], cwd=repository, capture_output=True, text=True, timeout=120)
    assert dead.returncode == -signal.SIGKILL, dead.stderr
    assert photos_of(home)[1] >= photos + 2
    assert (tmp_path / "people.csv.state").read_text().count("enrolled") == 1
    again = CliRunner().invoke(app, words)
    assert again.exit_code == 0, again.output
    assert json.loads(again.stdout) == {"done": 4, "total": 4, "outcomes": {"enrolled": 4}}
    assert photos_of(home) == (subjects + 3, photos + 4)


def test_normalisation_is_switched_behind_an_entry(home: Path) -> None:
    ended = CliRunner().invoke(app, ["normalise", GALLERY, "--off", "--home", str(home)])
    assert "raw distance" in ended.output
    assert entries(home)[-1]["act"] == "normalisation-set"
    assert CliRunner().invoke(app, ["normalise", "none", "--home", str(home)]).exit_code == 2
