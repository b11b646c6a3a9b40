"""The reader of ``.tflite`` files and its conversion to torch, on small models written here."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from stream3d.errors import ModelError
from stream3d.nets.tflite import read_tflite
from stream3d.nets.tflite_torch import convert
from tests.flatbuffer_writer import Table
from tests.tflite_writer import Model

RNG = np.random.default_rng(5)
NONE, RELU6 = 0, 3
SAME, VALID = 0, 1


def conv(padding: int, stride: int, activation: int = NONE, *, depthwise: bool = False) -> dict[int, tuple[str, int]]:
    head = {0: ("b", padding), 1: ("i", stride), 2: ("i", stride)}
    if depthwise:
        return head | {3: ("i", 1), 4: ("b", activation), 5: ("i", 1), 6: ("i", 1)}
    return head | {3: ("b", activation), 4: ("i", 1), 5: ("i", 1)}


def normal(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape).astype(np.float32)


def add_conv(model: Model, source: int, shapes: tuple[tuple[int, ...], tuple[int, ...]], options: dict) -> int:
    """A convolution with weights of ``shapes[0]`` (O, kh, kw, I) to a tensor of ``shapes[1]``."""
    weight, bias = model.constant(normal(*shapes[0])), model.constant(normal(shapes[0][0]))
    return model.operator(3, (source, weight, bias), model.tensor(shapes[1]), options)


def reference(data: bytes, image: np.ndarray) -> np.ndarray:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=data, num_threads=1)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], image)
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])


def agrees(model: Model) -> None:
    """Our module and the reference interpreter say the same, the picture axes being moved where they are left."""
    data, image = model.bytes(), normal(*model.shape)
    (ours,) = convert(read_tflite(data))(torch.from_numpy(image).permute(0, 3, 1, 2))
    expected = reference(data, image)
    np.testing.assert_allclose(ours.permute(0, 2, 3, 1) if ours.ndim == 4 else ours, expected, atol=2e-5, rtol=1e-5)


@pytest.mark.parametrize("size", [(8, 8), (7, 9)])
@pytest.mark.parametrize("kernel", [2, 3, 5])
@pytest.mark.parametrize("stride", [1, 2])
def test_same_padding_is_tensorflows(size: tuple[int, int], kernel: int, stride: int) -> None:
    model = Model((1, *size, 2))
    out = (1, -(-size[0] // stride), -(-size[1] // stride), 3)
    add_conv(model, 0, ((3, kernel, kernel, 2), out), conv(SAME, stride, RELU6))
    agrees(model)


def test_explicit_padding_before_a_depthwise_convolution() -> None:
    model = Model((1, 8, 6, 4))
    amounts = model.constant([[0, 0], [1, 1], [2, 2], [0, 0]], "int32")
    padded = model.operator(34, (0, amounts), model.tensor((1, 10, 10, 4)))
    inputs = (padded, model.constant(normal(1, 3, 3, 4)), model.constant(normal(4)))
    model.operator(4, inputs, model.tensor((1, 4, 4, 4)), conv(VALID, 2, RELU6, depthwise=True))
    agrees(model)
    assert len(convert(read_tflite(model.bytes())).steps) == 1


def test_depth_to_space_keeps_tensorflows_channel_order() -> None:
    model = Model((1, 3, 4, 12))
    model.operator(5, (0,), model.tensor((1, 6, 8, 3)), {0: ("i", 2)})
    agrees(model)


def test_reshape_takes_pixels_before_channels() -> None:
    model = Model((1, 3, 2, 8))
    shape = model.constant([1, -1, 4], "int32")
    model.operator(22, (0, shape), model.tensor((1, 12, 4)))
    agrees(model)


def test_max_pool_add_and_logistic() -> None:
    model = Model((1, 4, 6, 3))
    options = {0: ("b", VALID), 1: ("i", 2), 2: ("i", 2), 3: ("i", 2), 4: ("i", 2), 5: ("b", NONE)}
    pooled = model.operator(17, (0,), model.tensor((1, 2, 3, 3)), options)
    shrunk = add_conv(model, 0, ((3, 1, 1, 3), (1, 2, 3, 3)), conv(VALID, 2))
    total = model.operator(0, (pooled, shrunk), model.tensor((1, 2, 3, 3)), {0: ("b", RELU6)})
    model.operator(14, (total,), model.tensor((1, 2, 3, 3)))
    agrees(model)


def test_enlarging_before_a_pointwise_convolution_is_moved_behind_it_and_changes_nothing() -> None:
    model = Model((1, 5, 4, 6))
    size = model.constant([10, 8], "int32")
    large = model.operator(23, (0, size), model.tensor((1, 10, 8, 6)), {2: ("B", 0), 3: ("B", 1)})
    add_conv(model, large, ((2, 1, 1, 6), (1, 10, 8, 2)), conv(VALID, 1, RELU6))
    agrees(model)
    assert [type(step).__name__ for step in convert(read_tflite(model.bytes())).steps] == ["Conv", "Resize"]


def test_outputs_that_are_not_asked_for_are_not_computed() -> None:
    model = Model((1, 4, 4, 2))
    first = add_conv(model, 0, ((3, 1, 1, 2), (1, 4, 4, 3)), conv(VALID, 1))
    second = add_conv(model, first, ((1, 1, 1, 3), (1, 4, 4, 1)), conv(VALID, 1))
    model.outputs = (first, second)
    graph = read_tflite(model.bytes())
    assert (len(convert(graph).steps), len(convert(graph, (0,)).steps)) == (2, 1)
    with pytest.raises(ModelError, match="has 2"):
        convert(graph, (2,))


def sparse_model(segments: list[int], indices: list[int], values: list[float]) -> Model:
    """Half-precision weights (3, 1, 1, 4): the first three axes dense, the last compressed."""
    dense = [Table({0: ("b", 0), 1: ("i", n)}) for n in (3, 1, 1)]
    packed = {
        2: ("B", 1),
        3: Table({0: np.array(segments, "<i4")}),
        4: ("B", 3),
        5: Table({0: np.array(indices, "u1")}),
    }
    axes = [*dense, Table({0: ("b", 1), **packed})]
    model = Model((1, 2, 2, 4))
    sparsity = Table({0: np.arange(4, dtype="<i4"), 2: axes})
    half = model.tensor((3, 1, 1, 4), "float16", values, sparsity)
    unfolded = model.operator(124, (half,), model.tensor((3, 1, 1, 4), "float16"))
    weight = model.operator(6, (unfolded,), model.tensor((3, 1, 1, 4)))
    model.operator(3, (0, weight, model.constant(np.zeros(3))), model.tensor((1, 2, 2, 3)), conv(VALID, 1))
    return model


def test_sparse_half_precision_weights_are_unfolded() -> None:
    graph = read_tflite(sparse_model([0, 2, 2, 3], [1, 3, 0], [0.5, -2, 4]).bytes())
    (operator,) = graph.operators
    weight = graph.tensors[operator.inputs[1]].data
    assert weight is not None
    assert weight.dtype == np.float32
    np.testing.assert_array_equal(weight.reshape(3, 4), [[0, 0.5, 0, -2], [0, 0, 0, 0], [4, 0, 0, 0]])


@pytest.mark.parametrize(
    ("segments", "indices"),
    [([0, 2, 2, 4], [1, 3, 0]), ([0, 2, 1, 3], [1, 3, 0]), ([0, 2, 2, 3], [1, 4, 0]), ([0, 3], [1, 3, 0]), ([], [])],
)
def test_sparse_indices_that_do_not_fit_are_refused(segments: list[int], indices: list[int]) -> None:
    with pytest.raises(ModelError, match="damaged model"):
        read_tflite(sparse_model(segments, indices, [0.5, -2, 4]).bytes())


def test_what_is_not_understood_is_named() -> None:
    model = Model((1, 4, 4, 2))
    model.operator(99, (0,), model.tensor((1, 4, 4, 2)))
    with pytest.raises(ModelError, match="operator 99"):
        read_tflite(model.bytes())
    with pytest.raises(ModelError, match="not a model"):
        read_tflite(b"\0" * 64)


def test_a_model_cannot_claim_endless_weights() -> None:
    model = sparse_model([0, 2, 2, 3], [1, 3, 0], [0.5, -2, 4])
    model.tensor((1 << 30, 1 << 30, 8), "float32", [1.0])
    with pytest.raises(ModelError, match="values"):
        read_tflite(model.bytes())


def test_weights_that_do_not_fit_their_convolution_are_refused() -> None:
    model = Model((1, 4, 4, 2))
    inputs = (0, model.constant(normal(3, 1, 1, 2)), model.constant(normal(4)))
    model.operator(3, inputs, model.tensor((1, 4, 4, 3)), conv(VALID, 1))
    with pytest.raises(ModelError, match="do not fit"):
        convert(read_tflite(model.bytes()))


SEEDS = [
    sparse_model([0, 2, 2, 3], [1, 3, 0], [0.5, -2, 4]).bytes(),
    sparse_model([0, 0, 1, 2], [1, 1], [1, 1]).bytes(),
]


@settings(max_examples=400, deadline=None)
@given(
    seed=st.sampled_from(SEEDS),
    changes=st.lists(st.tuples(st.integers(0, 4000), st.integers(0, 255)), min_size=1, max_size=8),
    length=st.integers(0, 4000),
    cut=st.booleans(),
)
def test_damaged_files_raise_model_error_or_are_read(
    seed: bytes, changes: list[tuple[int, int]], length: int, cut: bool
) -> None:
    data = bytearray(seed)
    for place, value in changes:
        data[place % len(data)] = value
    try:
        convert(read_tflite(bytes(data[: length % len(data)] if cut else data)))
    except ModelError:
        return


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=400))
def test_garbage_raises_model_error(garbage: bytes) -> None:
    with pytest.raises(ModelError):
        read_tflite(garbage[:4] + b"TFL3" + garbage[4:])
