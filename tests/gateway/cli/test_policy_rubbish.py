"""Whatever is fed to the `policies` commands, they answer with one sentence that names what is wrong, and never with a traceback."""

import json

import pytest
from typer.testing import CliRunner

from gateway.cli.policies import app

VECTOR = {
    "id": "v-1",
    "kind": "request",
    "packs": ["baseline"],
    "at": "2026-11-22T10:00:00Z",
    "request": {"client": {"kind": "company"}, "operation": "verify", "purpose": "access_control", "capture": {"age_s": 86400}},
    "expect": {"decision": "allow", "rule": []},
}
GOOD = json.dumps(VECTOR)


def but(**changes):
    return json.dumps(VECTOR | changes)


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.mark.parametrize(
    ("content", "status", "says"),
    [
        (b"\xff\xfe{}", 2, "cannot be read as text"),
        (GOOD.encode("utf-16"), 2, "cannot be read as text"),
        (b"", 2, "holds no decision vector"),
        (b"\n \n", 2, "holds no decision vector"),
        (b'{"id": "_meta", "kind": "meta"}\n', 2, "holds no decision vector"),
        (f"{GOOD}\n{GOOD}", 2, "line 2: the id 'v-1' is there twice"),
        (f"{GOOD}\n[]", 2, "line 2: this is not a JSON object"),
        (f"{GOOD}\n{GOOD[:90]}", 2, "line 2: this is not JSON"),
        ("[" * 100_000 + "]" * 100_000, 2, "line 1: this is not JSON (it is nested too deeply)"),
        (GOOD.replace("86400", "NaN"), 2, "line 1: this is not JSON (NaN is no number of JSON)"),
        (GOOD.replace("86400", "9" * 5_000), 2, "line 1: this is not JSON"),
        (GOOD.replace('"operation"', '"operation": "emotion", "operation"'), 2, "the member 'operation' is there twice"),
        (but(packs="baseline"), 2, "line 1: packs: must be a list"),
        (but(packs=[None]), 2, "line 1: packs[0]: must be text"),
        (but(kind="wish"), 2, "line 1: kind: must be one of request, release, lifecycle"),
        (but(at="yesterday"), 2, "line 1: at: must be a moment"),
        (but(expect={"decision": "maybe"}), 2, "line 1: expect: must be one of allow, allow_with_obligations, deny"),
        (but(licence="all"), 2, "line 1: licence: must be a list"),
        (but(id="\ud800"), 2, "line 1: id: must be text that UTF-8 can hold"),
        (but(packs=["no-such-pack"]), 1, "There is no such pack"),
        (but(packs=["../../etc/passwd"]), 1, "There is no such pack"),
        (but(pack_options={"early_adopt": True}), 1, "No option 'early_adopt'"),
        (GOOD.replace("86400", "1e999"), 1, "capture.age_s: must be a finite number"),
    ],
)
def test_a_file_that_is_no_file_of_vectors_is_answered_with_what_is_wrong_in_which_line(tmp_path, content, status, says):
    path = tmp_path / "vectors.jsonl"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    ended = run("rehearse", path)
    assert (ended.exit_code, says in ended.output) == (status, True), ended.output
    assert isinstance(ended.exception, SystemExit)


@pytest.mark.parametrize("between", ["\u2028", "\u0085"])
def test_only_a_line_feed_ends_a_line(tmp_path, between):
    path = tmp_path / "vectors.jsonl"
    vector = json.dumps(VECTOR | {"title": f"one{between}two"}, ensure_ascii=False)
    path.write_bytes(f"{vector}\r\n".encode())
    assert run("rehearse", path).output == "1 passed, 0 failed\n"


@pytest.mark.parametrize("content", [b"", b"[]", b"\xff", b'{"purpose": NaN}', b'{"at": 5}', b'{"licence": "x"}', b'{"hello": 1}',
                                     b'{"request": {"client": []}}', b'{"purpose": [1]}', b'{"purpose": "a", "purpose": "b"}'])  # fmt: skip
def test_a_request_that_cannot_be_read_is_compared_by_nobody(tmp_path, content):
    path = tmp_path / "request.json"
    path.write_bytes(content)
    ended = run("compare", path)
    assert (ended.exit_code, isinstance(ended.exception, SystemExit)) == (2, True), ended.output
    assert "Traceback" not in ended.output and len(ended.output.splitlines()) == 1


@pytest.mark.parametrize("command", ["lint", "prove", "diff", "draft"])
@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("rules.csv", b""),
        ("rules.csv", b'"unclosed'),
        ("rules.csv", b"\xff\xfe"),
        ("rules.csv", b"\x00\x00"),
        ("rules.csv", b'"' + b"x" * 200_000 + b'"'),
        ("draft.toml", b"packs = 1"),
        ("draft.toml", b'packs = ["nope"]'),
        ("draft.toml", b'packs=["baseline"]\nown_rules=' + b"[" * 5_000 + b"]" * 5_000),
        ("draft.toml", b'packs=["baseline"]\n[[own_rules]]\nrule=1'),
        ("rulebook.json", b"{}"),
        ("rulebook.json", b"[" * 100_000),
    ],
)
def test_rules_that_cannot_be_read_are_refused_in_a_sentence(tmp_path, command, name, content):
    path = tmp_path / name
    path.write_bytes(content)
    more = {"diff": ("baseline", path), "draft": (path, "--by", "staff-1", "--home", tmp_path / "home")}.get(command, (path,))
    ended = run(command, *more)
    assert ended.exit_code in (1, 2) and isinstance(ended.exception, SystemExit), ended.output
    assert ended.output.strip() and "Traceback" not in ended.output


@pytest.mark.parametrize("named", ["", "+", "no-such-pack", "baseline+../x", "a\x00b"])
def test_a_rulebook_that_nobody_has_is_not_compared(named):
    ended = run("diff", named, "baseline")
    assert (ended.exit_code, isinstance(ended.exception, SystemExit)) == (2, True), ended.output


@pytest.mark.parametrize(
    "content", [b"x", b"never = 3", b"[[never]]\nname = 1", b'[[never]]\nname = "a"\nsentence = "b"\npurpose = "?"', b"\xff"]
)
def test_properties_that_cannot_be_read_prove_nothing(tmp_path, content):
    path = tmp_path / "never.toml"
    path.write_bytes(content)
    ended = run("prove", "baseline", "--properties", path)
    assert (ended.exit_code, isinstance(ended.exception, SystemExit)) == (2, True), ended.output
