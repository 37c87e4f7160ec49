"""What must not be written in a committed file or a commit's message, and what must be written beside each exception.
Words that this file itself must not contain are spelt with a gap, so that it passes its own rules."""

import re
import subprocess
import tomllib

from tests.architecture.sources import none, paths, plant, python_files, texts

UNFINISHED = re.compile(r"\b(TO[D]O|FIX[M]E|X[X]X|HA[C]K)\b")
# Folders of one machine, and hosts that packages came from: neither is there for the next reader.
PLACES = re.compile(
    r"(?<![\w.~-])/(?:work|root|tmp)/[\w.]|\.py[e]nv\b|/opt/whe[e]ls"
    r"|py[p]i\.org|python[h]osted\.org|registry\.npm[j]s\.org|registry\.yarn[p]kg\.com|deb\.deb[i]an\.org|proxy\.gol[a]ng\.org"
)
# The work is signed by its commits' author; how it was typed is nobody's business and no reader's help.
TYPISTS = re.compile(
    r"\b(cl[a]ude|anthr[o]pic|chat\s?g[p]t|cop[i]lot|co-auth[o]red-by|language m[o]del|(coding|AI|sub)[ -]?ag[e]nt|AI assist[a]nt"
    r"|issues sh[o]w|CEO's sess[i]on|this build sess[i]on|the br[i]ef says)\b",
    re.IGNORECASE,
)
LOCKS_WITH_ADDRESSES = {"uv.lock", "package-lock.json", "yarn.lock", "poetry.lock", "Pipfile.lock"}
# Law is quoted word for word, and names what it names; locks hold digests.
QUOTED = ("policies/packs/",)

OPT_OUT = re.compile(r"#\s*(?:noqa|type:\s*ignore)\b(?P<rest>.*)")
NAMED = re.compile(r"^(?::\s*[A-Z]+\d+(?:[,\s]+[A-Z]+\d+)*|\[[\w, -]+\])(?P<reason>.*)")


def occurrences(root, pattern, *, but=()):
    for name, text in texts(root):
        if not name.startswith(tuple(but) or ("\0",)):
            for number, line in enumerate(text.splitlines(), 1):
                if found := pattern.search(line):
                    yield f"{name}:{number}: {found[0]!r} in {line.strip()[:100]!r}"


def test_nothing_committed_is_marked_as_unfinished(repository):
    none(occurrences(repository, UNFINISHED))


def test_a_mark_of_unfinished_work_is_found(tmp_path):
    assert len(list(occurrences(plant(tmp_path, {"a.py": "x = 1  # TO" + "DO later\n"}), UNFINISHED))) == 1


def test_no_committed_file_names_a_folder_of_one_machine_or_a_package_host(repository):
    none(occurrences(repository, PLACES))


def test_a_folder_of_one_machine_and_a_package_host_are_found(tmp_path):
    spoilt = {
        "a.md": "see /wo" + "rk/main",
        "b.py": "open('/t" + "mp/x')",
        "c.txt": "https://py" + "pi.org/simple",
        "d.md": "../elsewhere/x is fine",
    }
    assert [line.split(":")[0] for line in occurrences(plant(tmp_path, spoilt), PLACES)] == ["a.md", "b.py", "c.txt"]


def test_no_committed_file_says_who_or_what_typed_it(repository):
    none(occurrences(repository, TYPISTS, but=QUOTED))


def test_no_commit_message_says_who_or_what_typed_it(repository):
    log = subprocess.run(
        ["git", "-c", f"safe.directory={repository}", "log", "--format=%h %B"], cwd=repository, capture_output=True, text=True, check=False
    )
    none(line for line in log.stdout.splitlines() if TYPISTS.search(line))


def test_a_typist_is_found(tmp_path):
    assert len(list(occurrences(plant(tmp_path, {"a.md": "Co-Auth" + "ored-By: somebody"}), TYPISTS))) == 1


def test_no_lock_with_registry_addresses_is_committed(repository):
    assert stray_locks(repository) == []


