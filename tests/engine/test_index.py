"""The index measures every template exactly, and never one that has left."""

import numpy as np
import pytest

from engine import cohort as cohorts
from engine.galleries.keys import KeyDirectory
from engine.galleries.store import Galleries
from engine.galleries.vault import NewTemplate, OpenTemplates, Vault
from engine.index import ROUNDING, GalleryIndex, Indexes
from engine.orders import GalleryState

OURS = "a" * 64
HERE = GalleryState("here")


def some_templates(count: int, first_row: int = 1, seed: int = 0, subjects: int | None = None) -> OpenTemplates:
    random = np.random.default_rng(seed)
    vectors = random.normal(0, 0.12, (count, 128)).astype(np.float32)
    rows = np.arange(first_row, first_row + count, dtype=np.int64)
    names = tuple(f"s{int(row) % (subjects or 10**9)}" for row in rows)
    return OpenTemplates(rows, names, vectors, random.random(count, dtype=np.float32))


def true_distances(vectors, probe):
    return np.linalg.norm(vectors.astype(np.float64) - probe, axis=1)


def test_distances_are_those_of_the_textbook_to_within_the_stated_rounding():
    index, held = GalleryIndex(128), some_templates(5000)
    index.add(held)
    for probe in (held.vectors[17], held.vectors[17] + np.float32(1e-4), np.zeros(128, dtype=np.float32), held.vectors[1] * 3):
        assert np.abs(index.distances(probe) - true_distances(held.vectors, probe)).max() < ROUNDING
        places = np.array([0, 17, 4999])
        assert np.allclose(index.exactly(probe, places), true_distances(held.vectors[places], probe), atol=1e-12)


def test_a_removed_template_is_infinitely_far_and_its_numbers_are_wiped():
    index, held = GalleryIndex(128), some_templates(100)
    index.add(held)
    index.remove([18, 1000, 0])
    assert np.isinf(index.distances(held.vectors[17])[17])
    assert not held.vectors[17].any()
    assert (index.templates, index.subjects) == (99, 99)


@pytest.mark.parametrize("seed", range(8))
def test_any_mixture_of_arrivals_and_departures_leaves_exactly_those_who_are_there(seed):
    random = np.random.default_rng(seed)
    index, truth, next_row = GalleryIndex(128), {}, 1
    for step in range(40):
        if random.random() < 0.6 or not truth:
            new = some_templates(int(random.integers(1, 30)), next_row, seed=1000 * seed + step, subjects=37)
            next_row += len(new.rows)
            truth |= {int(row): (subject, vector.copy()) for row, subject, vector in zip(new.rows, new.subjects, new.vectors, strict=True)}
            index.add(new)
        else:
            gone = random.choice(sorted(truth), size=int(random.integers(1, len(truth) + 1)), replace=False).tolist()
            index.remove(gone)
            for row in gone:
                del truth[row]
        probe = random.normal(0, 0.12, 128).astype(np.float32)
        found = index.distances(probe)
        alive = np.isfinite(found)
        assert index.templates == len(truth) == int(alive.sum())
        assert index.subjects == len({subject for subject, _ in truth.values()})
        assert [index.names[owner] for owner in index.owners[alive]] == [subject for subject, _ in truth.values()]
        if truth:
            assert np.allclose(found[alive], true_distances(np.stack([vector for _, vector in truth.values()]), probe), atol=ROUNDING)


def test_an_empty_index_answers_with_nothing():
    index = GalleryIndex(128)
    index.remove([1])
    assert index.distances(np.zeros(128, dtype=np.float32)).shape == (0,)


@pytest.fixture
def galleries(tmp_path):
    galleries = Galleries(tmp_path / "galleries", KeyDirectory(tmp_path / "keys"))
    galleries.create("here", OURS)
    return galleries


@pytest.fixture
def vault(tmp_path, galleries):
    return Vault(galleries, KeyDirectory(tmp_path / "keys"), OURS, cohorts.shipped())


def enroll(vault, subject, photo="p1", gallery="here"):
    vector = np.random.default_rng(abs(hash((subject, photo))) % 2**32).normal(0, 0.12, 128).astype(np.float32)
    return vault.enroll(GalleryState(gallery), NewTemplate(subject, photo, vector))


def names_in(index: GalleryIndex) -> list[str]:
    alive = np.isfinite(index.distances(np.zeros(128, dtype=np.float32)))
    return sorted(index.names[owner] for owner in index.owners[alive])


def test_the_memory_follows_the_disk_and_opens_only_what_is_new(galleries, vault):
    indexes, opened = Indexes(vault, 128, 2**30), []
    enroll(vault, "s1")
    enroll(vault, "s2")
    assert names_in(indexes.current(HERE, opened.append)[1]) == ["s1", "s2"]
    enroll(vault, "s3")
    assert names_in(indexes.current(HERE, opened.append)[1]) == ["s1", "s2", "s3"]
    galleries.withdraw("here", "s2")
    record, index = indexes.current(HERE, opened.append)
    assert names_in(index) == ["s1", "s3"]
    assert record.generation == galleries.record("here").generation
    enroll(vault, "s1", "p2")
    assert names_in(indexes.current(HERE, opened.append)[1]) == ["s1", "s1", "s1", "s3"]
    assert opened == [2, 1, 0, 2]


def test_a_renewed_mean_replaces_the_one_in_memory(vault):
    indexes = Indexes(vault, 128, 2**30)
    for photo in ("p1", "p2", "p3"):
        enroll(vault, "s1", photo)
        _, index = indexes.current(HERE, lambda count: None)
    assert names_in(index) == ["s1"] * 4


def test_a_gallery_that_was_made_anew_shares_nothing_with_the_one_in_memory(galleries, vault):
    indexes = Indexes(vault, 128, 2**30)
    for subject in ("s1", "s2", "s3"):
        enroll(vault, subject)
    indexes.current(HERE, lambda count: None)
    galleries.destroy("here")
    galleries.create("here", OURS)
    enroll(vault, "s9")
    assert names_in(indexes.current(HERE, lambda count: None)[1]) == ["s9"]


def test_the_longest_unused_gallery_makes_room(galleries, vault):
    galleries.create("there", OURS)
    enroll(vault, "s1")
    enroll(vault, "s2", gallery="there")
    indexes, opened = Indexes(vault, 128, 1), []
    for gallery in ("here", "there", "there", "here"):
        indexes.current(GalleryState(gallery), opened.append)
    assert opened == [1, 1, 0, 1]
