"""How many of the labelled people are found, how well, and how many are found who are not there."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.people_nets import Seen
from benchmarks.people_sets import Photograph
from stream3d.skeleton import COCO17
from train.detector.matching import Curve, Matched, curve, match
from train.landmarks.targets import SIGMAS

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]

SIZES = ((0.0, 0.1), (0.1, 0.3), (0.3, 9.0))  # longer side of a person over the picture's
_GOOD = 0.5  # object keypoint similarity from which a person counts as found with the joints
_ROOM = 0.1  # of a pose's extent that its box has on every side: flesh round the joints
_VISIBLE = 0.3
_HIP, _SHOULDER = COCO17.names.index("right_hip"), COCO17.names.index("left_shoulder")


def similarity(found: Float32, people: Float32, areas: Float32) -> Float64:
    """Object keypoint similarity [R, G] (COCO) of poses [R, 17, 3] to labelled ones [G, 17, 3]; 0 without labels."""
    away = np.nan_to_num(found[:, None, :, :2].astype(np.float64) - people[None, :, :, :2], nan=1e6)
    ease = 2 * np.maximum(areas, 1.0)[None, :, None] * (2 * SIGMAS) ** 2
    like = np.exp(-(away**2).sum(-1) / ease) * (people[None, ..., 2] > 0)
    out: Float64 = like.sum(-1) / np.maximum((people[..., 2] > 0).sum(-1), 1)[None]
    return out


def boxes_of(poses: Float32, width: int, height: int) -> Float32:
    """Boxes float32 [R, 4] round what is seen of poses [R, 17, 3] within a picture; zeros where nothing is."""
    seen = (poses[..., 2] > _VISIBLE) & np.isfinite(poses[..., 0])
    low = np.where(seen[..., None], poses[..., :2], np.inf).min(1)
    high = np.where(seen[..., None], poses[..., :2], -np.inf).max(1)
    room = _ROOM * np.where(np.isfinite(high - low), high - low, 0.0)
    ends = np.concatenate([low - room, high + room], 1)
    ends[~seen.any(1)] = 0
    return np.clip(ends, 0, np.array([width, height, width, height])).astype(np.float32)


@dataclass
class Tally:
    """Everything of one set that the figures are made of."""

    by_box: list[Matched] = field(default_factory=list)
    by_joints: list[Matched] = field(default_factory=list)
    people: int = 0
    with_joints: int = 0
    sizes: list[tuple[float, bool]] = field(default_factory=list)
    similarities: list[float] = field(default_factory=list)
    empty: int = 0
    ghosts: int = 0
    ghosts_detected: int = 0
    near: list[float] = field(default_factory=list)
    complete: int = 0

    def add(self, photo: Photograph, seen: Seen, threshold: float) -> None:
        """Count in a photograph."""
        height, width = photo.image.shape[:2]
        believed = seen.scores >= threshold
        self.complete += int(photo.complete)
        if photo.empty:
            self.empty += 1
            self.ghosts += int(believed.sum())
            self.ghosts_detected += seen.detected
        boxes = boxes_of(seen.keypoints, width, height)
        found = match(boxes, seen.scores, photo.boxes, photo.ignore, complete=photo.complete)
        self.by_box.append(found)
        self.people += len(photo.boxes)
        sides = (photo.boxes[:, 2:] - photo.boxes[:, :2]).max(1, initial=0.0) / max(width, height)
        there = set(found.person[believed].tolist())
        self.sizes += [(float(side), row in there) for row, side in enumerate(sides)]
        self._joints(photo, seen, boxes, believed)

    def _joints(self, photo: Photograph, seen: Seen, boxes: Float32, believed: npt.NDArray[np.bool_]) -> None:
        """By similarity of joints; poses of people without labelled joints are judged by their boxes alone."""
        labelled = (photo.keypoints[..., 2] > 0).any(1)
        like = similarity(seen.keypoints, photo.keypoints[labelled], photo.areas[labelled])
        person = _matched(like, seen.scores, _GOOD)
        others = match(
            boxes,
            seen.scores,
            photo.boxes[~labelled],
            photo.ignore,
            complete=photo.complete,
        ).person
        person[(person < 0) & (others != -1)] = -2
        self.by_joints.append(Matched(person=person, scores=seen.scores))
        self.with_joints += int(labelled.sum())
        best = like[believed].max(0, initial=0.0)
        self.similarities += best[best >= _GOOD].tolist()
        if len(photo.boxes) == 1 and (photo.keypoints[0, [_HIP, _SHOULDER], 2] > 0).all():
            self.near.append(near_share(seen.keypoints[believed], photo.keypoints[0], like[believed, 0]))

    def figures(self, threshold: float) -> dict[str, Any]:
        """The figures of the set at the threshold, and the curves."""
        by_box, by_joints = curve(self.by_box, self.people), curve(self.by_joints, self.with_joints)
        out: dict[str, Any] = {"people": self.people, "with_joints": self.with_joints, "empty": self.empty}
        out["boxes"], out["joints"] = (_said(of, threshold, judged=self.complete > 0) for of in (by_box, by_joints))
        out["mean_oks_of_found"] = _mean(self.similarities)
        out["recall_by_size"] = {
            f"{low:g}-{min(high, 1):g}": _mean(float(there) for side, there in self.sizes if low <= side < high)
            for low, high in SIZES
        }
        if self.empty:
            out["ghosts_per_empty"] = round(self.ghosts / self.empty, 4)
            out["ghosts_per_empty_before_presence"] = round(self.ghosts_detected / self.empty, 4)
        out["pck_alone"] = _mean(self.near)
        return out


def _matched(like: Float64, scores: Float32, enough: float) -> npt.NDArray[np.int64]:
    """Rows of people [R] for poses, best scores first, -1 for none; ``like`` [R, G]."""
    out, free = np.full(len(like), -1, np.int64), np.ones(like.shape[1], np.bool_)
    for row in np.argsort(-scores, kind="stable"):
        rest = np.where(free, like[row], -1.0)
        if rest.size and rest.max() >= enough:
            out[row] = int(rest.argmax())
            free[out[row]] = False
    return out


def near_share(found: Float32, person: Float32, like: Float64) -> float:
    """PCK@0.2: the likest pose's joints within 0.2 of the trunk (left shoulder to right hip) of the labelled ones."""
    trunk = float(np.hypot(*(person[_HIP, :2] - person[_SHOULDER, :2])))
    labelled = person[:, 2] > 0
    if not len(found):
        return 0.0
    away = np.hypot(*(found[int(like.argmax()), labelled, :2] - person[labelled, :2]).T)
    return float((np.nan_to_num(away, nan=np.inf) < 0.2 * trunk).mean())


def _said(of: Curve, threshold: float, *, judged: bool) -> dict[str, Any]:
    """Where nobody says that all people are labelled there is no precision."""
    recall, precision = of.at(threshold)
    said = {"recall": round(recall, 4)}
    return said | {
        "precision": round(precision, 4) if judged else None,
        "ap50": round(of.average_precision, 4) if judged else None,
        "recall_at_precision_0.85": round(of.recall_at(0.85), 4) if judged else None,
        "recall_at_precision_0.9": round(of.recall_at(0.9), 4) if judged else None,
        "curve": [[round(float(v), 4) for v in row] for row in _thinned(of)],
    }


def _thinned(of: Curve, most: int = 100) -> Float64:
    """Rows of score, recall, precision."""
    rows = np.unique(np.linspace(0, max(len(of.scores) - 1, 0), most).astype(np.int64)) if len(of.scores) else []
    out: Float64 = np.stack([of.scores, of.recall, of.precision], 1)[rows]
    return out


def _mean(values: Iterable[float]) -> float | None:
    found = list(values)
    return round(float(np.mean(found)), 4) if found else None
