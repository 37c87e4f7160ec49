"""The walk-through is typed as it stands: every command of docs/getting-started.md, in order, against a service that is really started."""

import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

RUN = "from gateway.cli.main import main; main()"
BLOCK = re.compile(r"(?:^    .*\n?)+", re.MULTILINE)
SERVING = "python3 -m gateway serve"


def blocks(page: str) -> list[str]:
    return [re.sub(r"^    ", "", found[0], flags=re.MULTILINE) for found in BLOCK.finditer(page)]


@pytest.fixture(scope="module")
def walked(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Type the page, and return what each of its blocks answered."""
    place = tmp_path_factory.mktemp("walk")
    (place / "engine").symlink_to(repository / "engine")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    (place / "bin").mkdir()
    # Only the way to the interpreter is ours: the bootstrap would make a virtual environment beside the checkout.
    (place / "bin" / "python3").write_text(f'#!/bin/sh\nshift 2\nexec "{sys.executable}" -c "{RUN}" "$@"\n')
    (place / "bin" / "python3").chmod(0o755)
    environment = os.environ | {
        "PATH": f"{place / 'bin'}:{os.environ['PATH']}",
        "PYTHONPATH": str(repository),
        "CUSTODES_HOME": "first-home",
        "CUSTODES_PORT": port,
    }
    typed = blocks((repository / "docs" / "getting-started.md").read_text("utf-8"))
    assert SERVING in typed[0]
    with subprocess.Popen(
        [str(place / "bin" / "python3"), "-m", "gateway", "serve"], cwd=place, env=environment, stdout=subprocess.PIPE, text=True
    ) as service:
        try:
            assert service.stdout is not None
            link = next(line for line in service.stdout if "staff enter" in line).split()[-1]
            said, answers = "set -e\n", {}
            for block in typed[1:]:
                said += f"echo; echo '=== {len(answers)}'\n" + block.replace("LINK\n", f"{link}\n").replace(":8080", f":{port}")
                answers[block] = ""
            ended = subprocess.run(["bash", "-c", said], cwd=place, env=environment, capture_output=True, text=True, check=False)
        finally:
            service.send_signal(signal.SIGTERM)
    assert ended.returncode == 0, ended.stdout[-2000:] + ended.stderr[-2000:]
    outputs = re.split(r"^=== \d+\n", ended.stdout, flags=re.MULTILINE)[1:]
    return dict(zip(answers, outputs, strict=True))


def answer(walked: dict[str, str], words: str) -> str:
    return "\n".join(said for block, said in walked.items() if words in block)


def test_whoever_types_the_page_is_let_in_puts_a_client_on_record_and_licenses_it(walked: dict[str, str]) -> None:
    assert "first-registrar is in: operator, registrar" in answer(walked, "LINK")
    assert "vera is in: reviewer" in answer(walked, "staff invite vera")
    assert "searchers is active" in answer(walked, "clients add")
    assert "granted" in answer(walked, "licences grant")


def test_the_first_search_waits_for_a_person_and_the_first_refusal_says_why(walked: dict[str, str]) -> None:
    assert '"status":"released","operation":"enroll"' in answer(walked, "reported-missing/subjects")
    searched, refused = (said for block, said in walked.items() if "/v1/searches" in block)
    assert '"status":"waiting-for-review"' in searched
    assert "rests on a case with a reference" in refused


def test_the_log_of_the_walk_verifies_and_a_client_can_be_stopped(walked: dict[str, str]) -> None:
    assert "VERIFIED" in answer(walked, "audit verify")
    assert "searchers is suspended" in answer(walked, "clients suspend")
