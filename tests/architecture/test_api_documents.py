"""What clients and operators are told is what the code does: paths, problem codes, settings, entry kinds, rooms of the house.
Lays out the application without starting it; nothing is asked of it but which paths it has."""

import ast
import re
from types import SimpleNamespace
from typing import get_args

import pytest

from engine.errors import ImageReason
from gateway.api.declaration import HEADERS
from gateway.api.problems import STATUS
from gateway.app import create_app
from gateway.records.entries import ChangeKind
from gateway.settings import Home, Settings
from policies.decision import REFUSALS
from tests.architecture.sources import none, paths, plant, python_files

OPERATION = re.compile(r"^#{2,4} `(GET|POST|PUT|PATCH|DELETE) (/[^\s`?]*)`", re.MULTILINE)
PROBLEM = re.compile(r"^\| `([a-z-]+)` \| (\d{3}) \|", re.MULTILINE)
VARIABLE = re.compile(r"\bCUSTODES_[A-Z_]*[A-Z]\b")
# The functions that make an entry of the kind that they are given first.
WRITERS = {"_plain", "_decision", "note", "change", "_record"}
KIND = re.compile(r"^\| `([a-z-]+)` \|", re.MULTILINE)
ROOM = re.compile(r"^ *([\w/]+/)(?: |$)", re.MULTILINE)


class Unfurnished(SimpleNamespace):
    """A house whose rooms are empty: enough to hang doors in, and useless for anything else."""

    def __getattr__(self, name):
        return Unfurnished()


@pytest.fixture(scope="module")
def application():
    return create_app(Unfurnished(settings=Settings()))


def served(application):
    return {(method.upper(), path) for path, methods in application.openapi()["paths"].items() for method in methods}


def differences(told, true, what):
    yield from (f"{what}: not described: {missing}" for missing in sorted(true - told))
    yield from (f"{what}: described, but not there: {invented}" for invented in sorted(told - true))


def section(text, title):
    """Return what stands under a heading, up to the next one of its level."""
    level = re.search(rf"^(#+) {re.escape(title)}$", text, re.MULTILINE)
    assert level, f"there is no section {title!r}"
    return re.split(rf"^#{{1,{len(level[1])}}} ", text[level.end() :], maxsplit=1, flags=re.MULTILINE)[0]


def test_docs_api_describes_every_path_and_no_other(repository, application):
    told = set(OPERATION.findall((repository / "docs/api.md").read_text("utf-8")))
    none(differences(told, served(application), "docs/api.md"))


def test_an_undescribed_path_and_an_invented_one_are_found(application):
    text = "### `GET /v1/purposes`\n### `GET /v1/dreams`\n"
    found = list(differences(set(OPERATION.findall(text)), served(application), "docs/api.md"))
    assert "docs/api.md: described, but not there: ('GET', '/v1/dreams')" in found
    assert "docs/api.md: not described: ('POST', '/v1/searches')" in found
    assert not any("/v1/purposes'" in line for line in found)


def test_docs_api_lists_every_problem_code_with_its_status(repository):
    told = {(code, int(status)) for code, status in PROBLEM.findall((repository / "docs/api.md").read_text("utf-8"))}
    refusals = {(code, 403) for code in REFUSALS if code not in STATUS}
    images = {(str(reason), 422) for reason in ImageReason if str(reason) not in STATUS}
    required = set(STATUS.items()) | refusals | images
    none(f"docs/api.md lacks the problem {code} ({status})" for code, status in sorted(required - told))
    none(f"docs/api.md says that {code} is a {status}" for code, status in told if code in STATUS and STATUS[code] != status)


def test_docs_api_names_every_header_that_a_client_may_declare(repository):
    text = (repository / "docs/api.md").read_text("utf-8").lower()
    none(f"docs/api.md does not name {header}" for header in HEADERS if f"`{header}`" not in text)


def test_docs_operations_names_every_setting_and_no_other(repository):
    readers = ("gateway/settings.py", "gateway/audit/source.py")  # the second reads an auditor's token, which is no setting
    true = {name for reader in readers for name in VARIABLE.findall((repository / reader).read_text("utf-8"))}
    assert "CUSTODES_HOME" in true
    none(differences(set(VARIABLE.findall((repository / "docs/operations.md").read_text("utf-8"))), true, "docs/operations.md"))


def test_docs_operations_names_every_store_of_the_home_directory(repository, tmp_path):
    text = section((repository / "docs/operations.md").read_text("utf-8"), "The home directory")
    stores = [name for name, member in vars(Home).items() if isinstance(member, property)]
    home = Home(tmp_path)
    none(f"docs/operations.md does not name {name}" for store in stores if f"`{(name := getattr(home, store).name)}" not in text)


def kinds(sources):
    """Name every kind of entry that the code writes: in a literal entry, or as the first argument of a function that makes one."""
    for source in sources:
        for node in ast.walk(source.tree):
            if isinstance(node, ast.Call) and node.args and ast.unparse(node.func).split(".")[-1] in WRITERS:
                first = node.args[0]
                if isinstance(first, ast.Constant) and isinstance(first.value, str):
                    yield first.value
            elif isinstance(node, ast.Dict):
                members = {key.value: value for key, value in zip(node.keys, node.values, strict=True) if isinstance(key, ast.Constant)}
                if {"v", "kind", "at"} <= set(members) and isinstance(members["kind"], ast.Constant):
                    yield members["kind"].value


def test_docs_architecture_explains_every_kind_of_entry_that_is_written_and_no_other(repository):
    told = set(KIND.findall(section((repository / "docs/architecture.md").read_text("utf-8"), "The entries of the log")))
    true = set(kinds(python_files(repository, "gateway"))) | set(get_args(ChangeKind))
    assert {"intent", "denial", "outcome", "abandoned", "genesis", "heartbeat", "recovery", "licence-change"} <= true
    none(differences(told, true, "docs/architecture.md"))


def test_a_kind_is_found_in_each_way_of_writing_one(tmp_path):
    text = """
a = {"v": 1, "kind": "one", "at": t}
b = entries.note("two", at=t)
c = entries.change("three", by=x)
d = _decision("four", t)
e = {"kind": "no"}
"""
    assert set(kinds(python_files(plant(tmp_path, {"gateway/a.py": text})))) == {"one", "two", "three", "four"}


def rooms(root):
    """Name every package directory: where an __init__.py stands, tests apart."""
    return {name.removesuffix("__init__.py") for name in paths(root) if name.endswith("__init__.py") and not name.startswith("tests/")}


def test_the_code_map_names_every_package_and_no_other(repository):
    map_ = section((repository / "docs/architecture.md").read_text("utf-8"), "The code map")
    told = {room for room in ROOM.findall(map_) if room.split("/")[0] in {"gateway", "policies", "engine", "bench", "sdk"}}
    none(differences(told, rooms(repository), "docs/architecture.md"))


def test_every_file_that_the_architecture_names_is_there(repository):
    text = (repository / "docs/architecture.md").read_text("utf-8")
    named = set(re.findall(r"`((?:gateway|policies|engine|tests|bench|docs)/[\w./-]*\w)`", text))
    assert len(named) > 10
    none(f"docs/architecture.md names {name}, which is not there" for name in sorted(named) if not (repository / name).exists())
