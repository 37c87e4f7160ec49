"""The log's key changes in the open and a lost log begins anew in the open, and neither loses anything to a crash in between."""

import json
import os
import shutil
from datetime import UTC, datetime

import pytest
from typer.testing import CliRunner

from gateway.assembly.homes import open_log
from gateway.audit.export import write_export
from gateway.audit.log import LogDamaged, LogRolledBack
from gateway.audit.note import NoteError, NoteSigner, VerifierKey, open_checkpoint
from gateway.audit.tlogproof import TlogProof
from gateway.audit.verify import verify_export
from gateway.cli.audit import app
from gateway.clock import FixedClock
from gateway.custody.files import CustodyRefused
from gateway.custody.opening import guard_of, log_key, next_key
from gateway.custody.recovering import last_checkpoint, recover
from gateway.custody.rotating import rotate_key
from gateway.enforcement.boots import boot
from gateway.records import entries
from gateway.settings import SettingsRefused, read_settings
from tests.audit.goverifier import GoVerifier, build

CLOCK = FixedClock(datetime(2026, 11, 24, 10, tzinfo=UTC))


def settings_of(home, **more):
    return read_settings(more, home=home)


def append(settings, count=1):
    """Write entries as the service would, and return their receipts."""
    log = open_log(settings)
    try:
        return [log.append_blocking(entries.note("heartbeat", at=CLOCK.now(), more={"boot": "0a", "calls": 0}).body) for _ in range(count)]
    finally:
        log.close()


def exported(settings, directory, key, since=None):
    """Export the log and return what the verifier says with this key."""
    log = open_log(settings)
    try:
        write_export(log, directory, log.verifier_keys[0])
    finally:
        log.close()
    return verify_export(directory, key, since)


def key_of(settings):
    log = open_log(settings)
    try:
        return log.verifier_keys[0]
    finally:
        log.close()


@pytest.fixture
def settings(tmp_path):
    settings = settings_of(tmp_path / "home")
    append(settings, 3)
    return settings


def test_after_a_rotation_the_old_key_leads_to_the_new_one_and_old_receipts_stay_good(settings, tmp_path):
    old = key_of(settings)
    (before,) = append(settings)
    rotated = rotate_key(settings, CLOCK, by="operator", reason="scheduled")
    (after,) = append(settings)
    assert (rotated.old, rotated.new) == (old, key_of(settings))
    assert open_checkpoint(rotated.receipt.checkpoint, old).size == open_checkpoint(rotated.receipt.checkpoint, rotated.new).size == 5
    for key in (old, rotated.new):
        assert exported(settings, tmp_path / f"export-{key.key_id.hex()}", key).exit_status == 0
    log = open_log(settings)
    TlogProof.parse(before.text()).verify(log.entry(3), old)
    TlogProof.parse(after.text()).verify(log.entry(5), rotated.new)
    log.close()
    with pytest.raises(NoteError):
        open_checkpoint(after.checkpoint, old)
    assert exported(settings, tmp_path / "since", old, since=before.checkpoint).exit_status == 0


def test_keys_change_again_and_again_and_any_of_them_leads_on(settings, tmp_path):
    keys = [key_of(settings)] + [rotate_key(settings, CLOCK, by="operator", reason="drill").new for _ in range(3)]
    for number, key in enumerate(keys):
        assert exported(settings, tmp_path / str(number), key).exit_status == 0
    stranger = VerifierKey.parse(rotate_key(settings_with_log(tmp_path / "other"), CLOCK, by="x", reason="x").new.text())
    assert exported(settings, tmp_path / "stranger", stranger).exit_status == 1


def test_the_independent_verifier_follows_the_same_changes_and_no_forged_one(settings, tmp_path):
    old = key_of(settings)
    rotate_key(settings, CLOCK, by="operator", reason="drill")
    append(settings)
    rotate_key(settings, CLOCK, by="operator", reason="drill")
    for name in ("good", "bad"):
        assert exported(settings, tmp_path / name, old).exit_status == 0
    lines = (tmp_path / "bad" / "entries.jsonl").read_text()
    at = lines.index("custodes key-change v1")
    at = lines.index("\\u2014" if "\\u2014" in lines else "—", at) + 60
    (tmp_path / "bad" / "entries.jsonl").write_text(lines[:at] + ("A" if lines[at] != "A" else "B") + lines[at + 1 :])
    program = build(tmp_path)
    with GoVerifier(program, "-key", old.text()) as verifier:
        assert [verifier.accepts(tmp_path / name) for name in ("good", "bad")] == [True, False]
    with GoVerifier(program, "-key", key_of(settings).text()) as verifier:
        assert verifier.accepts(tmp_path / "good")
    with GoVerifier(program, "-key", NoteSigner.generate(old.name).key.text()) as verifier:
        assert not verifier.accepts(tmp_path / "good")


def settings_with_log(home):
    settings = settings_of(home)
    append(settings)
    return settings


def dies_at(call, act):
    """Do it in a process that dies at the call of that number that makes something durable; say whether it died."""
    child = os.fork()
    if child == 0:
        count = 0
        real = {name: getattr(os, name) for name in ("fsync", "replace", "link", "unlink", "rename", "mkdir")}

        def counted(name):
            def step(*arguments, **named):
                nonlocal count
                if count == call:
                    os._exit(9)
                count += 1
                return real[name](*arguments, **named)

            return step

        for name in real:
            setattr(os, name, counted(name))
        try:
            act()
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9


