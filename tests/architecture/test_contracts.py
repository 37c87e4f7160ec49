"""The import contracts of pyproject.toml are kept, and each of them can be broken."""

import os
import shutil
import subprocess
import sys
import tomllib

import pytest

RUN = "from importlinter.cli import lint_imports_command as run; run(['--no-logo', '--no-cache'])"
# For each contract, one import that it exists to forbid.
BREAKING = {
    "The gateway stands above policies and engine, which do not know each other": ("engine/faces.py", "import policies"),
    "Inside the gateway, imports run one way": ("gateway/store/__init__.py", "import gateway.registry"),
    "The audit log imports no other part of ours, and no web, ORM, pydantic or numpy module": ("gateway/audit/tree.py", "import numpy"),
    "The outsider's verifier needs the standard library and cryptography alone": ("gateway/audit/verify.py", "import gateway.audit.log"),
    "Policies are pure: no HTTP, no database, no numpy, no tokens": ("policies/decision.py", "import sqlite3"),
    "The engine never hears of a purpose, a token or the web": ("engine/errors.py", "import jose"),
    "Only enforcement and assembly may reach the recogniser": ("gateway/records/__init__.py", "import engine.workers"),
    "The web is known at the doors alone": ("gateway/enforcement/__init__.py", "import starlette"),
    "Casbin, dlib, face_recognition, Pillow and OpenCV are never imported by the gateway": ("gateway/review/__init__.py", "import PIL"),
}


def lint(root):
    environment = {**os.environ, "COLUMNS": "400", "PYTHONPATH": str(root), "NO_COLOR": "1"}
    return subprocess.run([sys.executable, "-P", "-c", RUN], cwd=root, env=environment, capture_output=True, text=True, check=False)


def test_every_import_contract_is_kept(repository):
    done = lint(repository)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def copy(repository, tmp_path):
    """A copy of our packages, to be spoilt."""
    for package in ("gateway", "policies", "engine"):
        shutil.copytree(repository / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__", "data", "*.csv", "*.toml"))
    shutil.copy(repository / "pyproject.toml", tmp_path)
    return tmp_path


def test_each_contract_is_broken_by_the_import_that_it_forbids(copy):
    contracts = [contract["name"] for contract in tomllib.loads((copy / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]]
    assert sorted(contracts) == sorted(BREAKING), "a contract without a planted violation is a contract nobody has seen fail"
    for module, line in BREAKING.values():
        path = copy / module
        path.write_text(path.read_text() + f"\n{line}\n")
    done = lint(copy)
    kept = [name for name in contracts if f"{name} BROKEN" not in done.stdout]
    assert kept == [], done.stdout[-3000:] + done.stderr


def test_a_module_that_stands_on_no_layer_is_found(copy):
    (copy / "gateway/helpers.py").write_text('"""A stray."""\n')
    done = lint(copy)
    assert done.returncode != 0
    assert "gateway.helpers" in done.stdout
