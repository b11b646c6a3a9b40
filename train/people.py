"""People in photographs, one frame each, as the lifter's input: MPII's and COCO's 2D poses without any 3D.

A person is kept as rays of a camera that looks at their hips. Each draw is mirrored or not and damaged as 2D nets
damage poses; what was labelled goes along undamaged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from stream3d.errors import SettingsError, TrackFileError
from stream3d.geometry import DEFAULT_FOV_DEG, centring_rotation, rotate_rays
from stream3d.lift import features
from stream3d.skeleton import H36M17
from train import augment
from train.augment import Augmentation, Rng
from train.data import Poses2DSet, load_poses2d
from train.data.values import with_gaps

Float32 = npt.NDArray[np.float32]
Bool = npt.NDArray[np.bool_]

# MPII's pictures are frames of videos: of this size where the people fit in, and else of the next.
_PICTURES = ((1280, 720), (1920, 1080))
_J = {name: index for index, name in enumerate(H36M17.names)}
_LIMBS = [_J[f"{s}_{j}"] for s in ("left", "right") for j in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")]
_MIRROR = list(H36M17.mirror)
# No joint is farther from the hips than this, in units of the apparent size: what is, is a wrong label.
_REACH = 2.5
# In a file of 2D nets' poses a joint with less confidence is as good as unseen.
SURE = 0.3
# How much of what is drawn comes from a file of one's own, beside other sets.
_OWN_SHARE = 0.25
# Which feature says how long ago the frame before was.
STEP = 17 * 3


@dataclass(frozen=True, kw_only=True, slots=True)
class Inputs:
    """Single frames as numpy arrays, rows as people.

    ``frames`` float32 [B, 55] is the lifter's input; ``rays`` float32 [B, 17, 2] where the joints truly are, in the
    camera and unit of ``frames``; ``known`` bool [B, 17] which of them are labelled, at the lifter's own places;
    ``size`` float32 [B] is the unit: rays per metre.
    """

    frames: Float32
    rays: Float32
    known: Bool
    size: Float32


@dataclass(frozen=True, kw_only=True, slots=True)
class People:
    """``rays`` float32 [N, 17, 2], centred on the hips; ``seen`` bool [N, 17]; ``known`` bool [N, 17] (see Inputs)."""

    rays: Float32
    seen: Bool
    known: Bool

    def __len__(self) -> int:
        return len(self.rays)

    @classmethod
    def of(cls, poses: Poses2DSet, sizes: npt.NDArray[np.int32]) -> People:
        """Those whose twelve limb joints are labelled; ``sizes`` [N, 2] are the pictures' width and height."""
        known = [name in poses.layout.names for name in H36M17.names]
        # The tip of the nose is not where h36m17 has its nose.
        known[_J["nose"]] &= "left_ear" not in poses.layout.names
        body = poses.to(H36M17).keypoints
        whole = np.isfinite(body[:, _LIMBS, 0]).all(1)
        body, sizes = body[whole], sizes[whole].astype(np.float32)
        focal = sizes.max(1) / 2 / np.tan(np.radians(DEFAULT_FOV_DEG) / 2)
        rays = ((body[..., :2] - sizes[:, None] / 2) / focal[:, None, None]).astype(np.float32)
        seen = np.isfinite(rays).all(-1)
        centred = _centred(np.nan_to_num(rays), seen)
        size = features.apparent_size(centred[:, None], seen[:, None])
        far = (np.abs(centred).max(-1) > _REACH * size[:, None]) & seen
        sound = ~far.any(1) & (size > 2e-3)
        always = np.array(known) | np.array([name in ("pelvis", "thorax") for name in H36M17.names])
        return cls(rays=centred[sound], seen=seen[sound], known=(seen & always)[sound])

    @classmethod
    def joined(cls, sets: Sequence[People]) -> People:
        """Several sets as one."""
        parts = {name: np.concatenate([getattr(one, name) for one in sets]) for name in ("rays", "seen", "known")}
        return cls(**parts)

    def real(self, rng: Rng, count: int) -> tuple[Float32, Bool]:
        """Labelled poses at random: rays [count, 17, 2] in units of the apparent size, and which are known."""
        rows = rng.integers(0, len(self), count)
        rays, seen, known = self._mirrored(rows, rng)
        size = features.apparent_size(rays[:, None], seen[:, None])
        return rays / size[:, None, None], known

    def draw(self, rng: Rng, count: int, how: Augmentation) -> Inputs:
        """People at random, damaged as ``how`` says."""
        rays, seen, known = self._mirrored(rng.integers(0, len(self), count), rng)
        size = features.apparent_size(rays[:, None], seen[:, None])
        given, sure = _damaged(rays, seen, size, rng, how)
        inputs = _inputs(given, sure, rays, known)
        # So badly damaged that neither where the person is nor how large can be told.
        wild = np.abs(inputs.rays).max((1, 2)) > _REACH
        given[wild], sure[wild] = rays[wild], seen[wild]
        inputs = _inputs(given, sure, rays, known) if wild.any() else inputs
        inputs.frames[:, STEP] = steps(rng, count)
        return inputs

    def _mirrored(self, rows: npt.NDArray[np.int64], rng: Rng) -> tuple[Float32, Bool, Bool]:
        rays, seen, known = self.rays[rows], self.seen[rows], self.known[rows]
        flip = rng.random(len(rows)) < 0.5
        rays = np.where(flip[:, None, None], rays[:, _MIRROR] * np.array([-1, 1], np.float32), rays)
        seen = np.where(flip[:, None], seen[:, _MIRROR], seen)
        return rays, seen, np.where(flip[:, None], known[:, _MIRROR], known)


