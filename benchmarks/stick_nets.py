"""Nets that know the truth of a scene and err as real ones do: what they miss, mix up and take for people.

A region shows whoever lies nearest its centre and is least hidden, so that of two people behind each other the region
of either shows the one in front, as BlazePose's does.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt

from benchmarks.stick_scenes import HEIGHT, HIPS, TRUNK, WIDTH, Scene
from stream3d.pose2d.protocol import Found, Landmarks
from stream3d.skeleton import BLAZEPOSE33
from stream3d.values import Frame

Floats = npt.NDArray[np.float64]
UInt8 = npt.NDArray[np.uint8]

_NAMES = BLAZEPOSE33.names
_CHAINS = [
    [i for i, name in enumerate(_NAMES) if name.startswith(side) and name.split("_")[1] in parts]
    for side in ("left", "right")
    for parts in (("elbow", "wrist", "pinky", "index", "thumb"), ("knee", "ankle", "heel", "foot"))
]
_TWIN = np.array(BLAZEPOSE33.mirror)
_MIX_S = 0.2  # a limb that is taken for another's is so for a while


@dataclass(frozen=True, kw_only=True, slots=True)
class Errors:
    """How bad the nets are: standard deviations in sides of the region, probabilities per look or spell."""

    joint: float = 0.008
    region: float = 0.008
    miss: float = 0.07
    miss_far: float = 0.4
    furniture: float = 0.3
    nothing: float = 0.03
    mix: float = 0.3


class StickNets:
    """The detector and the keypoint net of one scene; ``show`` says which frame is before them."""

    layout = BLAZEPOSE33
    min_presence, agreement = 0.5, 0.0
    min_score, confirm_score = 0.6, 0.4

    def __init__(self, scene: Scene, errors: Errors | None = None, seed: int = 0) -> None:
        self.scene, self.errors = scene, errors or Errors()
        self.rng = np.random.default_rng(seed)
        self.shares = visible_shares(scene)
        self.regions, self.now = scene.regions, 0
        self.looks, self.crops = 0, 0

    def show(self, index: int) -> Frame:
        """The picture of a frame: clothes on grey ground, the farthest person painted first."""
        self.now, scene = index, self.scene
        image = np.full((HEIGHT, WIDTH, 3), 128, np.uint8)
        for person in np.argsort(-np.nan_to_num(scene.depth[:, index])):
            if not np.isnan(scene.depth[person, index]):
                _paint(image, scene.keypoints[person, index], scene.colours[person])
        pts = index / scene.fps
        return Frame(source_id=scene.name, index=index, pts=pts, captured_at=pts, image=image)

    def describe(self) -> dict[str, str]:
        """What it is."""
        return {"runtime": "truth with errors"}

    def find(self) -> Found:
        """The detector's answer to the frame that is shown."""
        self.looks += 1
        rng, errors = self.rng, self.errors
        found = [
            self._blurred(self.regions[person, self.now], 3 * errors.region)
            for person in np.flatnonzero(self.shares[:, self.now] > 0.4)
            if rng.random() > (errors.miss if self.regions[person, self.now, 2] > 0.35 * HEIGHT else errors.miss_far)
        ]
        scores = [rng.uniform(0.65, 0.98) for _ in found]
        found += [self._blurred(place, 0.02) for place in self.scene.furniture if rng.random() < errors.furniture]
        if rng.random() < errors.nothing:
            found.append(np.array([rng.uniform(0, WIDTH), rng.uniform(0, HEIGHT), rng.uniform(150, 500), 0]))
        scores += [0.62] * (len(found) - len(scores))
        order = np.argsort(scores)[::-1]
        regions = np.array(found, np.float32).reshape(-1, 4)[order]
        return Found(regions=regions, scores=np.array(scores, np.float32)[order])

    def read(self, regions: npt.NDArray[np.float32]) -> Landmarks:
        """The keypoint net's answer for regions [R, 4] of the frame that is shown."""
        self.crops += len(regions)
        answers = [self._read(region.astype(np.float64)) for region in regions]
        return Landmarks(
            keypoints=np.array([keypoints for keypoints, _, _ in answers], np.float32),
            presence=np.array([presence for _, presence, _ in answers], np.float32),
            regions=np.array([region for _, _, region in answers], np.float32),
        )

    def _read(self, region: Floats) -> tuple[Floats, float, Floats]:
        pulls = self._pulls(region, self.regions[:, self.now], self.shares[:, self.now])
        if pulls.max(initial=-np.inf) > -np.inf:
            return self._pose(int((pulls + self.rng.normal(0, 0.04, len(pulls))).argmax()), region)
        furniture = self.scene.furniture
        pulls = self._pulls(region, furniture, np.ones(len(furniture)))
        if pulls.max(initial=-np.inf) > -np.inf:
            return self._ghost(furniture[int(pulls.argmax())])
        return np.zeros((BLAZEPOSE33.size, 3)), 0.1, region

    def _pulls(self, region: Floats, others: Floats, shares: Floats) -> Floats:
        """How much each of ``others`` [N, 4] draws the net that looks at ``region``; -inf for what it cannot see."""
        off = np.hypot(*(others[:, :2] - region[:2]).T) / region[2]
        size = np.abs(np.log(np.maximum(others[:, 2], 1) / region[2]))
        return np.where((off < 0.42) & (size < 0.75) & (shares > 0.2), shares - 1.2 * off - 0.4 * size, -np.inf)

    def _pose(self, person: int, region: Floats) -> tuple[Floats, float, Floats]:
        truth, own = self.scene.keypoints[person, self.now], self.regions[person, self.now]
        off = float(np.hypot(*(own[:2] - region[:2])) / region[2])
        blur = self.errors.joint * own[2] * (1 + 8 * max(0.0, off - 0.15))
        points = truth + self.rng.normal(0, blur, truth.shape)
        score = np.full(len(points), 0.9 if self.shares[person, self.now] > 0.7 else 0.6)
        for other in range(len(self.regions)):
            if other != person and self.shares[other, self.now] > 0.1:
                self._mix(points, self.scene.keypoints[other, self.now], own[2], (person, other))
        pose = np.concatenate([points, score[:, None]], 1)
        return pose, float(self.rng.uniform(0.85, 1)), self._blurred(own, self.errors.region)

    def _mix(self, points: Floats, others: Floats, side: float, pair: tuple[int, int]) -> None:
        """Take limbs of somebody near for one's own, a while each."""
        spell = int(self.now / self.scene.fps / _MIX_S)
        for number, chain in enumerate(_CHAINS):
            for theirs in (others[chain], others[_TWIN[chain]]):
                near = np.linalg.norm(points[chain[0]] - theirs[0]) < 0.1 * side
                chance = np.random.default_rng((*pair, number, spell)).random()
                if near and chance < self.errors.mix:
                    points[chain] = theirs + self.rng.normal(0, self.errors.joint * side, theirs.shape)
                    break

    def _ghost(self, place: Floats) -> tuple[Floats, float, Floats]:
        """A pose seen in furniture: about upright, restless, hardly visible."""
        points = _UPRIGHT * place[2] + place[:2] + self.rng.normal(0, 0.02 * place[2], (BLAZEPOSE33.size, 2))
        pose = np.concatenate([points, np.full((BLAZEPOSE33.size, 1), 0.5)], 1)
        return pose, float(self.rng.uniform(0.45, 0.9)), self._blurred(place, 0.02)

    def _blurred(self, region: Floats, by: float) -> Floats:
        x, y, side, turn = region
        dx, dy, size = self.rng.normal(0, by, 3)
        return np.array([x + dx * side, y + dy * side, side * np.exp(2 * size), turn + self.rng.normal(0, by)])