def test_a_rotation_that_dies_at_any_step_leaves_a_log_that_opens_verifies_and_can_be_rotated(settings, tmp_path):
    old, seen = key_of(settings), set()
    for call in range(100):
        home = tmp_path / f"home-{call}"
        shutil.copytree(settings.home.root, home)
        copy = settings_of(home)
        died = dies_at(call, lambda copy=copy: rotate_key(copy, CLOCK, by="operator", reason="crash"))
        append(copy)
        assert not next_key(copy.home).exists()
        assert exported(copy, tmp_path / f"export-{call}", old).exit_status == 0
        seen.add(key_of(copy) == old)
        if not died:
            break
        rotate_key(copy, CLOCK, by="operator", reason="again")
        assert exported(copy, tmp_path / f"again-{call}", old).exit_status == 0
    assert 8 < call < 99
    assert seen == {True, False}


def test_a_recovery_names_what_is_lost_and_sets_the_old_log_aside(settings, tmp_path):
    old = key_of(settings)
    (settings.home.audit / "log.sqlite").unlink()
    with pytest.raises(LogRolledBack):
        open_log(settings)
    raw, last = last_checkpoint(settings, None)
    assert last.size == 3
    done = recover(settings, CLOCK, origin="custodes.local/log2", last=raw, reason="the disk died")
    append(settings)
    assert exported(settings, tmp_path / "export", done.key).exit_status == 0
    log = open_log(settings)
    first = json.loads(log.entry(0))
    log.close()
    assert (first["kind"], first["reason"], first["old"]["origin"], first["old"]["size"]) == ("recovery", "the disk died", old.name, 3)
    assert open_checkpoint(first["checkpoint"].encode(), old).root == last.root
    assert (done.aside / "log.guard").read_bytes() == raw
    assert [path.name for path in settings.home.keys.glob("log.key*")] != ["log.key"]
    with pytest.raises(NoteError):
        recover(settings, CLOCK, origin="custodes.local/log2", last=last_checkpoint(settings, None)[0], reason="again")


def test_a_recovery_that_dies_at_any_step_is_finished_by_the_same_command(settings, tmp_path):
    (settings.home.audit / "log.sqlite").write_bytes(b"x" * 5000)
    interrupted = 0
    for call in range(100):
        home = tmp_path / f"home-{call}"
        shutil.copytree(settings.home.root, home)
        copy = settings_of(home)

        def again(copy=copy):
            return recover(copy, CLOCK, origin="custodes.local/log2", last=last_checkpoint(copy, None)[0], reason="drill")

        died = dies_at(call, again)
        try:
            key = key_of(copy)  # it was done, but for the last sync of a directory
        except (CustodyRefused, LogDamaged) as refused:
            assert died
            interrupted += refused.code == "recovery-interrupted"
            key = again().key
        append(copy)
        assert exported(copy, tmp_path / f"export-{call}", key).exit_status == 0
        log = open_log(copy)
        assert (json.loads(log.entry(0))["kind"], log.size, log.origin) == ("recovery", 2, "custodes.local/log2")
        log.close()
        if not died:
            break
    assert call < 99
    assert interrupted > 8


def test_the_commands_say_what_they_did_and_refuse_what_is_not_safe(settings, tmp_path):
    def said(*words):
        return CliRunner().invoke(app, [*words, "--home", str(settings.home.root), "--json"])

    with boot(settings.home.boots):
        for words in (("rotate-key",), ("recover", "--origin", "x/y", "--reason", "z", "--yes")):
            refused = said(*words)
            assert (refused.exit_code, refused.stderr.split(":")[0]) == (2, "service-running")
    rotated = said("rotate-key", "--reason", "drill")
    assert rotated.exit_code == 0
    assert json.loads(rotated.stdout)["new"] == key_of(settings).text()
    shown = said("recover", "--origin", "custodes.local/log2", "--reason", "drill")
    assert (shown.exit_code, json.loads(shown.stdout)["done"]) == (2, False)
    assert key_of(settings).name == "custodes.local/log"
    assert said("recover", "--origin", "custodes.local/log", "--reason", "drill", "--yes").exit_code == 2
    assert said("recover", "--origin", "x/y", "--reason", "z", "--checkpoint", str(tmp_path / "absent"), "--yes").exit_code == 2
    done = said("recover", "--origin", "custodes.local/log2", "--reason", "drill", "--yes")
    assert json.loads(done.stdout)["size"] == 4
    nowhere = CliRunner().invoke(app, ["rotate-key", "--home", str(tmp_path / "nowhere")])
    assert (nowhere.exit_code, "Traceback" in nowhere.output) == (2, False)


def test_the_guard_may_lie_on_other_storage_than_the_key_and_a_mount_that_is_missing_stops_the_start(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    settings = settings_of(tmp_path / "home", CUSTODES_LOG_GUARD=str(tmp_path / "elsewhere" / "guard"))
    append(settings)
    assert guard_of(settings) == (tmp_path / "elsewhere" / "guard").resolve()
    assert not (settings.home.keys / "log.guard").exists()
    assert open_checkpoint(guard_of(settings).read_bytes(), key_of(settings)).size == 1
    rotate_key(settings, CLOCK, by="operator", reason="drill")
    append(settings)
    shutil.rmtree(settings.home.audit)
    with pytest.raises(LogRolledBack):
        open_log(settings)
    with pytest.raises(SettingsRefused, match="CUSTODES_LOG_GUARD"):
        settings_of(tmp_path / "home", CUSTODES_LOG_GUARD=str(tmp_path / "not mounted" / "guard"))
    assert log_key(settings.home).stat().st_mode & 0o077 == 0
