"""Another detector to learn from: a YOLOX net's scores of the same cells (Hinton et al. 2015, "Distilling")."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from stream3d.errors import ModelError
from stream3d.nets.person import cells

Float32 = npt.NDArray[np.float32]
_SURE, _PERSON = 4, 5  # columns of its answers: that anything is there, that it is a person


class Teacher:
    """A YOLOX net as ONNX, input float BGR in 0..255, answers [1, N, 85] for cells of strides 8, 16 and 32.

    Raises:
        ModelError: it cannot be read, or answers something else.
    """

    def __init__(self, path: Path) -> None:
        import openvino

        self.path, self._core = path, openvino.Core()
        try:
            self._core.read_model(path)
        except RuntimeError as error:
            why = str(error).splitlines()[0]
            raise ModelError(f"{path}: cannot be read as ONNX, do without it by `--set teacher=`: {why}") from error
        self._net = cache(self._compiled)

    def _compiled(self, height: int, width: int) -> object:
        net = self._core.read_model(self.path)
        net.reshape([1, 3, height, width])
        return self._core.compile_model(net, "CPU", {"INFERENCE_NUM_THREADS": 1, "PERFORMANCE_HINT": "LATENCY"})

    def __call__(self, pictures: npt.NDArray[np.uint8]) -> Float32:
        """Scores float32 [B, N] in 0..1 of pictures uint8 [B, H, W, 3] RGB, in the order of ``cells``."""
        height, width = pictures.shape[1:3]
        net = self._net(height, width)
        out = []
        for picture in pictures:  # one by one: its reshapes know no batch
            rows = net(picture[None, ..., ::-1].transpose(0, 3, 1, 2).astype(np.float32))[0][0]  # type: ignore[operator]
            out.append(rows[:, _SURE] * rows[:, _PERSON])
        scores = np.stack(out)
        if scores.shape[1] != len(cells(height, width)):
            raise ModelError(f"{self.path}: {scores.shape[1]} answers for {height}x{width} pixels are not YOLOX's")
        return scores