class StickDetector:
    """`PersonDetector` of a scene."""

    min_score, confirm_score = StickNets.min_score, StickNets.confirm_score

    def __init__(self, nets: StickNets) -> None:
        self.describe, self._nets = nets.describe, nets

    def __call__(self, _: UInt8) -> Found:
        """Everybody in the frame that is shown, with errors."""
        return self._nets.find()


class StickKeypoints:
    """`KeypointNet` of a scene."""

    layout, min_presence = StickNets.layout, StickNets.min_presence
    agreement = 0.0

    def __init__(self, nets: StickNets) -> None:
        self.describe, self._nets = nets.describe, nets

    def __call__(self, _: UInt8, regions: npt.NDArray[np.float32]) -> Landmarks:
        """Who is in the regions of the frame that is shown, with errors."""
        return self._nets.read(regions)


def visible_shares(scene: Scene) -> Floats:
    """[P, T]: share of everybody's joints that are in the picture and behind nobody, 0 while away."""
    points = scene.keypoints
    inside = (points[..., 0] >= 0) & (points[..., 0] < WIDTH) & (points[..., 1] >= 0) & (points[..., 1] < HEIGHT)
    pad = 0.05 * scene.regions[..., 2:3]
    low = points[:, :, TRUNK].min(2) - pad
    high = points[:, :, TRUNK].max(2) + pad
    low[..., 1], high[..., 1] = points[..., 1].min(-1), points[..., 1].max(-1)
    for front in range(len(points)):
        for behind in range(len(points)):
            box = (points[behind] > low[front][:, None]) & (points[behind] < high[front][:, None])
            covers = (scene.depth[front] < scene.depth[behind])[:, None]
            inside[behind] &= ~(box.all(-1) & covers)
    return inside.mean(-1)


def _paint(image: UInt8, points: Floats, colours: Floats) -> None:
    knees = [_NAMES.index(f"{side}_knee") for side in ("left", "right")]
    for corners, colour in zip(([*TRUNK[:2], *HIPS[::-1]], [*HIPS, *knees[::-1]]), colours, strict=True):
        quad = points[corners]
        pad = 0.12 * np.linalg.norm(quad[3] - quad[0]) * np.sign(quad[:, :1] - quad[:, :1].mean())
        quad = quad + pad * (1, 0)
        cv2.fillPoly(image, [np.clip(quad, -1e4, 1e4).round().astype(np.int32)], colour.tolist())


def with_furniture(scene: Scene, *places: tuple[float, float, float]) -> Scene:
    """The scene with things at (x, y, side) px that a detector may take for people."""
    return replace(scene, furniture=np.array([(*place, 0.0) for place in places]))


_UPRIGHT = np.zeros((BLAZEPOSE33.size, 2))
for _joint, _name in enumerate(_NAMES):
    _part = _name.split("_")[-1] if _name != "nose" else _name
    _up = {"shoulder": -0.2, "elbow": -0.1, "wrist": 0.0, "hip": 0.0, "knee": 0.17, "ankle": 0.33}.get(_part, -0.3)
    _UPRIGHT[_joint] = (0.05 if _name.startswith("left") else -0.05, _up)
