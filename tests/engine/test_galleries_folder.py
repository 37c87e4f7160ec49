"""A folder of photos comes into a gallery once, however often the import is stopped; and synthetic subjects say that they are nobody."""

import json

import numpy as np
import pytest

from engine import cohort as cohorts
from engine.errors import EngineBusy, EngineFailed, GalleryRefused, ImageRefused
from engine.galleries.folder import Progress, import_folder, read_folder
from engine.galleries.keys import KeyDirectory
from engine.galleries.store import Galleries
from engine.galleries.synthetic import PREFIX, draw, fill_with_synthetic
from engine.galleries.vault import Vault
from engine.orders import GalleryState


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    rows = ["subject,file"]
    for number in range(6):
        (folder / f"{number}.jpg").write_bytes(b"photo %d" % number)
        rows.append(f"s{number // 2},{number}.jpg")
    (tmp_path / "table.csv").write_text("\n".join(rows) + "\n")
    return folder


@pytest.fixture
def photos(tmp_path, folder):
    return read_folder(folder, tmp_path / "table.csv")


class Engine:
    """Enrolls into a set, with faults where it is told to have them."""

    def __init__(self, faults=None):
        self.faults = faults or {}
        self.enrolled = []

    async def __call__(self, subject: str, image: bytes):
        fault = self.faults.pop(image, None)
        if fault is not None:
            raise fault
        if (subject, image) in self.enrolled:
            raise GalleryRefused("again", code="already-enrolled")
        self.enrolled.append((subject, image))


@pytest.mark.anyio
async def test_every_line_is_enrolled_once_and_the_progress_reaches_the_end(tmp_path, photos):
    engine, seen = Engine(), []
    outcome = await import_folder(photos, engine, tmp_path / "state", seen.append)
    assert outcome == Progress(6, 6, {"enrolled": 6})
    assert [progress.done for progress in seen] == [1, 2, 3, 4, 5, 6]
    assert sorted(engine.enrolled) == [(f"s{number // 2}", b"photo %d" % number) for number in range(6)]


@pytest.mark.anyio
async def test_an_import_that_was_stopped_goes_on_where_it_was(tmp_path, photos):
    class LogUnavailable(Exception):
        pass

    engine = Engine({b"photo 3": LogUnavailable()})
    with pytest.raises(LogUnavailable):
        await import_folder(photos, engine, tmp_path / "state", lambda _: None, at_once=1)
    assert len(engine.enrolled) == 3
    outcome = await import_folder(photos, engine, tmp_path / "state", lambda _: None)
    assert outcome == Progress(6, 6, {"enrolled": 6})
    assert len(engine.enrolled) == 6


@pytest.mark.anyio
async def test_a_line_that_a_crash_cut_short_is_tried_again_and_found_to_be_enrolled(tmp_path, photos):
    state, engine = tmp_path / "state", Engine()
    await import_folder(photos, engine, state, lambda _: None, at_once=1)
    state.write_text(state.read_text()[:-4])
    for _ in range(2):
        assert (await import_folder(photos, engine, state, lambda _: None)).outcomes == {"enrolled": 6}
    assert len(engine.enrolled) == 6


@pytest.mark.anyio
async def test_a_refused_photo_is_counted_by_its_reason_and_not_tried_again_but_a_failed_worker_is(tmp_path, photos):
    engine = Engine(
        {b"photo 1": ImageRefused("no-face", "none"), b"photo 2": EngineFailed("gone"), b"photo 4": EngineBusy("full", retry_after=0)}
    )
    first = await import_folder(photos, engine, tmp_path / "state", lambda _: None)
    assert first.outcomes == {"enrolled": 4, "no-face": 1, "failed": 1}
    second = await import_folder(photos, engine, tmp_path / "state", lambda _: None)
    assert second.outcomes == {"enrolled": 5, "no-face": 1}


@pytest.mark.anyio
async def test_the_state_of_another_import_is_refused_and_names_nobody(tmp_path, photos):
    await import_folder(photos, Engine(), tmp_path / "state", lambda _: None)
    assert "s0" not in (tmp_path / "state").read_text()
    for other in (photos[:3], photos[::-1]):
        with pytest.raises(GalleryRefused) as caught:
            await import_folder(other, Engine(), tmp_path / "state", lambda _: None)
        assert caught.value.code == "import-refused"


