"""What the reader is told while an installer works, and when it fails; the installers' lines are copied from real runs."""

import io

import pytest

from gateway.cli.mishaps import explained
from gateway.cli.progress import Progress


class Seconds:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def seconds():
    return Seconds()


@pytest.fixture
def progress(seconds):
    return Progress(69, io.StringIO(), began=seconds.now, clock=seconds)


def tell(progress, *lines):
    for line in lines:
        progress.hear(line)
    return progress.sentence()


def test_before_anything_is_downloaded_no_time_is_promised(progress, seconds):
    seconds.now += 3
    assert progress.sentence() == "asking which files of 69 packages fit this machine, 3 s so far"


def test_with_uv_the_estimate_is_the_measured_speed_over_what_is_left(progress, seconds):
    tell(progress, "Resolved 65 packages in 659ms", "Downloading numpy (20.0MiB)", "Downloading z3-solver (30.0MiB)")
    seconds.now += 8
    assert tell(progress, " Downloaded numpy") == "downloaded 21 of 52 MB, 8 s so far, about 12 s to go"


def test_with_uv_a_silent_download_is_called_silent_and_a_build_is_timed(progress, seconds):
    tell(progress, "Resolved 65 packages in 659ms", "Downloading numpy (20.0MiB)")
    seconds.now += 4
    assert "uv does not tell how far" in tell(progress, " Downloaded numpy")
    tell(progress, "   Building face-recognition-models==0.3.0")
    seconds.now += 6
    assert "building face-recognition-models for 6 s of some 15" in progress.sentence()
    assert tell(progress, "      Built face-recognition-models==0.3.0") == "downloaded 21 of 21 MB, 10 s so far"
    assert tell(progress, "Prepared 65 packages in 18.83s") == "all of 65 packages downloaded; putting in place, 10 s so far"


def test_with_pip_the_packages_done_are_counted_because_no_total_of_bytes_is_known(progress, seconds):
    tell(
        progress,
        "Collecting alembic==1.20.1 (from -r requirements.lock (line 1))",
        "  Downloading alembic-1.20.1-py3-none-any.whl (250.0 kB)",
        "Collecting face-recognition-models==0.3.0 (from -r requirements.lock (line 80))",
        "  Downloading face_recognition_models-0.3.0.tar.gz (100.1 MB)",
    )
    seconds.now += 2
    said = tell(progress, "Collecting numpy==2.4.6 (from -r requirements.lock (line 200))")
    assert said == "package 3 of at most 69, 100 MB downloaded, 2 s so far, about 67 s to go"
    tell(progress, "  Building wheel for face-recognition-models (pyproject.toml): started")
    assert "building face-recognition-models for 0 s" in progress.sentence()
    assert "building" not in tell(progress, "  Building wheel for face-recognition-models (pyproject.toml): finished with status 'done'")


def test_where_nobody_can_watch_a_line_change_a_plain_line_comes_every_five_seconds(seconds):
    out = io.StringIO()
    progress = Progress(69, out, began=seconds.now, clock=seconds)
    for _ in range(120):
        seconds.now += 0.1
        progress.show()
    progress.end()
    assert out.getvalue().count("\n") == 2
    assert "\r" not in out.getvalue()


def test_on_a_terminal_one_line_is_written_over_and_wiped_at_the_end(seconds):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    out = Terminal()
    progress = Progress(69, out, began=seconds.now, clock=seconds)
    for _ in range(10):
        seconds.now += 0.3
        progress.show()
    progress.end()
    assert "\n" not in out.getvalue()
    assert out.getvalue().split("\r")[-1] == ""
    assert out.getvalue().split("\r")[-2].strip() == ""


UV_OFFLINE = "  cause: client error (Connect)\n  cause: dns error\n  cause: Temporary failure in name resolution"
PIP_OFFLINE = (
    "WARNING: Retrying after connection broken by 'NewConnectionError: [Errno -3] Temporary failure in\nname resolution'\nERROR: No ..."
)
UV_FULL = "  cause: failed to write file a.dat: No space left on device (os error 28)"
PIP_FULL = "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device"
UV_ALTERED = "error: Failed to download `anyio==4.16.0`\n  cause: Hash mismatch for `anyio==4.16.0`"
PIP_ALTERED = "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE. If you have updated"
DEBIAN = "The virtual environment was not created successfully because ensurepip is not\navailable.  On Debian/Ubuntu systems"


@pytest.mark.parametrize(
    ("output", "code", "remedy"),
    [
        (UV_OFFLINE, "no-network", "Check the network"),
        (PIP_OFFLINE, "no-network", "Check the network"),
        (UV_FULL, "disk-full", "about 1 GB"),
        (PIP_FULL, "disk-full", "about 1 GB"),
        (UV_ALTERED, "hash-mismatch", "its hash differs"),
        (PIP_ALTERED, "hash-mismatch", "its hash differs"),
        (DEBIAN, "venv-module-missing", "python3-venv"),
        ("/usr/bin/python3: No module named venv", "venv-module-missing", "python3-venv"),
    ],
)
def test_each_known_failure_is_said_with_its_remedy(output, code, remedy):
    error = explained(output, "otherwise")
    assert error.code == code
    assert remedy in error.sentence


def test_an_unknown_failure_is_handed_on_in_the_installers_own_words():
    error = explained("error: the moon is in the wrong place", "uv failed (the moon is in the wrong place)")
    assert error.code == "install-failed"
    assert error.sentence == "uv failed (the moon is in the wrong place)"
