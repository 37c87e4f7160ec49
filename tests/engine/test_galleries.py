"""Galleries: whoever holds the database alone holds nothing, a withdrawn subject is gone, and a destroyed gallery stays shredded."""

import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from engine import cohort as cohorts
from engine.cohort import Cohort
from engine.errors import GalleryDamaged, GalleryRefused, GalleryUnknown, OrderRefused, WrongRecogniser
from engine.galleries.keys import KeyDirectory
from engine.galleries.store import Galleries
from engine.galleries.vault import PHOTOS_MOST, NewTemplate, Vault
from engine.index import Indexes
from engine.orders import GalleryState, SubjectReference

OURS = "a" * 64
MISSING = GalleryState("missing")


@pytest.fixture
def keys(tmp_path):
    return KeyDirectory(tmp_path / "keys")


@pytest.fixture
def galleries(tmp_path, keys):
    return Galleries(tmp_path / "galleries", keys)


@pytest.fixture
def vault(galleries, keys):
    galleries.create("missing", OURS)
    return Vault(galleries, keys, OURS, cohorts.shipped())


def a_template(seed: int):
    return np.random.default_rng(seed).normal(0, 0.12, 128).astype(np.float32)


def enroll(vault, subject: str, photo: str, seed: int, gallery: str = "missing"):
    return vault.enroll(GalleryState(gallery), NewTemplate(subject, photo, a_template(seed)))


def everything(vault, gallery: str = "missing"):
    return vault.changes(GalleryState(gallery), None, 0, lambda count: None).arrived


def code_of(kind, call) -> str:
    with pytest.raises(kind) as caught:
        call()
    return caught.value.code


def test_what_is_enrolled_comes_back_and_counts_the_photos_without_the_mean(galleries, vault):
    enroll(vault, "s1", "p1", 1)
    enroll(vault, "s1", "p2", 2)
    enroll(vault, "s2", "p1", 3)
    held = everything(vault)
    assert sorted(held.subjects) == ["s1", "s1", "s1", "s2"], "two photos, their mean, and one photo"
    count = galleries.count("missing")
    assert (count.subjects, count.photos, count.synthetic) == (2, 3, 0)
    assert galleries.subjects("missing") == ("s1", "s2")
    assert galleries.subjects("missing", after="s1") == ("s2",)


def test_the_mean_template_is_that_of_all_photos_of_the_subject(vault):
    for photo in range(4):
        enroll(vault, "s1", f"p{photo}", photo)
    _, held = vault.subject(SubjectReference("missing", "s1"))
    singles = np.stack([a_template(seed) for seed in range(4)])
    assert len(held.vectors) == 5
    assert np.allclose(held.vectors[-1], singles.mean(axis=0), atol=1e-7)


def test_every_change_makes_a_new_generation(galleries, vault):
    generations = [galleries.record("missing").generation]
    generations.append(enroll(vault, "s1", "p1", 1).generation)
    generations.append(enroll(vault, "s1", "p2", 2).generation)
    generations.append(galleries.withdraw("missing", "s1").generation)
    generations.append(galleries.set_normalised("missing", normalised=False).generation)
    assert generations == [1, 2, 3, 4, 5]
    assert galleries.record("missing").normalised is False


def test_a_withdrawn_subject_is_gone_with_all_photos_and_its_sealed_bytes_are_overwritten(tmp_path, galleries, vault):
    enroll(vault, "s1", "p1", 1)
    enroll(vault, "s1", "p2", 2)
    enroll(vault, "s2", "p1", 3)
    path = tmp_path / "galleries" / "missing.db"
    with sqlite3.connect(path) as database:
        sealed = [body for (body,) in database.execute("SELECT sealed FROM template WHERE subject = 's1'")]
    database.close()
    assert galleries.withdraw("missing", "s1").photos == 2
    assert everything(vault).subjects == ("s2",)
    on_disk = b"".join(file.read_bytes() for file in (tmp_path / "galleries").iterdir())
    assert len(sealed) == 3
    assert not any(body in on_disk for body in sealed)


def test_withdrawing_somebody_who_is_not_there_says_so(galleries, vault):
    assert code_of(GalleryRefused, lambda: galleries.withdraw("missing", "nobody")) == "subject-unknown"
    assert galleries.record("missing").generation == 1


def test_the_same_photo_of_a_subject_is_enrolled_once(vault):
    enroll(vault, "s1", "p1", 1)
    assert code_of(GalleryRefused, lambda: enroll(vault, "s1", "p1", 1)) == "already-enrolled"
    assert len(everything(vault).subjects) == 1


def test_a_subject_has_no_more_photos_than_are_allowed(vault):
    for photo in range(PHOTOS_MOST):
        enroll(vault, "s1", f"p{photo}", photo)
    assert code_of(GalleryRefused, lambda: enroll(vault, "s1", "one-more", 99)) == "too-many-photos"


