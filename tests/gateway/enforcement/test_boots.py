"""A run of the service is alive as long as its process is, and dead at once when it is not, however it ended."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from gateway.enforcement.boots import addresses, boot, is_running

HOLD = """
import sys
from pathlib import Path
from gateway.enforcement.boots import boot
with boot(Path(sys.argv[1])) as name:
    print(name, flush=True)
    sys.stdin.read()
"""


def test_a_run_is_alive_while_it_lasts_and_its_file_is_gone_afterwards(tmp_path):
    with boot(tmp_path) as name:
        assert is_running(tmp_path, name)
    assert not is_running(tmp_path, name)
    assert list(tmp_path.iterdir()) == []


def test_a_killed_process_is_dead_at_once_and_what_it_left_is_cleared_away(tmp_path):
    root = Path(__file__).resolve().parents[3]
    held = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with held:
        name = held.stdout.readline().strip()
        assert is_running(tmp_path, name)
        os.kill(held.pid, signal.SIGKILL)
        held.wait()
        assert (tmp_path / f"{name}.boot").exists()
        assert not is_running(tmp_path, name)
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_nobody_ever_heard_of_is_dead(tmp_path):
    assert not is_running(tmp_path, "0" * 16)


def test_two_runs_have_two_names(tmp_path):
    with boot(tmp_path) as one, boot(tmp_path) as other:
        assert one != other
        assert is_running(tmp_path, one)
        assert is_running(tmp_path, other)


def test_where_a_home_is_served_is_known_while_it_is_and_of_the_living_alone(tmp_path):
    (tmp_path / f"{'0' * 16}.boot").write_text("http://127.0.0.1:1")
    with boot(tmp_path, "http://127.0.0.1:2"), boot(tmp_path, "http://127.0.0.1:3"), boot(tmp_path):
        assert addresses(tmp_path) == {"http://127.0.0.1:2", "http://127.0.0.1:3"}
    assert addresses(tmp_path) == set()
    assert addresses(tmp_path / "absent") == set()
