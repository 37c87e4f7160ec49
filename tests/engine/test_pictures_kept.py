"""Pictures lie sealed beside their templates, open in their own place alone, and go with their people, byte by byte."""

from pathlib import Path

import numpy as np
import pytest

from engine import cohort as cohorts
from engine.errors import GalleryDamaged, GalleryRefused
from engine.galleries.keys import KeyDirectory
from engine.galleries.store import Galleries
from engine.galleries.vault import NewTemplate, Vault
from engine.orders import GalleryState, SubjectReference

OURS = "a" * 64
MISSING = GalleryState("missing")
FACE = bytes(range(256)) * 40


@pytest.fixture
def galleries(tmp_path):
    return Galleries(tmp_path / "galleries", KeyDirectory(tmp_path / "keys"))


@pytest.fixture
def vault(galleries, tmp_path):
    galleries.create("missing", OURS)
    return Vault(galleries, KeyDirectory(tmp_path / "keys"), OURS, cohorts.shipped())


def with_picture(vault, subject: str, photo: str, picture: bytes, seed: int = 1):
    return vault.enroll(
        MISSING, NewTemplate(subject, photo, np.random.default_rng(seed).normal(0, 0.12, 128).astype(np.float32), portrait=picture)
    )


def files_with(directory: Path, content: bytes) -> list[str]:
    return sorted(path.name for path in directory.rglob("*") if path.is_file() and content[2000:2064] in path.read_bytes())


def test_a_picture_is_sealed_beside_its_template_and_comes_back_as_the_newest(galleries, vault, tmp_path):
    with_picture(vault, "s1", "p1", FACE)
    with_picture(vault, "s1", "p2", FACE[::-1], 2)
    assert vault.portrait(SubjectReference("missing", "s1")) == FACE[::-1]
    assert (galleries.pictured("missing", "s1"), galleries.pictured("missing", "s2"), galleries.portraits("missing")) == (True, False, 2)
    assert files_with(tmp_path, FACE) == []
    with pytest.raises(GalleryRefused) as refused:
        vault.portrait(SubjectReference("missing", "s2"))
    assert refused.value.code == "subject-unknown"


def test_a_picture_goes_with_its_person_or_alone_and_leaves_no_byte(galleries, vault, tmp_path):
    for subject in ("s1", "s2"):
        with_picture(vault, subject, "p1", FACE)
    with galleries.opened("missing") as database:
        first, second = (sealed for (sealed,) in database.execute("SELECT sealed FROM portrait ORDER BY row"))
    assert files_with(tmp_path, first) == ["missing.db-wal"] or files_with(tmp_path, first) == ["missing.db"]
    galleries.withdraw("missing", "s1")
    assert files_with(tmp_path, first) == []
    assert files_with(tmp_path, second) == ["missing.db"]
    assert galleries.forget_portraits("missing") == 1
    assert files_with(tmp_path, second) == []
    assert vault.portrait(SubjectReference("missing", "s2")) is None
    assert galleries.count("missing").subjects == 1, "the template stays"


def test_a_picture_that_was_moved_to_another_person_does_not_open(galleries, vault):
    for subject in ("s1", "s2"):
        with_picture(vault, subject, "p1", FACE)
    with galleries.opened("missing") as database:
        database.execute("UPDATE portrait SET (nonce, sealed) = (SELECT nonce, sealed FROM portrait ORDER BY row LIMIT 1)")
    assert vault.portrait(SubjectReference("missing", "s1")) == FACE
    with pytest.raises(GalleryDamaged):
        vault.portrait(SubjectReference("missing", "s2"))


def test_a_gallery_from_before_pictures_serves_on_and_takes_them_from_its_next_change(galleries, vault):
    with_picture(vault, "s1", "p1", b"")
    with galleries.opened("missing") as database:
        database.execute("DROP TABLE portrait")
    assert vault.portrait(SubjectReference("missing", "s1")) is None
    assert (galleries.pictured("missing", "s1"), galleries.portraits("missing")) == (False, 0)
    assert galleries.forget_portraits("missing") == 0
    with galleries.opened("missing") as database:
        database.execute("DROP TABLE portrait")
    galleries.withdraw("missing", "s1")
    with_picture(vault, "s2", "p1", FACE)
    assert vault.portrait(SubjectReference("missing", "s2")) == FACE
