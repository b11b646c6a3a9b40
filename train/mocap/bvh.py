"""Biovision hierarchy (BVH) files.

A joint stands at its own name (unlike ASF, where the bone's far end does); an end site is ``NAME_end``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from stream3d.errors import TrackFileError
from train.mocap.damage import check_size, told_as
from train.mocap.kinematics import euler
from train.mocap.motion import Z_UP_FROM_Y_UP, Float64, Motion


@dataclass(frozen=True, kw_only=True, slots=True)
class _Tree:
    """``offsets`` [J] of 3 file units from the parent; ``channels`` such as ``Xposition`` per joint."""

    names: list[str] = field(default_factory=list)
    parents: list[int] = field(default_factory=list)
    offsets: list[list[float]] = field(default_factory=list)
    channels: list[tuple[str, ...]] = field(default_factory=list)

    def add(self, name: str, parent: int) -> int:
        self.names.append(name)
        self.parents.append(parent)
        self.offsets.append([0.0, 0.0, 0.0])
        self.channels.append(())
        return len(self.names) - 1


def _tree(text: str) -> _Tree:
    tree, stack, joint = _Tree(), [], -1
    for line in text.splitlines():
        match line.split():
            case ["ROOT" | "JOINT", name, *_]:
                joint = tree.add(name, stack[-1] if stack else -1)
            case ["End", *_]:
                joint = tree.add(f"{tree.names[stack[-1]]}_end", stack[-1])
            case ["{"]:
                stack.append(joint)
            case ["}"]:
                stack.pop()
            case ["OFFSET", *numbers]:
                tree.offsets[joint] = [float(number) for number in numbers[:3]]
            case ["CHANNELS", _, *names]:
                tree.channels[joint] = tuple(names)
    if not tree.names or stack:
        raise TrackFileError("this BVH has no complete HIERARCHY: a ROOT is missing or a brace is not closed")
    return tree


def _table(text: str, width: int) -> tuple[Float64, float]:
    """Channel values [T, width] and the stated frame rate."""
    found = re.search(r"Frames:\s*(\d+)\s+Frame Time:\s*(\S+)(.*)", text, re.DOTALL)
    if found is None:
        raise TrackFileError("this BVH has no MOTION section with `Frames:` and `Frame Time:`")
    values = np.array(found[3].split(), np.float64)
    if len(values) != int(found[1]) * width:
        raise TrackFileError(f"this BVH promises {found[1]} frames of {width} values, but holds {len(values)} values")
    return values.reshape(-1, width), 1.0 / float(found[2])


def _poses(tree: _Tree, table: Float64) -> tuple[Float64, Float64]:
    """Global positions [T, J, 3] in file units and orientations [T, J, 3, 3]."""
    joints = np.empty((len(table), len(tree.names), 3))
    turned = np.empty((*joints.shape, 3))
    column = 0
    for joint, parent in enumerate(tree.parents):
        names = tree.channels[joint]
        values = table[:, column : column + len(names)]
        column += len(names)
        turns = [place for place, name in enumerate(names) if name.endswith("rotation")]
        local = euler("".join(names[place][0].lower() for place in turns), np.radians(values[:, turns]))
        moved = [names.index(f"{axis}position") for axis in "XYZ" if f"{axis}position" in names]
        shift = values[:, moved] if parent < 0 and len(moved) == 3 else np.array(tree.offsets[joint])
        joints[:, joint] = shift if parent < 0 else joints[:, parent] + turned[:, parent] @ shift
        turned[:, joint] = local if parent < 0 else turned[:, parent] @ local
    return joints, turned


UP = {"y": Z_UP_FROM_Y_UP, "z": np.eye(3)}


def read_bvh(
    bvh: Path | str,
    *,
    metres: float,
    fps: float | None = None,
    subject: str = "",
    trial: str = "",
    up: str = "y",
) -> Motion:
    """Read one file whose ``up`` axis, ``y`` or ``z``, points up.

    ``bvh`` is a path, or the file's text as ``str``; ``metres`` is the length of the file's unit; ``fps`` overrules the
    stated rate. The first frame, often a T-pose that is no motion, is dropped.

    Raises:
        TrackFileError: the hierarchy or the motion is incomplete, damaged, or larger than ``check_size`` allows.
    """
    text = bvh.read_text(encoding="latin-1") if isinstance(bvh, Path) else bvh
    head, _, tail = text.partition("MOTION")
    turn = UP[up]
    with told_as("BVH"):
        tree = _tree(head)
        table, stated = _table(tail, sum(len(names) for names in tree.channels))
        check_size("BVH", len(table), len(tree.names))
        joints, turned = _poses(tree, table[1:])
        return Motion(
            joints=(joints * metres @ turn.T).astype(np.float32),
            rotations=(turn @ turned @ turn.T).astype(np.float32),
            names=tuple(tree.names),
            parents=tuple(tree.parents),
            fps=fps or stated,
            subject=subject,
            trial=trial,
        )
