"""The locks name what pyproject.toml asks for, every package with its hashes, and nothing comes in by another way.
Reads text alone, but for one look at which distribution the installed modules belong to."""

import importlib.metadata
import re
import tomllib

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from gateway.cli.installation import RUNTIME_LOCK, TEST_LOCK, UV_LOCK, entries
from tests.architecture.sources import none


def pins(text):
    """Return {name: [(version, marker)]} of a lock."""
    found: dict[str, list[tuple[str, str]]] = {}
    for entry in entries(text):
        head = re.match(r"(?P<name>[A-Za-z0-9._-]+)==(?P<version>[^\s;\\]+)(?:\s*;\s*(?P<marker>[^\\\n]+))?", entry)
        assert head, entry
        found.setdefault(canonicalize_name(head["name"]), []).append((head["version"], (head["marker"] or "").strip()))
    return found


def out_of_step(wanted, lock):
    """Find each direct dependency that the lock does not pin, or pins outside of what was asked for."""
    pinned = pins(lock)
    for line in wanted:
        requirement = Requirement(line)
        versions = pinned.get(canonicalize_name(requirement.name), [])
        if not versions:
            yield f"{line}: not in the lock"
        yield from (f"{line}: the lock pins {version}" for version, _ in versions if not requirement.specifier.contains(version))


def unhashed(lock):
    """Find each line that would install something that no hash holds."""
    for entry in entries(lock):
        if not re.search(r"--hash=sha256:[0-9a-f]{64}\b", entry):
            yield f"{entry.split()[0]}: no hash"
    known = "".join(entries(lock)).splitlines()
    for line in lock.splitlines():
        if line.strip() and not line.lstrip().startswith("#") and line not in known:
            yield f"not a pinned package: {line}"


@pytest.fixture
def project(repository):
    return tomllib.loads((repository / "pyproject.toml").read_text())


def test_the_runtime_lock_pins_every_direct_dependency(repository, project):
    none(out_of_step(project["project"]["dependencies"], (repository / RUNTIME_LOCK).read_text()))


def test_the_test_lock_pins_every_test_dependency(repository, project):
    none(out_of_step(project["dependency-groups"]["test"], (repository / TEST_LOCK).read_text()))


def test_the_test_lock_holds_all_of_the_runtime_lock_at_the_same_versions(repository):
    runtime, test = pins((repository / RUNTIME_LOCK).read_text()), pins((repository / TEST_LOCK).read_text())
    none(f"{name} {versions} differs in {TEST_LOCK}: {test.get(name)}" for name, versions in runtime.items() if test.get(name) != versions)


@pytest.mark.parametrize("lock", [RUNTIME_LOCK, TEST_LOCK, UV_LOCK])
def test_every_line_of_a_lock_is_a_pinned_package_with_its_hashes(repository, lock):
    text = (repository / lock).read_text()
    assert entries(text)
    none(unhashed(text))


def test_a_lock_out_of_step_is_found():
    lock = f"numpy==1.26.0 \\\n    --hash=sha256:{'0' * 64}\n"
    assert list(out_of_step(["numpy>=2"], lock)) == ["numpy>=2: the lock pins 1.26.0"]
    assert list(out_of_step(["pillow"], lock)) == ["pillow: not in the lock"]
    assert list(out_of_step(["NumPy<2"], lock)) == []


def test_a_line_that_no_hash_holds_is_found():
    good = f"numpy==2.0 \\\n    --hash=sha256:{'0' * 64} \\\n    --hash=sha256:{'1' * 64}\n    # via x\n"
    assert list(unhashed(good)) == []
    assert list(unhashed(good + "pillow==11.0\n")) == ["pillow==11.0: no hash"]
    assert list(unhashed("--extra-index-url https://example.org\n" + good)) == [
        "not a pinned package: --extra-index-url https://example.org"
    ]
    assert list(unhashed(good + "-e .\n")) == ["not a pinned package: -e ."]


@pytest.mark.parametrize("lock", [RUNTIME_LOCK, TEST_LOCK])
def test_the_two_packages_that_overwrite_each_others_modules_are_never_both_there(repository, lock):
    pinned = pins((repository / lock).read_text())
    assert "pycasbin" in pinned
    assert "casbin" not in pinned
    assert "dlib-bin" in pinned
    assert "dlib" not in pinned


def test_the_installed_modules_come_from_the_distributions_that_were_chosen():
    installed = {canonicalize_name(distribution.metadata["Name"]) for distribution in importlib.metadata.distributions()}
    assert {"pycasbin", "dlib-bin"} <= installed
    assert installed.isdisjoint({"casbin", "dlib"})


def test_the_supported_pythons_are_the_same_everywhere(project):
    from gateway.__main__ import NEWEST, OLDEST

    after = (NEWEST[0], NEWEST[1] + 1)
    assert project["project"]["requires-python"] == f">={'.'.join(map(str, OLDEST))},<{'.'.join(map(str, after))}"
