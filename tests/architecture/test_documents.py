"""A document that can lie, will: commands, links and decisions in prose are held against the code.
Reads Markdown as text and the command tree as typer builds it; it runs no command."""

import re
import shlex
import tomllib

import pytest
import typer

from gateway.cli.main import app
from tests.architecture.sources import none, paths, plant, texts

COMMAND = re.compile(r"python3 -m gateway(?![.\w])([^\n`]*)")
LINK = re.compile(r"\[[^\]]*\]\((?!https?://|#|mailto:)([^)#\s]+)")
NAMED = re.compile(r"\b(?:docs/)?decisions?[ /](\d{4})\b")
DECISION = re.compile(r"docs/decisions/(\d{4})-[a-z0-9-]+\.md")
ONE_PAGE = 80


def documents(root):
    return [(name, text) for name, text in texts(root) if name.endswith(".md") and (name == "README.md" or name.startswith("docs/"))]


def untrue(words, command):
    """Say what in a command line is not in the command tree, or nothing."""
    path = ["gateway"]
    while getattr(command, "commands", None):
        while words and words[0].startswith("-"):
            words = words[1:]
        if not words or words[0] in {"…", "..."} or re.fullmatch(r"<\w+>|[A-Z]+", words[0]):
            return None  # a form, not a command
        if words[0] not in command.commands:
            return f"`{' '.join(path)}` has no command {words[0]!r}"
        path.append(words[0])
        command, words = command.commands[words[0]], words[1:]
    if command.context_settings.get("ignore_unknown_options"):
        return None
    known = {"--help", *(option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts))}
    unknown = [word for word in words if word.startswith("--") and word.split("=")[0] not in known]
    return f"`{' '.join(path)}` has no option {', '.join(unknown)}" if unknown else None


def untrue_commands(root, command):
    for name, text in documents(root):
        for found in COMMAND.finditer(text.replace("\\\n", " ")):
            line = re.split(r"\s[#|>&;]|[;)]|\.(?:\s|$)|,(?:\s|$)", found[1])[0].replace("[", "").replace("]", "")
            try:
                words = shlex.split(line)
            except ValueError:
                words = line.split()
            if problem := untrue(words, command):
                yield f"{name}: python3 -m gateway{line}: {problem}"


@pytest.fixture(scope="module")
def tree():
    commands = typer.main.get_command(app)
    for name in commands.list_commands(None):
        commands.get_command(None, name)  # those that are imported late are then in the tree
    return commands


def test_every_command_in_the_documents_exists_with_its_options(repository, tree):
    none(untrue_commands(repository, tree))


def test_a_command_or_option_that_does_not_exist_is_found(tmp_path, tree):
    plant(
        tmp_path,
        {
            "README.md": "`python3 -m gateway conquer`, then\n\n    python3 -m gateway version --loudly\n",
            "docs/deep/page.md": "Run `python3 -m gateway version --json`, `python3 -m gateway test --lf` or python3 -m gateway version.",
        },
    )
    found = list(untrue_commands(tmp_path, tree))
    assert len(found) == 2
    assert "no command 'conquer'" in found[0]
    assert "no option --loudly" in found[1]


def dead_links(root):
    for name, text in documents(root):
        for target in LINK.findall(text):
            if not ((root / name).parent / target).exists():
                yield f"{name}: links to {target}, which is not there"


def test_every_link_between_the_documents_leads_somewhere(repository):
    none(dead_links(repository))


def test_a_dead_link_is_found(tmp_path):
    plant(tmp_path, {"README.md": "[a](docs/a.md) [b](docs/b.md#part) [c](https://example.org/x)", "docs/a.md": ""})
    assert list(dead_links(tmp_path)) == ["README.md: links to docs/b.md, which is not there"]


def unknown_decisions(root):
    """Find each decision that code or prose names by its number and that nobody wrote down."""
    written = {found[1] for name in paths(root) if (found := DECISION.fullmatch(name))}
    for name, text in texts(root):
        yield from (f"{name}: names decision {number}, which is not written" for number in NAMED.findall(text) if number not in written)


