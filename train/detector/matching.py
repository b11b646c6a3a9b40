"""Found people against labelled ones: who is found, what is a ghost, and the curve between the two."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]

SAME = 0.5  # IoU from which a found box is the labelled one
_COVERED = 0.5  # share of a found box within a box to ignore from which it is neither right nor wrong


@dataclass(frozen=True, kw_only=True, slots=True)
class Matched:
    """One photograph's answers: ``person`` int64 [R], the labelled row, -1 for a ghost, -2 for what is not judged."""

    person: npt.NDArray[np.int64]
    scores: Float32


def match(boxes: Float32, scores: Float32, people: Float32, ignore: Float32, *, complete: bool = True) -> Matched:
    """Give each of ``boxes`` [R, 4] the free person of ``people`` [G, 4] that it overlaps most, best scores first.

    A box mostly within one of ``ignore`` [K, 4], or any that meets nobody where not everybody is labelled, is not
    judged.
    """
    out = np.full(len(boxes), -1, np.int64)
    free = np.ones(len(people), np.bool_)
    shared = overlaps(boxes, people)
    covered = _covered(boxes, ignore) > _COVERED
    for row in np.argsort(-scores, kind="stable"):
        candidates = np.where(free, shared[row], -1.0)
        best = int(candidates.argmax()) if len(people) else -1
        if best >= 0 and candidates[best] >= SAME:
            out[row], free[best] = best, False
        elif covered[row] or not complete:
            out[row] = -2
    return Matched(person=out, scores=scores)


def overlaps(one: Float32, other: Float32) -> Float64:
    """IoU [R, G] of boxes [R, 4] with boxes [G, 4]."""
    common = _common(one, other)
    areas = _areas(one)[:, None] + _areas(other)[None]
    out: Float64 = common / np.maximum(areas - common, 1e-9)
    return out


def _common(one: Float32, other: Float32) -> Float64:
    low, high = np.maximum(one[:, None, :2], other[None, :, :2]), np.minimum(one[:, None, 2:], other[None, :, 2:])
    out: Float64 = np.prod(np.clip(high - low, 0, None).astype(np.float64), axis=2)
    return out


def _areas(boxes: Float32) -> Float64:
    out: Float64 = np.prod(np.clip(boxes[:, 2:] - boxes[:, :2], 0, None).astype(np.float64), axis=1)
    return out


def _covered(boxes: Float32, ignore: Float32) -> Float64:
    """The largest share [R] of each box within one of ``ignore``."""
    out: Float64 = (_common(boxes, ignore) / np.maximum(_areas(boxes), 1e-9)[:, None]).max(1, initial=0.0)
    return out


@dataclass(frozen=True, kw_only=True, slots=True)
class Curve:
    """Recall and precision [T] when everything with at least ``scores`` [T] is believed, highest scores first."""

    scores: Float64
    recall: Float64
    precision: Float64

    def at(self, score: float) -> tuple[float, float]:
        """Recall and precision at a threshold; nothing found is never wrong."""
        row = int(np.searchsorted(-self.scores, -score, side="right")) - 1
        return (float(self.recall[row]), float(self.precision[row])) if row >= 0 else (0.0, 1.0)

    def recall_at(self, precision: float) -> float:
        """The highest recall with at least that precision."""
        good = self.precision >= precision
        return float(self.recall[good].max()) if good.any() else 0.0

    @property
    def average_precision(self) -> float:
        """Area under the curve, precision made monotonous, as COCO has it but at all points."""
        if not len(self.recall):
            return 0.0
        falling = np.maximum.accumulate(self.precision[::-1])[::-1]
        return float((np.diff(self.recall, prepend=0.0) * falling).sum())

    def best_threshold(self, precision: float = 0.0) -> float:
        """The score with the best harmonic mean of recall and precision among those of at least that precision.

        Where there is none, among all; 0.5 where nothing was found.
        """
        both = 2 * self.recall * self.precision / np.maximum(self.recall + self.precision, 1e-9)
        good = self.precision >= precision
        return float(self.scores[int(np.where(good | ~good.any(), both, -1.0).argmax())]) if len(both) else 0.5


def curve(all_matched: list[Matched], people: int) -> Curve:
    """Over many photographs with ``people`` labelled people in all."""
    person = np.concatenate([m.person for m in all_matched]) if all_matched else np.zeros(0, np.int64)
    scores = np.concatenate([m.scores for m in all_matched]) if all_matched else np.zeros(0, np.float32)
    judged = person != -2
    order = np.argsort(-scores[judged], kind="stable")
    right = np.cumsum(person[judged][order] >= 0)
    return Curve(
        scores=scores[judged][order].astype(np.float64),
        recall=right / max(people, 1),
        precision=right / np.arange(1, len(right) + 1),
    )
