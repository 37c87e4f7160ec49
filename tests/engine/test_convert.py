"""dlib's file is read as what it is, or refused at the byte where it departs; the model made of it never varies."""

import hashlib
import random
import threading
from pathlib import Path

import pytest

from engine.errors import ModelRefused
from engine.recognisers.convert import convert, write_model
from engine.recognisers.onnx import MODEL_NAME, MODEL_SHA256, ensure_model
from engine.recognisers.serialised import BLOCKS, read_network
from engine.recognisers.weights import LANDMARKS, NETWORK, Weights, check, packaged


@pytest.fixture(scope="module")
def weights() -> bytes:
    return packaged(NETWORK).read_bytes()


def test_the_file_is_read_to_its_last_byte_as_dlibs_face_network(weights: bytes) -> None:
    network = read_network(weights)
    assert network.means == pytest.approx((122.782, 117.001, 104.298), abs=1e-3)
    assert network.stem.convolution.weights.shape == (32, 3, 7, 7)
    assert [block.second.convolution.bias.size for block in network.blocks] == [filters for filters, _ in BLOCKS]
    assert network.matrix.shape == (256, 128)


def test_the_model_is_the_same_byte_for_byte_each_time(weights: bytes) -> None:
    assert {hashlib.sha256(convert(weights)).hexdigest() for _ in range(2)} == {MODEL_SHA256}


@pytest.mark.parametrize("part", [0, 1, 4, 20, 200, 291, 336, 5000, 19_383, 19_753, 467_840, -1])
def test_a_file_that_ends_early_is_refused(weights: bytes, part: int) -> None:
    with pytest.raises(ModelRefused, match="near byte"):
        read_network(weights[:part])


def test_a_file_with_something_after_its_end_is_refused(weights: bytes) -> None:
    with pytest.raises(ModelRefused, match="the end"):
        read_network(weights + b"\0")


def test_another_network_of_dlibs_is_refused() -> None:
    with pytest.raises(ModelRefused, match="not dlib's face network"):
        read_network((packaged(NETWORK).parent / "mmod_human_face_detector.dat").read_bytes())


def test_no_spoiled_byte_of_the_plan_gets_another_error_out(weights: bytes) -> None:
    chance = random.Random(3)
    structure = [*range(345), *range(19_200, 19_400), *range(19_640, 19_830), *range(len(weights) - 140, len(weights))]
    for at in chance.sample(structure, 150):
        spoiled = bytearray(weights[:20_000] if at < 20_000 else weights)
        spoiled[at] ^= chance.randrange(1, 256)
        try:
            read_network(bytes(spoiled))
        except ModelRefused:
            continue


def test_weights_that_are_not_finite_are_refused(weights: bytes) -> None:
    with pytest.raises(ModelRefused, match="finite"):
        read_network(weights[:352] + b"\0\0\xc0\x7f" + weights[356:])


def test_a_model_that_is_not_the_pinned_one_is_never_put_in_place(tmp_path: Path) -> None:
    with pytest.raises(ModelRefused, match="not the pinned"):
        write_model(packaged(NETWORK), tmp_path / MODEL_NAME, "0" * 64)
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_an_error_of_ours(tmp_path: Path) -> None:
    with pytest.raises(ModelRefused, match="cannot be written"):
        write_model(packaged(NETWORK), tmp_path / "absent" / MODEL_NAME, MODEL_SHA256)


def test_two_that_start_at_once_both_get_a_whole_model(tmp_path: Path) -> None:
    found: list[Path] = []
    both = [threading.Thread(target=lambda: found.append(ensure_model(tmp_path))) for _ in range(2)]
    for one in both:
        one.start()
    for one in both:
        one.join()
    assert found == [tmp_path / MODEL_NAME] * 2
    assert [path.name for path in tmp_path.iterdir()] == [MODEL_NAME]


def test_a_model_that_is_there_is_checked_and_not_made_again(models: Path) -> None:
    made = (models / MODEL_NAME).stat().st_mtime_ns
    assert (ensure_model(models)).stat().st_mtime_ns == made


def test_a_spoiled_model_on_disk_is_refused(tmp_path: Path) -> None:
    (tmp_path / MODEL_NAME).write_bytes(b"onnx?")
    with pytest.raises(ModelRefused, match="not the pinned"):
        ensure_model(tmp_path)


def test_weights_other_than_the_pinned_are_refused() -> None:
    with pytest.raises(ModelRefused, match="not the pinned"):
        packaged(Weights(LANDMARKS.name, NETWORK.sha256))
    with pytest.raises(ModelRefused, match="cannot be read"):
        packaged(Weights("absent.dat", NETWORK.sha256))


def test_a_directory_is_not_a_model(tmp_path: Path) -> None:
    with pytest.raises(ModelRefused, match="cannot be read"):
        check(tmp_path, MODEL_SHA256)
