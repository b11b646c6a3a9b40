"""A detector's net on a device: pictures are shrunk there, and all its answers come down in one piece."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch

from stream3d.engine import Engine
from stream3d.engine.on_device import tensor_engine
from stream3d.planes import Planes
from stream3d.pose2d.device.shrinking import framed
from stream3d.pose2d.device.uploads import Uploaded, Uploads
from stream3d.pose2d.glance import Glance, Shape

UInt8 = npt.NDArray[np.uint8]


class DeviceGlancer:
    """A `Glancer` for pictures on the device, or on their way to it."""

    def __init__(self, uploads: Uploads) -> None:
        self.uploads = uploads

    def __call__(self, engine: Engine, images: Sequence[UInt8 | Planes | Uploaded], shape: Shape) -> list[Glance]:
        """See `Glancer`.

        Raises:
            EngineError: the engine takes no tensors.
        """
        net = tensor_engine(engine)
        with torch.inference_mode():
            shrunk, layouts = framed([self.uploads.send(image) for image in images], *shape)
            out = net.on_device(image=shrunk)
            said = torch.cat([out["boxes"], out["scores"][..., None]], -1).cpu().numpy()
        return [
            Glance(
                shape=shape,
                scale=layout.scale,
                offset=layout.offset,
                boxes=answer[:, :-1],
                scores=np.ascontiguousarray(answer[:, -1]),
            )
            for layout, answer in zip(layouts, said, strict=True)
        ]
