"""Detectors in ONNX files: YOLOX's raw grid, and those that suppress repetitions themselves."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from stream3d.engine import Engine
from stream3d.errors import ModelError
from stream3d.nets.spec import OnnxSpec
from stream3d.pose2d.own.cards import BoxesCard, YoloxCard
from stream3d.pose2d.own.decode import boxes_of_cells, boxes_of_centres, grid, suppressed
from stream3d.pose2d.own.whole import Answers, Look
from stream3d.pose2d.protocol import Found
from stream3d.pose2d.regions import regions_from_boxes

Float32 = npt.NDArray[np.float32]
UInt8 = npt.NDArray[np.uint8]


class OnnxDetector:
    """Finds people in a whole picture as its TOML says; a `PersonDetector`.

    ``smallest`` is the height in pixels of its input, whose longer side has ``side``, from which people are found.
    """

    def __init__(self, card: YoloxCard | BoxesCard, spec: OnnxSpec, engine: Engine) -> None:
        self.min_score, self.confirm_score = card.min_score, card.confirm_score
        self._card = card
        self._answers = Answers(card, spec, engine)
        self.smallest, self.side = card.smallest, max(self._answers.width, self._answers.height)

    def __call__(self, image: UInt8) -> Found:
        """Find people in ``image`` uint8 [H, W, 3] RGB.

        Raises:
            ModelError: the net does not answer as its TOML says.
        """
        look = Look(self._card, self._answers, image)
        boxes, scores = self._yolox(look) if isinstance(self._card, YoloxCard) else self._boxes(look)
        keep = suppressed(boxes, scores, self._card.overlap)
        corners = look.to_image(boxes[keep].reshape(-1, 2, 2))
        return Found(regions=regions_from_boxes(corners.reshape(-1, 4)), scores=scores[keep])

    def describe(self) -> dict[str, str]:
        """The file and the engine it runs on."""
        return self._answers.describe()

    def _yolox(self, look: Look) -> tuple[Float32, Float32]:
        """Boxes [N, 4] of the input and scores [N] of those that may be people."""
        assert isinstance(self._card, YoloxCard)  # noqa: S101
        rows = look.outputs[0][0]
        if rows.shape[1] <= 5 + self._card.person:
            raise ModelError(
                f"{self._answers.describe()['file']}: person = {self._card.person}, but it has only "
                f"{rows.shape[1] - 5} classes"
            )
        scores = rows[:, 4] * rows[:, 5 + self._card.person]
        likely = np.flatnonzero(scores >= self.confirm_score)
        if self._card.decoded:
            return boxes_of_centres(rows[likely, :4]), scores[likely]
        corners, strides = grid(self._answers.width, self._answers.height, self._card.strides)
        return boxes_of_cells(rows[likely, :4], corners[likely], strides[likely]), scores[likely]

    def _boxes(self, look: Look) -> tuple[Float32, Float32]:
        rows = look.outputs[0][0]
        likely = rows[:, 4] >= self.confirm_score
        if len(look.outputs) > 1:
            likely &= look.outputs[1][0] == self._card.person
        return rows[likely, :4], rows[likely, 4]
