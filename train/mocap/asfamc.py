"""Acclaim ASF (skeleton) and AMC (motion), as used by CMU and HDM05.

The joint named after a bone is the bone's far end; ``root`` is the root itself. Method: J. Lander, "Working with motion
capture file formats", Game Developer, January 1998: a bone's local rotation is C M C⁻¹ with the bone's axis frame C.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stream3d.errors import TrackFileError
from train.mocap.damage import check_size, told_as
from train.mocap.kinematics import euler, forward
from train.mocap.motion import Z_UP_FROM_Y_UP, Float64, Motion

INCH_M = 0.0254


@dataclass(frozen=True, kw_only=True, slots=True)
class _Bone:
    """``offset`` [3] metres in the rest pose, ``frame`` [3, 3] its axis frame, ``dofs`` such as ``rx ry rz``."""

    name: str
    offset: Float64
    frame: Float64
    dofs: tuple[str, ...]


def _text(source: Path | str) -> str:
    return source.read_text(encoding="latin-1") if isinstance(source, Path) else source


def _section(text: str, name: str) -> str:
    found = re.search(rf"^:{name}\b(.*?)(?=^:|\Z)", text, re.MULTILINE | re.DOTALL)
    if found is None:
        raise TrackFileError(f"this ASF skeleton has no section :{name}; is it an ASF file?")
    return found[1]


def _radians(words: list[str]) -> Float64:
    return np.radians([float(word) for word in words])


def _bone(block: str, scale: float) -> _Bone:
    fields = {line.split()[0]: line.split()[1:] for line in block.splitlines() if line.strip()}
    direction = np.array([float(word) for word in fields["direction"]])
    axis = fields["axis"]
    return _Bone(
        name=fields["name"][0],
        offset=direction * float(fields["length"][0]) * scale,
        frame=euler(axis[3].lower()[::-1], _radians(axis[2::-1])),
        dofs=tuple(word.lower() for word in fields.get("dof", [])),
    )


def _skeleton(text: str) -> tuple[list[_Bone], tuple[int, ...], float]:
    """Bones with the root first and parents before children, their parents, and metres per unit."""
    length = re.search(r"\blength\s+(\S+)", _section(text, "units"))
    scale = INCH_M / float(length[1]) if length else INCH_M
    order = re.search(r"\border\s+([^\n]+)", _section(text, "root"))
    root_dofs = tuple((order[1] if order else "TX TY TZ RX RY RZ").lower().split())
    root = _Bone(name="root", offset=np.zeros(3), frame=np.eye(3), dofs=root_dofs)
    # One pattern for both ends would look for the second anew behind every first one.
    blocks = [
        re.split(r"\bend\b", part, maxsplit=1)[0] for part in re.split(r"\bbegin\b", _section(text, "bonedata"))[1:]
    ]
    bones = {bone.name: bone for bone in (_bone(block, scale) for block in blocks)}
    order_names, parents = ["root"], [-1]
    for line in _section(text, "hierarchy").splitlines():
        parent, *children = line.split() or ["begin"]
        order_names += children
        check_size("ASF", 1, len(order_names))
        parents += [order_names.index(parent)] * len(children) if children else []
    return [root, *(bones[name] for name in order_names[1:])], tuple(parents), scale


def _channels(text: str, bones: list[_Bone]) -> dict[str, Float64]:
    """Values [T, dofs] of each bone that the AMC file moves."""
    first = re.search(r"^1\s*$", text, re.MULTILINE)
    body = text[first.start() :] if first else ""
    names = re.findall(r"^[A-Za-z]\w*", body, re.MULTILINE)
    moved = names[: names.index(names[0], 1)] if names[:1] and names.count(names[0]) > 1 else names
    dofs = {bone.name: len(bone.dofs) for bone in bones}
    width = 1 + sum(dofs.get(name, 0) for name in moved)
    values = np.array(re.sub(r"^[A-Za-z]\w*", "", body, flags=re.MULTILINE).split(), np.float64)
    frames, rest = divmod(len(values), width)
    if not moved or rest or names != moved * frames or any(name not in dofs for name in moved):
        raise TrackFileError(f"this AMC motion does not fit its skeleton: {len(values)} values, {width} a frame")
    table = values.reshape(frames, width)
    ends = np.cumsum([1, *(dofs[name] for name in moved)])
    return {name: table[:, ends[i] : ends[i + 1]] for i, name in enumerate(moved)}


def _local(bone: _Bone, values: Float64) -> Float64:
    """Rotations [T, 3, 3] of a bone in its parent: the last degree of freedom is the outermost."""
    turns = [place for place, dof in enumerate(bone.dofs) if dof.startswith("r")][::-1]
    moved = euler("".join(bone.dofs[place][1] for place in turns), np.radians(values[:, turns]))
    return bone.frame @ moved @ bone.frame.T


def read_asf_amc(asf: Path | str, amc: Path | str, *, fps: float = 120.0, subject: str = "", trial: str = "") -> Motion:
    """Read one take.

    ``asf`` and ``amc`` are paths, or the files' text as ``str``. AMC states no frame rate: CMU's is 120.

    Raises:
        TrackFileError: a section is missing, the motion does not fit the skeleton, or something in it is damaged.
    """
    with told_as("take of ASF and AMC"):
        return _read(_text(asf), _text(amc), fps=fps, subject=subject, trial=trial)


def _read(asf: str, amc: str, *, fps: float, subject: str, trial: str) -> Motion:
    bones, parents, scale = _skeleton(asf)
    channels = _channels(amc, bones)
    frames = len(channels["root"])
    check_size("AMC", frames, len(bones))
    rotations = np.empty((frames, len(bones), 3, 3))
    for joint, bone in enumerate(bones):
        values = channels.get(bone.name)
        local = np.eye(3) if values is None else _local(bone, values)
        rotations[:, joint] = local if joint == 0 else rotations[:, parents[joint]] @ local
    shift = [bones[0].dofs.index(name) for name in ("tx", "ty", "tz")]
    root = channels["root"][:, shift] * scale
    joints = forward(root, rotations, np.array([bone.offset for bone in bones]), parents)
    up = Z_UP_FROM_Y_UP
    return Motion(
        joints=(joints @ up.T).astype(np.float32),
        rotations=(up @ rotations @ up.T).astype(np.float32),
        names=tuple(bone.name for bone in bones),
        parents=parents,
        fps=fps,
        subject=subject,
        trial=trial,
    )
