"""Each single camera's 3D against four cameras together: ``python -m benchmarks.multiview --data DIR [--lifter FILE]``.

``DIR/multiview`` holds ``Calib.qca.txt`` and one synchronous video per camera, named after it. The project's own 2D
runs on each; triangulated, with left and right untangled, it stands for the truth of twelve limb joints. Each camera's
lifted skeleton knows its intrinsics and nothing of the others. All about the pelvis and in the axes of the world, so
that a wrong tilt counts. ``--lifter NAME=FILE`` may be given several times.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.common import make_parser, table, write_json
from benchmarks.lifters import named
from benchmarks.lifting import Seen, add_nets, lift, pose_settings, see
from benchmarks.qualisys import View, read_calibration
from benchmarks.slips import LIMBS, untangled
from benchmarks.triangulate import triangulated
from stream3d.skeleton import BLAZEPOSE33, H36M17
from stream3d.values import Poses3D
from train import metrics

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

_IN_2D = [BLAZEPOSE33.names.index(name) for name in LIMBS]
_IN_3D = [H36M17.names.index(name) for name in LIMBS]
JUDGED = [0, *_IN_3D]
_HIPS = [LIMBS.index("left_hip"), LIMBS.index("right_hip")]
_BONES = [(a, b) for a, b in H36M17.bones if a in _IN_3D and b in _IN_3D]
COLUMNS = ("frames", "slipped_%", "reprojection_px", "pa_mpjpe", "pa_mpjpe_unslipped", "mpjpe", "mpjpe_scaled")
MORE_COLUMNS = ("root_m", "root_scaled_m", "inconstancy_%")


@dataclass(frozen=True, kw_only=True, slots=True)
class Truth:
    """What the cameras say together.

    ``joints`` float64 [T, 17, 3] metres, world; NaN but for JUDGED. ``errors`` [T, 12, C] pixels of reprojection;
    ``slipped`` bool [T, C]: this camera's 2D took left for right.
    """

    joints: Floats
    errors: Floats
    slipped: Bools


@dataclass(frozen=True, kw_only=True, slots=True)
class Lifted:
    """One lifter's skeletons: ``joints`` float64 [C, T, 17, 3] metres, world; NaN where nobody was lifted."""

    joints: Floats

    @property
    def relative(self) -> Floats:
        """About the pelvis."""
        return self.joints - self.joints[:, :, :1]


def main(argv: Sequence[str] | None = None) -> None:
    """See, triangulate, lift, compare."""
    parser = make_parser(__doc__)
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="folder with multiview/")
    parser.add_argument("--lifter", action="append", metavar="NAME=FILE", help="weights (default: those that ship)")
    parser.add_argument("--frames", type=int, metavar="N", help="no more than the first N")
    add_nets(parser)
    given = parser.parse_args(argv)
    folder = given.data / "multiview"
    views = read_calibration(folder / "Calib.qca.txt")
    seen = [see(folder / f"{view.name}.mp4", given.frames, pose_settings(given)) for view in views]
    truth = together(seen, views)
    results: dict[str, Any] = {"triangulation": of_triangulation(truth, views), "lifters": {}}
    for name, path in map(named, given.lifter or ["default"]):
        poses = [lift(those, path, view.camera) for those, view in zip(seen, views, strict=True)]
        lifted = in_world(poses, views)
        results["lifters"][name] = compared(lifted, truth, views)
        _draw(given.out / f"multiview-{name}.png", folder, seen, views, truth, lifted)
    write_json("multiview", results, given.out)
    print(report(results))


def keypoints_of(seen: Sequence[Seen]) -> tuple[Floats, Floats]:
    """Pixels [T, 12, C, 2] and scores [T, 12, C] of LIMBS, of whoever was seen longest by each camera."""
    frames = min(len(those.tracks) for those in seen)
    pixels = np.full((frames, len(LIMBS), len(seen), 2), np.nan)
    scores = np.zeros(pixels.shape[:-1])
    for camera, those in enumerate(seen):
        person = longest([tracks.person for tracks in those.tracks])
        for frame, tracks in enumerate(those.tracks[:frames]):
            for row in np.flatnonzero(tracks.person == person):
                keypoints = tracks.keypoints[row, _IN_2D]
                pixels[frame, :, camera], scores[frame, :, camera] = keypoints[:, :2], keypoints[:, 2]
    return pixels, scores


