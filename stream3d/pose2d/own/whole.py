"""Nets that look at the whole picture: what detectors and one-stage nets have in common."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from stream3d.engine import Engine
from stream3d.errors import ModelError
from stream3d.nets.onnx_file import Shape
from stream3d.nets.spec import OnnxSpec
from stream3d.pose2d.crops import framed
from stream3d.pose2d.own.cards import NetCard, WholePictureCard
from stream3d.pose2d.own.signature import fits, wanted_outputs

Float32 = npt.NDArray[np.float32]
UInt8 = npt.NDArray[np.uint8]


class Answers:
    """Runs a net and hands out its outputs in the order of `wanted_outputs`, of the shapes that stand there."""

    def __init__(self, card: NetCard, spec: OnnxSpec, engine: Engine) -> None:
        self.height, self.width, _ = spec.inputs[0].shape
        self._spec, self._engine, self._kind = spec, engine, card.kind
        self._wanted = [shape for _, shape in wanted_outputs(card, self.width, self.height)]

    def __call__(self, pictures: UInt8) -> list[Float32]:
        """The outputs for ``pictures`` uint8 [B, H, W, 3].

        Raises:
            ModelError: an output is not of the shape that the net's kind has.
        """
        out: Mapping[str, npt.NDArray[np.generic]] = self._engine(image=pictures)
        answers = []
        for name, wanted in zip(self._spec.outputs, self._wanted, strict=True):
            self._check(name, out[name].shape, wanted)
            answers.append(out[name].astype(np.float32, copy=False))
        return answers

    def _check(self, name: str, shape: tuple[int, ...], wanted: Shape) -> None:
        if not fits(shape, wanted):
            said = ["any" if side is None else side for side in wanted]
            raise ModelError(
                f"{self._spec.path}: a net of kind {self._kind!r} answers {name!r} as {said}, this one {list(shape)}"
            )

    def describe(self) -> dict[str, str]:
        """The file, its kind and size, and the engine."""
        told = {"file": f"{self._spec.path.name}, {self._kind}, {self.width}x{self.height}"}
        return {**told, "sha256": self._spec.weights_hash[:16], **self._engine.describe()}


class Look:
    """One look at a whole picture: what the net answered, and the way back to pixels of the image."""

    def __init__(self, card: WholePictureCard, answers: Answers, image: UInt8) -> None:
        picture, self._scale, self._offset = framed(
            image, answers.height, answers.width, border=card.border, corner=card.place == "corner"
        )
        self.outputs = answers(picture[None])

    def to_image(self, points: Float32) -> Float32:
        """Points [..., 2] of the net's input as pixels of the image."""
        back: Float32 = (points - self._offset) / self._scale
        return back
