"""The outsider's command runs on a bare Python, and says by its exit status what it found."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.audit.__main__ import main
from gateway.audit.export import write_export
from gateway.audit.note import Cosigner, Note
from gateway.audit.report import CannotVerify
from gateway.audit.source import token_from
from gateway.audit.submission import with_signatures
from tests.audit.honest import HonestLog, decided, rulebook

ROOT = Path(__file__).parents[2]

BARE = """
import sys
class Closed:
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        ours = name in ("gateway", "gateway.audit") or name.startswith("gateway.audit.")
        if not (ours or top in sys.stdlib_module_names or top in ("cryptography", "cffi", "_cffi_backend")):
            raise ImportError(f"{name} is not to be had here")
sys.meta_path.insert(0, Closed())
import runpy
sys.argv = ["gateway.audit", *sys.argv[1:]]
runpy.run_module("gateway.audit", run_name="__main__")
"""


@pytest.fixture
def log():
    return HonestLog.of(31)


@pytest.fixture
def export(log, tmp_path):
    write_export(log, tmp_path / "export", log.key, rulebook=rulebook)
    return tmp_path / "export"


def test_it_needs_the_standard_library_and_cryptography_alone(log, export):
    command = [sys.executable, "-c", BARE, str(export), "--key", log.key.text(), "--json"]
    answer = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert answer.returncode == 0, answer.stderr
    assert json.loads(answer.stdout)["size"] == 31


def test_an_altered_export_is_exit_status_1_and_names_the_entry(log, export, capsys):
    bundle = export / "tile/entries/000.p/31"
    bundle.write_bytes(bundle.read_bytes().replace(b"d-12", b"d-13", 1))
    assert main([str(export), "--key", log.key.text()]) == 1
    assert "first   entry 12:" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [
        ["nowhere"],
        ["{export}", "--key", "rubbish"],
        ["{export}", "--since", "nowhere"],
        ["{export}", "--policy", "nowhere"],
        ["http://127.0.0.1:1/audit"],
        ["http://127.0.0.1:1/audit", "--token", "two words"],
        ["http://127.0.0.1:1/audit", "--token-file", "nowhere"],
    ],
)
def test_what_cannot_be_checked_is_exit_status_2_and_one_sentence(arguments, log, export, capsys):
    given = [argument.format(export=export) for argument in arguments]
    assert main([*given, *([] if "--key" in given else ["--key", log.key.text()])]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1


def test_a_policy_asks_for_its_witnesses(log, export, tmp_path, capsys):
    witness = Cosigner.generate("witness.test/1")
    policy = tmp_path / "policy"
    policy.write_text(f"log {log.key.text()}\nwitness w1 {witness.key.text()}\nquorum w1\n")
    asked = [str(export), "--key", log.key.text(), "--policy", str(policy)]
    assert main(asked) == 1
    assert "quorum-missing" in capsys.readouterr().out
    checkpoint = log.checkpoint()
    cosigned = with_signatures(checkpoint, [witness.cosign(Note.parse(checkpoint).text, 1679315147)])
    (export / "checkpoint").write_bytes(cosigned)
    assert main(asked) == 0


def test_a_search_in_flight_is_allowed_to_a_log_at_work(tmp_path):
    log = HonestLog.of(11)
    log.append(decided("intent", 11, "permit", boot="ab"))
    write_export(log, tmp_path / "export", log.key, rulebook=rulebook)
    asked = [str(tmp_path / "export"), "--key", log.key.text()]
    assert main(asked) == 1
    assert main([*asked, "--in-flight", "60"]) == 0


def test_the_key_may_lie_in_a_file(log, export, tmp_path):
    (tmp_path / "key").write_text(log.key.text() + "\n")
    assert main([str(export), "--key", str(tmp_path / "key")]) == 0


def test_a_token_is_typed_or_in_a_file_or_in_the_environment(tmp_path):
    (tmp_path / "token").write_text("from.a.file\n")
    environment = {"CUSTODES_TOKEN": "from.the.environment"}
    assert token_from("typed", tmp_path / "token", environment) == "typed"
    assert token_from(None, tmp_path / "token", environment) == "from.a.file"
    assert token_from(None, None, environment) == "from.the.environment"
    assert token_from(None, None, {}) is None
    with pytest.raises(CannotVerify):
        token_from("a\r\nheader: of its own", None, {})
