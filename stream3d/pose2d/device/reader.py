"""The landmark net on a device: crops, net and heat maps there, the points down in one piece."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from stream3d.engine import Engine
from stream3d.engine.on_device import tensor_engine
from stream3d.kernels.heatmap import Refined
from stream3d.planes import Planes
from stream3d.pose2d.crops import CROP
from stream3d.pose2d.device.heat import refine
from stream3d.pose2d.device.squares import squares
from stream3d.pose2d.device.uploads import Uploaded, Uploads
from stream3d.pose2d.reading import Read

Float32 = npt.NDArray[np.float32]
UInt8 = npt.NDArray[np.uint8]


class DeviceReader:
    """A `Reader` for pictures on the device, or on their way to it.

    Raises:
        EngineError: the engine takes no tensors.
    """

    def __init__(self, engine: Engine, uploads: Uploads) -> None:
        self._engine, self.uploads = tensor_engine(engine), uploads

    def __call__(self, images: Sequence[UInt8 | Planes | Uploaded], regions: Sequence[Float32]) -> Read:
        """See `Reader`."""
        with torch.inference_mode():
            pictures = [self.uploads.send(image) for image in images]
            out = self._engine.on_device(image=squares(pictures, regions))
            said = _packed(out).cpu().numpy()
        return Read(
            refined=Refined(
                points=np.ascontiguousarray(said[..., :2]),
                peak=np.ascontiguousarray(said[..., 2]),
                spread=np.ascontiguousarray(said[..., 3:6]),
            ),
            visibility=said[..., 6],
            presence=np.ascontiguousarray(said[:, 0, 7]),
        )


def _packed(out: dict[str, Tensor]) -> Tensor:
    """float32 [R, J, 8]: points, peak, spread, visibility, and the presence again and again."""
    raw = out["landmarks"]
    points, peak, spread = refine(raw[..., :2] / CROP, out["heatmap"])
    presence = out["presence"].reshape(-1, 1, 1).expand(*peak.shape, 1)
    return torch.cat([points, peak[..., None], spread, raw[..., 3:4], presence], -1)
