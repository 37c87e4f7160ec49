"""The operator's witness policy is read whole or stops the start, and `doctor` says how it stands."""

import json

import pytest
from typer.testing import CliRunner

from gateway.audit.note import Cosigner
from gateway.cli.doctor import app
from gateway.settings import SettingsRefused, read_settings
from gateway.witnessing.policy import read_policy

KEY = Cosigner.generate("witness.test/w1").key.text()


def test_without_a_policy_no_witness_is_relied_on(tmp_path):
    assert read_policy(read_settings({}, home=tmp_path)).witnesses == {}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "quorum w1\n",
        f"witness w1 {KEY} https://w.test\n",
        f"witness w1 {KEY} ftp://w.test\nquorum w1\n",
        f"witness w1 {KEY[:-1]}\nquorum w1\n",
        "\x00",
    ],
    ids=["empty", "unnamed", "no-quorum", "ftp", "short-key", "nul"],  # the key is new each time: tests named by it could not be dealt out
)
def test_a_policy_that_cannot_be_read_stops_the_start_and_names_the_file(text, tmp_path):
    settings = read_settings({}, home=tmp_path)
    settings.home.witnesses.write_text(text)
    with pytest.raises(SettingsRefused, match=r"witnesses\.policy"):
        read_policy(settings)


def test_a_policy_that_a_setting_names_must_be_there(tmp_path):
    with pytest.raises(SettingsRefused, match="CUSTODES_WITNESS_POLICY names a file that is not there"):
        read_settings({"CUSTODES_WITNESS_POLICY": str(tmp_path / "absent")}, home=tmp_path)


@pytest.mark.parametrize(
    ("text", "well", "says"),
    [
        (None, True, "none are named"),
        (f"witness w1 {KEY} https://w.test\nquorum w1\n", True, "1 named, quorum w1"),
        (f"witness w1 {KEY}\nquorum w1\n", False, "without an address: w1"),
        ("quorum\n", False, "malformed: line 1"),
    ],
    ids=["none", "good", "no-address", "malformed"],
)
def test_doctor_says_how_it_stands_with_the_witnesses(text, well, says, tmp_path):
    if text is not None:
        (tmp_path / "witnesses.policy").write_text(text)
    findings = json.loads(CliRunner().invoke(app, ["--home", str(tmp_path), "--json"]).stdout)
    (found,) = (finding for finding in findings if finding["part"] == "witnesses")
    assert (found["well"], says in found["state"]) == (well, True)