def steps(rng: Rng, count: int) -> Float32:
    """The feature STEP of people seen for a while at 8 to 60 frames a second; some have just come into view."""
    return np.where(rng.random(count) < 0.1, 0.0, 10 / rng.uniform(8, 60, count)).astype(np.float32)


def _inputs(given: Float32, sure: Float32, rays: Float32, known: Bool) -> Inputs:
    frames, turn = features.window_features(given[:, None], sure[:, None], np.zeros((len(given), 1)))
    size = features.size_of(frames)
    true = rotate_rays(rays, turn) / size[:, None, None]
    return Inputs(frames=frames[:, 0], rays=true.astype(np.float32), known=known, size=size)


def _centred(rays: Float32, seen: Bool) -> Float32:
    return rotate_rays(rays, centring_rotation(features.root_rays(rays, seen))).astype(np.float32)


def _damaged(rays: Float32, seen: Bool, size: Float32, rng: Rng, how: Augmentation) -> tuple[Float32, Float32]:
    """Rays [B, 17, 2] and confidences [B, 17] as a 2D net might give them; some nets know a spine, some no head."""
    shape = (len(rays), 1, 17)
    error, sure = augment.noise(rng, shape, how)
    spine = _J["spine"]
    given, there = rays.copy(), seen.copy()
    bent = rng.normal(0.5, 0.05, (len(rays), 1)).astype(np.float32)
    given[:, spine] = bent * given[:, _J["pelvis"]] + (1 - bent) * given[:, _J["thorax"]]
    there[:, spine] = rng.random(len(rays)) < how.net_types[0]
    there[:, [_J["nose"], _J["head_top"]]] &= (rng.random(len(rays)) < 0.7)[:, None]
    given = given[:, None] + error * size[:, None, None, None]
    given = augment.slip_sides(rng, given, how.slips) if how.slips > 0 else given
    lost = augment.hidden(rng, shape, how)[:, 0] | ~there
    lost[lost.all(1)] = ~there[lost.all(1)]
    return given[:, 0], np.where(lost, np.float32(0), sure[:, 0])


def _mpii_sizes(poses: Poses2DSet) -> npt.NDArray[np.int32]:
    reach = np.nan_to_num(poses.keypoints[..., :2]).max(1)
    small = (reach <= _PICTURES[0]).all(-1)
    return np.where(small[:, None], _PICTURES[0], _PICTURES[1]).astype(np.int32)


def load_own(path: Path) -> People:
    """The people of a file of 2D poses whose twelve limb joints have a confidence of 0.3 or more.

    Raises:
        TrackFileError: the file is missing or malformed, or there is nobody like that in it.
    """
    poses = load_poses2d(path)
    confidence = np.where(poses.keypoints[..., 2] >= SURE, poses.keypoints[..., 2], 0)
    poses = replace(poses, keypoints=with_gaps(poses.keypoints[..., :2], confidence))
    people = People.of(poses, poses.sizes if poses.sizes is not None else _mpii_sizes(poses))
    if not len(people):
        raise TrackFileError(
            f"{path}: of its {len(poses)} people none has shoulders, elbows, wrists, hips, knees and ankles with a"
            f" confidence of {SURE}; training needs people who are seen whole"
        )
    return people


def load_people(data_dir: Path, names: Sequence[str], own: str = "") -> People:
    """The sets ``mpii`` and ``coco`` of ``poses2d/`` in a folder; COCO's validation pictures are left out.

    The people of ``own``, a file of 2D poses, come in addition, so often that they are a quarter of all; or alone.

    Raises:
        SettingsError: an unknown name, or none.
        TrackFileError: a file is missing or malformed, or nobody in ``own`` is seen whole.
    """
    sets = []
    for name in names:
        if name == "mpii":
            poses = load_poses2d(data_dir / "poses2d" / "mpii_poses.npy")
            sets.append(People.of(poses, _mpii_sizes(poses)))
        elif name == "coco":
            path = data_dir / "poses2d" / "coco17_kpts_px.npz"
            poses, held = load_poses2d(path), _coco_val(path)
            poses = poses.pick(np.array([image not in held for image in poses.images]))
            sets.append(People.of(poses, poses.sizes if poses.sizes is not None else _mpii_sizes(poses)))
        else:
            raise SettingsError(f"unknown set of 2D poses {name!r}; known are mpii, coco")
    if own:
        mine, others = load_own(Path(own)), sum(map(len, sets))
        sets += [mine] * max(1, round(others * _OWN_SHARE / (1 - _OWN_SHARE) / len(mine)))
    if not sets:
        raise SettingsError("people must name at least one of mpii, coco, or poses a file")
    return People.joined(sets)


def _coco_val(path: Path) -> frozenset[str]:
    with np.load(path, allow_pickle=False) as file:
        held = file["image_id"][file["is_val2017"].astype(bool)]
    return frozenset(f"{number:012d}.jpg" for number in held.tolist())
