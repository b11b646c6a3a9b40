"""The pair of ``.npz`` files that the community makes of Human3.6M and of HumanEva: 3D in one, 2D in the other.

Layout of the files as VideoPose3D's ``prepare_data_*.py`` write them: ``positions_3d`` is {subject: {action: float32
[T, J, 3] metres, world, z up}}, ``positions_2d`` {subject: {action: [one float32 [T, J, 2] pixels per camera]}}, and
``metadata`` {"layout_name" (not in every file), "num_joints", "keypoints_symmetry": [left, right]}. They are pickled;
nothing is unpickled. The cameras are in no file: they are fitted to the pairs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from stream3d.errors import TrackFileError
from stream3d.skeleton import COCO17, H36M17, MPII16, Layout, convert
from train.data.bodies import in_metres
from train.data.fitted_camera import FittedCamera, fit_camera
from train.data.layouts import HUMANEVA15, HUMANEVA20
from train.data.motions import MotionClip, MotionSet, convert_joints
from train.data.objects import members, read_object
from train.data.values import Float32, Int32, Poses2DSet, with_gaps

# Only joints that every layout means alike: noses and spines would bend the camera.
_FITTED = [i for i, name in enumerate(H36M17.names) if name.split("_")[0] in ("left", "right")]
_KINDS_2D = {"h36m": H36M17, "mpii": MPII16, "coco": COCO17, "humaneva15": HUMANEVA15, "humaneva20": HUMANEVA20}
_LONGEST = 5_000_000

Table = dict[tuple[str, str], Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """What the files of a set do not say. ``views`` are (name, width, height) in the files' order of cameras."""

    name: str
    fps: float
    layouts: tuple[Layout, ...]
    views: tuple[tuple[str, int, int], ...]
    held_out: frozenset[str]


def _table(path: Path, member: str) -> Table:
    """Values by (subject, action)."""
    content = read_object(path, member)
    if not isinstance(content, dict) or not all(isinstance(actions, dict) for actions in content.values()):
        raise TrackFileError(f"{path}: `{member}` is not a dict of subjects with a dict of actions each")
    return {(str(who), str(what)): value for who, actions in content.items() for what, value in actions.items()}


def _numbers(path: Path, value: Any, last: int, what: str) -> npt.NDArray[np.floating]:
    if not isinstance(value, np.ndarray) or value.dtype.kind != "f" or value.ndim != 3 or len(value) > _LONGEST:
        said = f"{getattr(value, 'dtype', type(value).__name__)} {list(getattr(value, 'shape', ()))}"
        raise TrackFileError(f"{path}: {what} must be floats [T, J, {last}], not {said}")
    if value.shape[2] not in (last, 3):
        raise TrackFileError(f"{path}: {what} must be floats [T, J, {last}], not {list(value.shape)}")
    return value


def read_3d(path: Path, facts: Facts) -> dict[tuple[str, str], tuple[Float32, Layout]]:
    """World joints in metres and their layout, by (subject, action).

    Raises:
        TrackFileError: the file is malformed, or holds no human bodies.
    """
    out, known = {}, {layout.size: layout for layout in facts.layouts}
    for key, value in _table(path, "positions_3d").items():
        what = " ".join(key)
        joints = _numbers(path, value, 3, what)
        layout = known.get(joints.shape[1])
        if layout is None:
            said = ", ".join(f"{layout.size} ({layout.name})" for layout in facts.layouts)
            raise TrackFileError(f"{path}: {what} has {joints.shape[1]} joints; {facts.name} comes with {said}")
        out[key] = (in_metres(joints, layout, f"{path}: {what}"), layout)
    return out


def layout_2d(path: Path) -> Layout:
    """The layout of a file's 2D poses, by the name in its metadata or by which joints they call left and right.

    Raises:
        TrackFileError: the metadata does not tell.
    """
    metadata = read_object(path, "metadata") if "metadata" in members(path) else {}
    name = metadata.get("layout_name") if isinstance(metadata, dict) else None
    if name in _KINDS_2D:
        return _KINDS_2D[name]
    sides = metadata.get("keypoints_symmetry") if isinstance(metadata, dict) else None
    for layout in _KINDS_2D.values():
        if sides is not None and [list(map(int, side)) for side in sides] == _sides(layout):
            return layout
    raise TrackFileError(f"{path}: its metadata tells no known layout: {metadata!r:.200}")


def _sides(layout: Layout) -> list[list[int]]:
    return [[i for i in range(layout.size) if layout.side(i) == side] for side in ("left", "right")]


