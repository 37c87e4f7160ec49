"""The command line does what its help says, with the exit codes that it documents."""

import json
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

PORTRAITS = Path("engine/data/portraits")


def gateway(*words: str, repository: Path, home: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", RUN, *words]
    options = [] if home is None else ["--home", str(home)]
    return subprocess.run([*command, *options], cwd=repository, capture_output=True, text=True, timeout=180, check=False)


RUN = "from gateway.cli.main import main; main()"


@pytest.fixture(scope="module")
def told(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict[str, object]]]:
    """Tell the demo's story once, as a program hears it."""
    home = tmp_path_factory.mktemp("demo") / "home"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    ended = gateway("demo", "--once", "--json", "--port", port, repository=repository, home=home)
    assert ended.returncode == 0, ended.stderr + ended.stdout
    return home, [json.loads(line) for line in ended.stdout.splitlines()]


def test_the_demo_tells_its_scenes_with_decision_ids_and_one_call_of_the_recogniser(told: tuple[Path, list[dict[str, object]]]) -> None:
    scenes = {str(scene["scene"]): scene for scene in told[1]}
    assert sorted(scenes) == ["a", "b", "c", "d", "e"]
    assert (scenes["a"]["candidate"], scenes["a"]["calls"]) == ("test-subject-1", 1)
    assert (scenes["b"]["code"], scenes["b"]["calls"]) == ("purpose-prohibited", 1)
    assert scenes["c"]["codes"] == ["unknown-purpose", "policy-refused"]
    assert scenes["c"]["needed"] == ["case_reference"]
    assert scenes["d"]["found"] == scenes["d"]["altered"]
    permitted = {pack for pack, decision in dict(scenes["e"]["answers"]).items() if decision == "permit"}  # type: ignore[call-overload]  # a JSON object
    assert permitted == {"vendor-amazon", "vendor-ibm-principles"}


def test_an_export_is_verified_and_a_flipped_bit_is_named(
    told: tuple[Path, list[dict[str, object]]], repository: Path, tmp_path: Path
) -> None:
    exported = gateway("audit", "export", str(tmp_path / "log"), "--json", repository=repository, home=told[0])
    key = json.loads(exported.stdout)["key"]
    assert sorted(path.name for path in (tmp_path / "log").iterdir()) == ["checkpoint", "entries.jsonl", "log.vkey", "rulebooks", "tile"]
    good = gateway("audit", "verify", str(tmp_path / "log"), "--key", key, repository=repository)
    assert good.returncode == 0, good.stdout + good.stderr
    shutil.copytree(tmp_path / "log", tmp_path / "bad")
    bundle = next((tmp_path / "bad" / "tile" / "entries").iterdir())
    raw = bytearray((bundle if bundle.is_file() else next(bundle.iterdir())).read_bytes())
    raw[40] ^= 1
    (bundle if bundle.is_file() else next(bundle.iterdir())).write_bytes(raw)
    bad = gateway("audit", "verify", str(tmp_path / "bad"), "--key", key, repository=repository)
    assert (bad.returncode, "entry 0" in bad.stdout) == (1, True)
    assert gateway("audit", "verify", str(tmp_path / "none"), "--key", key, repository=repository).returncode == 2
    assert gateway("audit", "verify", str(tmp_path / "log"), "--key", "nonsense", repository=repository).returncode == 2
    again = gateway("audit", "export", str(tmp_path / "log"), repository=repository, home=told[0])
    assert (again.returncode, "Traceback" in again.stderr) == (2, False)


def test_a_token_is_printed_for_a_client_on_record_alone(told: tuple[Path, list[dict[str, object]]], repository: Path) -> None:
    good = gateway("clients", "token", "reunite", repository=repository, home=told[0])
    assert (good.returncode, good.stdout.count(".")) == (0, 2)
    bad = gateway("clients", "token", "nobody", repository=repository, home=told[0])
    assert bad.returncode == 2
    assert bad.stderr.startswith("unknown-client: ")


def test_images_are_checked_one_json_line_each(repository: Path, tmp_path: Path) -> None:
    (tmp_path / "text.jpg").write_text("no image")
    words = ("engine", "check", str(PORTRAITS / "astronaut.png"), str(tmp_path / "text.jpg"), str(tmp_path / "absent.jpg"))
    ended = gateway(*words, repository=repository, home=tmp_path / "home")
    verdicts = [json.loads(line) for line in ended.stdout.splitlines()]
    assert ended.returncode == 1
    assert [verdict["accepted"] for verdict in verdicts] == [True, False, False]
    assert [verdict.get("reason") for verdict in verdicts] == [None, "not-an-image", "unreadable"]


def test_the_doctor_finds_a_taken_port_and_a_loose_key_and_says_how_to_mend_them(repository: Path, tmp_path: Path) -> None:
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "log.key").write_text("x")
    (tmp_path / "keys" / "log.key").chmod(0o644)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        ended = gateway("doctor", "--json", "--port", str(taken.getsockname()[1]), repository=repository, home=tmp_path)
    findings = {finding["part"]: finding for finding in json.loads(ended.stdout)}
    assert ended.returncode == 1
    assert not findings["port"]["well"]
    assert not findings["keys"]["well"]
    assert findings["keys"]["mend"]


def test_one_request_is_answered_under_each_stance_and_rubbish_is_refused_in_a_sentence(repository: Path, tmp_path: Path) -> None:
    request = {"operation": "identify", "purpose": "missing_person", "client": {"kind": "police_local"}, "place": "US-OR"}
    (tmp_path / "request.json").write_text(json.dumps(request))
    ended = gateway("policies", "compare", str(tmp_path / "request.json"), "--json", repository=repository)
    answers = {answer["pack"]: answer["decision"] for answer in json.loads(ended.stdout)}
    assert answers["vendor-microsoft"] == "refusal"
    for rubbish in ("[]", "{", '{"client": 3}', '{"at": "soon"}', "\x00"):
        (tmp_path / "rubbish.json").write_text(rubbish)
        ended = gateway("policies", "compare", str(tmp_path / "rubbish.json"), repository=repository)
        assert (ended.returncode, "Traceback" in ended.stderr) == (2, False)


def test_a_vector_file_with_a_bad_line_names_the_line(repository: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.jsonl").write_text('{"id": "_meta", "kind": "meta"}\n{"id": "v1"}\n')
    ended = gateway("policies", "rehearse", str(tmp_path / "bad.jsonl"), repository=repository)
    assert (ended.returncode, "line 2" in ended.stderr) == (2, True)
