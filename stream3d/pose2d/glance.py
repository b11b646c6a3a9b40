"""Whole pictures through a detector's engines, those of one input shape in one call."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from stream3d.engine import Engine
from stream3d.planes import Planes
from stream3d.pose2d.crops import framed

if TYPE_CHECKING:
    from stream3d.pose2d.device.uploads import Uploads

Float32 = npt.NDArray[np.float32]
UInt8 = npt.NDArray[np.uint8]
Shape = tuple[int, int]

BUCKETS = (1, 4)
"""Pictures in one call of a detector on a GPU; on a CPU a batch costs as much as its parts."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Glance:
    """What a detector's net says of one picture, which lay in an input of ``shape`` (height, width).

    ``boxes`` float32 [N, D] and ``scores`` [N] are the net's outputs; a point p of the picture lay at p * ``scale`` +
    ``offset``, float32 [2] each.
    """

    shape: Shape
    scale: Float32
    offset: Float32
    boxes: Float32
    scores: Float32


class Glancer(Protocol):
    """Shrinks pictures into the input of an engine and runs it."""

    @property
    def uploads(self) -> Uploads | None:
        """What puts pictures where it shrinks them; None for the CPU."""
        ...

    def __call__(self, engine: Engine, images: Sequence[Any], shape: Shape) -> list[Glance]:
        """What the net says of each of ``images``, of an engine whose input has ``shape`` (height, width)."""
        ...


class HostGlancer:
    """The CPU's own: pictures uint8 [H, W, 3] RGB, or planes."""

    uploads = None

    def __call__(self, engine: Engine, images: Sequence[UInt8 | Planes], shape: Shape) -> list[Glance]:
        """See `Glancer`."""
        shrunk = [framed(image, *shape) for image in images]
        pictures = [picture for picture, _, _ in shrunk]
        out = engine(image=pictures[0][None] if len(pictures) == 1 else np.stack(pictures))
        return [
            Glance(shape=shape, scale=scale, offset=offset, boxes=boxes, scores=scores)
            for (_, scale, offset), boxes, scores in zip(shrunk, out["boxes"], out["scores"], strict=True)
        ]


class Glances:
    """A detector's engines, and what shrinks pictures into their inputs.

    ``engine_for`` (height, width) gives the engine of an input of that shape, when it is first needed.
    """

    def __init__(self, engine_for: Callable[[int, int], Engine], glancer: Glancer | None = None) -> None:
        self._make_engine, self._glance = engine_for, glancer or HostGlancer()
        self.uploads = self._glance.uploads
        self._engines: dict[Shape, Engine] = {}

    def __call__(self, images: Sequence[Any], shapes: Sequence[Shape]) -> list[Glance]:
        """What the net says of each of ``images``, in an input of the one of ``shapes``."""
        glances: dict[int, Glance] = {}
        for shape in dict.fromkeys(shapes):
            rows = [row for row, one in enumerate(shapes) if one == shape]
            alike = self._glance(self._engine(shape), [images[row] for row in rows], shape)
            glances.update(zip(rows, alike, strict=True))
        return [glances[row] for row in range(len(images))]

    def _engine(self, shape: Shape) -> Engine:
        if shape not in self._engines:
            self._engines[shape] = self._make_engine(*shape)
        return self._engines[shape]

    def describe(self) -> dict[str, str]:
        """The engine, once one was needed, and the shapes of the inputs."""
        engine = next(iter(self._engines.values()), None)
        shapes = ", ".join(f"{width}x{height}" for height, width in self._engines)
        return {**(engine.describe() if engine else {}), "inputs": shapes}