@pytest.mark.anyio
@pytest.mark.parametrize("rubbish", ["", "{", "[]\n", json.dumps({"import": "x"}) + "\n"])
async def test_a_state_file_of_rubbish_is_refused(tmp_path, photos, rubbish):
    (tmp_path / "state").write_text(rubbish)
    with pytest.raises(GalleryRefused) as caught:
        await import_folder(photos, Engine(), tmp_path / "state", lambda _: None)
    assert caught.value.code == "import-refused"


@pytest.mark.anyio
async def test_a_photo_that_went_away_stops_nothing_and_is_tried_again_when_it_is_back(tmp_path, folder, photos):
    (folder / "3.jpg").rename(tmp_path / "3.jpg")
    first = await import_folder(photos, Engine(), tmp_path / "state", lambda _: None)
    assert first.outcomes == {"enrolled": 5, "unreadable": 1}
    (tmp_path / "3.jpg").rename(folder / "3.jpg")
    second = await import_folder(photos, Engine(), tmp_path / "state", lambda _: None)
    assert second.outcomes == {"enrolled": 6}


@pytest.mark.anyio
@pytest.mark.parametrize("spoil", [lambda state: state.mkdir(), lambda state: state.write_bytes(b"\xff\xfe\n")])
async def test_a_state_that_is_no_text_file_is_refused_in_a_sentence(tmp_path, photos, spoil):
    spoil(tmp_path / "state")
    with pytest.raises(GalleryRefused, match="cannot be read or written") as caught:
        await import_folder(photos, Engine(), tmp_path / "state", lambda _: None)
    assert caught.value.code == "import-refused"


@pytest.mark.parametrize(
    ("table", "line"),
    [
        ("who,what\n", "Line 1"),
        ("subject,file\ns1,absent.jpg\n", "Line 2"),
        ("subject,file\ns1,0.jpg\ns1,../table.csv\n", "Line 3"),
        ("subject,file\ns1,/etc/passwd\n", "Line 2"),
        ("subject,file\nno name,0.jpg\n", "Line 2"),
        ("subject,file\ns1\n", "Line 2"),
        ("subject,file\ns1,a\0b\n", "cannot be read"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused_with_its_line(tmp_path, folder, table, line):
    (tmp_path / "table.csv").write_text(table)
    with pytest.raises(GalleryRefused, match=line) as caught:
        read_folder(folder, tmp_path / "table.csv")
    assert caught.value.code == "import-refused"


def test_a_table_that_is_no_text_is_refused(tmp_path, folder):
    (tmp_path / "table.csv").write_bytes(b"\xff\xfe\x00rubbish")
    with pytest.raises(GalleryRefused, match="cannot be read"):
        read_folder(folder, tmp_path / "table.csv")


def test_synthetic_subjects_are_marked_counted_and_the_same_for_the_same_seed(tmp_path):
    cohort, keys = cohorts.shipped(), KeyDirectory(tmp_path / "keys")
    galleries = Galleries(tmp_path / "galleries", keys)
    galleries.create("demo", cohort.recogniser)
    vault = Vault(galleries, keys, cohort.recogniser, cohort)
    fill_with_synthetic(vault, "demo", cohort, 300, seed=7)
    count = galleries.count("demo")
    assert (count.subjects, count.photos, count.synthetic) == (300, 300, 300)
    assert all(subject.startswith(PREFIX) for subject in galleries.subjects("demo"))
    held = vault.changes(GalleryState("demo"), None, 0, lambda _: None).arrived
    assert np.array_equal(held.vectors, np.stack(list(draw(cohort, 300, seed=7))))
    with pytest.raises(GalleryRefused) as caught:
        fill_with_synthetic(vault, "demo", cohort, 1, seed=7)
    assert caught.value.code == "already-enrolled"
    assert galleries.record("demo").generation == 2, "a fill that was refused changes nothing"


def test_synthetic_templates_lie_where_faces_lie_and_not_on_the_cohort_itself():
    cohort = cohorts.shipped()
    drawn, some = np.stack(list(draw(cohort, 200, seed=1))), cohort.templates[::4]
    apart = np.linalg.norm(drawn[:, None] - some[None], axis=2)
    assert apart.min() > 0.2, "none is a copy"
    assert abs(np.median(apart) - np.median(np.linalg.norm(some[:, None] - some[None], axis=2))) < 0.1