def test_a_lock_with_registry_addresses_is_found(tmp_path):
    assert stray_locks(plant(tmp_path, {"tests/gateway/oidc/package-lock.json": "{}", "uv.lock": ""})) == [
        "tests/gateway/oidc/package-lock.json",
        "uv.lock",
    ]


def stray_locks(root):
    return [name for name in paths(root) if name.split("/")[-1] in LOCKS_WITH_ADDRESSES]


def bare_opt_outs(sources):
    """Find each opt-out in code that names no rule or no reason; the reason may stand on the line above."""
    for source in sources:
        for number, line in enumerate(source.lines, 1):
            if not (found := OPT_OUT.search(line)) or "'" in line[: found.start()][-1:] or '"' in line[: found.start()][-1:]:
                continue
            named = NAMED.match(found["rest"])
            above = source.lines[number - 2].strip() if number > 1 else ""
            if named is None:
                yield f"{source.path}:{number}: opts out of every rule: {line.strip()[:100]}"
            elif len(re.findall(r"\w{2,}", named["reason"])) < 2 and not above.startswith("# "):
                yield f"{source.path}:{number}: gives no reason: {line.strip()[:100]}"


def test_every_opt_out_in_the_code_names_its_rule_and_its_reason(repository):
    none(bare_opt_outs(source for source in python_files(repository) if source.path != "tests/architecture/test_words.py"))


def test_an_opt_out_without_rule_or_reason_is_found(tmp_path):
    spoilt = {
        "gateway/a.py": "x = 1  # no" + "qa\n",
        "gateway/b.py": "x = 1  # no" + "qa: S603\n",
        "gateway/c.py": "x = 1  # type: ig" + "nore\n",
        "gateway/d.py": "x = 1  # type: ig" + "nore[arg-type]\n",
        "gateway/e.py": "x = 1  # no" + "qa: S603, S607 - our own program\n",
        "gateway/f.py": "x = 1  # type: ig" + "nore[arg-type]  # its keywords are attributes\n",
        "gateway/g.py": "# its keywords are attributes\nx = 1  # type: ig" + "nore[arg-type]\n",
    }
    found = [line.split(":")[0] for line in bare_opt_outs(python_files(plant(tmp_path, spoilt)))]
    assert found == ["gateway/a.py", "gateway/b.py", "gateway/c.py", "gateway/d.py"]


SWITCHES = re.compile(r"(ignore|disable_error_code|exclude|filterwarnings|ignore_imports)\s*=")


def bare_settings(text):
    """Find each line in pyproject.toml that switches a rule off without a comment, on it or above it, that says why."""
    section, listing, previous = "", False, ""
    for line in text.splitlines():
        if line.startswith("["):
            section, listing = line.strip("[] "), False
        item = line.strip().strip('",')
        off = (
            (listing and item not in {"", "]", "error"} and not item.startswith("#"))
            or (bool(SWITCHES.match(line)) and not line.rstrip().endswith(("[", "[]")))
            or (section.endswith("per-file-ignores") and line.startswith('"'))
            or (section == "tool.mypy.overrides" and line.startswith("module"))
        )
        if off and "#" not in line and not previous.strip().startswith("#"):
            yield line.strip()
        listing = (listing or (bool(SWITCHES.match(line)) and line.rstrip().endswith("["))) and item != "]"
        previous = line


def test_every_opt_out_in_pyproject_has_its_reason(repository):
    none(bare_settings((repository / "pyproject.toml").read_text()))


def test_an_opt_out_in_pyproject_without_a_reason_is_found():
    text = """
[tool.ruff.lint]
ignore = [
  "D105",
  "D107",  # the class docstring speaks for it
]
[tool.ruff.lint.per-file-ignores]
"tests/**" = ["D"]
"bench/**" = ["T20"]  # benches print
[[tool.mypy.overrides]]
module = ["casbin.*"]
[tool.pytest.ini_options]
filterwarnings = [
  "error",
  "ignore::DeprecationWarning",
]
[tool.other]
ignore = ["A"]
"""
    assert tomllib.loads(text)
    assert list(bare_settings(text)) == [
        '"D105",',
        '"tests/**" = ["D"]',
        'module = ["casbin.*"]',
        '"ignore::DeprecationWarning",',
        'ignore = ["A"]',
    ]