def longest(people: Sequence[npt.NDArray[np.int64]]) -> int:
    """Who is there in most frames.

    Raises:
        SystemExit: nobody is.
    """
    every = np.concatenate(people)
    if not len(every):
        raise SystemExit("one camera sees nobody; there is nothing to compare")
    return int(np.bincount(every).argmax())


def together(seen: Sequence[Seen], views: Sequence[View]) -> Truth:
    """The twelve limb joints and the middle of the hips, triangulated."""
    pixels, weights, slipped = untangled(*keypoints_of(seen), views)
    frames, cameras = len(pixels), len(views)
    points, errors = triangulated(pixels.reshape(-1, cameras, 2), weights.reshape(-1, cameras), views)
    limbs = points.reshape(frames, len(LIMBS), 3)
    joints = np.full((frames, H36M17.size, 3), np.nan)
    joints[:, _IN_3D] = limbs
    joints[:, 0] = limbs[:, _HIPS].mean(1)
    return Truth(joints=joints, errors=errors.reshape(frames, len(LIMBS), cameras), slipped=np.asarray(slipped.any(1)))


def in_world(poses: Sequence[Sequence[Poses3D]], views: Sequence[View]) -> Lifted:
    """Every camera's longest-seen person in the world's axes."""
    frames = min(len(those) for those in poses)
    joints = np.full((len(views), frames, H36M17.size, 3), np.nan)
    for camera, (those, view) in enumerate(zip(poses, views, strict=True)):
        person = longest([lifted.person for lifted in those])
        for frame, lifted in enumerate(those[:frames]):
            for row in np.flatnonzero(lifted.person == person):
                joints[camera, frame] = view.to_world(lifted.joints[row].astype(np.float64))
    return Lifted(joints=joints)


def of_triangulation(truth: Truth, views: Sequence[View]) -> dict[str, Any]:
    """How good the truth is: reprojection errors are its floor."""
    known = np.isfinite(truth.joints[:, JUDGED]).all((1, 2))
    joints = truth.joints[known]
    limbs = np.stack([view.from_world(joints[:, _IN_3D])[..., 2] / view.camera.fx for view in views], -1)
    errors = truth.errors[known]
    return {
        "frames": int(known.sum()),
        "reprojection_px_median": _round(np.nanmedian(errors)),
        "reprojection_px_mean": _round(np.nanmean(errors)),
        "reprojection_mm_median": _round(1000 * np.nanmedian(errors * limbs)),
        "inconstancy_%": _round(100 * metrics.bone_variation(joints, _BONES).mean()),
    }


def compared(lifted: Lifted, truth: Truth, views: Sequence[View]) -> dict[str, Any]:
    """One lifter's cameras against the triangulation and against each other; lengths in millimetres but for the root.

    ``scaled``: with the one factor, common to all cameras and frames, that brings the lifter nearest to the truth; more
    than knowing the stature would give. ``limbs_ratio_scaled`` is the length of the limbs then, over the true one.
    """
    known = np.asarray(np.isfinite(lifted.joints).all((2, 3)) & np.isfinite(truth.joints[:, JUDGED]).all((1, 2)))
    pose, true = lifted.relative[:, :, JUDGED], (truth.joints - truth.joints[:, :1])[:, JUDGED]
    scale = _scale(pose, true, known)
    cameras = {}
    for c, view in enumerate(views):
        rows, steady = known[c], known[c] & ~truth.slipped[:, c]
        cameras[view.name] = {
            "frames": int(rows.sum()),
            "slipped_%": _round(100 * truth.slipped[rows, c].mean()),
            "reprojection_px": _round(np.nanmedian(truth.errors[rows, :, c])),
            "pa_mpjpe": _mm(metrics.pa_mpjpe(pose[c, rows], true[rows])),
            "pa_mpjpe_unslipped": _mm(metrics.pa_mpjpe(pose[c, steady], true[steady])),
            "mpjpe": _mm(metrics.mpjpe(pose[c, rows], true[rows])),
            "mpjpe_scaled": _mm(metrics.mpjpe(scale * pose[c, rows], true[rows])),
            **_roots(lifted.joints[c, rows, 0], truth.joints[rows, 0], view, scale),
            "inconstancy_%": _round(100 * metrics.bone_variation(lifted.relative[c, rows], H36M17.bones).mean()),
        }
    ratio = _limbs_ratio(scale * pose, true, known)
    return {
        "scale": round(scale, 3),
        "limbs_ratio_scaled": round(ratio, 3),
        "cameras": cameras,
        "agreement": agreement(lifted, truth, scale),
    }


