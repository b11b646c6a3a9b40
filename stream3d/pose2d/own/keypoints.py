"""Nets of keypoints in ONNX files that look at the crop of one person: SimCC and heat maps."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from stream3d.engine import Engine
from stream3d.nets.spec import OnnxSpec
from stream3d.pose2d.crops import crop, from_crop
from stream3d.pose2d.own.cards import CropCard, HeatmapCard, SimccCard
from stream3d.pose2d.own.decode import belief, peaks_of_bins, peaks_of_maps, pixels_of_cells
from stream3d.pose2d.own.whole import Answers
from stream3d.pose2d.protocol import Landmarks
from stream3d.pose2d.regions import MARGIN, regions_from_keypoints

Float32 = npt.NDArray[np.float32]
UInt8 = npt.NDArray[np.uint8]


class OnnxKeypoints:
    """Crops, runs and decodes a net as its TOML says; a `KeypointNet`.

    Such nets do not say whether there is a person: presence is the mean belief in the better half of the joints.
    """

    def __init__(self, card: CropCard, spec: OnnxSpec, engine: Engine) -> None:
        self.layout, self.min_presence = card.joints, card.min_presence
        self.agreement = 0.0
        self._card = card
        self._answers = Answers(card, spec, engine)

    def __call__(self, image: UInt8, regions: Float32) -> Landmarks:
        """Keypoints for each of ``regions`` float32 [R, 4] of ``image`` uint8 [H, W, 3] RGB.

        Raises:
            ModelError: the net does not answer as its TOML says.
        """
        shown = regions * np.array([1, 1, self._card.padding / MARGIN, 1], np.float32)
        width, height = self._answers.width, self._answers.height
        crops = crop(image, shown, width=width, height=height, border=self._card.border)
        found = self._decoded(self._answers(crops))
        points = from_crop(found[..., :2], shown, width=width, height=height)
        scores = belief(found[..., 2], self._card.seen_score)
        keypoints = np.concatenate([points, scores[..., None]], -1)
        better = -np.sort(-scores, axis=1)[:, : (self.layout.size + 1) // 2]
        return Landmarks(
            keypoints=keypoints, presence=better.mean(1), regions=regions_from_keypoints(keypoints, regions)
        )

    def describe(self) -> dict[str, str]:
        """The file, the layout and the engine it runs on."""
        return {**self._answers.describe(), "layout": self.layout.name}

    def _decoded(self, outputs: list[Float32]) -> Float32:
        """[R, J, 3] = x, y in pixels of the crop, the net's own score."""
        card = self._card
        if isinstance(card, SimccCard):
            return peaks_of_bins(*outputs, split_ratio=card.split_ratio, parabola=card.refine == "parabola")
        assert isinstance(card, HeatmapCard)  # noqa: S101
        maps = outputs[0]
        peaks = peaks_of_maps(maps, refine=card.refine, blur=card.blur)
        size, grid = (self._answers.width, self._answers.height), (maps.shape[3], maps.shape[2])
        peaks[..., :2] = pixels_of_cells(peaks[..., :2], size=size, grid_size=grid, convention=card.cells)
        return peaks
