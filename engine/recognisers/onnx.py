"""Run dlib's face network on onnxruntime: the default recogniser, more than ten times as fast as the reference. Knows no gallery."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import onnxruntime

from engine.errors import ModelRefused
from engine.faces import Face
from engine.images import Pixels
from engine.recognisers.base import TEMPLATE_LENGTH, Template
from engine.recognisers.dlib import AlignedRecogniser, FaceFinder
from engine.recognisers.weights import NETWORK, check, packaged

MODEL_NAME: Final = "dlib_face_recognition_resnet_model_v1.onnx"
MODEL_SHA256: Final = "d5b9b9b9ffa0c7fee5cc38403fb81befd0938ec7b8c949baed3d03dea85b9dad"
# A second core takes a third off an embedding; a third core would take little more, and the other workers want it.
THREADS: Final = min(2, len(os.sched_getaffinity(0)))
_BATCH: Final = 8  # bounds the memory that a photograph of a crowd can ask for


def ensure_model(models: Path) -> Path:
    """Return the converted model in this directory, making it from the packaged weights if it is not there yet.

    Raises ModelRefused if the weights or the model are not the pinned ones. Two processes may do this at once."""
    model = models / MODEL_NAME
    if not model.exists():
        # Imported here because only the first start ever needs the onnx package: 0.5 s and 60 MB in every worker otherwise.
        from engine.recognisers.convert import write_model

        models.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_model(packaged(NETWORK), model, MODEL_SHA256)
    check(model, MODEL_SHA256)
    return model


class OnnxRecogniser(AlignedRecogniser):
    """dlib's detector and alignment, and its network as converted."""

    def __init__(self, model: Path, finder: FaceFinder, *, threads: int = THREADS) -> None:
        """Load a model that `ensure_model` returned; raises ModelRefused if it is another."""
        super().__init__(finder, f"dlib ResNet v1 on onnxruntime {onnxruntime.__version__}")
        check(model, MODEL_SHA256)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        # Threads that wait for the next embedding would spin on a core that another worker could use.
        options.add_session_config_entry("session.force_spinning_stop", "1")
        try:
            self._session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
        except Exception as fault:  # onnxruntime raises its own unexported types
            raise ModelRefused(f"onnxruntime cannot load {model.name}.") from fault

    def templates(self, image: Pixels, faces: Sequence[Face]) -> Template:
        """Return the templates of several faces, in their order."""
        return self.embed(self._finder.chips(image, faces))

    def embed(self, chips: Sequence[Pixels]) -> Template:
        """Return the templates of faces that are aligned already."""
        found = np.empty((len(chips), TEMPLATE_LENGTH), dtype=np.float32)
        for start in range(0, len(chips), _BATCH):
            stack = np.stack(chips[start : start + _BATCH]).transpose(0, 3, 1, 2).astype(np.float32, order="C")
            found[start : start + _BATCH] = self._session.run(None, {"pixels": stack})[0]
        return found