@pytest.mark.parametrize("name", ["", "../x", "a/b", "a.b", "-a", "a" * 65, "a\n", "ä"])
def test_a_gallery_has_a_name_that_can_be_no_path(galleries, name):
    assert code_of(GalleryRefused, lambda: galleries.create(name, OURS)) == "gallery-name"
    assert code_of(GalleryUnknown, lambda: galleries.record(name)) == "gallery-unknown"


def test_a_name_that_is_taken_leaves_the_gallery_and_its_key_as_they_were(galleries, vault):
    enroll(vault, "s1", "p1", 1)
    assert code_of(GalleryRefused, lambda: galleries.create("missing", OURS)) == "gallery-exists"
    assert everything(vault).subjects == ("s1",)


def test_keys_and_galleries_are_readable_by_their_owner_alone(tmp_path, vault):
    enroll(vault, "s1", "p1", 1)
    for place in ("keys", "galleries"):
        for file in (tmp_path / place).rglob("*"):
            if file.is_file() and file.suffix in {".key", ".db"}:
                assert stat.S_IMODE(file.stat().st_mode) == 0o600, file
        assert stat.S_IMODE((tmp_path / "galleries").stat().st_mode) == 0o700


def test_no_key_and_no_template_lies_in_the_database_in_the_clear(tmp_path, vault):
    enroll(vault, "s1", "p1", 1)
    on_disk = b"".join(file.read_bytes() for file in (tmp_path / "galleries").iterdir())
    (key,) = [file.read_bytes() for file in (tmp_path / "keys").rglob("*.key")]
    assert key not in on_disk
    assert a_template(1).tobytes()[:16] not in on_disk


def test_a_destroyed_gallery_is_unknown_and_its_key_is_gone(tmp_path, galleries, vault):
    enroll(vault, "s1", "p1", 1)
    galleries.destroy("missing")
    assert galleries.names() == ()
    assert not list((tmp_path / "keys").rglob("*.key"))
    assert code_of(GalleryUnknown, lambda: galleries.destroy("missing")) == "gallery-unknown"


def test_a_copy_of_the_database_that_outlived_its_key_opens_for_nobody(tmp_path, galleries, vault):
    enroll(vault, "s1", "p1", 1)
    stolen = (tmp_path / "galleries" / "missing.db").read_bytes()
    galleries.destroy("missing")
    (tmp_path / "galleries" / "missing.db").write_bytes(stolen)
    assert code_of(GalleryDamaged, lambda: everything(vault)) == "gallery-damaged"


def test_a_gallery_made_anew_under_an_old_name_has_a_new_key_and_nobody_in_it(tmp_path, galleries, vault):
    enroll(vault, "s1", "p1", 1)
    (old,) = [file.read_bytes() for file in (tmp_path / "keys").rglob("*.key")]
    galleries.destroy("missing")
    galleries.create("missing", OURS)
    (new,) = [file.read_bytes() for file in (tmp_path / "keys").rglob("*.key")]
    assert old != new
    assert everything(vault).subjects == ()


@pytest.mark.parametrize(
    "edit",
    [
        "UPDATE template SET subject = 's2' WHERE subject = 's1'",
        "UPDATE template SET photo = 'p9' WHERE subject = 's1'",
        "UPDATE template SET cohort = 'c' WHERE subject = 's1'",
        "UPDATE template SET sealed = zeroblob(length(sealed))",
        "UPDATE template SET nonce = zeroblob(12)",
        "UPDATE template SET nonce = zeroblob(3)",
        "UPDATE gallery SET name = 'other'",
    ],
)
def test_a_template_that_somebody_moved_or_altered_is_not_opened(tmp_path, vault, edit):
    enroll(vault, "s1", "p1", 1)
    with sqlite3.connect(tmp_path / "galleries" / "missing.db") as database:
        database.execute(edit)
    database.close()
    assert code_of(GalleryDamaged, lambda: everything(vault)) == "gallery-damaged"


def test_a_template_of_another_gallery_is_not_opened_in_this_one(tmp_path, galleries, vault):
    galleries.create("other", OURS)
    enroll(vault, "s1", "p1", 1)
    enroll(vault, "s1", "p1", 1, gallery="other")
    with sqlite3.connect(tmp_path / "galleries" / "missing.db") as database:
        database.execute("ATTACH ? AS other", (str(tmp_path / "galleries" / "other.db"),))
        database.execute("UPDATE template SET (nonce, sealed) = (SELECT nonce, sealed FROM other.template)")
    database.close()
    assert code_of(GalleryDamaged, lambda: everything(vault)) == "gallery-damaged"


def test_templates_of_two_recognisers_never_meet(galleries, keys, vault):
    enroll(vault, "s1", "p1", 1)
    another = Vault(galleries, keys, "b" * 64, cohorts.shipped())
    for call in (
        lambda: everything(another),
        lambda: enroll(another, "s2", "p1", 2),
        lambda: another.subject(SubjectReference("missing", "s1")),
    ):
        assert code_of(WrongRecogniser, call) == "wrong-recogniser"


