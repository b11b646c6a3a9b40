"""Human3.6M: the community's ``.npz`` pair, and ``.h5`` files with ``2d_keypoints`` and ``3d_keypoints``.

An ``.h5`` holds the two at its root or in groups, one per sequence, such as ``S9/Walking 1/54138969``: pixels [N, J, 2
or 3] or [N, J * 2], and joints [N, J, 3] or [N, J * 3] in any unit, in camera space or about the pelvis. Attributes
``layout``, ``fps``, ``width``, ``height``, ``subject`` and ``action``, of the file or of a group, overrule what is
assumed: h36m17, 50 fps, 1000 × 1000 pixels, the names of the groups.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from stream3d.errors import LayoutError, TrackFileError
from stream3d.skeleton import H36M17, Layout
from train.data.bodies import in_metres
from train.data.community import Facts, poses2d, read_pair
from train.data.fitted_camera import fit_intrinsics
from train.data.hdf5 import numbers, opened
from train.data.layouts import H36M16, H36M32, layout_named
from train.data.motions import MotionClip, MotionSet, convert_joints
from train.data.values import Float32, Poses2DSet, with_gaps

FACTS = Facts(
    name="human36m",
    fps=50.0,
    layouts=(H36M32, H36M17, H36M16),
    views=(
        ("54138969", 1000, 1002),
        ("55011271", 1000, 1000),
        ("58860488", 1000, 1000),
        ("60457274", 1000, 1002),
    ),
    held_out=frozenset({"S9", "S11"}),
)
_MOST_GROUPS = 20_000
_ROOT_M = 0.02


def read_npz(path_3d: Path, path_2d: Path | None = None) -> MotionSet:
    """``data_3d_h36m.npz``, and perhaps one of ``data_2d_h36m_*.npz``; S9 and S11 are held out.

    Raises:
        TrackFileError: a file is malformed, or the two do not belong together.
    """
    return read_pair(path_3d, path_2d, FACTS)


def read_poses2d(path: Path) -> Poses2DSet:
    """All poses of a ``data_2d_h36m_*.npz``.

    Raises:
        TrackFileError: the file is malformed.
    """
    return poses2d(path, FACTS)


def read_h5(path: Path, layout: str | None = None) -> MotionSet:
    """Clips of an ``.h5`` that holds ``3d_keypoints``, with ``2d_keypoints`` where they are beside them.

    Raises:
        TrackFileError: the file is malformed, or holds no human bodies in the order of ``layout``.
        LayoutError: ``layout`` is unknown.
    """
    with opened(path) as file:
        groups = [group for group in _groups(path, file) if "3d_keypoints" in group]
        clips = tuple(_clip(path, group, layout) for group in groups)
    if not clips:
        raise TrackFileError(f"{path}: holds no `3d_keypoints`, neither at its root nor in a group")
    return MotionSet(name=FACTS.name, clips=clips, held_out=FACTS.held_out)


def read_h5_poses2d(path: Path, layout: str | None = None) -> Poses2DSet:
    """All ``2d_keypoints`` of an ``.h5`` as single poses.

    Raises:
        TrackFileError: the file is malformed.
        LayoutError: ``layout`` is unknown.
    """
    with opened(path) as file:
        groups = [group for group in _groups(path, file) if "2d_keypoints" in group]
        known = {_layout(path, group, layout) for group in groups}
        if len(known) != 1:
            raise TrackFileError(f"{path}: holds `2d_keypoints` in {len(known)} layouts; one can be read at a time")
        kind = known.pop()
        people = [_pixels(path, group, kind) for group in groups]
        sizes = [
            np.tile(np.array(_size(group), np.int32), (len(some), 1))
            for group, some in zip(groups, people, strict=True)
        ]
        names = tuple(
            f"{group.name}/{i:06d}" for group, some in zip(groups, people, strict=True) for i in range(len(some))
        )
    return Poses2DSet(keypoints=np.concatenate(people), layout=kind, images=names, sizes=np.concatenate(sizes))


def _groups(path: Path, group: h5py.Group, depth: int = 0) -> Iterator[h5py.Group]:
    """The group and those below it that lie in this file, at most four levels down."""
    yield group
    names = list(group)
    if len(names) > _MOST_GROUPS:
        raise TrackFileError(f"{path}: `{group.name}` holds {len(names)} entries; at most {_MOST_GROUPS} are read")
    for name in sorted(names):
        inside = isinstance(group.get(name, getlink=True), h5py.HardLink)
        if (
            inside
            and depth < 4
            and isinstance(group.get(name, getclass=True), type)
            and group.get(name, getclass=True) is h5py.Group
        ):
            yield from _groups(path, group[name], depth + 1)


def _said(group: h5py.Group, name: str) -> Any:
    """An attribute of the group or of one above it, text decoded; None if nobody says."""
    here = group
    while True:
        if name in here.attrs:
            value = here.attrs[name]
            return value.decode("utf-8", "replace") if isinstance(value, bytes) else value
        if here.name == "/":
            return None
        here = here.parent


def _layout(path: Path, group: h5py.Group, layout: str | None) -> Layout:
    name = layout or _said(group, "layout") or H36M17.name
    try:
        return layout_named(str(name))
    except LayoutError as error:
        raise TrackFileError(f"{path}: {error}") from error


def _size(group: h5py.Group) -> tuple[int, int]:
    return int(_said(group, "width") or 1000), int(_said(group, "height") or 1000)


def _shaped(
    path: Path, group: h5py.Group, name: str, layout: Layout, widths: tuple[int, ...]
) -> npt.NDArray[np.floating]:
    """The array [N, J, width] of a data set that may be flat."""
    table = numbers(path, group, name)
    for width in widths:
        if table.ndim == 3 and table.shape[1:] == (layout.size, width):
            return table
        if table.ndim == 2 and table.shape[1] == layout.size * width:
            return table.reshape(len(table), layout.size, width)
    said = f"[N, {layout.size}, {' or '.join(map(str, widths))}] of {layout.name}"
    raise TrackFileError(f"{path}: `{group.name}/{name}` must be {said}, flat or not; it is {list(table.shape)}")


def _pixels(path: Path, group: h5py.Group, layout: Layout) -> Float32:
    table = _shaped(path, group, "2d_keypoints", layout, (2, 3))
    score = table[..., 2] if table.shape[2] == 3 else np.ones(table.shape[:2])
    return with_gaps(table[..., :2], score)


def _clip(path: Path, group: h5py.Group, layout: str | None) -> MotionClip:
    kind = _layout(path, group, layout)
    what = f"{path}: {group.name}"
    joints = in_metres(_shaped(path, group, "3d_keypoints", kind, (3,)), kind, what)
    keypoints = _pixels(path, group, kind) if "2d_keypoints" in group else None
    if keypoints is not None and len(keypoints) != len(joints):
        raise TrackFileError(f"{what}: {len(keypoints)} 2D poses beside {len(joints)} 3D poses")
    space, camera = _space(joints, kind), None
    if keypoints is not None and space == "camera":
        camera = fit_intrinsics(joints, keypoints[..., :2], _size(group), what).camera
    words = [word for word in group.name.split("/") if word]
    subject = str(_said(group, "subject") or (words[0] if words else path.stem))
    action = str(_said(group, "action") or "/".join(words[1:]) or "all")
    return MotionClip(
        joints=joints,
        layout=kind,
        space=space,
        fps=float(_said(group, "fps") or FACTS.fps),
        subject=subject,
        action=action,
        keypoints=keypoints,
        keypoint_layout=None if keypoints is None else kind,
        camera=camera,
    )


def _space(joints: Float32, layout: Layout) -> str:
    """Where the joints stand: about their pelvis, in front of a camera, or in a world."""
    pelvis = convert_joints(joints, layout, H36M17)[:, 0]
    if np.nanmax(np.abs(pelvis)) < _ROOT_M:
        return "root"
    return "camera" if np.nanmin(joints[..., 2]) > 0.3 and np.nanmedian(pelvis[:, 2]) > 1.5 else "world"
