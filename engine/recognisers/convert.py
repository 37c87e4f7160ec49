"""Write dlib's face network out as ONNX, once, from the packaged weights. Knows the graph, and neither faces nor the runtime.

Each affine layer is folded into the convolution under it, and so are the input's means and scale: the arithmetic is done in doubles
and rounded once, so the bytes are the same on every machine, and their digest is pinned."""

import hashlib
import os
import tempfile
from pathlib import Path
from typing import Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from engine.errors import ModelRefused
from engine.recognisers.serialised import INPUT_SIDE, OUTPUT_LENGTH, Block, FaceNetwork, Pool, Step, read_network

OPSET: Final = 13
IR_VERSION: Final = 8
_SCALE: Final = 256.0


def convert(weights: bytes) -> bytes:
    """Return dlib's face network as the bytes of an ONNX model: `pixels` (n, 3, 150, 150) float32 0..255 -> `templates` (n, 128).

    The same input gives the same output, byte for byte. Raises ModelRefused if these are not that network's weights."""
    return _write_graph(read_network(weights))


def write_model(weights: Path, model: Path, sha256: str) -> None:
    """Convert and put the model in place atomically. Raises ModelRefused, and leaves nothing, if its digest is not the pinned one."""
    made = convert(weights.read_bytes())
    found = hashlib.sha256(made).hexdigest()
    if found != sha256:
        raise ModelRefused(f"The converted model has digest {found[:16]}…, not the pinned {sha256[:16]}…; check the version of onnx.")
    try:
        handle, name = tempfile.mkstemp(dir=model.parent, prefix=f".{model.name}.")
        aside = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(made)
                file.flush()
                os.fsync(file.fileno())
            aside.replace(model)
        finally:
            aside.unlink(missing_ok=True)
    except OSError as fault:
        raise ModelRefused(f"The model cannot be written into {model.parent.name}/: {fault.strerror}.") from fault


class _Graph:
    """Nodes and weights in the order in which they are said; names are numbers, so that the bytes never vary."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []

    def node(self, kind: str, *inputs: str, output: str | None = None, **attributes: list[int]) -> str:
        """Add a node and return the name of what it gives."""
        name = output or f"v{len(self.nodes)}"
        made = helper.make_node(kind, list(inputs), [name], **attributes)  # type: ignore[arg-type] # its keywords are attributes
        self.nodes.append(made)
        return name

    def weight(self, values: NDArray[np.float32] | NDArray[np.int64]) -> str:
        """Add a constant and return its name."""
        name = f"w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name


def _write_graph(network: FaceNetwork) -> bytes:
    graph = _Graph()
    at, channels, side = _stem(graph, network)
    for block in network.blocks:
        at, channels, side = _block(graph, block, at, channels, side)
    mean = graph.node("Flatten", graph.node("GlobalAveragePool", at))
    graph.node("MatMul", mean, graph.weight(network.matrix), output="templates")
    pixels = helper.make_tensor_value_info("pixels", TensorProto.FLOAT, ["n", 3, INPUT_SIDE, INPUT_SIDE])
    templates = helper.make_tensor_value_info("templates", TensorProto.FLOAT, ["n", OUTPUT_LENGTH])
    whole = helper.make_graph(graph.nodes, "dlib_face_recognition_resnet_model_v1", [pixels], [templates], graph.weights)
    model = helper.make_model(whole, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION, producer_name="custodes")
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString(deterministic=True))


def _stem(graph: _Graph, network: FaceNetwork) -> tuple[str, int, int]:
    """The first convolution takes plain pixels: w((x - mean) / 256) + b is (w / 256)x + (b - sum of w x mean / 256); it has no padding."""
    convolution = network.stem.convolution
    if convolution.padding:
        raise ModelRefused("The first convolution is padded, so the input's means cannot be folded into it.")
    weights = convolution.weights.astype(np.float64) / _SCALE
    bias = convolution.bias - np.einsum("fcyx,c->f", weights, np.asarray(network.means))
    at = graph.node("Relu", _convolve(graph, "pixels", network.stem, weights, bias))
    side = _convolved(INPUT_SIDE, network.stem)
    pooled = graph.node("MaxPool", at, kernel_shape=[network.pool.window] * 2, strides=[network.pool.stride] * 2)
    return pooled, convolution.bias.size, _pooled(side, network.pool)


def _block(graph: _Graph, block: Block, below: str, channels: int, side: int) -> tuple[str, int, int]:
    at = graph.node("Relu", _plain(graph, below, block.first))
    at = _plain(graph, at, block.second)
    filters, reached = block.second.convolution.bias.size, _convolved(_convolved(side, block.first), block.second)
    if block.shortcut is not None:
        below, side = _shortcut(graph, below, block.shortcut, channels, filters), _pooled(side, block.shortcut)
    # dlib adds tensors of unlike shape: where one has no value, it has zero
    whole = max(side, reached)
    total = graph.node("Add", _padded(graph, at, reached, whole), _padded(graph, below, side, whole))
    return graph.node("Relu", total), filters, whole


def _shortcut(graph: _Graph, below: str, pool: Pool, channels: int, filters: int) -> str:
    """The mean over a window, and no value in the channels that the block adds: one convolution, with even weights on its diagonal.

    As pool and padding it would be the same numbers, but onnxruntime would re-order all pixels around it, a twentieth of its time."""
    weights = np.zeros((filters, channels, pool.window, pool.window), dtype=np.float32)
    weights[np.arange(channels), np.arange(channels)] = 1 / pool.window**2
    return graph.node("Conv", below, graph.weight(weights), kernel_shape=[pool.window] * 2, strides=[pool.stride] * 2)


def _plain(graph: _Graph, at: str, step: Step) -> str:
    return _convolve(graph, at, step, step.convolution.weights.astype(np.float64), step.convolution.bias.astype(np.float64))


def _convolve(graph: _Graph, at: str, step: Step, weights: NDArray[np.float64], bias: NDArray[np.float64]) -> str:
    """Add a convolution with its affine layer folded in: f(wx + b) + s is (fw)x + (fb + s)."""
    factor = step.affine.factor.astype(np.float64)
    folded = (weights * factor[:, None, None, None]).astype(np.float32)
    moved = (bias * factor + step.affine.summand).astype(np.float32)
    convolution = step.convolution
    return graph.node(
        "Conv", at, graph.weight(folded), graph.weight(moved),
        kernel_shape=list(folded.shape[2:]), strides=[convolution.stride] * 2, pads=[convolution.padding] * 4,
    )  # fmt: skip


def _padded(graph: _Graph, at: str, side: int, whole: int) -> str:
    if side == whole:
        return at
    return graph.node("Pad", at, graph.weight(np.array([0, 0, 0, 0, 0, 0, whole - side, whole - side], dtype=np.int64)))


def _convolved(side: int, step: Step) -> int:
    convolution = step.convolution
    window = int(convolution.weights.shape[2])
    return (side + 2 * convolution.padding - window) // convolution.stride + 1


def _pooled(side: int, pool: Pool) -> int:
    return (side - pool.window) // pool.stride + 1