def test_every_decision_that_is_named_is_written(repository):
    none(line for line in unknown_decisions(repository) if not line.startswith("tests/architecture/"))


def test_a_named_decision_that_is_not_written_is_found(tmp_path):
    plant(tmp_path, {"gateway/a.py": "# see docs/decisions/0001\n# and decision 0002\n", "docs/decisions/0001-x.md": ""})
    assert list(unknown_decisions(tmp_path)) == ["gateway/a.py: names decision 0002, which is not written"]


def malformed(root):
    """Find each decision without its title, its quoted line, or a check that enforces it and exists."""
    contracts = [
        contract["name"]
        for contract in tomllib.loads((root / "pyproject.toml").read_text()).get("tool", {}).get("importlinter", {}).get("contracts", [])
    ]
    for name in paths(root):
        if not DECISION.fullmatch(name):
            continue
        text = (root / name).read_text("utf-8")
        if not text.startswith("# "):
            yield f"{name}: does not begin with its title"
        if not re.search(r"^> \S", text, re.MULTILINE):
            yield f"{name}: has no line that people will quote (> …)"
        if len(text.splitlines()) > ONE_PAGE:
            yield f"{name}: is longer than a page"
        yield from (f"{name}: has no **{part}**" for part in ("Decision", "Why", "Enforced by") if f"**{part}**" not in text)
        enforced = " ".join(re.split(r"\n\n(?=\*\*|#|>)", text.partition("**Enforced by**")[2])[0].split())
        checks = [span for span in re.findall(r"`([^`]+)`", enforced) if re.fullmatch(r"[\w.-]+/[\w./-]+(::\w+)?", span)]
        yield from (f"{name}: is enforced by {check}, which is not there" for check in checks if not exists(root, check))
        if not checks and not any(contract in enforced for contract in contracts):
            yield f"{name}: names no test, file or import contract that enforces it"


def exists(root, check):
    path, _, test = check.partition("::")
    return (root / path).exists() and (not test or f"def {test}(" in (root / path).read_text("utf-8"))


def test_every_decision_has_its_title_its_quoted_line_and_a_check_that_exists(repository):
    none(malformed(repository))


GOOD = "# 1. A\n\n**Decision** Do a.\n\n**Why** Because.\n\n**Enforced by** `tests/test_a.py::test_a`.\n\n> A, always.\n"


@pytest.mark.parametrize(
    ("spoilt", "complaint"),
    [
        (GOOD.replace("# 1. A", "A"), "begin with its title"),
        (GOOD.replace("> ", ""), "no line that people will quote"),
        (GOOD.replace("**Why** ", ""), "no **Why**"),
        (GOOD.replace("test_a`", "test_b`"), "::test_b, which is not there"),
        (GOOD.replace("`tests/test_a.py::test_a`", "hope"), "names no test"),
        (GOOD + "\nmore" * 80, "longer than a page"),
    ],
)
def test_a_malformed_decision_is_found(tmp_path, spoilt, complaint):
    plant(tmp_path, {"pyproject.toml": "", "tests/test_a.py": "def test_a():\n    pass\n", "docs/decisions/0001-a.md": GOOD})
    assert list(malformed(tmp_path)) == []
    plant(tmp_path, {"docs/decisions/0001-a.md": spoilt})
    assert complaint in "\n".join(malformed(tmp_path))


def unlisted(root):
    """Find each decision that the index leaves out; the finding is the line to add."""
    index = (root / "docs/decisions/README.md").read_text("utf-8")
    for name in paths(root):
        file = name.removeprefix("docs/decisions/")
        if DECISION.fullmatch(name) and f"({file})" not in index:
            title = (root / name).read_text("utf-8").splitlines()[0].removeprefix("# ")
            yield f"docs/decisions/README.md lacks: - [{title}]({file})"


def test_the_index_of_decisions_lists_every_one(repository):
    none(unlisted(repository))


def test_a_decision_that_the_index_leaves_out_is_found(tmp_path):
    plant(tmp_path, {"docs/decisions/README.md": "", "docs/decisions/0001-a.md": GOOD})
    assert list(unlisted(tmp_path)) == ["docs/decisions/README.md lacks: - [1. A](0001-a.md)"]
