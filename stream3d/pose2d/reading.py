"""BlazePose's landmark net on crops: pictures and regions in, points within the crops out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from stream3d.engine import Engine
from stream3d.kernels.heatmap import Refined, refine
from stream3d.planes import Planes
from stream3d.pose2d.crops import CROP, squares_of

if TYPE_CHECKING:
    from stream3d.pose2d.device.uploads import Uploads

Float32 = npt.NDArray[np.float32]
UInt8 = npt.NDArray[np.uint8]


@dataclass(frozen=True, kw_only=True, slots=True)
class Read:
    """What the net says of R crops: its points, refined; ``visibility`` float32 [R, J]; ``presence`` float32 [R]."""

    refined: Refined
    visibility: Float32
    presence: Float32


class Reader(Protocol):
    """Cuts regions out of pictures and asks the net."""

    @property
    def uploads(self) -> Uploads | None:
        """What puts pictures where it cuts them; None for the CPU."""
        ...

    def __call__(self, images: Sequence[Any], regions: Sequence[Float32]) -> Read:
        """The regions [R, 4] of each of ``images``, all in one batch."""
        ...


class HostReader:
    """The CPU's own: pictures uint8 [H, W, 3] RGB, or planes."""

    uploads = None

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def __call__(self, images: Sequence[UInt8 | Planes], regions: Sequence[Float32]) -> Read:
        """See `Reader`."""
        out = self._engine(image=squares_of(images, regions))
        raw = out["landmarks"]
        return Read(
            refined=refine((raw[..., :2] / CROP).astype(np.float32), out["heatmap"]),
            visibility=raw[..., 3],
            presence=out["presence"].reshape(-1),
        )