def _scale(pose: Floats, true: Floats, known: Bools) -> float:
    """The factor that brings ``pose`` [C, T, J, 3] nearest to ``true`` [T, J, 3] by least squares."""
    ours, theirs = pose[known], np.broadcast_to(true, pose.shape)[known]
    return float((ours * theirs).sum() / np.square(ours).sum())


def _limbs_ratio(pose: Floats, true: Floats, known: Bools) -> float:
    """Length of all limb bones over what they should be: below 1 where limbs are lifted too flat."""
    bones = [(JUDGED.index(a), JUDGED.index(b)) for a, b in _BONES]
    lifted, right = (
        sum(np.linalg.norm(joints[..., a, :] - joints[..., b, :], axis=-1) for a, b in bones) for joints in (pose, true)
    )
    return float(np.mean(lifted[known]) / np.mean(np.broadcast_to(right, known.shape)[known]))


def _roots(root: Floats, true: Floats, view: View, scale: float) -> dict[str, float]:
    """Median distance of the pelvis to where it is, in metres; a larger body stands farther away."""
    scaled = view.position + scale * (root - view.position)
    return {
        "root_m": round(float(np.median(np.linalg.norm(root - true, axis=-1))), 3),
        "root_scaled_m": round(float(np.median(np.linalg.norm(scaled - true, axis=-1))), 3),
    }


def agreement(lifted: Lifted, truth: Truth, scale: float) -> dict[str, float]:
    """Mean distances in millimetres between the skeletons of two cameras, all 17 joints, over all pairs."""
    known = np.asarray(np.isfinite(lifted.joints).all((2, 3)))
    relative = scale * lifted.relative
    distances: dict[str, list[npt.NDArray[np.floating]]] = {"pa_mpjpe": [], "mpjpe": [], "mpjpe_unslipped": []}
    for a, b in itertools.combinations(range(len(relative)), 2):
        both = known[a] & known[b]
        steady = both & ~truth.slipped[:, a] & ~truth.slipped[:, b]
        distances["pa_mpjpe"].append(metrics.pa_mpjpe(relative[a, both], relative[b, both]))
        distances["mpjpe"].append(metrics.mpjpe(relative[a, both], relative[b, both]))
        distances["mpjpe_unslipped"].append(metrics.mpjpe(relative[a, steady], relative[b, steady]))
    return {key: _mm(np.concatenate(values)) for key, values in distances.items()}


def _mm(metres: npt.NDArray[np.floating]) -> float:
    return round(1000 * float(metres.mean()), 1)


def _round(value: np.floating | float) -> float:
    return round(float(value), 2)


def report(results: Mapping[str, Any]) -> str:
    """The triangulation's own figures, and a row per lifter and camera."""
    floor = results["triangulation"]
    lines = ["triangulation: " + ", ".join(f"{key} {value}" for key, value in floor.items()), ""]
    columns = (*COLUMNS, *MORE_COLUMNS)
    rows = []
    for name, found in results["lifters"].items():
        every = list(found["cameras"].values())
        means = [float(np.mean([row[column] for row in every])) for column in columns]
        rows += [(name, camera, *(row[c] for c in columns)) for camera, row in found["cameras"].items()]
        rows.append((name, "mean", *means))
    lines.append(table(("lifter", "camera", *columns), rows))
    for name, found in results["lifters"].items():
        pairs = ", ".join(f"{key} {value}" for key, value in found["agreement"].items())
        sizes = f"best scale {found['scale']}, limbs then {found['limbs_ratio_scaled']} of the truth"
        lines.append(f"\n{name}: {sizes}; between cameras: {pairs}")
    return "\n".join(lines)


def _draw(path: Path, folder: Path, seen: Sequence[Seen], views: Sequence[View], truth: Truth, lifted: Lifted) -> None:
    from benchmarks.multiview_picture import draw

    draw(path, [folder / f"{view.name}.mp4" for view in views], seen, views, truth.joints, lifted.joints)


if __name__ == "__main__":
    main()
