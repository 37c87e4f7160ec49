"""Read dlib's serialised face network, layer by layer, into plain arrays. Knows dlib's file format and its network's plan, and no ONNX.

The file holds no plan: in dlib the plan is a C++ type. So it is written down here, and every version, name, size and flag of the
file is held against it. First come the versions of all layers, from the output down to the input; then the input layer; then each
layer's own values from the input up (dlib, dnn/core.h, layers.h, dnn_face_recognition_ex.cpp)."""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.errors import ModelRefused

Floats = NDArray[np.float32]

INPUT_SIDE: Final = 150
OUTPUT_LENGTH: Final = 128
# filters of each residual block, from the input up, and whether it halves the picture
BLOCKS: Final = (
    *((32, False),) * 3,
    (64, True), *((64, False),) * 3,
    (128, True), *((128, False),) * 2,
    (256, True), *((256, False),) * 2,
    (256, True),
)  # fmt: skip

_LOSS, _LAYER, _INPUT, _TAG = 1, 2, 3, 1
_CONVOLUTIONAL: Final = 0  # an affine layer of one factor a channel
_NO_BIAS: Final = 1


@dataclass(frozen=True, slots=True)
class Convolution:
    """A convolution: `weights` (filters, channels, rows, columns), `bias` (filters); stride and padding are alike on both axes."""

    weights: Floats
    bias: Floats
    stride: int
    padding: int


@dataclass(frozen=True, slots=True)
class Affine:
    """A factor and a summand for each channel."""

    factor: Floats
    summand: Floats


@dataclass(frozen=True, slots=True)
class Pool:
    """A pooling window and its stride; a window of 0 means the whole picture."""

    window: int
    stride: int


@dataclass(frozen=True, slots=True)
class Step:
    """A convolution and the affine layer on it."""

    convolution: Convolution
    affine: Affine


@dataclass(frozen=True, slots=True)
class Block:
    """A residual block: two steps, a rectifier between them, the block's own input (through `shortcut`, if any) added, a rectifier."""

    first: Step
    second: Step
    shortcut: Pool | None


@dataclass(frozen=True, slots=True)
class FaceNetwork:
    """All of dlib's face network: (pixels - means) / 256, a stem, residual blocks, the mean over the picture, a matrix."""

    means: tuple[float, float, float]
    stem: Step
    pool: Pool
    blocks: tuple[Block, ...]
    matrix: Floats  # (features, 128)


def read_network(data: bytes) -> FaceNetwork:
    """Return the network in this file. Raises ModelRefused at the first byte that dlib's face network would not have there."""
    stream = _Stream(data)
    stream.expect_versions(_LOSS)
    stream.expect_name("loss_metric_2")
    stream.real()  # margin and distance threshold: they matter to training alone
    stream.real()
    stream.expect_versions(*_versions())
    means = _read_input(stream)
    stem = Step(_read_convolution(stream, 3, bottom=True), _read_affine(stream))
    _read_bare(stream, "relu_")
    pool = _read_pool(stream, "max_pool_2")
    blocks, channels = [], stem.convolution.bias.size
    for filters, halves in BLOCKS:
        blocks.append(_read_block(stream, channels, filters, halves=halves))
        channels = filters
    if _read_pool(stream, "avg_pool_2").window != 0:
        raise stream.refusal("a mean over the whole picture")
    network = FaceNetwork(means, stem, pool, tuple(blocks), _read_matrix(stream, channels))
    stream.expect_end()
    return network


def _versions() -> list[int]:
    """Return the layers' versions in the file's order, from the output down."""
    found = [_LAYER, _LAYER]  # matrix, mean
    for _, halves in reversed(BLOCKS):
        found += [_LAYER, _LAYER]  # rectifier, addition
        found += [_LAYER, _TAG, _TAG] if halves else []  # pool of the shortcut, back to its tag, tag of the main path
        found += [_LAYER] * 5 + [_TAG]  # affine, convolution, rectifier, affine, convolution, tag of the block's input
    return [*found, _LAYER, _LAYER, _LAYER, _INPUT]  # pool, rectifier, affine, convolution on the input


def _read_input(stream: "_Stream") -> tuple[float, float, float]:
    stream.expect_name("input_rgb_image_sized")
    means = stream.real(), stream.real(), stream.real()
    stream.expect_integers("an input of 150 x 150", INPUT_SIDE, INPUT_SIDE)
    return means


def _read_block(stream: "_Stream", channels: int, filters: int, *, halves: bool) -> Block:
    first = Step(_read_convolution(stream, channels), _read_affine(stream))
    _read_bare(stream, "relu_")
    second = Step(_read_convolution(stream, filters), _read_affine(stream))
    shortcut = _read_pool(stream, "avg_pool_2") if halves else None
    if first.convolution.bias.size != filters or first.convolution.stride != (2 if halves else 1):
        raise stream.refusal(f"a block of {filters} filters")
    _read_bare(stream, "add_prev_")
    _read_bare(stream, "relu_")
    return Block(first, second, shortcut)


