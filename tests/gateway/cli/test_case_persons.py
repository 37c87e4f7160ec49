"""The person whom a case seeks, from the command line: decided, ordered and logged as over HTTP, and shredded behind an entry."""

import asyncio
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gateway.assembly.homes import open_log
from gateway.cli.cases import app
from gateway.cli.demo.cast import CASE, NGO, POLICE, REGISTRARS
from gateway.settings import read_settings
from tests.stories.town import running_town

DECLARED = {"capture": {"source": "upload", "device": "none", "space": "none", "age_s": 86400, "subject_involved": False}}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a home with the demo's cast, its service stopped."""
    place = tmp_path_factory.mktemp("persons")

    async def seed() -> None:
        async with running_town(place, CUSTODES_WORKERS="1"):
            pass

    asyncio.run(seed())
    (place / "declared.json").write_text(json.dumps(DECLARED))
    return place


def run(home: Path, *words: object, code: int = 0) -> str:
    ended = CliRunner().invoke(app, ["person", *map(str, words), "--home", str(home)])
    assert ended.exit_code == code, ended.output
    return ended.output


def acts(home: Path) -> list[object]:
    log = open_log(read_settings({}, home=home))
    found = [json.loads(entry) for entry in log.entries(0, log.size)]
    log.close()
    return [entry.get("act", entry.get("why", entry["kind"])) for entry in found]


def test_photos_of_the_person_are_registered_counted_and_shredded_each_in_the_log(home: Path, repository: Path) -> None:
    portraits, said = repository / "engine/data/portraits", ["--purpose", "missing_person", "--declaration", home / "declared.json"]
    photos = [portraits / name for name in ("obama.jpg", "biden.jpg", "obama3.jpg")]
    found = json.loads(run(home, "add", NGO, CASE, *photos, *said, "--json", code=1))
    assert [one["outcome"] for one in found] == ["registered", "probe-is-not-the-person", "registered"]
    assert acts(home)[found[1]["log_index"]] == "probe-is-not-the-person"
    assert json.loads(run(home, "show", NGO, CASE, "--json")) == {"case": CASE, "photos": 2}
    before = len(acts(home))
    run(home, "remove", NGO, CASE, "--by", "nobody", code=2)
    assert run(home, "show", NGO, CASE).endswith("2 photos of the person.\n")
    run(home, "remove", NGO, CASE, "--by", REGISTRARS[0])
    assert acts(home)[before:] == ["staff-inactive", "person-withdrawn"]
    assert json.loads(run(home, "show", NGO, CASE, "--json"))["photos"] == 0
    assert "unknown-person" in run(home, "remove", NGO, CASE, "--by", REGISTRARS[0], code=2)


def test_a_client_without_the_case_or_without_the_file_registers_nobody(home: Path, repository: Path) -> None:
    before = len(acts(home))
    photo, said = repository / "engine/data/portraits/obama.jpg", ["--purpose", "missing_person"]
    run(home, "add", POLICE, "MP-NONE", photo, *said, code=2)
    run(home, "show", POLICE, "MP-NONE", code=2)
    run(home, "add", NGO, CASE, home / "absent.jpg", *said, code=2)
    assert "intent" not in acts(home)[before:]
