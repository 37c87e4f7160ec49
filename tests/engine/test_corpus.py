"""A folder of labelled faces is read no further than its edge, and a list that contradicts itself is refused by its line."""

import os
from pathlib import Path

import pytest

from engine.errors import EvaluationRefused
from engine.evaluation.corpus import Label, look, read_pairs
from engine.images import BYTES_LIMIT
from engine.recognisers.onnx import OnnxRecogniser


def written(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n")
    return path


def test_a_pair_that_is_listed_both_ways_is_refused_by_its_line(tmp_path: Path) -> None:
    with pytest.raises(EvaluationRefused, match="line 3: another line says the opposite"):
        read_pairs(written(tmp_path / "p.csv", "left,right,same", "a.jpg,b.jpg,1", "b.jpg,a.jpg,0"))
    assert len(read_pairs(written(tmp_path / "q.csv", "left,right,same", "a.jpg,b.jpg,1", "b.jpg,a.jpg,1"))) == 2


def test_a_link_out_of_the_folder_a_pipe_and_a_folder_are_unreadable_and_a_link_inside_is_followed(
    portraits: Path, recogniser: OnnxRecogniser, tmp_path: Path
) -> None:
    images = tmp_path / "images"
    (images / "folder").mkdir(parents=True)
    (images / "größe 日.jpg").write_bytes((portraits / "biden.jpg").read_bytes())
    (images / "inside.jpg").symlink_to("größe 日.jpg")
    (images / "outside.jpg").symlink_to(portraits / "obama.jpg")
    (images / "nowhere.jpg").symlink_to("gone.jpg")
    os.mkfifo(images / "pipe.jpg")
    (images / "large.jpg").write_bytes(b"\xff\xd8\xff" + bytes(BYTES_LIMIT))
    names = ("folder", "größe 日.jpg", "inside.jpg", "outside.jpg", "nowhere.jpg", "pipe.jpg", "large.jpg")
    corpus = look(images, [Label(name) for name in names], recogniser)
    assert [label.file for label in corpus.labels] == ["größe 日.jpg", "inside.jpg"]
    unreadable = dict.fromkeys(("folder", "outside.jpg", "nowhere.jpg", "pipe.jpg"), "unreadable")
    assert {label.file: reason for label, reason in corpus.refused} == unreadable | {"large.jpg": "too-large"}
