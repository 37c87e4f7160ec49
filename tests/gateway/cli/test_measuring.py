"""The recogniser is measured from the command line: tables, pages, signed records, and plain words for what cannot be measured."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gateway.assembly.homes import open_log
from gateway.cli.engine import app
from gateway.settings import read_settings

LABELS = """file,person,group,sex,age
obama.jpg,o,A,M,50
obama2.jpg,o,A,M,50
biden.jpg,b,A,M,70
astronaut.png,c,A,F,40
gone.jpg,g,A,F,30
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture
def portraits(repository: Path) -> Path:
    return repository / "engine" / "data" / "portraits"


def run(*words: object, home: Path, code: int = 0) -> str:
    ended = CliRunner().invoke(app, [*map(str, words), "--home", str(home)])
    assert ended.exit_code == code, ended.output
    return ended.output


def told(*words: object, home: Path) -> dict[str, object]:
    ended = CliRunner().invoke(app, [*map(str, words), "--json", "--home", str(home)])
    assert ended.exit_code == 0, ended.output
    found: dict[str, object] = json.loads(ended.stdout)
    return found


def written(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_an_evaluation_is_signed_kept_and_in_the_log_and_says_where_data_are_too_few(home: Path, portraits: Path, tmp_path: Path) -> None:
    labels, page = written(tmp_path / "labels.csv", LABELS), tmp_path / "out" / "report.html"
    found = told("evaluate", "--images", portraits, "--labels", labels, "--report", page, home=home)
    assert found["unusable"] == [{"file": "gone.jpg", "reason": "unreadable"}]
    assert found["does_not_count"]["code"] == "evaluation-without-groups"  # type: ignore[index]  # a JSON object
    assert "not enough data" in page.read_text()
    listed = {record["name"]: record for record in json.loads(run("records", "--json", home=home))}
    assert listed[found["kept_as"]]["code"] == "evaluation-without-groups"
    # The home adopted the shipped record first, as its first start would have.
    assert sum(record["counts"] for record in listed.values()) == 1
    log = open_log(read_settings({}, home=home))
    entries = [json.loads(entry) for entry in log.entries(0, log.size)]
    log.close()
    assert [entry["digest"] for entry in entries if entry["kind"] == "evaluation-change"][-1] == found["digest"]
    shown = run("records", "--show", str(found["digest"])[:10], home=home)
    assert "not enough data: 5 pairs of strangers" in shown


def test_a_record_that_was_taken_away_can_be_adopted_again(home: Path) -> None:
    for path in (home / "evaluations").glob("*.json"):
        path.unlink()
    assert "no evaluation" in run("records", home=home)
    assert "counts" in run("records", "--adopt-shipped", home=home)


def test_a_table_with_a_bad_line_names_it_and_nothing_is_measured(home: Path, portraits: Path, tmp_path: Path) -> None:
    bad = written(tmp_path / "labels.csv", LABELS.replace("biden.jpg,b,A,M,70", "biden.jpg,b,A,M,old"))
    assert "line 4: age" in run("evaluate", "--images", portraits, "--labels", bad, home=home, code=2)
    short = written(tmp_path / "pairs.csv", "left,right,same\nobama.jpg,biden.jpg\n")
    assert "line 2" in run("evaluate", "--images", portraits, "--pairs", short, home=home, code=2)
    assert "--labels" in run("evaluate", "--images", portraits, home=home, code=2)


def test_a_cohort_names_the_groups_that_it_lacks(home: Path, portraits: Path, tmp_path: Path) -> None:
    labels, out = written(tmp_path / "labels.csv", LABELS), tmp_path / "cohort.npz"
    said = run("cohort", "fit", "--images", portraits, "--labels", labels, "--out", out, home=home, code=2)
    assert "A-F-13plus 1" in said
    assert "A-F-under13 0" in said
    assert not out.exists()


def test_a_calibration_of_too_few_strangers_is_refused(home: Path, portraits: Path, tmp_path: Path) -> None:
    labels, out = written(tmp_path / "labels.csv", LABELS), tmp_path / "calibration.json"
    assert "at least 10,000" in run("calibrate", "--images", portraits, "--labels", labels, "--out", out, "--raw", home=home, code=2)
    assert not out.exists()
