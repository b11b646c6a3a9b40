"""Keypoints of the people in given regions: crops, BlazePose's landmark net, heat-map refinement."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from stream3d.engine import Engine
from stream3d.kernels.heatmap import Refined, refine
from stream3d.pose2d.belief import LEAST, Belief, covariances
from stream3d.pose2d.crops import CROP, crop
from stream3d.pose2d.protocol import Landmarks
from stream3d.pose2d.regions import regions_from_points, to_image
from stream3d.skeleton import BLAZEPOSE33

Float32 = npt.NDArray[np.float32]
UInt8 = npt.NDArray[np.uint8]

_BODY = 33
_HIPS, _EDGE = 33, 34  # two further points, from which the next region follows


class BlazePoseLandmarks:
    """Crops, runs and decodes BlazePose's landmark net for all regions of a picture in one batch; a `KeypointNet`.

    Without ``belief`` the scores are the visibility that the net answers. With it they are probabilities, keypoints
    that are less likely than ``least`` to be where they are said to be are NaN, and there are covariances.
    """

    layout = BLAZEPOSE33

    def __init__(
        self, engine: Engine, *, min_presence: float = 0.5, belief: Belief | None = None, least: float = LEAST
    ) -> None:
        self._engine, self._belief, self._least = engine, belief, least
        self.min_presence = min_presence

    def __call__(self, image: UInt8, regions: Float32) -> Landmarks:
        """Keypoints for each of ``regions`` float32 [R, 4] of ``image`` uint8 [H, W, 3] RGB."""
        out = self._engine(image=crop(image, regions))
        raw = out["landmarks"]
        refined = refine((raw[..., :2] / CROP).astype(np.float32), out["heatmap"])
        points = to_image(refined.points, regions)
        keypoints = np.concatenate([points[:, :_BODY], raw[:, :_BODY, 3:4]], -1).astype(np.float32)
        return Landmarks(
            keypoints=keypoints,
            presence=out["presence"].reshape(-1),
            regions=regions_from_points(points[:, _HIPS], points[:, _EDGE]),
            covariances=None if self._belief is None else self._weighed(self._belief, keypoints, refined, regions),
        )

    def _weighed(self, belief: Belief, keypoints: Float32, refined: Refined, regions: Float32) -> Float32:
        """Put probabilities into ``keypoints`` [R, 33, 3], leave out what is hidden; their covariances [R, 33, 3]."""
        peak, spread = refined.peak[:, :_BODY], refined.spread[:, :_BODY]
        keypoints[..., 2] = belief.scores(keypoints[..., 2], peak, spread)
        keypoints[keypoints[..., 2] < self._least] = np.nan, np.nan, 0.0
        return covariances(spread, regions, belief.doubt)

    def describe(self) -> dict[str, str]:
        """The engine it runs on."""
        return self._engine.describe()
