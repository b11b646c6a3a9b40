"""The seams at which nets plug into the 2D room: who finds people, who reads their joints, and who does both at once.

Whatever keeps to these Protocols can be put together: ``PoseEstimator(detector, keypoints)`` takes any pair,
``OneStageEstimator(net)`` any net that needs no regions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt

from stream3d.pose2d.regions import no_regions
from stream3d.skeleton import Layout
from stream3d.values import Detections2D, Frame

if TYPE_CHECKING:
    from stream3d.pose2d.ahead import Ahead

Float32 = npt.NDArray[np.float32]
UInt8 = npt.NDArray[np.uint8]


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """People found in a picture, best first, nobody twice.

    ``regions`` float32 [R, 4] (see regions.py); ``scores`` float32 [R], 0..1.
    """

    regions: Float32
    scores: Float32


@dataclass(frozen=True, kw_only=True, slots=True)
class Landmarks:
    """People's joints, one row per region (of a one-stage net: per person).

    ``keypoints`` float32 [R, J, 3] = x, y in pixels of the image, score 0..1, of the layout of whoever answers;
    ``presence`` float32 [R], 0..1, the belief that a person is there; ``regions`` float32 [R, 4] that the poses
    themselves say they fill, where to look in the next frame; NaN where a pose says nothing. ``covariances`` float32
    [R, J, 3] = xx, xy, yy in pixels² are of the keypoints' errors, where the net tells.
    """

    keypoints: Float32
    presence: Float32
    regions: Float32
    covariances: Float32 | None = None

    def rows(self, which: npt.NDArray[np.int64]) -> Landmarks:
        """Those of some of the people."""
        return Landmarks(
            keypoints=self.keypoints[which],
            presence=self.presence[which],
            regions=self.regions[which],
            covariances=None if self.covariances is None else self.covariances[which],
        )

    def and_those(self, other: Landmarks) -> Landmarks:
        """The rows of both, which are of one net."""
        if not len(self.presence) or not len(other.presence):
            return self if len(self.presence) else other
        doubts = (self.covariances, other.covariances)
        return Landmarks(
            keypoints=np.concatenate([self.keypoints, other.keypoints]),
            presence=np.concatenate([self.presence, other.presence]),
            regions=np.concatenate([self.regions, other.regions]),
            covariances=None if doubts[0] is None or doubts[1] is None else np.concatenate([doubts[0], doubts[1]]),
        )


class PersonDetector(Protocol):
    """Finds people in a whole picture."""

    @property
    def min_score(self) -> float:
        """The score from which a newcomer is worth following."""
        ...

    @property
    def confirm_score(self) -> float:
        """The score, at most ``min_score``, from which somebody who is followed already is confirmed."""
        ...

    def __call__(self, image: UInt8) -> Found:
        """Everybody in ``image`` uint8 [H, W, 3] RGB with a score of at least ``confirm_score``."""
        ...

    def describe(self) -> dict[str, str]:
        """What it is and the engine it runs on."""
        ...


class KeypointNet(Protocol):
    """Reads the joints of the people in given regions."""

    @property
    def layout(self) -> Layout:
        """Of the keypoints; one that converts to ``h36m17``."""
        ...

    @property
    def min_presence(self) -> float:
        """The presence from which a region holds a person."""
        ...

    @property
    def agreement(self) -> float:
        """The belief, see ``newcomers.looked_twice``, from which a region of the detector's holds a person.

        0 for nets that cannot tell more of it than ``min_presence`` asks: they are not asked twice.
        """
        ...

    def __call__(self, image: UInt8, regions: Float32) -> Landmarks:
        """One row for each of ``regions`` float32 [R, 4], R >= 1, of ``image`` uint8 [H, W, 3] RGB."""
        ...

    def describe(self) -> dict[str, str]:
        """What it is and the engine it runs on."""
        ...


class OneStageNet(Protocol):
    """Picture in, people with their joints out."""

    @property
    def layout(self) -> Layout:
        """Of the keypoints; one that converts to ``h36m17``."""
        ...

    @property
    def min_score(self) -> float:
        """The presence from which a newcomer is worth following."""
        ...

    @property
    def confirm_score(self) -> float:
        """The presence, at most ``min_score``, from which somebody who is followed already is still there."""
        ...

    def __call__(self, image: UInt8) -> Landmarks:
        """Everybody in ``image`` uint8 [H, W, 3] RGB, best first, nobody twice."""
        ...

    def describe(self) -> dict[str, str]:
        """What it is and the engine it runs on."""
        ...


class Estimator(Protocol):
    """The 2D room, or anything that stands in for it."""

    @property
    def layout(self) -> Layout:
        """Of the keypoints."""
        ...

    def __call__(
        self, frame: Frame, regions: Float32, *, searching: bool = False, ahead: Ahead | None = None
    ) -> Detections2D:
        """Everybody's keypoints in one frame."""
        ...

    def read(self, frame: Frame, regions: Float32) -> Landmarks | None:
        """The poses in guessed ``regions``, None where there are none; may be asked by several threads at once."""
        ...

    def look(self, frame: Frame) -> Found:
        """Whom the detector finds; may be asked while others ``read``."""
        ...

    def read_together(self, frames: Sequence[Frame], regions: Sequence[Float32]) -> list[Landmarks | None]:
        """As ``read`` of each of ``frames``, of any sources and sizes, in as few calls of the net as it can do with."""
        ...

    def look_together(self, frames: Sequence[Frame]) -> list[Found]:
        """As ``look`` at each of ``frames``, in as few calls of the net as it can do with."""
        ...

    def will_look(self, frame: Frame, regions: Float32, *, searching: bool) -> bool:
        """Whether the detector's turn comes with ``frame``, with people expected in ``regions``; changes nothing."""
        ...

    def forget(self, source_id: str) -> None:
        """Drop what is remembered of a source."""
        ...

    def warm(self, width: int, height: int) -> None:
        """Build and run every net and kernel once, so that the first picture of that size does not wait for them."""
        ...

    def describe(self) -> dict[str, dict[str, str]]:
        """The engines it runs on, by net."""
        ...


def nobody_found() -> Found:
    """No region at all."""
    return Found(regions=no_regions(), scores=np.zeros(0, np.float32))


def nobody_seen(layout: Layout) -> Landmarks:
    """No pose at all."""
    keypoints, presence = np.zeros((0, layout.size, 3), np.float32), np.zeros(0, np.float32)
    return Landmarks(keypoints=keypoints, presence=presence, regions=no_regions())
