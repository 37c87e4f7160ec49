"""The test command runs every stage to its end and says which were not clean; tried with small commands in their place."""

import sys

from gateway.cli.quality import Stage, run, stages, summary


def python(code: str) -> tuple[str, ...]:
    return (sys.executable, "-c", code)


def test_a_stage_that_fails_does_not_keep_the_next_from_running(tmp_path):
    chosen = [Stage("first", python("raise SystemExit(3)")), Stage("second", python("open('ran', 'w')"))]
    headings: list[str] = []
    verdicts = run(chosen, tmp_path, headings.append)
    assert [verdict.passed for verdict in verdicts] == [False, True]
    assert (tmp_path / "ran").exists()
    assert [heading.split()[1] for heading in headings] == ["first", "second"]


def test_the_summary_names_what_was_not_clean_on_its_last_line(tmp_path):
    chosen = [Stage("good", python("")), Stage("bad", python("raise SystemExit(1)"))]
    lines = summary(run(chosen, tmp_path, lambda _: None))
    assert lines[0].split()[:2] == ["ok", "good"]
    assert lines[1].split()[:2] == ["FAILED", "bad"]
    assert lines[2].strip().startswith("not clean: bad, ")
    assert summary(run(chosen[:1], tmp_path, lambda _: None))[-1].strip().startswith("all clean, ")


def test_what_passes_only_when_it_is_asked_again_is_passed_and_called_unsteady(tmp_path):
    verdicts = run([Stage("shaky", python("raise SystemExit(1)"), python(""))], tmp_path, lambda _: None)
    assert (verdicts[0].passed, verdicts[0].unsteady) == (True, True)
    assert any("UNSTEADY" in line and "shaky" in line for line in summary(verdicts))


def test_what_fails_twice_has_failed_and_a_stage_that_breaks_is_not_asked_again(tmp_path):
    chosen = [
        Stage("wrong", python("raise SystemExit(1)"), python("raise SystemExit(1)")),
        Stage("broken", python("raise SystemExit(3)"), python("")),
        Stage("no second", python("raise SystemExit(1)")),
    ]
    assert [(verdict.passed, verdict.unsteady) for verdict in run(chosen, tmp_path, lambda _: None)] == [(False, False)] * 3


def test_pytest_asks_again_only_what_failed(tmp_path, repository):
    (tmp_path / "test_two.py").write_text(
        "from pathlib import Path\n\n"
        "def test_steady():\n    Path('steady').write_text(Path('steady').read_text() + '.' if Path('steady').exists() else '.')\n\n"
        "def test_shaky():\n    seen = Path('seen').exists()\n    Path('seen').touch()\n    assert seen\n"
    )
    verdict = run([stages(repository, ["-q"])[-1]], tmp_path, lambda _: None)[0]
    assert (verdict.passed, verdict.unsteady, (tmp_path / "steady").read_text()) == (True, True, ".")


def test_a_stage_reads_nothing_from_the_terminal(tmp_path):
    assert run([Stage("asks", python("raise SystemExit(len(input()))"))], tmp_path, lambda _: None)[0].passed is False


def test_pytest_comes_last_and_gets_what_was_typed(repository):
    chosen = stages(repository, ["-k", "word"])
    assert [stage.name for stage in chosen] == ["ruff check", "ruff format", "import contracts", "mypy --strict", "pytest"]
    assert chosen[-1].command[-2:] == ("-k", "word")


def test_only_packages_that_hold_python_are_typed(tmp_path):
    (tmp_path / "engine").mkdir()
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies/facts.py").write_text("")
    typed = next(stage for stage in stages(tmp_path) if stage.name == "mypy --strict")
    assert typed.command[-1:] == ("policies",)
    assert "engine" not in typed.command
