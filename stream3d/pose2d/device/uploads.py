"""Pictures on their way to a device, each only once."""

from __future__ import annotations

import threading
import weakref
from collections import OrderedDict
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from stream3d.errors import DeviceError
from stream3d.planes import Planes
from stream3d.values import Frame

UInt8 = npt.NDArray[np.uint8]

_KEPT = 32  # frames, so that who keeps many results does not fill the device with pictures


@dataclass(frozen=True, kw_only=True, slots=True)
class Uploaded:
    """A picture on a device: the bytes of its planes y, u, v, or of RGB pixels, one behind the other, uint8.

    ``host`` is the picture it was made of.
    """

    host: UInt8 | Planes
    pixels: Tensor
    arrived: torch.cuda.Event | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the picture as an array: (H, W, 3)."""
        return self.host.shape

    def bytes(self) -> Tensor:
        """The bytes, for what the calling thread computes on its current stream from now on."""
        if self.arrived is not None:
            stream = torch.cuda.current_stream(self.pixels.device)
            stream.wait_event(self.arrived)
            self.pixels.record_stream(stream)  # the memory is of another stream and must not be given away yet
        return self.pixels


class Uploads:
    """Puts pictures onto ``device``; on CUDA through page-locked memory and on a stream of its own.

    Frames are remembered as long as somebody else has them, the latest 32 at most. May be asked by several threads.

    Raises:
        DeviceError: CUDA was asked for and is not there.
    """

    def __init__(self, device: str | torch.device) -> None:
        self.device = torch.device(device)
        if self.device.type == "cuda" and not torch.cuda.is_available():
            raise DeviceError("--device cuda: torch sees no NVIDIA GPU here; use --device cpu or auto")
        self._stream = torch.cuda.Stream(self.device) if self.device.type == "cuda" else None  # type: ignore[no-untyped-call]
        self._sent: OrderedDict[int, tuple[weakref.ref[Frame], Uploaded]] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, frame: Frame) -> Uploaded:
        """The picture of ``frame``, uploaded when it is first asked for."""
        with self._lock:
            frame_of, picture = self._sent.get(id(frame), (None, None))
            if picture is None or frame_of is None or frame_of() is not frame:
                picture = self.send(frame.planes or frame.image)
                self._sent[id(frame)] = weakref.ref(frame), picture
                self._forget()
            return picture

    def send(self, picture: UInt8 | Planes | Uploaded) -> Uploaded:
        """``picture`` on the device, whether it lies there already or not; nothing is remembered."""
        if isinstance(picture, Uploaded):
            return picture
        parts = (picture.y, picture.u, picture.v) if isinstance(picture, Planes) else (picture,)
        waiting = torch.empty(sum(part.size for part in parts), dtype=torch.uint8, pin_memory=self._stream is not None)
        _gather(parts, waiting.numpy())
        if self._stream is None:
            return Uploaded(host=picture, pixels=waiting.to(self.device))
        # torch keeps page-locked memory until what was begun with it is done
        with torch.cuda.stream(self._stream):
            pixels = waiting.to(self.device, non_blocking=True)
            arrived = torch.cuda.Event()  # type: ignore[no-untyped-call]
            arrived.record(self._stream)
        return Uploaded(host=picture, pixels=pixels, arrived=arrived)

    def _forget(self) -> None:
        """Drop the pictures of frames that nobody has any more, and the oldest beyond those that are kept."""
        for key in [key for key, (frame_of, _) in self._sent.items() if frame_of() is None]:
            del self._sent[key]
        while len(self._sent) > _KEPT:
            self._sent.popitem(last=False)


def _gather(parts: tuple[UInt8, ...], out: UInt8) -> None:
    """``parts``, whose rows may lie apart in memory, into ``out``, one behind the other."""
    start = 0
    for part in parts:
        out[start : start + part.size].reshape(part.shape)[:] = part
        start += part.size
