"""The default recogniser is the reference recogniser, faster; and neither changes the process that it runs in."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from engine.errors import ModelRefused
from engine.faces import Box
from engine.images import Picture, read_picture, shrunk
from engine.recognisers.dlib import FaceFinder, ReferenceRecogniser
from engine.recognisers.onnx import MODEL_NAME, OnnxRecogniser

ROOT = Path(__file__).parents[2]
Portrait = Callable[[str], Picture]
PEOPLE = ["astronaut.png", "biden.jpg", "obama.jpg", "obama2.jpg", "obama3.jpg", "obama_partial_face.jpg", "obama_partial_face2.jpg"]


@pytest.mark.parametrize("name", PEOPLE)
def test_both_recognisers_give_the_same_template_to_1e_5(
    name: str, portrait: Portrait, recogniser: OnnxRecogniser, reference: ReferenceRecogniser
) -> None:
    image = portrait(name).pixels
    (face,) = recogniser.detect(image)
    assert np.abs(recogniser.template(image, face) - reference.template(image, face)).max() < 1e-5


def test_the_reference_is_face_recognition_itself(portrait: Portrait, reference: ReferenceRecogniser) -> None:
    import face_recognition

    image = portrait("astronaut.png").pixels
    (face,) = reference.detect(image)
    (wanted,) = face_recognition.face_encodings(image, face_recognition.face_locations(image, 0))
    assert np.abs(reference.template(image, face) - wanted).max() < 1e-6


def test_both_bear_the_same_digest_because_their_templates_may_meet(recogniser: OnnxRecogniser, reference: ReferenceRecogniser) -> None:
    assert recogniser.digest == reference.digest
    assert len(bytes.fromhex(recogniser.digest)) == 32
    assert recogniser.name != reference.name


def test_templates_of_one_person_lie_nearer_than_those_of_two(portrait: Portrait, recogniser: OnnxRecogniser) -> None:
    found = {
        name: recogniser.template(image, recogniser.detect(image)[0]) for name in PEOPLE[:4] if (image := portrait(name).pixels) is not None
    }
    same = np.linalg.norm(found["obama.jpg"] - found["obama2.jpg"])
    others = [np.linalg.norm(found["obama.jpg"] - found[name]) for name in ("biden.jpg", "astronaut.png")]
    assert same < min(others) - 0.2


def test_several_faces_of_one_image_come_in_their_order(portrait: Portrait, recogniser: OnnxRecogniser) -> None:
    one, two = portrait("obama.jpg").pixels, portrait("biden.jpg").pixels[:1137]
    both = np.concatenate([one, two], axis=1)
    faces = recogniser.detect(both)
    assert len(faces) == 2
    together = recogniser.templates(both, faces)
    assert together.shape == (2, 128)
    assert together.dtype == np.float32
    for face, template in zip(faces, together, strict=True):
        assert np.abs(recogniser.template(both, face) - template).max() < 1e-5


def test_more_faces_than_one_batch_are_all_embedded(portrait: Portrait, recogniser: OnnxRecogniser) -> None:
    image = portrait("astronaut.png").pixels
    chip = recogniser.chip(image, recogniser.detect(image)[0])
    turned = [np.ascontiguousarray(np.roll(chip, shift, axis=1)) for shift in range(19)]
    together = recogniser.embed(turned)
    assert together.shape == (19, 128)
    assert np.abs(together[17] - recogniser.embed([turned[17]])[0]).max() < 1e-5


def test_no_face_gives_no_template(recogniser: OnnxRecogniser, reference: ReferenceRecogniser) -> None:
    grey = np.full((300, 300, 3), 128, np.uint8)
    assert recogniser.detect(grey) == []
    assert recogniser.templates(grey, []).shape == (0, 128)
    assert reference.templates(grey, []).shape == (0, 128)


def test_a_face_found_in_a_shrunken_image_is_placed_in_the_image_itself(portrait: Portrait, finder: FaceFinder) -> None:
    image = portrait("obama3.jpg").pixels
    (face,) = finder.detect(image)
    small, scale = shrunk(image, 1280)
    assert small.shape[0] == 1280
    (small_face,) = finder.detect(small)
    assert abs(face.box.left - small_face.box.left / scale) < 3
    assert all(face.box.left <= point.x <= face.box.right for point in face.landmarks)


def test_a_small_face_is_found_by_looking_closer(portrait: Portrait, finder: FaceFinder) -> None:
    small, _ = shrunk(portrait("astronaut.png").pixels, 280)
    assert finder.detect(small)[0].box.width < 60


def test_a_box_never_leaves_its_image(portrait: Portrait, finder: FaceFinder) -> None:
    (face,) = finder.detect(portrait("obama_partial_face.jpg").pixels)
    assert face.box.left == 0


def test_a_face_can_be_aligned_from_a_known_box(portrait: Portrait, finder: FaceFinder) -> None:
    image = portrait("astronaut.png").pixels
    (face,) = finder.detect(image)
    assert finder.locate(image, face.box).landmarks == face.landmarks
    assert finder.locate(image, Box(0, 0, 40, 40)).box == Box(0, 0, 40, 40)


def test_a_changed_model_is_not_loaded(models: Path, tmp_path: Path, finder: FaceFinder) -> None:
    spoiled = bytearray((models / MODEL_NAME).read_bytes())
    spoiled[-1] ^= 1
    (tmp_path / MODEL_NAME).write_bytes(spoiled)
    with pytest.raises(ModelRefused, match="not the pinned"):
        OnnxRecogniser(tmp_path / MODEL_NAME, finder)


def test_the_default_recogniser_imports_neither_face_recognition_nor_the_onnx_package(models: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from engine.recognisers.dlib import FaceFinder;"
        "from engine.recognisers.onnx import OnnxRecogniser, ensure_model;"
        "OnnxRecogniser(ensure_model(Path(sys.argv[1])), FaceFinder());"
        "print([name for name in ('face_recognition', 'onnx', 'cv2', 'pkg_resources') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", program, models], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_importing_the_reference_leaves_pillow_as_strict_as_it_was(reference: ReferenceRecogniser, portraits: Path) -> None:
    from PIL import ImageFile

    assert "face_recognition" in sys.modules
    assert ImageFile.LOAD_TRUNCATED_IMAGES is False
    whole = (portraits / "obama.jpg").read_bytes()
    with pytest.raises(Exception, match="before its picture does"):
        read_picture(whole[: len(whole) // 2])


def test_small_faces_beside_a_large_one_are_counted(finder: FaceFinder, portrait: Callable[[str], Picture]) -> None:
    pixels = portrait("obama.jpg").pixels
    box = finder.detect(pixels)[0].box
    face = Image.fromarray(pixels).crop((box.left - 60, box.top - 80, box.right + 60, box.bottom + 60))
    crowd = Image.new("RGB", (1000, 700), (120, 130, 140))
    crowd.paste(face.resize((420, 420 * face.height // face.width)), (20, 40))
    small = face.resize((60, 60 * face.height // face.width))
    for number in range(29):
        crowd.paste(small, (470 + number % 6 * 85, 30 + number // 6 * 130))
    found = finder.detect(np.asarray(crowd))
    assert len(found) == 30
    alone = crowd.crop((0, 0, 460, 700))
    assert [face.box for face in finder.detect(np.asarray(alone))] == [found[0].box]


@pytest.fixture(scope="module")
def heads(finder: FaceFinder, portrait: Callable[[str], Picture]) -> list[Image.Image]:
    """Return three people's heads, each cut out at twice the face's box."""
    found = []
    for name in ("obama.jpg", "biden.jpg", "astronaut.png"):
        pixels, _ = shrunk(portrait(name).pixels, 600)
        box = finder.detect(pixels)[0].box
        margin = box.width // 2
        found.append(Image.fromarray(pixels).crop((box.left - margin, box.top - margin, box.right + margin, box.bottom + margin)))
    return found


@pytest.mark.parametrize(("side", "light", "turned", "big"), [(44, 0.4, 14, 180), (60, 1.0, -14, 0), (52, 0.4, 0, 220)])
def test_a_crowd_is_never_one_face(side: int, light: float, turned: int, big: int, finder: FaceFinder, heads: list[Image.Image]) -> None:
    grey, step, left = (120, 130, 140), round(side * 1.7), 2 * big
    crowd = Image.new("RGB", (left + 6 * step, max(5 * step, left)), grey)
    crowd.paste(heads[0].resize((max(1, left), max(1, left))), (0, 0))
    for number in range(29):
        small = heads[number % 3].resize((2 * side, 2 * side)).rotate(turned, fillcolor=grey)
        # cut at the head's own edges, so that the last column and row reach the picture's
        crowd.paste(small.crop((0, 0, step, step)), (left + number % 6 * step, number // 6 * step))
    assert len(finder.detect(np.asarray(ImageEnhance.Brightness(crowd).enhance(light)))) >= 24


def test_in_a_small_picture_the_smallest_faces_are_counted_and_the_large_one_stays_what_it_was(
    finder: FaceFinder, heads: list[Image.Image]
) -> None:
    crowd = Image.new("RGB", (524, 260), (120, 130, 140))
    crowd.paste(heads[0].resize((260, 260)), (0, 0))
    for number in range(29):
        small = heads[number % 3].resize((52, 52)).crop((0, 0, 44, 44))
        crowd.paste(small, (260 + number % 6 * 44, number // 6 * 44))
    pixels = np.asarray(crowd)
    plain, every = finder.detect(pixels), finder.every_face(pixels)
    assert every[: len(plain)] == plain
    assert len(every) >= 24 > len(plain)


@pytest.mark.parametrize("name", PEOPLE)
def test_a_portrait_made_small_is_still_one_face(name: str, portrait: Portrait, finder: FaceFinder) -> None:
    small, _ = shrunk(portrait(name).pixels, 360)
    assert finder.every_face(small) == finder.detect(small)
