"""Whether an ONNX file is what its TOML says, and what an engine needs to know of the two."""

from __future__ import annotations

import math

from stream3d.errors import ModelError
from stream3d.nets.onnx_file import OnnxFile, Shape
from stream3d.nets.spec import OnnxSpec, Pixels, TensorSpec
from stream3d.pose2d.own.cards import (
    BoxesCard,
    HeatmapCard,
    JointsCard,
    NetCard,
    OneStageCard,
    SimccCard,
    YoloxCard,
)


def spec_of(card: NetCard, file: OnnxFile) -> OnnxSpec:
    """The net as an engine is made of it; its outputs stand in the order of `wanted_outputs`.

    Raises:
        ModelError: the file's inputs or outputs are not those that the TOML speaks of.
    """
    width, height, planar = _input(card, file)
    outputs = []
    for name, shape in wanted_outputs(card, width, height):
        outputs.append(_output(file, name, shape))
    return OnnxSpec(
        name=file.path.stem,
        weights_hash=file.sha256,
        path=file.path,
        inputs=(TensorSpec(name="image", shape=(height, width, 3), dtype="uint8"),),
        outputs=tuple(outputs),
        pixels=Pixels(channels=card.channels, mean=card.mean, std=card.std, planar=planar),
    )


def wanted_outputs(card: NetCard, width: int, height: int) -> list[tuple[str, Shape]]:
    """The names of the outputs that a net of this kind must have for pictures of that size, and their shapes."""
    joints = card.joints.size if isinstance(card, JointsCard) else None
    match card:
        case YoloxCard():
            cells = sum(math.ceil(width / s) * math.ceil(height / s) for s in card.strides)
            return [(card.output, (1, cells, None))]
        case BoxesCard():
            return [(card.boxes, (1, None, 5)), *([(card.labels, (1, None))] if card.labels else [])]
        case SimccCard():
            across, down = (round(side * card.split_ratio) for side in (width, height))
            return [(card.x, (1, joints, across)), (card.y, (1, joints, down))]
        case HeatmapCard():
            return [(card.output, (1, joints, None, None))]
        case OneStageCard():
            return [(card.boxes, (1, None, 5)), (card.keypoints, (1, None, joints, 3))]
    raise ModelError(f"no kind of net: {card.kind!r}")


def _input(card: NetCard, file: OnnxFile) -> tuple[int, int, bool]:
    """(width, height, planar) of the only input."""
    if len(file.inputs) != 1:
        raise ModelError(
            f"{file.path} has the inputs {_listed(file.inputs)}; only nets that take one picture are taken"
        )
    shape = next(iter(file.inputs.values()))
    if shape and (len(shape) != 4 or (shape[1] not in (3, None) and shape[3] not in (3, None))):
        raise ModelError(f"{file.path} takes {_listed(file.inputs)}, which is no picture [1, 3, H, W] or [1, H, W, 3]")
    planar = not shape or shape[1] == 3 or shape[3] != 3
    height, width = (None, None) if not shape else (shape[2:] if planar else shape[1:3])
    if not card.size and (width is None or height is None):
        raise ModelError(f"{file.path} takes pictures of any size; say which in its TOML: size = [width, height]")
    said = card.size or (width, height)
    for got, want in ((width, said[0]), (height, said[1])):
        if got not in (None, want):
            raise ModelError(f"{file.path} takes {_listed(file.inputs)}, but its TOML says size = {list(said)}")
    return int(said[0] or 0), int(said[1] or 0), planar


def _output(file: OnnxFile, name: str, wanted: Shape) -> str:
    """The name of an output of that shape; an empty name is the only one there is."""
    if not name and len(file.outputs) == 1:
        name = next(iter(file.outputs))
    if name not in file.outputs:
        said = f"no output {name!r}" if name else "several outputs, and its TOML does not say which is meant"
        raise ModelError(f"{file.path} has {said}; it has {_listed(file.outputs)}")
    shape = file.outputs[name]
    if shape and not fits(shape, wanted):
        raise ModelError(f"{file.path}: by its TOML the output {name!r} is {_shape(wanted)}, but it is {_shape(shape)}")
    return name


def fits(shape: Shape, wanted: Shape) -> bool:
    """Whether a shape, sides of which may be open, can be the wanted one; the batch axis is left out."""
    if len(shape) != len(wanted):
        return False
    return all(None in (got, want) or got == want for got, want in zip(shape[1:], wanted[1:], strict=True))


def _listed(tensors: dict[str, Shape]) -> str:
    return ", ".join(f"{name!r} {_shape(shape)}" for name, shape in tensors.items())


def _shape(shape: Shape) -> str:
    return "[" + ", ".join("?" if side is None else str(side) for side in shape) + "]" if shape else "of unknown shape"