def test_a_gallery_that_is_older_than_the_order_says_is_not_searched(vault):
    enroll(vault, "s1", "p1", 1)
    assert code_of(OrderRefused, lambda: vault.changes(GalleryState("missing", 3), None, 0, lambda count: None)) == "order-mismatch"
    assert code_of(OrderRefused, lambda: vault.subject(SubjectReference("missing", "s1", 3))) == "order-mismatch"
    assert vault.subject(SubjectReference("missing", "s1", 2))[0].generation == 2


def test_a_file_that_is_no_database_is_a_damaged_gallery(tmp_path, galleries, vault):
    (tmp_path / "galleries" / "rubbish.db").write_bytes(b"rubbish" * 1000)
    assert code_of(GalleryDamaged, lambda: galleries.record("rubbish")) == "gallery-damaged"


def test_a_refused_enrolment_leaves_no_trace(galleries, vault):
    assert code_of(GalleryRefused, lambda: enroll(vault, "two\nlines", "p1", 1)) == "subject-name"
    assert galleries.record("missing").generation == 1
    assert galleries.count("missing").photos == 0


def test_the_cohort_mean_is_sealed_with_the_template_and_measured_anew_for_another_cohort(galleries, keys, vault):
    first = cohorts.shipped()
    second = Cohort(first.templates[::2], first.groups[::2], first.recogniser)
    enroll(vault, "s1", "p1", 1)
    for cohort in (first, second):
        (mean,) = everything(Vault(galleries, keys, OURS, cohort)).means
        assert mean == cohort.means(a_template(1)[None])[0]
    assert first.means(a_template(1)[None])[0] != second.means(a_template(1)[None])[0]


# -- retention


def end_now(directory: Path, subject: str, photo: str | None = None) -> None:
    with closing(sqlite3.connect(directory / "kept.db")) as database:
        wanted = "subject = ?" + (" AND photo = ?" if photo else "")
        database.execute(f"UPDATE template SET ends_at = unixepoch() - 1 WHERE {wanted}", (subject, photo) if photo else (subject,))
        database.commit()


def test_a_photo_whose_retention_has_ended_is_used_by_nobody_and_then_removed(tmp_path: Path) -> None:
    keys = KeyDirectory(tmp_path / "keys")
    galleries = Galleries(tmp_path / "galleries", keys)
    record = galleries.create("kept", OURS, retention_days=30)
    assert record.retention_days == 30
    vault = Vault(galleries, keys, OURS, cohorts.shipped())
    for subject, photo in (("old", "a"), ("new", "b"), ("new", "c")):
        vault.enroll(GalleryState("kept"), NewTemplate(subject, photo, a_template(ord(photo))))
    indexes = Indexes(vault, 128, 2**30)
    _, index = indexes.current(GalleryState("kept"), lambda _: None)
    assert (index.subjects, index.templates) == (2, 4)
    end_now(tmp_path / "galleries", "old")
    _, index = indexes.current(GalleryState("kept"), lambda _: None)
    assert index.subjects == 1
    assert code_of(GalleryRefused, lambda: vault.subject(SubjectReference("kept", "old"))) == "subject-unknown"
    assert (galleries.count("kept").subjects, galleries.holds("kept", "old"), galleries.subjects("kept")) == (1, False, ("new",))
    assert Indexes(vault, 128, 2**30).current(GalleryState("kept"), lambda _: None)[1].subjects == 1
    assert (galleries.ended("kept"), galleries.remove_ended("kept"), galleries.ended("kept")) == (1, 1, 0)
    assert indexes.current(GalleryState("kept"), lambda _: None)[1].templates == 3


def test_a_mean_template_ends_with_the_first_of_its_photos(tmp_path: Path) -> None:
    keys = KeyDirectory(tmp_path / "keys")
    galleries = Galleries(tmp_path / "galleries", keys)
    galleries.create("kept", OURS, retention_days=30)
    vault = Vault(galleries, keys, OURS, cohorts.shipped())
    for photo in ("a", "b"):
        vault.enroll(GalleryState("kept"), NewTemplate("one", photo, a_template(ord(photo))))
    end_now(tmp_path / "galleries", "one", "a")
    end_now(tmp_path / "galleries", "one", "mean")
    _, held = vault.subject(SubjectReference("kept", "one"))
    assert len(held.rows) == 1
    vault.enroll(GalleryState("kept"), NewTemplate("one", "c", a_template(3)))
    _, held = vault.subject(SubjectReference("kept", "one"))
    assert len(held.rows) == 3
    assert np.allclose(held.vectors[-1], held.vectors[:2].mean(axis=0), atol=1e-6)
