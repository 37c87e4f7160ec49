"""What the policy tests share: a request that is allowed, and ways to bend it."""

import copy
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from policies.facts import Facts
from policies.judge import Judge
from policies.rulebook import build

NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)
MISSING_CHILD = {
    "client": {"kind": "ngo_victim", "place": "US-CA"},
    "operation": "identify",
    "capture": {"source": "upload", "device": "none", "space": "none", "age_s": 86400, "subject_involved": False},
    "purpose": "missing_person",
    "target": {"kind": "specific_person", "role": "missing", "minor": True},
    "case": {"ref": "MP-2026-0142"},
    "gallery": {"id": "g-missing", "provenance": "missing_person_reports"},
    "place": "US-CA",
}


@pytest.fixture(scope="session")
def facts():
    """Make facts of the missing child's request, changed: `facts(purpose="x", case={})`; the licence grants what is asked."""

    def make(licence=None, at=NOW, **changes):
        request = {**copy.deepcopy(MISSING_CHILD), **changes}
        asked = f"{request.get('purpose')}:{request.get('operation')}"
        return Facts.from_json(request, at=at, licence=[asked] if licence is None else licence)

    return make


@pytest.fixture(scope="session")
def baseline():
    return Judge(build(["baseline"]))


@pytest.fixture(scope="session")
def shared_vectors():
    root = Path(os.environ.get("CUSTODES_SHARED", Path(__file__).parents[3] / "shared"))
    path = root / "vectors" / "dev.jsonl"
    if not path.is_file():
        pytest.skip("the shared decision vectors are not beside this repository (../shared/vectors/dev.jsonl, or CUSTODES_SHARED)")
    return path.read_text(encoding="utf-8").splitlines()
