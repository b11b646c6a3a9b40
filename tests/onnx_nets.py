"""Tiny ONNX nets of the signatures that detectors and nets of keypoints have, whose answers are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

_TYPES = {np.dtype(np.float32): TensorProto.FLOAT, np.dtype(np.int64): TensorProto.INT64}


def save(
    path: Path,
    nodes: list[onnx.NodeProto],
    *,
    picture: tuple[int | str, ...],
    outputs: dict[str, tuple[int | str, ...]],
    constants: dict[str, np.ndarray] | None = None,
    types: dict[str, int] | None = None,
) -> Path:
    """A checked net with the input ``picture`` of that shape."""
    types = types or {}
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("picture", TensorProto.FLOAT, list(picture))],
        [helper.make_tensor_value_info(n, types.get(n, TensorProto.FLOAT), list(s)) for n, s in outputs.items()],
        [numpy_helper.from_array(array, name) for name, array in (constants or {}).items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, path)
    return path


def constant(path: Path, picture: tuple[int | str, ...], **outputs: np.ndarray) -> Path:
    """Answers the same whatever it sees; the picture is used, if only times nothing."""
    nodes = [
        helper.make_node("ReduceMean", ["picture"], ["mean"], keepdims=0),
        helper.make_node("Mul", ["mean", "nothing"], ["zero"]),
    ]
    constants: dict[str, np.ndarray] = {"nothing": np.float32(0.0)}
    for name, array in outputs.items():
        constants[f"{name}_known"] = array
        if array.dtype == np.int64:
            nodes.append(helper.make_node("Identity", [f"{name}_known"], [name]))
        else:
            nodes.append(helper.make_node("Add", [f"{name}_known", "zero"], [name]))
    return save(
        path,
        nodes,
        picture=picture,
        outputs={name: array.shape for name, array in outputs.items()},
        constants=constants,
        types={name: _TYPES[array.dtype] for name, array in outputs.items()},
    )


def identity(path: Path, picture: tuple[int | str, ...]) -> Path:
    """Answers the picture as it comes to the net."""
    return save(path, [helper.make_node("Identity", ["picture"], ["same"])], picture=picture, outputs={"same": picture})


def brightness(path: Path, width: int, height: int, joints: int = 17) -> Path:
    """Heat maps of a quarter of the size: the mean of the first channel in each 4 x 4 pixels, alike for all joints."""
    nodes = [
        helper.make_node("Slice", ["picture", "from", "to", "axis"], ["first"]),
        helper.make_node("AveragePool", ["first"], ["small"], kernel_shape=[4, 4], strides=[4, 4]),
        helper.make_node("Tile", ["small", "repeats"], ["maps"]),
    ]
    constants = {"from": np.int64([0]), "to": np.int64([1]), "axis": np.int64([1])}
    return save(
        path,
        nodes,
        picture=(1, 3, height, width),
        outputs={"maps": (1, joints, height // 4, width // 4)},
        constants={**constants, "repeats": np.int64([1, joints, 1, 1])},
    )


def with_suppression(path: Path, picture: tuple[int | str, ...], boxes: np.ndarray, scores: np.ndarray) -> Path:
    """``dets`` [1, M, 5] and ``labels`` [1, M] as MMDeploy exports them: M is not known before the net has run."""
    nodes = [
        helper.make_node("ReduceMean", ["picture"], ["mean"], keepdims=0),
        helper.make_node("Mul", ["mean", "nothing"], ["zero"]),
        helper.make_node("Add", ["known", "zero"], ["boxes"]),
        helper.make_node("NonMaxSuppression", ["boxes", "scores", "most", "overlap", "least"], ["chosen"]),
        helper.make_node("Gather", ["chosen", "column"], ["rows"], axis=1),
        helper.make_node("Gather", ["boxes", "rows"], ["kept"], axis=1),
        helper.make_node("Transpose", ["scores"], ["upright"], perm=[0, 2, 1]),
        helper.make_node("Gather", ["upright", "rows"], ["sure"], axis=1),
        helper.make_node("Concat", ["kept", "sure"], ["dets"], axis=2),
        helper.make_node("Gather", ["classes", "rows"], ["labels"], axis=1),
    ]
    constants = {
        "nothing": np.float32(0.0),
        "known": boxes[None],
        "scores": scores[None, None],
        "most": np.int64([100]),
        "overlap": np.float32([0.6]),
        "least": np.float32([0.05]),
        "column": np.int64(2),
        "classes": np.zeros((1, len(boxes)), np.int64),
    }
    return save(
        path,
        nodes,
        picture=picture,
        outputs={"dets": (1, "people", 5), "labels": (1, "people")},
        constants=constants,
        types={"labels": TensorProto.INT64},
    )


def gaussian(width: int, height: int, x: float, y: float, spread: float) -> np.ndarray:
    """float32 [height, width] with its peak of 1 at column x, row y."""
    rows, columns = np.mgrid[:height, :width]
    return np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * spread * spread)).astype(np.float32)
