"""Which of the net's own signs tell that a joint is where it says: weighed on photographs it did not learn from.

A joint is right where its similarity to the label (COCO's, with its tolerance) is at least a half; a joint that nobody
marked on a person of whom others are marked is wrong wherever it is said to be. The weights are those of a logistic
regression for each kind of joint (Platt 1999), left and right alike.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from torch import nn

from stream3d.pose2d.belief import FEATURES, covariances, features
from stream3d.skeleton import BLAZEPOSE33, COCO17
from train.detector.photos import Photos
from train.landmarks.augment import Augmentation, jittered
from train.landmarks.people import People
from train.landmarks.targets import COCO_ROWS, kin, likeness
from train.landmarks.validate import read

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]

_RIGHT = 0.5
_SEES = 0.5  # presence
_ENOUGH = 5  # marked joints, from which what is not marked could not be
_PRIOR = 1.0  # weight of the wish for small weights: that of one joint
_MEDIAN = 2 * np.log(2)  # of a chi-square of two degrees of freedom
_SHIFTED = Augmentation(by_box=0, shift=0.03, scale=0.08, turn=0.1, upright=1)


def kinds() -> npt.NDArray[np.int64]:
    """The kind of each of COCO's joints, int64 [17]: the face, shoulders, elbows and so on."""
    parts = [name.rpartition("_")[2] for name in COCO17.names]
    order = ["shoulder", "elbow", "wrist", "hip", "knee", "ankle"]
    return np.array([order.index(part) + 1 if part in order else 0 for part in parts])


@dataclass(frozen=True, kw_only=True, slots=True)
class Judged:
    """What a net said of M people's joints, and whether it was right.

    ``signs`` float32 [M, 17, 4], see ``stream3d.pose2d.belief``, NaN where nothing can be said; ``right`` bool
    [M, 17]; ``squares`` float64 [N] distances of the right ones over what their heat maps' spread has them be, squared.
    """

    signs: Float32
    right: npt.NDArray[np.bool_]
    squares: Float64


def belief_in(net: nn.Module, photos: Photos, people: People) -> dict[str, str]:
    """Notes for a file of weights, from what a trainable net reads of people in regions that are a little off."""
    rng = np.random.default_rng(0)
    some = [judged(net, photos, people, regions, rng) for regions in (people.by_circle(), people.by_box())]
    weights = weighed(np.concatenate([one.signs for one in some]), np.concatenate([one.right for one in some]))
    doubt = float(np.median(np.concatenate([one.squares for one in some])) / _MEDIAN)
    of_all = weights[kinds()[kin()[: BLAZEPOSE33.size]]].round(4)
    return {"belief": json.dumps({"weights": of_all.tolist(), "doubt": round(doubt, 4)})}


def judged(net: nn.Module, photos: Photos, people: People, regions: Float32, rng: np.random.Generator) -> Judged:
    """What is read in regions a little beside ``regions`` [M, 4], of those in whom the net sees a person."""
    near = np.stack([jittered(region, rng, _SHIFTED) for region in regions])
    said = read(net, photos, people.photo, near)
    able, right = judgements(people.keypoints, likeness(said.points, people.keypoints, people.scale()))
    able &= said.person[:, None] > _SEES
    peak, spread = said.peak[:, COCO_ROWS], said.spread[:, COCO_ROWS]
    signs = np.where(able[..., None], features(said.seen[:, COCO_ROWS], peak, spread), np.nan)
    away = said.points[:, COCO_ROWS] - people.keypoints[..., :2]
    squares = normalised(away, covariances(spread, near, 1.0))
    known = able & right & np.isfinite(squares)  # outside a crop there is no heat
    return Judged(signs=signs.astype(np.float32), right=right, squares=squares[known])


def judgements(keypoints: Float32, like: Float32) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Of labels [M, 17, 3] and the likeness to them [M, 17]: which joints can be judged, and which are right."""
    marked = keypoints[..., 2] > 0
    judged = marked | (marked.sum(1, keepdims=True) >= _ENOUGH)
    return judged, np.nan_to_num(like) >= _RIGHT


def weighed(signs: Float64, right: npt.NDArray[np.bool_]) -> Float64:
    """Weights [kinds, 4] of a logistic regression of ``right`` [M, 17] on ``signs`` [M, 17, 4], NaN = not judged."""
    out = np.zeros((int(kinds().max()) + 1, FEATURES))
    for kind in range(len(out)):
        rows, answers = signs[:, kinds() == kind].reshape(-1, FEATURES), right[:, kinds() == kind].ravel()
        known = np.isfinite(rows).all(1)
        out[kind] = logistic(rows[known], answers[known])
    return out


def logistic(rows: Float64, answers: npt.NDArray[np.bool_]) -> Float64:
    """Weights [F] with which sigmoid(rows @ weights) is likeliest to give the answers; Newton's method."""
    weights = np.zeros(rows.shape[1])
    for _ in range(50):
        chance = 1 / (1 + np.exp(-(rows @ weights)))
        slope = rows.T @ (answers - chance) - _PRIOR * weights
        bend = (rows * (chance * (1 - chance))[:, None]).T @ rows + _PRIOR * np.eye(rows.shape[1])
        step = np.linalg.solve(bend, slope)
        weights += step
        if np.abs(step).max() < 1e-6:
            break
    return weights


def normalised(away: Float32, covariance: Float32) -> Float64:
    """Squares of distances [..., 2] by covariances [..., 3]: chi-squares of two degrees of freedom if these are true.

    Covariances are widened by the hundredth part of a pixel, so that each can be inverted.
    """
    xx, xy, yy = (covariance[..., k].astype(np.float64) for k in range(3))
    xx, yy = xx + 0.01, yy + 0.01
    x, y = away[..., 0].astype(np.float64), away[..., 1].astype(np.float64)
    out: Float64 = (yy * x**2 - 2 * xy * x * y + xx * y**2) / np.maximum(xx * yy - xy**2, 1e-9)
    return out