def _read_convolution(stream: "_Stream", channels: int, *, bottom: bool = False) -> Convolution:
    stream.expect_name("con_4")
    values = stream.tensor()
    filters, rows, columns, stride_y, stride_x, padding_y, padding_x = (stream.integer() for _ in range(7))
    stream.expect_integers("the filters' own shape", 1, filters, channels, rows, columns)
    stream.expect_integers("one bias a filter", 1, 1, filters, 1, 1)
    stream.reals(4)  # learning rates
    if stride_y != stride_x or padding_y != padding_x or values.size != filters * (channels * rows * columns + 1):
        raise stream.refusal("a square convolution of as many values as it says")
    _read_state(stream, bottom=bottom)
    weights = values[: values.size - filters].reshape(filters, channels, rows, columns)
    return Convolution(weights, values[values.size - filters :], stride_y, padding_y)


def _read_affine(stream: "_Stream") -> Affine:
    stream.expect_name("affine_")
    values = stream.tensor()
    channels = values.size // 2
    stream.expect_integers("one factor a channel", 1, 1, channels, 1, 1)
    stream.expect_integers("one summand a channel", 1, 1, channels, 1, 1, _CONVOLUTIONAL)
    _read_state(stream)
    return Affine(values[:channels], values[channels:])


def _read_pool(stream: "_Stream", name: str) -> Pool:
    stream.expect_name(name)
    rows, columns, stride_y, stride_x, padding_y, padding_x = (stream.integer() for _ in range(6))
    if rows != columns or stride_y != stride_x or padding_y or padding_x:
        raise stream.refusal("a square pool without padding")
    _read_state(stream)
    return Pool(rows, stride_y)


def _read_matrix(stream: "_Stream", features: int) -> Floats:
    stream.expect_name("fc_2")
    stream.expect_integers("128 outputs", OUTPUT_LENGTH, features)
    values = stream.tensor()
    stream.expect_integers("a matrix without bias", 1, features, OUTPUT_LENGTH, 1, 1, 1, 0, 0, 0, 0, _NO_BIAS)
    stream.reals(4)  # learning rates
    _read_state(stream)
    if values.size != features * OUTPUT_LENGTH:
        raise stream.refusal("a matrix of as many values as it says")
    return values.reshape(features, OUTPUT_LENGTH)


def _read_bare(stream: "_Stream", name: str) -> None:
    stream.expect_name(name)
    _read_state(stream)


def _read_state(stream: "_Stream", *, bottom: bool = False) -> None:
    """Step over what training left behind each layer: three flags and three empty tensors; the lowest layer has a number more."""
    stream.flags(3)
    if any(stream.tensor().size for _ in range(3)):
        raise stream.refusal("a network that is cleaned of its training")
    if bottom:
        stream.expect_integers("one sample an image", 1)


class _Stream:
    """dlib's way of writing: integers as a sign-and-length byte and bytes, low first; reals as mantissa and binary exponent."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def integer(self) -> int:
        """Read one integer."""
        head = self._take(1)[0]
        size = head & 0x0F
        if head & 0x70 or not 1 <= size <= 8:
            raise self.refusal("an integer")
        magnitude = int.from_bytes(self._take(size), "little")
        return -magnitude if head & 0x80 else magnitude

    def real(self) -> float:
        """Read one finite real."""
        mantissa, exponent = self.integer(), self.integer()
        if abs(exponent) > 1000:
            raise self.refusal("a finite number")
        return math.ldexp(mantissa, exponent)

    def reals(self, count: int) -> None:
        """Step over so many reals."""
        for _ in range(count):
            self.real()

    def flags(self, count: int) -> None:
        """Step over so many booleans, written as the characters 0 and 1."""
        if not set(self._take(count)) <= set(b"01"):
            raise self.refusal("a flag")

    def tensor(self) -> Floats:
        """Read a tensor's values, flat; each is a little-endian float."""
        self.expect_integers("a tensor", 2)
        count = math.prod(self._length() for _ in range(4))
        raw = self._take(4 * count)
        values = np.frombuffer(raw, dtype="<f4")
        if not np.isfinite(values).all():
            raise self.refusal("finite weights")
        return values

    def expect_versions(self, *versions: int) -> None:
        """Read the layers' versions."""
        self.expect_integers("dlib's face network in this version", *versions)

    def expect_integers(self, what: str, *wanted: int) -> None:
        """Read as many integers as are wanted, and refuse others."""
        if tuple(self.integer() for _ in wanted) != wanted:
            raise self.refusal(what)

    def expect_name(self, name: str) -> None:
        """Read a text, and refuse any but this one."""
        if self.integer() != len(name) or self._take(len(name)) != name.encode():
            raise self.refusal(f"the layer {name}")

    def expect_end(self) -> None:
        """Refuse bytes that are left over."""
        if self._at != len(self._data):
            raise self.refusal("the end")

    def refusal(self, wanted: str) -> ModelRefused:
        """Return the error that says where the file departs from the plan."""
        return ModelRefused(f"This is not dlib's face network: near byte {self._at:,} it should have {wanted}.")

    def _length(self) -> int:
        length = self.integer()
        if length < 0:
            raise self.refusal("a length")
        return length

    def _take(self, count: int) -> bytes:
        taken = self._data[self._at : self._at + count]
        if len(taken) != count:
            raise self.refusal("more bytes")
        self._at += count
        return taken