def read_2d(path: Path) -> tuple[dict[tuple[str, str], list[Float32]], Layout]:
    """Keypoints float32 [T, J, 3] of each camera by (subject, action), and their layout.

    Raises:
        TrackFileError: the file is malformed.
    """
    layout, out = layout_2d(path), {}
    for key, views in _table(path, "positions_2d").items():
        arrays = [_numbers(path, view, 2, " ".join(key)) for view in views if view is not None]
        if any(view.shape[1] != layout.size for view in arrays):
            raise TrackFileError(
                f"{path}: {' '.join(key)} has {arrays[0].shape[1]} joints, {layout.name} {layout.size}"
            )
        ones = [view[..., 2] if view.shape[2] == 3 else np.ones(view.shape[:2]) for view in arrays]
        out[key] = [with_gaps(view[..., :2], score) for view, score in zip(arrays, ones, strict=True)]
    return out, layout


def _fitted(
    path: Path, facts: Facts, world: dict[tuple[str, str], tuple[Float32, Layout]], seen: Table, layout: Layout
) -> dict[tuple[str, int], FittedCamera]:
    """The camera of each (subject, view), fitted over all that the subject did."""
    pairs: dict[tuple[str, int], list[tuple[Float32, Float32]]] = {}
    for key in world.keys() & seen.keys():
        joints, kind = world[key]
        step = max(1, len(joints) // 200)
        body = convert_joints(joints[::step], kind, H36M17)[:, _FITTED]
        for view, keypoints in enumerate(seen[key]):
            pixels = convert(keypoints[: len(joints)][::step], layout, H36M17)[:, _FITTED, :2]
            pairs.setdefault((key[0], view), []).append((body[: len(pixels)], pixels))
    out = {}
    for (subject, view), some in pairs.items():
        what = f"{path}: {subject}, camera {view}"
        if view >= len(facts.views):
            raise TrackFileError(f"{what}: {facts.name} has {len(facts.views)} cameras")
        joints, pixels = (np.concatenate(part) for part in zip(*some, strict=True))
        out[subject, view] = fit_camera(joints, pixels, facts.views[view][1:], what)
    return out


def read_pair(path_3d: Path, path_2d: Path | None, facts: Facts) -> MotionSet:
    """Clips in world space, or, with the 2D file, one per camera in its space with the keypoints beside it.

    Raises:
        TrackFileError: a file is malformed, or the two do not belong together.
    """
    world = read_3d(path_3d, facts)
    if path_2d is None:
        clips = [_world(key, joints, layout, facts) for key, (joints, layout) in world.items()]
        return MotionSet(name=facts.name, clips=tuple(clips), held_out=facts.held_out)
    seen, layout = read_2d(path_2d)
    cameras = _fitted(path_2d, facts, world, seen, layout)
    clips = []
    for key in world.keys() & seen.keys():
        for view, keypoints in enumerate(seen[key]):
            base = _world(key, *world[key], facts)
            clips.append(_seen(base, keypoints, layout, cameras[key[0], view], facts.views[view][0]))
    if not clips:
        raise TrackFileError(f"{path_2d}: has no subject and action in common with {path_3d}")
    clips.sort(key=lambda clip: (clip.subject, clip.action, clip.view))
    return MotionSet(name=facts.name, clips=tuple(clips), held_out=facts.held_out)


def _world(key: tuple[str, str], joints: Float32, layout: Layout, facts: Facts) -> MotionClip:
    part, _, subject = key[0].rpartition("/")
    action = f"{part}/{key[1]}" if part else key[1]
    return MotionClip(joints=joints, layout=layout, space="world", fps=facts.fps, subject=subject, action=action)


def _seen(clip: MotionClip, keypoints: Float32, layout: Layout, fitted: FittedCamera, view: str) -> MotionClip:
    """Detections may run on past the motion; what has no partner is left out."""
    count = min(len(clip), len(keypoints))
    return MotionClip(
        joints=fitted.in_camera(clip.joints[:count]),
        layout=clip.layout,
        space="camera",
        fps=clip.fps,
        subject=clip.subject,
        action=clip.action,
        view=view,
        keypoints=keypoints[:count],
        keypoint_layout=layout,
        camera=fitted.camera,
    )


def poses2d(path: Path, facts: Facts) -> Poses2DSet:
    """All the 2D poses of the file as single poses, named ``subject/action/view/frame``.

    Raises:
        TrackFileError: the file is malformed.
    """
    seen, layout = read_2d(path)
    names: list[str] = []
    sizes: list[Int32] = []
    for key, view, keypoints in _views(seen):
        name, *size = facts.views[min(view, len(facts.views) - 1)]
        names += [f"{key[0]}/{key[1]}/{name}/{frame:06d}" for frame in range(len(keypoints))]
        sizes.append(np.tile(np.array(size, np.int32), (len(keypoints), 1)))
    people = [keypoints for _, _, keypoints in _views(seen)]
    if not people:
        raise TrackFileError(f"{path}: holds no poses")
    return Poses2DSet(keypoints=np.concatenate(people), layout=layout, images=tuple(names), sizes=np.concatenate(sizes))


def _views(seen: dict[tuple[str, str], list[Float32]]) -> Iterator[tuple[tuple[str, str], int, Float32]]:
    for key, views in seen.items():
        for view, keypoints in enumerate(views):
            yield key, view, keypoints
