"""A worker does what its order says: no more faces, no other person, no other gallery, and only once."""

import hashlib
import io
from datetime import UTC, datetime, timedelta

import pytest
from PIL import Image, ImageFilter

from engine.errors import (
    EngineError,
    GalleryRefused,
    GalleryUnknown,
    ImageRefused,
    OrderRefused,
    PersonRefused,
    ThresholdRefused,
    WrongRecogniser,
)
from engine.orders import GalleryState, LocalSeal, Operation, SearchLimits, SubjectReference, seal

pytestmark = pytest.mark.anyio

OBAMA = ("obama.jpg", "obama2.jpg", "obama3.jpg")


def png(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


@pytest.fixture(scope="module")
def crowd(photo):
    """Thirty faces of one test subject on a sheet."""
    face = Image.open(io.BytesIO(photo("astronaut.png"))).convert("RGB").crop((150, 40, 310, 200)).resize((200, 200))
    sheet = Image.new("RGB", (1200, 1000))
    for number in range(30):
        sheet.paste(face, (200 * (number % 6), 200 * (number // 6)))
    return png(sheet)


@pytest.fixture(scope="module")
def two_people(photo):
    """Photos of two test subjects, side by side."""
    sheet = Image.new("RGB", (1200, 800))
    for place, name in enumerate((OBAMA[2], "biden.jpg")):
        picture = Image.open(io.BytesIO(photo(name))).convert("RGB")
        picture.thumbnail((600, 800))
        sheet.paste(picture, (600 * place, 0))
    return png(sheet)


@pytest.fixture(scope="module")
async def enrolled(workers, desk, photo):
    for name, subject in ((OBAMA[0], "subject-1"), (OBAMA[1], "subject-1"), ("biden.jpg", "subject-2")):
        await run(workers, desk, Operation.ENROLL, photo(name), subject=SubjectReference("people", subject))


async def run(workers, desk, operation, image, second=None, **changes):
    if second is not None:
        changes["second_sha256"] = hashlib.sha256(second).hexdigest()
    return await workers.run(desk.sealed(operation, image, **changes), image, second)


async def refused(kind: type[EngineError], workers, desk, operation, image, second=None, **changes) -> EngineError:
    with pytest.raises(kind) as caught:
        await run(workers, desk, operation, image, second, **changes)
    return caught.value


async def test_a_search_finds_the_enrolled_person_and_nobody_else(workers, desk, photo, enrolled):
    answer = await run(workers, desk, Operation.IDENTIFY, photo(OBAMA[2]))
    assert [candidate.subject for candidate in answer.candidates] == ["subject-1"]
    assert answer.candidates[0].similarity >= 99.9
    assert answer.candidates[0].expected_false_candidates < 0.01
    assert (answer.gallery, answer.gallery_size, answer.generation) == ("people", 2, desk.galleries.record("people").generation)
    assert answer.threshold_similarity == 99.9
    assert answer.started_at <= answer.ended_at <= datetime.now(UTC)


async def test_a_search_for_somebody_who_is_not_enrolled_finds_nobody(workers, desk, photo, enrolled):
    assert (await run(workers, desk, Operation.IDENTIFY, photo("astronaut.png"))).candidates == ()


async def test_the_answer_names_the_digests_of_everything_it_rests_on(workers, desk, photo, enrolled):
    answer, state = await run(workers, desk, Operation.IDENTIFY, photo(OBAMA[2])), workers.state()
    assert (answer.recogniser, answer.calibration, answer.cohort) == (state.recogniser, state.calibration, state.cohort)


async def test_a_gallery_without_normalisation_is_searched_by_raw_distance_and_says_so(workers, desk, photo, enrolled):
    desk.galleries.set_normalised("people", normalised=False)
    answer = await run(workers, desk, Operation.IDENTIFY, photo(OBAMA[2]))
    desk.galleries.set_normalised("people", normalised=True)
    assert [candidate.subject for candidate in answer.candidates] == ["subject-1"]
    assert answer.cohort is None
    assert answer.calibration != workers.state().calibration


async def test_a_subject_withdrawn_before_the_order_is_not_found(workers, desk, photo, enrolled):
    image = photo("astronaut.png")
    await run(workers, desk, Operation.ENROLL, image, subject=SubjectReference("people", "subject-9"))
    assert [candidate.subject for candidate in (await run(workers, desk, Operation.IDENTIFY, image)).candidates] == ["subject-9"]
    generation = desk.galleries.withdraw("people", "subject-9").generation
    answer = await run(workers, desk, Operation.IDENTIFY, image, gallery=GalleryState("people", generation))
    assert (answer.candidates, answer.generation) == ((), generation)


async def test_an_order_for_a_later_state_than_the_disk_holds_is_refused(workers, desk, photo, enrolled):
    later = GalleryState("people", desk.galleries.record("people").generation + 1)
    assert (await refused(OrderRefused, workers, desk, Operation.IDENTIFY, photo(OBAMA[2]), gallery=later)).code == "order-mismatch"


async def test_detection_counts_faces_and_names_nobody(workers, desk, crowd):
    answer = await run(workers, desk, Operation.DETECT, crowd, limits=SearchLimits(100, 0, 99.9))
    assert len(answer.faces) == len(answer.qualities) == 30
    assert (answer.candidates, answer.verified, answer.gallery, answer.threshold_similarity) == ((), None, None, None)


async def test_detection_of_an_empty_picture_is_an_answer(workers, desk):
    assert (await run(workers, desk, Operation.DETECT, png(Image.new("RGB", (300, 300), "grey")))).faces == ()


async def test_thirty_faces_under_a_one_face_order_are_refused_and_counted(workers, desk, crowd, enrolled):
    refusal = await refused(ImageRefused, workers, desk, Operation.IDENTIFY, crowd)
    assert refusal.code == "several-faces"
    assert "30 faces" in refusal.sentence
    assert refusal.call == workers.calls, "the order was spent: the log can name the engine's own number"


async def test_all_faces_of_a_probe_are_searched_when_the_order_allows_them(workers, desk, two_people, enrolled):
    answer = await run(workers, desk, Operation.IDENTIFY, two_people, limits=SearchLimits(2, 5, 99.9))
    assert {(candidate.subject) for candidate in answer.candidates} == {"subject-1", "subject-2"}
    assert {candidate.face for candidate in answer.candidates} == {0, 1}
    only_one = await run(workers, desk, Operation.IDENTIFY, two_people, limits=SearchLimits(2, 1, 99.9))
    assert len(only_one.candidates) == 1


async def test_a_picture_without_a_face_is_refused_for_anything_but_detection(workers, desk, enrolled):
    grey = png(Image.new("RGB", (300, 300), "grey"))
    for operation in (Operation.IDENTIFY, Operation.ENROLL):
        assert (await refused(ImageRefused, workers, desk, operation, grey)).code == "no-face"


async def test_bytes_that_are_no_image_are_refused(workers, desk):
    assert (await refused(ImageRefused, workers, desk, Operation.IDENTIFY, b"GIF89a rubbish")).code == "not-an-image"


async def test_a_blurred_probe_is_refused_unless_the_order_accepts_it_and_is_never_enrolled(workers, desk, photo, enrolled):
    picture = Image.open(io.BytesIO(photo("astronaut.png"))).convert("RGB")
    blurred = png(picture.filter(ImageFilter.GaussianBlur(2.5)))
    assert (await refused(ImageRefused, workers, desk, Operation.IDENTIFY, blurred)).code == "too-blurred"
    lenient = SearchLimits(1, 3, 99.9, accept_poor_quality=True)
    answer = await run(workers, desk, Operation.IDENTIFY, blurred, limits=lenient)
    assert "face 0: too-blurred" in answer.remarks
    assert (await refused(ImageRefused, workers, desk, Operation.ENROLL, blurred, limits=lenient)).code == "too-blurred"


async def test_two_photos_of_one_person_verify_and_of_two_do_not(workers, desk, photo):
    same = await run(workers, desk, Operation.VERIFY, photo(OBAMA[0]), photo(OBAMA[2]))
    assert (same.verified, len(same.candidates), same.cohort) == (True, 1, workers.state().cohort)
    other = await run(workers, desk, Operation.VERIFY, photo(OBAMA[0]), photo("biden.jpg"))
    assert (other.verified, other.candidates) == (False, ())


async def test_a_second_image_with_a_crowd_is_refused(workers, desk, photo, crowd):
    assert (await refused(ImageRefused, workers, desk, Operation.VERIFY, photo(OBAMA[0]), crowd)).code == "several-faces"


async def test_a_photo_verifies_against_an_enrolled_subject(workers, desk, photo, enrolled):
    for subject, expected in (("subject-1", True), ("subject-2", False)):
        reference = SubjectReference("people", subject)
        answer = await run(workers, desk, Operation.VERIFY, photo(OBAMA[2]), second_sha256=None, subject=reference)
        assert (answer.verified, answer.gallery) == (expected, "people")


async def test_a_search_runs_when_the_probe_is_the_persons_of_the_case(workers, desk, photo, enrolled):
    answer = await run(workers, desk, Operation.IDENTIFY, photo(OBAMA[2]), person=SubjectReference("people", "subject-1"))
    assert [candidate.subject for candidate in answer.candidates] == ["subject-1"]


async def test_a_probe_that_is_not_the_persons_of_the_case_is_not_searched_for(workers, desk, photo, enrolled):
    person = SubjectReference("people", "subject-1")
    refusal = await refused(PersonRefused, workers, desk, Operation.IDENTIFY, photo("biden.jpg"), person=person)
    assert refusal.code == "probe-is-not-the-person"
    assert refusal.call == workers.calls


async def test_a_face_beside_the_persons_own_is_not_carried_along(workers, desk, two_people, enrolled):
    person = SubjectReference("people", "subject-1")
    await refused(PersonRefused, workers, desk, Operation.IDENTIFY, two_people, person=person, limits=SearchLimits(2, 5, 99.9))


async def test_a_case_whose_person_is_not_registered_searches_for_nobody(workers, desk, photo, enrolled):
    for person, code in ((SubjectReference("people", "nobody"), "subject-unknown"), (SubjectReference("nowhere", "x"), "gallery-unknown")):
        assert (await refused(EngineError, workers, desk, Operation.IDENTIFY, photo(OBAMA[2]), person=person)).code == code


async def test_an_unknown_gallery_is_named_as_such(workers, desk, photo):
    gallery = GalleryState("nowhere")
    assert (await refused(GalleryUnknown, workers, desk, Operation.IDENTIFY, photo(OBAMA[2]), gallery=gallery)).code == "gallery-unknown"


async def test_a_gallery_of_another_recogniser_is_not_searched(workers, desk, photo):
    desk.galleries.create("foreign", "f" * 64)
    gallery = GalleryState("foreign")
    assert (await refused(WrongRecogniser, workers, desk, Operation.IDENTIFY, photo(OBAMA[2]), gallery=gallery)).code == "wrong-recogniser"


async def test_a_gallery_destroyed_while_a_worker_holds_it_in_memory_is_gone(workers, desk, photo):
    desk.galleries.create("short-lived", workers.state().recogniser)
    image, gallery = photo(OBAMA[0]), GalleryState("short-lived")
    await run(workers, desk, Operation.ENROLL, image, subject=SubjectReference("short-lived", "s"))
    assert len((await run(workers, desk, Operation.IDENTIFY, image, gallery=gallery)).candidates) == 1
    desk.galleries.destroy("short-lived")
    await refused(GalleryUnknown, workers, desk, Operation.IDENTIFY, image, gallery=gallery)


async def test_a_worthless_threshold_is_refused_with_the_reason(workers, desk, photo, enrolled):
    refusal = await refused(ThresholdRefused, workers, desk, Operation.IDENTIFY, photo(OBAMA[2]), limits=SearchLimits(1, 3, 10.0))
    assert refusal.code == "threshold-worthless"


async def test_the_same_photo_of_a_subject_is_enrolled_once(workers, desk, photo, enrolled):
    subject = SubjectReference("people", "subject-1")
    assert (await refused(GalleryRefused, workers, desk, Operation.ENROLL, photo(OBAMA[0]), subject=subject)).code == "already-enrolled"


async def test_an_order_is_carried_out_once_and_the_engines_count_does_not_move_for_refused_ones(workers, desk, photo):
    image = photo("astronaut.png")
    sealed, before = desk.sealed(Operation.DETECT, image), workers.calls
    assert (await workers.run(sealed, image)).call == before + 1
    expired = desk.order(
        Operation.DETECT,
        image,
        issued_at=datetime.now(UTC) - timedelta(60),
        expires_at=datetime.now(UTC) - timedelta(60) + timedelta(1 / 1440),
    )
    wrong = {
        "order-used": (sealed, image),
        "order-mismatch": (desk.sealed(Operation.DETECT, image), b"another image"),
        "order-forged": (seal(desk.order(Operation.DETECT, image), LocalSeal.fresh()), image),
        "order-expired": (seal(expired, desk.seal), image),
    }
    for code, (order, shown) in wrong.items():
        with pytest.raises(OrderRefused) as caught:
            await workers.run(order, shown)
        assert (caught.value.code, caught.value.call) == (code, None)
    assert workers.calls == before + 1


async def test_the_calls_count_one_two_three_over_everything_that_was_accepted(workers, desk, photo):
    image, before = photo("astronaut.png"), workers.calls
    calls = [(await run(workers, desk, Operation.DETECT, image)).call for _ in range(3)]
    assert calls == [before + 1, before + 2, before + 3]
