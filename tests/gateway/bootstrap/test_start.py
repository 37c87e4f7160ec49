"""The start from a bare Python, with real virtual environments and a real pip."""

import ast
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.__main__ import unsupported
from gateway.cli.installation import UNFINISHED, Venv, this_python


def test_a_first_start_installs_by_hash_and_later_starts_only_when_the_lock_has_changed(checkout, tmp_path):
    first = checkout.start(checkout.command("demo", "--once"))
    assert first.returncode == 0, first.stderr
    told = json.loads(first.stdout)
    assert told == {"prefix": str(checkout.root / ".venv"), "cwd": str(checkout.root), "arguments": ["demo", "--once"], "parcel": "1.0"}
    assert "uv cannot be had" in first.stderr  # and pip, with the same flags, did it

    log = checkout.root / ".venv/install.log"
    said = log.read_text()
    assert "--require-hashes" in said
    assert "--no-deps" in said

    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "json.py").write_text("raise SystemExit('a stray module of the caller was imported')")
    second = checkout.start(checkout.command("doctor", by_path=True), cwd=elsewhere)
    assert json.loads(second.stdout)["cwd"] == str(elsewhere)
    assert second.stderr == ""
    assert log.read_text() == said  # no installer ran

    checkout.lock("2.0")
    third = checkout.start(checkout.command("doctor"))
    assert json.loads(third.stdout)["parcel"] == "2.0"


def test_a_start_that_was_cut_short_is_begun_again_and_a_second_start_waits_for_it(checkout):
    venv = checkout.root / ".venv"
    (venv / "bin").mkdir(parents=True)
    (venv / "requirements.lock.stamp").write_text(UNFINISHED)
    (venv / "leftover").write_text("half a package")
    both = [
        subprocess.Popen(
            checkout.command("doctor"),
            cwd=checkout.root,
            env=checkout.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    answers = [start.communicate(timeout=300) for start in both]
    assert [json.loads(out)["parcel"] for out, _ in answers] == ["1.0", "1.0"], answers
    assert not (venv / "leftover").exists()
    assert sum("Preparing" in err for _, err in answers) == 1
    assert sum("waiting for it" in err for _, err in answers) == 1


def test_a_package_that_is_not_the_one_in_the_lock_is_not_run(checkout):
    lock = checkout.lock("1.0")
    digest = lock.split("sha256:")[1].split()[0]
    (checkout.root / "requirements.lock").write_text(lock.replace(digest, "0" * 64))
    refused = checkout.start(checkout.command("demo"))
    assert refused.returncode == 69
    assert refused.stdout == ""
    assert "its hash differs, and nothing of it was run" in refused.stderr
    assert "Traceback" not in refused.stderr
    # What the next start makes of it is the promise above: begun again.
    assert (checkout.root / ".venv/requirements.lock.stamp").read_text() == UNFINISHED


@pytest.fixture
def made_by_hand(checkout) -> Venv:
    """A virtual environment that somebody made beside pyproject.toml, with pip and no stamp."""
    venv = Venv(checkout.root)
    base = getattr(sys, "_base_executable", sys.executable)
    subprocess.run([base, "-m", "venv", "--without-pip", str(venv.folder)], check=True)
    # Any module of that name does: the question is only whether one is there.
    (next(venv.folder.glob("lib/python3*/site-packages")) / "pip.py").write_text("")
    return venv


def stamp(venv: Venv, python: str, place: Path, digest: str) -> None:
    (venv.folder / "requirements.lock.stamp").write_text(f"{python}\n{place}\n{digest}\n")


def test_an_environment_made_by_hand_is_taken_as_it_is(made_by_hand):
    assert made_by_hand.is_sound()


def test_an_environment_with_another_lock_is_added_to_and_not_made_anew(made_by_hand):
    stamp(made_by_hand, this_python(), made_by_hand.folder, "0" * 64)
    assert made_by_hand.is_sound()
    assert not made_by_hand.holds("requirements.lock")


def test_an_environment_of_another_python_is_not_sound(made_by_hand):
    stamp(made_by_hand, "3.12.1 (main)", made_by_hand.folder, "0" * 64)
    assert not made_by_hand.is_sound()


def test_an_environment_that_was_moved_is_not_sound(made_by_hand, tmp_path):
    stamp(made_by_hand, this_python(), made_by_hand.folder, "0" * 64)
    assert made_by_hand.is_sound()
    shutil.move(made_by_hand.root, tmp_path / "moved")
    assert not Venv(tmp_path / "moved").is_sound()


def test_an_environment_whose_python_is_gone_is_not_sound(made_by_hand):
    made_by_hand.python.unlink()
    made_by_hand.python.symlink_to("/nowhere/python3")
    assert not made_by_hand.is_sound()


def test_an_environment_without_pip_is_not_sound(made_by_hand):
    next(made_by_hand.folder.glob("lib/python3*/site-packages/pip.py")).unlink()
    assert not made_by_hand.is_sound()


@pytest.mark.parametrize("version", [(3, 9), (3, 10), (3, 14), (4, 0)])
def test_an_unsupported_python_is_named_beside_the_versions_that_do(version):
    sentence = unsupported(version, "posix")
    assert sentence is not None
    assert "Python 3.11–3.13 is needed" in sentence
    assert ".".join(map(str, version)) in sentence


@pytest.mark.parametrize("version", [(3, 11), (3, 12), (3, 13)])
def test_a_supported_python_is_not_refused(version):
    assert unsupported(version, "posix") is None


def test_windows_is_told_where_to_start_it():
    assert "WSL" in str(unsupported((3, 11), "nt"))


@pytest.mark.parametrize("module", ["__main__.py", "__init__.py"])
def test_what_an_old_python_reads_first_is_in_its_words(repository, module):
    ast.parse((repository / "gateway" / module).read_text(), feature_version=(3, 9))
