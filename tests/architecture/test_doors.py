"""Each dangerous or heavy library has one door in the house, and what runs before the install needs none at all.
Reads every import in the text, also those inside functions, which a contract on loaded modules would miss."""

import ast
import sys

import pytest

from tests.architecture.sources import Source, none, plant, python_files

WEB = ("gateway/api/", "gateway/console/", "gateway/app.py", "gateway/cli/")
DOORS: dict[str, tuple[str, ...]] = {
    "casbin": ("policies/judge.py",),
    "z3": ("policies/symbolic/", "policies/overlaps.py", "policies/diff.py"),  # never on the way of a request
    "jose": ("gateway/identity/tokens.py",),
    "ecdsa": (),  # comes along with jose; not constant-time
    "face_recognition": ("engine/recognisers/dlib.py",),
    "dlib": ("engine/recognisers/dlib.py",),
    "onnxruntime": ("engine/recognisers/",),
    "PIL": ("engine/",),
    "cv2": (),
    "fastapi": WEB,
    "starlette": WEB,
    "jinja2": WEB,
}
BEFORE_THE_INSTALL = {
    "gateway/__main__.py": {"gateway.cli.installation", "gateway.cli.mishaps", "gateway.cli.main"},
    "gateway/__init__.py": set(),
    "gateway/cli/__init__.py": set(),
    "gateway/cli/installation.py": {"gateway.cli.mishaps", "gateway.cli.progress"},
    "gateway/cli/mishaps.py": {"gateway.errors"},
    "gateway/cli/progress.py": set(),
    "gateway/errors.py": set(),
}


def imported(source: Source) -> set[str]:
    """Name every module that the text imports, wherever in it."""
    names: set[str] = set()
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            names.add("." * node.level + (node.module or ""))
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in {"importlib.import_module", "import_module", "__import__"}:
            names.update(str(argument.value) for argument in node.args[:1] if isinstance(argument, ast.Constant))
    return names


def through_the_wall(source: Source) -> list[str]:
    roots = {name.split(".")[0] for name in imported(source)}
    return [
        f"{source.path} imports {library}; its doors are: {', '.join(doors) or 'none'}"
        for library, doors in DOORS.items()
        if library in roots and not source.path.startswith(doors or ("\0",))
    ]


def test_each_library_is_imported_through_its_own_door_alone(repository):
    sources = python_files(repository, "gateway", "policies", "engine")
    none(finding for source in sources for finding in through_the_wall(source))


@pytest.mark.parametrize(
    "text",
    [
        "import casbin",
        "from casbin.model import Model",
        "def f():\n    import cv2",
        "import importlib\nx = importlib.import_module('dlib')",
    ],
)
def test_an_import_through_the_wall_is_found_wherever_it_hides(text):
    assert len(through_the_wall(Source("gateway/registry/licences.py", text))) == 1


def test_the_doors_that_are_named_exist(repository):
    named = {door for doors in DOORS.values() for door in doors if door not in WEB}
    none(door for door in sorted(named) if not (repository / door).exists())


def test_what_runs_before_the_install_needs_the_standard_library_alone(repository):
    for source in python_files(repository, "gateway"):
        if source.path in BEFORE_THE_INSTALL:
            foreign = {name for name in imported(source) if name.split(".")[0] not in sys.stdlib_module_names}
            assert foreign <= BEFORE_THE_INSTALL[source.path], source.path


def test_no_module_reaches_another_by_a_relative_import(repository):
    assert relative(repository) == []


def test_a_relative_import_is_found(tmp_path):
    assert relative(plant(tmp_path, {"gateway/a.py": "from . import b\n"})) == ["gateway/a.py"]


def relative(root):
    """Name the files with a relative import; the contracts and the search for a name both read absolute ones more easily."""
    return [source.path for source in python_files(root) if any(name.startswith(".") for name in imported(source))]
