"""What `engine check` says of an image, one JSON object each."""

import json
from pathlib import Path

import numpy as np
from PIL import Image

from engine.check import check
from engine.recognisers.onnx import OnnxRecogniser


def test_a_portrait_is_accepted_with_its_face_and_its_measures(portraits: Path, recogniser: OnnxRecogniser) -> None:
    found = check((portraits / "obama.jpg").read_bytes(), recogniser)
    assert json.loads(json.dumps(found)) == found
    assert found["accepted"] is True
    (face,) = found["faces"]
    assert face["probe"] == face["enrolment"] == []
    assert face["quality"]["side"] > 200


def test_a_face_cut_in_half_may_be_a_probe_but_not_be_enrolled(portraits: Path, recogniser: OnnxRecogniser) -> None:
    (face,) = check((portraits / "obama_partial_face2.jpg").read_bytes(), recogniser)["faces"]
    assert face["probe"] == []
    assert [fault["reason"] for fault in face["enrolment"]] == ["cut-off"]


def test_bytes_that_are_no_image_are_refused_with_reason_and_sentence(recogniser: OnnxRecogniser) -> None:
    found = check(b"hello", recogniser)
    assert (found["accepted"], found["reason"]) == (False, "not-an-image")
    assert str(found["sentence"]).endswith(".")


def test_an_image_without_a_face_is_refused_for_that(recogniser: OnnxRecogniser, tmp_path: Path) -> None:
    Image.fromarray(np.full((200, 200, 3), 90, np.uint8)).save(tmp_path / "grey.png")
    assert check((tmp_path / "grey.png").read_bytes(), recogniser)["reason"] == "no-face"
