"""Keypoints of the people in given regions: crops, BlazePose's landmark net, heat-map refinement."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from stream3d.engine import Engine
from stream3d.kernels.believed import better_half, hide
from stream3d.kernels.heatmap import Refined
from stream3d.planes import Planes
from stream3d.pose2d.belief import LEAST, Belief, covariances
from stream3d.pose2d.protocol import Landmarks
from stream3d.pose2d.reading import HostReader, Reader
from stream3d.pose2d.regions import regions_from_points, to_image
from stream3d.pose2d.together import apart
from stream3d.skeleton import BLAZEPOSE33, COCO17

Float32 = npt.NDArray[np.float32]
UInt8 = npt.NDArray[np.uint8]

_BODY = 33
_HIPS, _EDGE = 33, 34  # two further points, from which the next region follows
_TELLING = np.array([BLAZEPOSE33.names.index(name) for name in COCO17.names])
AGREEMENT = 0.35
"""Of a detector and a net that knows how far to believe itself: of whom it lets pass 86 % are people read well.

On held-out photographs, whose curve was in sight when it was set; of single regions on validation ones 86 to 88 %.
"""
_STILL_THERE = 0.4  # of whoever is followed; not measured but by the clips whose ids are held in tests


class BlazePoseLandmarks:
    """Crops, runs and decodes BlazePose's landmark net; a `KeypointNet`. All regions of all pictures are one batch.

    Without ``belief`` the scores are the visibility that the net answers. With it they are probabilities, keypoints
    that are less likely than ``least`` to be where they are said to be are NaN, there are covariances, and presence
    is the net's times the mean score of the better half of the joints: of a net that is asked to find a person
    everywhere, the joints tell best whether there is one. ``reader`` runs the net; by default with crops that the CPU
    makes.
    """

    layout = BLAZEPOSE33
    takes_planes = True

    def __init__(
        self,
        engine: Engine,
        *,
        min_presence: float = 0.5,
        belief: Belief | None = None,
        least: float = LEAST,
        reader: Reader | None = None,
    ) -> None:
        self._engine, self._belief, self._least = engine, belief, least
        self._read = reader or HostReader(engine)
        self.uploads = self._read.uploads
        self.min_presence, self.agreement = (min_presence, 0.0) if belief is None else (_STILL_THERE, AGREEMENT)

    def __call__(self, image: UInt8 | Planes, regions: Float32) -> Landmarks:
        """Keypoints for each of ``regions`` float32 [R, 4] of ``image``: uint8 [H, W, 3] RGB, or planes."""
        return self.together([image], [regions])[0]

    def together(self, images: Sequence[UInt8 | Planes], regions: Sequence[Float32]) -> list[Landmarks]:
        """Keypoints for the regions [R, 4] of each of ``images``, in one batch."""
        asked, said = np.concatenate(regions), self._read(images, regions)
        points = to_image(said.refined.points, asked)
        keypoints = np.concatenate([points[:, :_BODY], said.visibility[:, :_BODY, None]], -1).astype(np.float32)
        seen = Landmarks(
            keypoints=keypoints,
            presence=said.presence,
            regions=regions_from_points(points[:, _HIPS], points[:, _EDGE]),
        )
        if self._belief is not None:
            seen = self._weighed(self._belief, seen, said.refined, asked)
        return apart(seen, [len(some) for some in regions])

    def _weighed(self, belief: Belief, seen: Landmarks, refined: Refined, regions: Float32) -> Landmarks:
        """With probabilities for scores and presence, without what is hidden, with covariances."""
        peak, spread = refined.peak[:, :_BODY], refined.spread[:, :_BODY]
        keypoints, presence = seen.keypoints.copy(), seen.presence.astype(np.float32)
        belief.weigh(keypoints, peak, spread)
        better_half(keypoints, _TELLING, presence)
        hide(keypoints, self._least)
        return Landmarks(
            keypoints=keypoints,
            presence=presence,
            regions=seen.regions,
            covariances=covariances(spread, regions, belief.doubt),
        )

    def describe(self) -> dict[str, str]:
        """The engine it runs on."""
        return self._engine.describe()
